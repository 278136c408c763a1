"""Runs with functions and foreign modules go on in a new process, bit for bit; what differs is told by name."""

import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from ebana import callbacks, optimizers
from ebana.hybrid import Dense, Function, HybridModel, from_equinox, from_flax
from helpers.frameworks import every_part_in_one

PROGRAM = """
import os, sys
import numpy as np
from ebana import callbacks, optimizers
from helpers.frameworks import every_part_in_one

todo, folder = sys.argv[1], sys.argv[2]
rng = np.random.default_rng(0)
x, y = rng.normal(size=(12, 4)), np.eye(3)[rng.integers(0, 3, 12)]


class Killed(callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        os._exit(7)


def train(*more, **options):
    model = every_part_in_one()
    model.fit(
        x, y, epochs=2, batch_size=4, loss_fn="cross_entropy", optimizer=optimizers.Adam(lr=1e-2), verbose=False,
        callbacks=[callbacks.Checkpoint(f"{folder}/half.ckpt"), *more], **options,
    )
    return model.values


if todo == "begin":
    np.savez(f"{folder}/whole.npz", **train())
    train(Killed())
np.savez(f"{folder}/resumed.npz", **train(resume=f"{folder}/half.ckpt"))
"""


def run(todo: str, folder: Path) -> subprocess.CompletedProcess:
    where = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {where!r})\n{PROGRAM}", todo, str(folder)],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip


@pytest.mark.slow
def test_a_run_goes_on_in_a_new_process_bit_for_bit(tmp_path):
    """A function, modules of nnx, linen and Equinox in one model; killed after the first of two epochs."""
    begun = run("begin", tmp_path)
    assert begun.returncode == 7, begun.stderr
    resumed = run("go on", tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    whole, again = (np.load(tmp_path / f"{name}.npz") for name in ("whole", "resumed"))
    assert set(whole) == set(again.files)
    for name in whole:
        np.testing.assert_array_equal(whole[name], again[name], err_msg=name)


def test_no_identity_holds_an_address():
    identity = repr(every_part_in_one().system.identity())
    assert " at 0x" not in identity
    assert repr(every_part_in_one().system.identity()) == identity


def factor(by):
    """Functions of one name and code that compute different things."""
    return lambda x: by * x


class Scaled(linen.Module):
    by: float

    @linen.compact
    def __call__(self, x):
        return self.by * linen.Dense(3)(x)


def mlp(activation):
    return eqx.nn.MLP(4, 3, 5, 1, activation=activation, key=jax.random.key(0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: Function(factor(2.0)), lambda: Function(factor(3.0))),
        (lambda: Function(jnp.tanh), lambda: Function(jnp.sin)),
        (lambda: from_flax(Scaled(2.0)), lambda: from_flax(Scaled(3.0))),
        (lambda: from_equinox(mlp(jax.nn.relu)), lambda: from_equinox(mlp(jnp.tanh))),
        (
            lambda: from_flax(nnx.Sequential(nnx.Linear(4, 3, rngs=nnx.Rngs(0)), nnx.relu)),
            lambda: from_flax(nnx.Sequential(nnx.Linear(4, 3, rngs=nnx.Rngs(0)), nnx.tanh)),
        ),
        (lambda: Dense(3, "relu"), lambda: Dense(3, "tanh")),
    ],
    ids=["closure", "function", "linen", "equinox", "nnx", "dense"],
)
def test_another_computation_is_refused_by_name(tmp_path, one, other):
    """The same part made again is the same; one that computes something else is named."""
    x, y = np.ones((4, 4)), np.eye(3)[[0, 1, 2, 0]]

    def train(part, **options):
        part = type(part)(**{**vars(part), "name": "it"})
        model = HybridModel([part, Dense(3, name="last")], 4)
        return model.fit(
            x,
            y,
            epochs=1,
            loss_fn="cross_entropy",
            optimizer=optimizers.SGD(lr=1e-3),
            verbose=False,
            **options,
        )

    path = tmp_path / "run.ckpt"
    train(one(), callbacks=[callbacks.Checkpoint(path)])
    train(one(), resume=path)
    with pytest.raises(ValueError, match=r"checkpoint of another model.*\.") as refused:
        train(other(), resume=path)
    told = str(refused.value)
    assert "parts.it" in told
    assert "saved" in told
    assert "now" in told
    assert "..." not in told
    assert "last" not in told
