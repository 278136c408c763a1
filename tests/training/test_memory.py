"""Training that cannot fit into memory is refused before it starts, by an estimate that measurements confirm."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ebana import (
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
    NativeEngine,
)
from ebana.equations.system import DENSE_LIMIT
from ebana.learning.equilibrium import EquilibriumPropagation
from ebana.learning.losses import MSE
from ebana.optimizers import SGD, Adam
from ebana.training import memory
from ebana.training.data import BatchGenerator, Dataset
from ebana.training.memory import Needs, NotEnoughMemory, available, needs, require
from helpers.nets import Bench, X, Y, shared

ROOT = Path(__file__).resolve().parents[2]

MEASURE = """
import json, resource, sys
import numpy as np
from ebana import (
    ConcatenateLayer, CurrentLayer, DenseLayer, DiodeLayer, Initializers, InputVoltageLayer, Model, NativeEngine
)
from ebana.training import memory

inputs, hidden, batch, samples, dtype = json.loads(sys.argv[1])
x = InputVoltageLayer(inputs, "x")
init = Initializers("uniform", {"L": 1e-4, "U": 1e-3, "g_min": 1e-6, "g_max": 1.0})
fast = dtype == "float32"
h = DenseLayer(hidden, "d1", init_type=init)(ConcatenateLayer("j")([x, InputVoltageLayer(name="xn", inverts=x)]))
diode = {} if fast else {"param": {"VTH": 0.3, "RON": 100.0}}
h = DiodeLayer("n", direction=["up"] * (hidden // 2) + ["down"] * (hidden - hidden // 2), **diode)(h)
out = CurrentLayer("y", fold=False)(DenseLayer(10, "d2", init_type=init)(h))
model = Model([x], out, engine=NativeEngine(dtype=dtype, sweeps=4 if fast else None))
rng = np.random.default_rng(0)
data = rng.random((samples, inputs), dtype=np.float32), rng.integers(0, 10, samples)

estimates = []
ask = memory.require


def noted(model, wanted, *rest):
    with open("/proc/self/statm") as file:
        before = int(file.read().split()[1]) * resource.getpagesize()
    estimates.append(before + wanted.total)
    ask(model, wanted, *rest)


memory.require = noted
model.fit(*data, epochs=2, batch_size=batch, nudge="clamped" if fast else "current", verbose=False)
with open("/proc/self/status") as file:  # not getrusage, whose peak a process inherits from its parent
    peak = 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
print(json.dumps([estimates[0] / peak, peak]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "sizes",
    [(784, 100, 64, 6400, "float32"), (784, 1024, 128, 1280, "float32"), (8, 10, 32, 256, "float64")],
    ids=lambda sizes: "-".join(map(str, sizes)),
)
def test_the_estimate_is_close_to_the_measured_peak(sizes):
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, json.dumps(sizes)],
        env=environment | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ratio, peak = json.loads(done.stdout)
    assert 0.8 < ratio < 2.0
    assert peak < 1.2e9


def net(engine, hidden=20):
    """Some inputs, one hidden layer of diodes, some outputs."""
    h = DiodeLayer("n", param={"VTH": 0.3, "RON": 100.0})(
        DenseLayer(hidden, "d1")(InputVoltageLayer(30, "x"))
    )
    x = h.parents[0].parents[0]
    return Model([x], CurrentLayer("y", fold=False)(DenseLayer(10, "d2")(h)), engine=engine)


def estimated(engine=None, *, batch=32, optimizer=None, samples=100, nudge="current", hidden=20, **options):
    """An estimate for the network above."""
    data = Dataset({"x": np.zeros((samples, 30))}, {"y": np.zeros((samples, 10))})
    model = net(engine or NativeEngine(), hidden)
    rule = EquilibriumPropagation("centered", nudge)
    return needs(
        model.system, BatchGenerator(data, batch), optimizer or Adam(lr=1e-6), rule, MSE(), **options
    )


# -- what is estimated -------------------------------------------------------------------------------


def test_single_precision_takes_half():
    one, two = estimated(NativeEngine(dtype="float32")), estimated()
    for part in ("values", "optimizer", "data", "batch"):
        assert getattr(one, part) == getattr(two, part) / 2


def test_the_optimizer_counts_with_the_state_that_it_keeps():
    parameters = 30 * 20 + 20 * 10
    assert estimated(optimizer=SGD(lr=1e-6)).optimizer < 100
    assert estimated().optimizer == pytest.approx(3 * 8 * 2 * parameters, rel=0.01)


def test_batches_count_by_their_size_and_without_certificate_by_little():
    assert estimated(batch=64).batch == 2 * estimated(batch=32).batch
    assert estimated(NativeEngine(sweeps=4)).batch < 0.2 * estimated(NativeEngine()).batch


def test_many_kept_nodes_are_not_factorised():
    def kept(hidden):
        x = InputVoltageLayer(3, "x")
        h = DenseLayer(hidden, "d2")(DenseLayer(hidden, "d1")(x))
        model = Model([x], CurrentLayer("y", fold=False)(DenseLayer(2, "d3")(h)))
        data = Dataset({"x": np.zeros((4, 3))}, {"y": np.zeros((4, 2))})
        return needs(
            model.system, BatchGenerator(data, 4), Adam(lr=1e-6), EquilibriumPropagation(), MSE()
        ).batch

    few, many = kept(DENSE_LIMIT), kept(DENSE_LIMIT + 1)
    assert many < 0.5 * few


def test_validation_and_devices_count():
    assert estimated(batch=1, least_batch=128).batch == 64 * estimated(batch=1).batch
    one, four = estimated(), estimated(devices=4)
    assert four.total - one.total == 3 * (one.values + one.optimizer + one.data)
    assert four.device < one.device


def test_an_engine_outside_jax_compiles_nothing():
    assert estimated(Bench()).program == 0.0


# -- what is refused ---------------------------------------------------------------------------------


@pytest.fixture
def little(monkeypatch):
    """A machine with five megabytes left."""
    monkeypatch.setattr(memory, "available", lambda: 5e6)


def test_fit_refuses_at_once_and_says_what_to_do(little):
    model = net(NativeEngine(), hidden=512)
    optimizer, before = Adam(lr=1e-6), model.values
    started = time.perf_counter()
    with pytest.raises(NotEnoughMemory, match=r"about 0\.\d+ GB .* and 0\.005 GB are available") as caught:
        model.fit(np.zeros((4096, 30)), np.zeros((4096, 10)), batch_size=2048, optimizer=optimizer)
    assert time.perf_counter() - started < 2.0
    assert isinstance(caught.value, MemoryError)
    for hint in ("batches of 2048 samples", "smaller batches", "dtype='float32'", "sweeps=4", "fewer units"):
        assert hint in str(caught.value)
    assert optimizer.state is None
    assert all(np.array_equal(before[name], value) for name, value in model.values.items())


def test_advice_leaves_out_what_is_done_already(little):
    model = net(NativeEngine(dtype="float32", sweeps=4))
    with pytest.raises(NotEnoughMemory) as caught:
        model.fit(np.zeros((4, 30)), np.zeros((4, 10)))
    assert "float32" not in str(caught.value)
    assert "sweeps" not in str(caught.value)


def test_a_system_that_does_not_tell_is_trusted(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: None)
    assert shared().fit(X, Y).epochs == [1]


class Card:
    """A device with memory of its own."""

    platform = "gpu"

    def __init__(self, limit):
        self.limit = limit

    def memory_stats(self):
        return None if self.limit is None else {"bytes_limit": self.limit, "bytes_in_use": 1_000}


def test_devices_with_memory_of_their_own_are_asked_for_it():
    wanted = Needs(1.0, 2e9, 2e9, 2e9, 2e9, 1.0, devices=2)
    cards = (Card(10**10), Card(10**9))
    require(shared(), wanted, 8, cards[:1])
    require(shared(), wanted, 8, (Card(None),))
    with pytest.raises(NotEnoughMemory, match=r"7 GB on each gpu device .* 1 GB are available"):
        require(shared(), wanted, 8, cards)


# -- what there is -----------------------------------------------------------------------------------


def test_this_machine_has_some_memory():
    assert available() > 1e7


def group(folder, limit, used, cached, names):
    """The files of a control group."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(
        (*names[:2], "memory.stat"), (limit, used, f"anon 7\n{names[2]} {cached}"), strict=True
    ):
        (folder / name).write_text(f"{text}\n")


VERSION_2 = ("memory.max", "memory.current", "inactive_file")
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def test_limits_of_control_groups_and_their_parents_hold(tmp_path):
    (tmp_path / "cgroup").write_text("0::/user/job\n")
    group(tmp_path / "fs/user/job", "max", 10, 0, VERSION_2)
    group(tmp_path / "fs/user", 1000, 700, 200, VERSION_2)
    assert list(memory._of_groups(tmp_path / "cgroup", tmp_path / "fs")) == [500.0]


def test_limits_of_the_first_version_hold_and_its_large_number_means_none(tmp_path):
    (tmp_path / "cgroup").write_text("12:cpu,cpuacct:/job\n4:memory:/job\n")
    group(tmp_path / "fs/memory/job", 1000, 1200, 100, VERSION_1)
    group(tmp_path / "fs/memory", 2**63 - 4096, 1200, 100, VERSION_1)
    assert list(memory._of_groups(tmp_path / "cgroup", tmp_path / "fs")) == [0.0]


def test_without_control_groups_there_are_no_limits(tmp_path):
    assert list(memory._of_groups(tmp_path / "nothing", tmp_path)) == []
