"""A run that is cut and resumed in one session, with the very objects that were cut, ends with the same bits.

Training has moved the values by then: whatever a run derives from them at its start has to come from its checkpoint.
"""

from __future__ import annotations

import signal
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, optimizers
from ebana.hopfield import HopfieldNetwork
from ebana.learning.programming import SoftBounds
from ebana.training.callbacks import Callback, Checkpoint, EarlyStopping

EPOCHS = 9
RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 3))
Y = 0.2 * X[:, :1]


class Cut(Callback):
    """Ends training after some epochs: as a callback's own KeyboardInterrupt, or by a signal."""

    def __init__(self, by: str, at: set[int]) -> None:
        self.by, self.at = by, at

    def on_epoch_end(self, epoch, logs):
        if epoch not in self.at:
            return
        self.at.remove(epoch)
        if self.by == "exception":
            raise KeyboardInterrupt
        signal.raise_signal(getattr(signal, self.by))


@cache
def network(kind: str) -> Any:
    """One network of a kind, whose compiled programs all tests share."""
    if kind == "hopfield":
        return HopfieldNetwork([3, 4, 1])
    x = InputVoltageLayer(units=3, name="x")
    return Model(x, CurrentLayer("y")(DenseLayer(units=2, name="d", init_type="glorot")(x)))


def fresh(kind: str) -> Any:
    model = network(kind)
    model.set_values({n: p.initial for n, p in model.system.parameters.items() if p.trainable})
    return model


DEVICE = SoftBounds(states=50, cycle_to_cycle=0.3, write_noise=0.01, device_to_device=0.3)
RANGES = (1e-6, 5e-2)
RULES = {
    "adam": lambda: optimizers.Adam(lr=1e-4, schedule="cosine"),
    "momentum": lambda: optimizers.Momentum(lr=1e-8),
    "pulsed": lambda: optimizers.Pulsed(
        optimizers.Adam(lr=1e-4), device=DEVICE, rounding="accumulated", seed=5
    ),
}


def options(rule: str, batch_size: int, validate: int) -> dict[str, Any]:
    return {
        "epochs": EPOCHS,
        "batch_size": batch_size,
        "optimizer": RULES[rule](),
        "validation_data": (X, Y),
        "validate_every": {"epoch_num": validate},
        "verbose": False,
    }


def outcome(model: Any, history: Any, optimizer: Any, stop: EarlyStopping) -> tuple[Any, ...]:
    """All bits of a run but for the clock."""
    import jax

    curves = {name: repr(curve) for name, curve in history.history.items() if name != "seconds"}
    values = {name: value.tobytes() for name, value in model.values.items()}
    state = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(optimizer.state)]
    watched = {label: value.tobytes() for label, value in history.conductances.items()}
    return values, curves, state, watched, history.settings["beta"], (stop.best, stop.waited)


@cache
def uncut(kind: str, *arguments: Any) -> tuple[Any, ...]:
    model, given_, stop = fresh(kind), options(*arguments), EarlyStopping(patience=50)
    history = model.fit(X, Y, callbacks=[stop], **given_)
    return outcome(model, history, given_["optimizer"], stop)


@pytest.mark.filterwarnings("ignore::ebana.LearningWarning")  # one rate for two kinds of networks
@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["circuit", "hopfield"]),
    arguments=st.tuples(st.sampled_from(sorted(RULES)), st.sampled_from([3, 7]), st.integers(1, 4)),
    by=st.sampled_from(["exception", "SIGINT", "SIGTERM"]),
    cuts=st.sets(st.integers(1, EPOCHS), min_size=1, max_size=4),
    every=st.integers(1, 4),
    order=st.permutations([0, 1, 2]),
)
def test_a_run_that_is_cut_and_resumed_ends_with_the_bits_of_one_that_is_not(
    kind, arguments, by, cuts, every, order
):
    expected = uncut(kind, *arguments)
    model, given_ = fresh(kind), options(*arguments)
    with tempfile.TemporaryDirectory() as folder:
        path, cut, stop = Path(folder, "run.ckpt"), Cut(by, set(cuts)), EarlyStopping(patience=50)
        three = [Checkpoint(path, every=every), cut, stop]
        given_["callbacks"] = [three[i] for i in order]
        for _ in range(len(cuts) + 1):
            try:
                history = model.fit(X, Y, resume=path if path.exists() else None, **given_)
                break
            except (KeyboardInterrupt, SystemExit):
                if not path.exists():  # before the first checkpoint: anew, as its user would
                    fresh(kind)
    assert not cut.at
    assert outcome(model, history, given_["optimizer"], stop) == expected


# -- what was derived belongs to the checkpoint -------------------------------------------------------


def interrupted(path: Path, **more: Any) -> Any:
    model = fresh("circuit")
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            X,
            Y,
            callbacks=[Checkpoint(path, every=2), Cut("exception", {5})],
            **options("adam", 3, 1),
            **more,
        )
    return model


def resumed(model: Any, path: Path, **more: Any) -> Any:
    return model.fit(X, Y, callbacks=[Checkpoint(path, every=2)], resume=path, **options("adam", 3, 1) | more)


def test_the_default_nudging_strength_is_that_of_the_checkpoint(tmp_path, capsys):
    model = fresh("circuit")
    beta = model.default_beta()
    model = interrupted(tmp_path / "run.ckpt")
    assert model.default_beta() != beta
    history = resumed(model, tmp_path / "run.ckpt", verbose=True)
    assert history.settings["beta"] == beta
    assert f"taken from the checkpoint: beta = {beta:.3g} S" in capsys.readouterr().err


def test_a_nudging_strength_that_was_given_must_be_given_again(tmp_path):
    model = interrupted(tmp_path / "run.ckpt", beta=1e-5)
    with pytest.raises(ValueError, match="beta: saved 1e-05, now None"):
        resumed(model, tmp_path / "run.ckpt")
    assert resumed(model, tmp_path / "run.ckpt", beta=1e-5).settings["beta"] == 1e-5


def test_another_nudging_strength_than_the_derived_one_is_refused(tmp_path):
    model = interrupted(tmp_path / "run.ckpt")
    with pytest.raises(ValueError, match=r"beta: saved .*, now 0\.001"):
        resumed(model, tmp_path / "run.ckpt", beta=1e-3)


def test_other_values_to_follow_are_refused(tmp_path):
    model = interrupted(tmp_path / "run.ckpt")
    with pytest.raises(ValueError, match="watch"):
        resumed(model, tmp_path / "run.ckpt", watch=2)


# -- signals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["SIGINT", "SIGTERM"])
def test_a_signal_leaves_a_checkpoint_of_the_last_step(tmp_path, by):
    path, model = tmp_path / "run.ckpt", fresh("circuit")
    with pytest.raises(KeyboardInterrupt if by == "SIGINT" else SystemExit):
        model.fit(
            X,
            Y,
            callbacks=[Checkpoint(path, every=100), Cut(by, {4})],
            **options("adam", 3, 1) | {"epochs": 50},
        )
    assert model.history.epochs == [1, 2, 3, 4]
    history = model.fit(X, Y, callbacks=[], resume=path, **options("adam", 3, 1) | {"epochs": 50})
    assert history.epochs[-1] == 50


def test_a_signal_in_the_last_epoch_is_not_lost(tmp_path):
    model = fresh("circuit")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, callbacks=[Cut("SIGINT", {EPOCHS})], **options("adam", 3, 1))
    assert model.history.epochs[-1] == EPOCHS


def test_handlers_are_the_callers_again_after_fit():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    fresh("circuit").fit(X, Y, **options("adam", 3, 1))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_checkpoints_may_be_some_seconds_apart(tmp_path):
    saved: list[int] = []

    class Noted(Checkpoint):
        def path_at(self, epoch: int) -> str:
            saved.append(epoch)
            return super().path_at(epoch)

    model = fresh("circuit")
    model.fit(
        X, Y, callbacks=[Noted(tmp_path / "run.ckpt", every=1, seconds=3600.0)], **options("adam", 3, 1)
    )
    assert saved == [0, EPOCHS]  # where it looks whether it can write, and at the end
    with pytest.raises(ValueError, match="seconds="):
        Checkpoint(tmp_path / "run.ckpt", seconds=-1.0)
