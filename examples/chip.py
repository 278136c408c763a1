"""Train through a chip on a bench.

Whoever finds operating points is an ``Engine``: a name, ``traceable``, and ``solve``. The class below
stands for a real chip: it computes the potentials with the built-in solver, then hands out what a
voltmeter would show, with an offset for each node and noise in each reading. To use a real chip, write
the parameters to its cells, the inputs and the nudge currents to its pins, and return the voltages read.

Equilibrium propagation sees the chip only through those readings. It compares two of them, so offsets
cancel; noise does not, so the nudge must be strong enough to stand out from it.
"""

from dataclasses import replace
from functools import partial

import jax
import numpy as np

from ebana import (
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    NativeEngine,
    datasets,
    optimizers,
)


settle = partial(jax.jit, static_argnums=0)(NativeEngine().solve)  # the physics of the chip


# --- the engine
class Chip:
    """A chip whose node voltages are read with an offset and with noise."""

    name = "chip"
    traceable = False  # solve() is ordinary Python: it must run at each step, not be compiled once

    def __init__(self, noise=1e-3, offset=5e-3, seed=0):
        self.noise, self.offset = noise, offset  # volts, standard deviations
        self.rng = np.random.default_rng(seed)
        self.offsets = None

    def solve(self, circuit, parameters, inputs, nudge, start=None):
        """Settle, then read every free node of every sample."""
        point = settle(circuit, dict(parameters), dict(inputs), nudge)
        if self.offsets is None:
            self.offsets = self.offset * self.rng.normal(size=len(circuit.free))
        v = np.asarray(point.v) + self.offsets
        v += self.noise * self.rng.normal(size=v.shape)
        return replace(point, v=v, error=np.full(len(v), self.noise + self.offset))


# --- end of the engine

init = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})
xp = InputVoltageLayer(units=4, name="xp")
xn = InputVoltageLayer(name="xn", inverts=xp)
b1 = BiasVoltageLayer(units=2, name="b1", bias=[1.0, -1.0])
h = DenseLayer(units=10, name="d1", initializer=init)(ConcatenateLayer("j1")([xp, xn, b1]))
h = DiodeLayer("a2", "up", bias=-1.0)(DiodeLayer("a1", "down", bias=1.0)(h))
d2 = DenseLayer(units=6, name="d2", initializer=init)(h)
circuit = Model([xp, b1], CurrentLayer("c1")(d2)).circuit

iris = datasets.load("iris", seed=0)
for beta in (1e-8, 3e-6):  # siemens; the nudge is beta times the error of an output, in amperes
    model = Model.from_circuit(circuit, engine=Chip(seed=0))
    optimizer = optimizers.Adam(lr=5e-7, schedule="cosine")
    model.fit(iris.x_train, iris.y_train, epochs=30, batch_size=105, beta=beta, optimizer=optimizer)
    result = model.evaluate(iris.x_test, iris.y_test)
    print(f"trained through the chip with beta {beta:g} S: {result}")
