"""Batches shared by several devices: the same training, split by JAX; in processes with two host devices."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ebana.training.placement import Placement
from helpers.nets import Bench, X, Y, shared

TESTS = Path(__file__).resolve().parents[1]

SCRIPT = """
import json
import sys

import jax
import numpy as np

from ebana import (
    ConcatenateLayer, CurrentLayer, DenseLayer, DiodeLayer, Initializers, InputVoltageLayer, Model, NativeEngine
)
from ebana.optimizers import Adam
from ebana.training import run as loop
from ebana.training import step
from ebana.training.callbacks import Callback
from helpers.nets import hidden

precision, folder = sys.argv[1:]
rng = np.random.default_rng(0)
seen = {}


class Interrupted(Exception):
    pass


class Save(Callback):
    def on_epoch_end(self, epoch, logs):
        self.run.save(f"{folder}/{precision}.ebana")
        raise Interrupted


def observed(*arguments):  # how the arrays of a step lie on the devices, and what they exchange
    if not seen:
        values, batches = arguments[2], arguments[4]
        seen["shares"] = [list(s.data.shape) for s in batches.indices.addressable_shards]
        seen["whole"] = all(value.is_fully_replicated for value in values.values())
        text = jax.jit(step._traced, static_argnums=0).lower(*arguments).compile().as_text()
        seen["sums"] = "all-reduce" in text
    return step.run_chunk(*arguments)


def certified():
    return hidden()


def wide():
    x = InputVoltageLayer(6, "x")
    init = Initializers("uniform", {"L": 1e-4, "U": 1e-3, "g_min": 1e-6, "g_max": 1.0})
    h = DenseLayer(8, "d1", init_type=init)(ConcatenateLayer("j")([x, InputVoltageLayer(name="xn", inverts=x)]))
    h = DiodeLayer("n", direction=["up"] * 4 + ["down"] * 4)(h)
    out = CurrentLayer("y", fold=False)(DenseLayer(3, "d2", init_type=init)(h))
    return Model([x], out, engine=NativeEngine(dtype="float32", sweeps=4))


build, columns, units = (certified, 2, 1) if precision == "float64" else (wide, 6, 3)
data = rng.normal(size=(22, columns)), rng.normal(size=(22, units))  # the last batch is filled up
options = {"epochs": 3, "batch_size": 8, "seed": 1, "nudge": "current" if precision == "float64" else "clamped"}
result = {}
for name, devices in {"one": None, "two": 2, "named": jax.devices()}.items():
    loop.run_chunk = observed if name == "two" else step.run_chunk
    model = build()
    start = model.values
    history = model.fit(*data, optimizer=Adam(lr=1e-5), devices=devices, **options)
    result[name] = {"loss": history.history["loss"], "values": {n: v.tolist() for n, v in model.values.items()}}
    result[name]["moved"] = max(np.abs(v - start[n]).max() for n, v in model.values.items())
model = build()
try:
    model.fit(*data, optimizer=Adam(lr=1e-5), devices=2, callbacks=[Save()], **options)
except Interrupted:
    pass
again = build()
again.fit(*data, optimizer=Adam(lr=1e-5), devices=2, resume=f"{folder}/{precision}.ebana", **options)
result["resumed"] = all(np.array_equal(v, result["two"]["values"][n]) for n, v in again.values.items())
try:
    build().fit(*data, batch_size=7, devices=2)
except ValueError as error:
    result["uneven"] = str(error)
print(json.dumps(result | seen))
"""


@pytest.fixture(scope="module", params=["float64", "float32"])
def runs(request, tmp_path_factory):
    """The same training on one device and on two."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, request.param, str(tmp_path_factory.mktemp("runs"))],
        env=os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": f"{TESTS.parent / 'src'}{os.pathsep}{TESTS}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    tolerance = {"float64": 1e-9, "float32": 1e-4}[request.param]
    return json.loads(done.stdout.splitlines()[-1]) | {"tolerance": tolerance}


def test_each_device_solves_its_share_and_the_gradients_are_summed(runs):
    assert [share[1] for share in runs["shares"]] == [4, 4]
    assert runs["whole"]
    assert runs["sums"]


@pytest.mark.parametrize("devices", ["two", "named"])
def test_losses_and_values_are_those_of_one_device(runs, devices):
    one, several = runs["one"], runs[devices]
    np.testing.assert_allclose(several["loss"], one["loss"], rtol=runs["tolerance"])
    assert one["moved"] > 1e-5
    for name, value in one["values"].items():
        np.testing.assert_allclose(several["values"][name], value, rtol=runs["tolerance"], err_msg=name)


def test_a_checkpoint_of_several_devices_continues_bit_for_bit(runs):
    assert runs["resumed"]


def test_a_batch_that_cannot_be_shared_equally_is_refused(runs):
    assert "batches of 7 samples for 2 devices" in runs["uneven"]
    assert "such as 6" in runs["uneven"]


def test_more_devices_than_there_are_tells_how_to_get_them():
    count = len(jax.devices()) + 1
    with pytest.raises(ValueError, match=rf"xla_force_host_platform_device_count={count} .*jax\[cuda13\]"):
        shared().fit(X, Y, devices=count)


@pytest.mark.parametrize(
    "devices",
    [
        *(0, -1, np.int64(0), True, np.bool_(True), 1.0, "cpu", "", ..., {}, [], [0], ["cpu"], np.array([1])),
        *(jax.devices()[0], jax.devices()[:1] * 2, [*jax.devices(), 1], [jax.devices()]),
    ],
    ids=repr,
)
def test_devices_that_make_no_sense_are_refused(devices):
    received = re.escape(f"fit(devices={devices!r}). ")
    with pytest.raises(ValueError, match=rf"^{received}Expected a whole number .* sequence of different JAX"):
        Placement.of(devices, 4)


@pytest.mark.parametrize("number", [1, np.int64(1), np.uint8(1), np.array(1)], ids=repr)
def test_a_number_of_any_integer_type_counts_devices(number):
    assert Placement.of(number, 4).devices == tuple(jax.devices()[:1])


@pytest.mark.parametrize("kind", [list, tuple, iter, np.array])
def test_any_sequence_of_devices_is_taken(kind):
    assert Placement.of(kind(jax.devices()[:1]), 4).devices == tuple(jax.devices()[:1])


def test_one_named_device_serves_like_the_default():
    model = shared()
    model.fit(X, Y, devices=jax.devices()[:1])
    values = model.values
    model = shared()
    model.fit(X, Y)
    for name, value in model.values.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-12)


def test_an_engine_outside_jax_has_no_use_for_devices():
    model = shared()
    model.engine = Bench()
    try:
        with pytest.raises(ValueError, match="'bench' does not run on JAX's devices"):
            model.fit(X, Y, devices=1)
    finally:
        model.engine = "native"
