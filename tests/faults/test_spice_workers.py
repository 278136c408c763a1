"""Training in SPICE survives the loss of workers, and tells of points that SPICE does not find."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from ebana import NgspiceEngine, callbacks, optimizers, recipes
from ebana.circuit import CircuitBuilder
from ebana.devices import Device
from ebana.engines.base import NotConverged
from ebana.model import Model
from ebana.spice.simulators.session import available

FOUND, WHY = available("ngspice")
pytestmark = pytest.mark.skipif(not FOUND, reason=WHY)


class Saboteur(callbacks.Callback):
    """Sends a signal to one of the workers after every epoch but the last."""

    def __init__(self, engine: NgspiceEngine, stop: signal.Signals) -> None:
        self.engine, self.stop = engine, stop

    def on_epoch_end(self, *_, **__) -> None:
        os.kill(self.engine.pool.pids[0], self.stop)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGSTOP])
def test_a_training_run_that_loses_a_worker_every_epoch_ends_with_the_same_bits(stop) -> None:
    def train(workers: int, sabotage: bool) -> tuple[dict[str, np.ndarray], NgspiceEngine]:
        recipe = recipes.get("xor")
        engine = NgspiceEngine(workers=workers, timeout=3.0)
        engine.start()  # a worker that is stopped while it starts is not waited for: the other one does all
        model, split = recipe.build(0, engine), recipe.data(0)
        watch = [Saboteur(engine, stop)] if sabotage else []
        data = recipe.dataset(split.x_train, split.y_train)
        optimizer = optimizers.Adam(lr=1e-7)
        model.fit(
            data, epochs=3, batch_size=4, verbose=False, callbacks=watch, beta=1e-7, optimizer=optimizer
        )
        replaced = engine.pool.replaced if engine.pool else 0
        engine.close()
        return model.values, replaced

    (whole, _), (broken, replaced) = train(0, False), train(2, True)
    assert replaced >= 2
    assert all(np.array_equal(whole[name], broken[name]) for name in whole)


class Fickle(Device):
    """Draws 1 A whatever the voltage, which 1 mS cannot supply below 1 kV; no operating point in SPICE."""

    def current(self, dv, p):
        return 1e-3 * dv

    def spice(self, name, a, b, p):
        return f"B{name} {a} {b} I=V({a})>0 ? 1 : -1"


def fickle() -> Model:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 2)
    build.crossbar("d", x, y, 1e-3, trainable=True)
    build.devices("odd", y[:1], build.ground(1), Fickle())
    build.output("y", y)
    return Model.from_circuit(build.build(), engine="ngspice", name="fickle")


def test_points_that_spice_does_not_find_are_named_counted_and_never_used() -> None:
    x, y = np.array([[0.1], [0.2]]), np.zeros((2, 1))
    with pytest.raises(NotConverged, match=r"model 'fickle', engine 'ngspice': 2 of 2 operating points"):
        fickle().predict(x)
    assert np.isnan(fickle().predict(x, strict=False)).all()
    model = fickle()
    before = model.values
    with pytest.warns(UserWarning, match="did not converge"):
        history = model.fit(x, y, epochs=1, optimizer=optimizers.Adam(lr=1e-7), verbose=False, beta=1e-5)
    assert history.history["unconverged"][0] == 6  # a free and two nudged points of each sample
    assert all(np.array_equal(before[name], value) for name, value in model.values.items())
