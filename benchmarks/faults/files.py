"""Damaged files: models, checkpoints, histories, values and optimizer states, mutated and read.

Right is a :class:`~ebana.storage.archive.CorruptFile` (or the ``ValueError`` that says whose file it is), or an object
that is whole: it can be looked at, written and read again. Anything else is wrong: another exception, a warning of
NumPy, two seconds of computing, a hundred megabytes.
"""

from __future__ import annotations

import json
import math
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.faults import Count
from benchmarks.mutations import mutate

TRIED = 20_000
QUICK = 2_000
SECONDS = 2.0
"""Processor time for one file of some kilobytes; whole runs take a hundredth of it."""

KILOBYTES = 100 * 1024
"""Growth of the process that one file may cause."""

KNOWN_GOOD = -1
"""The seed that leaves a file as it is."""


@dataclass(frozen=True)
class Subject:
    """A kind of file.

    Args:
        name: what it holds.
        content: bytes of a whole one.
        use: reads a file and uses what was read.
    """

    name: str
    content: bytes
    use: Callable[[Path], None]


def counts(quick: bool) -> Iterator[Count]:
    """Mutate each kind of file."""
    kinds = subjects()
    for subject in kinds:
        yield count(subject, math.ceil((QUICK if quick else TRIED) / len(kinds)))


def count(subject: Subject, tried: int) -> Count:
    """Read a number of damaged files of one kind."""
    said: dict[str, int] = {}
    wrong: list[str] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for seed in range(KNOWN_GOOD, tried):
            how, content = mutate(subject.content, seed) if seed >= 0 else ("untouched", subject.content)
            path.write_bytes(content)
            found = outcome(subject, path)
            said[found] = said.get(found, 0) + 1
            if found not in ("refused", "whole") or (seed == KNOWN_GOOD and found != "whole"):
                wrong.append(f"seed {seed} ({how}): {found}")
    note = f"{said.get('refused', 0):,} refused"
    return Count(subject.name, tried, len(wrong), "; ".join([note, *wrong[:3]]))


def outcome(subject: Subject, path: Path) -> str:
    """``"refused"``, ``"whole"``, or what went wrong."""
    before, started = _kilobytes(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("error", RuntimeWarning)
            subject.use(path)
        found = "whole"
    except ValueError:
        found = "refused"
    except Exception as error:  # what this counts
        found = f"{type(error).__name__}: {str(error)[:120]}"
    if time.process_time() - started > SECONDS:
        return f"took {time.process_time() - started:.1f} s"
    if _kilobytes() - before > KILOBYTES:
        return f"took {(_kilobytes() - before) / 1024:.0f} MB"
    return found


def _kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# -- the files ---------------------------------------------------------------------------------------


@cache
def subjects() -> tuple[Subject, ...]:
    """A whole file of each kind, and its reader."""
    with TemporaryDirectory() as folder:
        return tuple(
            Subject(name, *make(Path(folder) / name))
            for name, make in {
                "models": _model,
                "models with every layer": _every_layer,
                "checkpoints": _checkpoint,
                "histories": _history,
                "values": _values,
                "values of Hopfield networks": _hopfield,
                "optimizer states": _optimizer,
            }.items()
        )


Made = tuple[bytes, Callable[[Path], None]]


def _xor(**options: Any) -> Any:
    from ebana import (
        AmplificationLayer,
        BiasVoltageLayer,
        ConcatenateLayer,
        CurrentLayer,
        DenseLayer,
        DiodeLayer,
        InputVoltageLayer,
        Model,
    )

    x, b = InputVoltageLayer(2, "x"), BiasVoltageLayer(1, "b", 1.0, trainable=True, low=-2.0, high=2.0)
    n = InputVoltageLayer(name="n", inverts=x)
    h = DenseLayer(3, "d1", init_type="glorot")(ConcatenateLayer("j")([x, n, b]))
    h = DiodeLayer("up", "up", 0.2, param={"VTH": 0.3, "RON": 100.0})(DiodeLayer("down", bias=0.1)(h))
    d = DenseLayer(2, "d2", init_type="glorot")(AmplificationLayer(2.0, "amp")(h))
    return Model([x, b], CurrentLayer("y")(d), **options)


def _model(path: Path) -> Made:
    _xor(seed=3, name="xor").save(path)
    return path.read_bytes(), _use_model


def _use_model(path: Path) -> None:
    from ebana import load_model

    model = load_model(path)
    model.summary(print_fn=len)
    again = path.with_name("again")
    model.save(again)
    values = load_model(again).values
    assert all(np.array_equal(value, values[name]) for name, value in model.values.items())


def _every_layer(path: Path) -> Made:
    from ebana import (
        AmplificationLayer,
        AveragePooling2DLayer,
        BehavioralDiode,
        BiasVoltageLayer,
        ConcatenateLayer,
        CurrentLayer,
        CurrentSourceLayer,
        DenseLayer,
        DiodeLayer,
        Initializers,
        InputVoltageLayer,
        JunctionDiode,
        LocallyConnected2DLayer,
        Model,
        ReshapeLayer,
        StackLayer,
        SubcircuitLayer,
        VoltageLayer,
    )  # fmt: skip
    from ebana.devices.mosfet.transistor import MosDiode, Mosfet
    from ebana.schedules import Cosine, Scheduled

    start = Initializers("uniform", {"L": 1e-4, "U": 1e-3, "g_min": 1e-5, "g_max": 1e-2})
    x, off = InputVoltageLayer(16, "x"), InputVoltageLayer(1, "off", enabled=False)
    b = BiasVoltageLayer(2, "b", [1.0, -0.5], trainable=True, lr=1e-3, low=-2.0, high=2.0)
    image = LocallyConnected2DLayer(2, 2, padding="same", name="local")(ReshapeLayer("image", (4, 4, 1))(x))
    pooled = ReshapeLayer("flat", (-1,))(AveragePooling2DLayer(2, name="pool")(image))
    h = DenseLayer(4, "first", lr=1e-5, init_type=start)(ConcatenateLayer("j")([pooled, off, b]))
    h = CurrentSourceLayer("lift", [1e-5, 0, -1e-5, 0], trainable=True, low=-1e-4, high=1e-4)(h)
    h = DiodeLayer("down", "down", [0.1, 0.2, 0.3, 0.4], param={"VTH": 0.3, "RON": 100.0, "ROFF": 1e9})(h)
    h = DiodeLayer("up", "up", 0.2, model=BehavioralDiode(0.3, 50.0, np.inf))(h)
    h = DiodeLayer("mixed", ["up", "down"] * 2, model=".model D1 D(IS=2.52n N=1.752 RS=0.568)")(h)
    h = DiodeLayer("warm", bias=1.0, model=JunctionDiode(1e-12, 1.5, temperature=50.0))(h)
    h = DiodeLayer("mos", bias=1.0, model=MosDiode(0.4, 1e-3, 2e-6, 1e-6, lambda_=0.01))(h)
    h = DiodeLayer("gate", bias=1.0, model=Mosfet(-0.4, 1e-3, vgs=-1.0, channel="p"))(h)
    clip = ".subckt clip a k\nD1 a k dio\n.model dio D(IS=1e-9)\n.ends clip"
    h = SubcircuitLayer(clip, "clip", pins={"a": "in", "k": 0.2})(DiodeLayer("ideal", bias=5.0)(h))
    amp = AmplificationLayer(3.0, "amp", 0.1, backward_gain=3.0, trainable=["gain"], lr=1e-2)(h)
    flat = ReshapeLayer("pairs", [-1])(StackLayer("pair", axis=0)([amp, h]))
    falling = Scheduled(1e-6, Cosine(steps=100, final=0.1, warmup=0.2))
    square = DenseLayer(2, "square", lr=falling, init_type=start)
    second = square(DenseLayer(2, "second", init_type=start, trainable=False)(flat))
    held = VoltageLayer("held", fold=True)(DenseLayer(2, "target", init_type=start)(h))
    single = CurrentLayer("single", fold=False, activation="softmax")(second)
    outputs = [CurrentLayer("folded")(square(second)), single, held]
    Model([x, off, b], outputs, seed=5, name="everything").save(path)
    return path.read_bytes(), _use_model


class _Stop(Exception):
    """Ends fit before its first step."""


def _checkpoint(path: Path) -> Made:
    """A run that has not compiled anything: its state is as after three of five epochs."""
    from ebana.optimizers import Adam
    from ebana.training.callbacks import Callback, EarlyStopping

    class Hold(Callback):
        def on_train_begin(self) -> None:
            raise _Stop

    model, stop, hold = _xor(), EarlyStopping("loss", restore_best=True), Hold()
    x, y = np.ones((4, 2)), np.ones((4, 1))
    with suppress(_Stop):
        model.fit(
            x, y, epochs=5, batch_size=2, beta=1e-6, optimizer=Adam(lr=1e-5), callbacks=[stop, hold],
            verbose=False, watch=2,
        )  # fmt: skip
    run = hold.run
    for epoch in (1, 2, 3):
        seen = {name: np.full(len(labels), 1e-4) for name, labels in run.history.watched.items()}
        run.history.append(epoch, {"loss": 1 / epoch, "accuracy": 0.5}, seen)
    stop.best, stop.best_epoch, stop.waited, stop.values = 1 / 3, 3, 0, model.values
    run.state = start = run.state.moved(step=6)
    run.save(path)

    def use(damaged: Path) -> None:
        run.state, run.stop_training = start, False
        run.restore(damaged)
        for callback, kept in zip(run.callbacks, run.pending_callbacks, strict=False):
            callback.restore(kept.metadata, kept.arrays)
        model.set_values({name: np.asarray(value) for name, value in run.state.values.items()})
        run.history.to_dict()
        run.history.append(run.epoch + 1, {"loss": 0.0})
        run.save(damaged.with_name("again"))

    return path.read_bytes(), use


def _history(path: Path) -> Made:
    from ebana import History

    labels = {"d1/conductance": ["d1[0,0]", "d1[1,2]"], "b/voltage": ["b[0]"]}
    record = History({"beta": 1e-6, "loss": {"class": "MSE"}, "engine": "native"}, labels)
    for epoch in range(1, 5):
        seen = {name: np.full(len(k), 1e-4 * epoch) for name, k in labels.items()}
        logs = {"loss": 1 / epoch, "accuracy": 0.5} | ({"val_loss": 0.1} if epoch % 2 else {})
        record.append(epoch, logs, seen, {"free": np.ones((2, 3)), "nudged": np.ones((2, 3))})
        record.append_batch(10 * epoch, {"val_loss": 0.2})
        record.append_record(10 * epoch, {"samples": np.arange(2), "free": np.ones((2, 3))})
    record.save(path)

    def use(damaged: Path) -> None:
        found = History.load(damaged)
        json.dumps(found.to_dict(), allow_nan=False)
        repr(found)
        found.last("loss")
        again = damaged.with_name("again")
        found.save(again)
        assert History.load(again).epochs == found.epochs
        found.truncate(2, 20)
        found.append(10**17, {"loss": 0.0}, {name: np.zeros(len(k)) for name, k in found.watched.items()})

    return path.read_bytes(), use


def _values(path: Path) -> Made:
    model = _xor()
    model.save_values(path)
    return path.read_bytes(), lambda damaged: _use_values(model, damaged)


def _hopfield(path: Path) -> Made:
    from ebana import HopfieldNetwork

    network = HopfieldNetwork([2, 4, 1])
    network.save_values(path)
    return path.read_bytes(), lambda damaged: _use_values(network, damaged)


def _use_values(model: Any, path: Path) -> None:
    before = model.values
    try:
        model.load_values(path)
    except ValueError:
        assert all(np.array_equal(value, before[name]) for name, value in model.values.items())
        raise
    assert all(np.isfinite(value).all() for value in model.values.values())


def _optimizer(path: Path) -> Made:
    from ebana.optimizers import Adam

    model = _xor()
    optimizer = Adam(model, lr=1e-6)
    optimizer.step(model, {name: np.ones_like(model.values[name]) for name in model.circuit.trainable})
    optimizer.save_state(path)

    def use(damaged: Path) -> None:
        other = _shared()
        optimizer = Adam(other, lr=1e-6)
        optimizer.load_state(damaged)
        optimizer.save_state(damaged.with_name("again"))

    return path.read_bytes(), use


@cache
def _shared() -> Any:
    """One model for all optimizers' files; each sets its values."""
    return _xor()
