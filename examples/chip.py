"""Train through a chip on a bench
===============================

Whoever finds operating points is an ``Engine``: a name, ``traceable``, and ``solve``. The class below
stands for a real chip: it computes the potentials with the built-in solver, then hands out what a
voltmeter would show, with an offset for each node and noise in each reading. To use a real chip, write
the parameters to its cells, the inputs and the nudge currents to its pins, and return the voltages read.

Equilibrium propagation sees the chip only through those readings. It takes the change between two of
them, in which offsets cancel; noise does not, so the nudge must be strong enough to stand out from it.
"""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
from matplotlib.figure import Figure

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
from ebana.reports.style import BLUE, VERMILLION, styled

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
xp = InputVoltageLayer(units=2, name="xp")
xn = InputVoltageLayer(name="xn", inverts=xp)
bias = BiasVoltageLayer(units=2, name="b", bias=[1.0, -1.0])
h = DenseLayer(units=10, name="d1", initializer=init)(ConcatenateLayer("j1")([xp, xn, bias]))
h = DiodeLayer("a2", "up", bias=-0.5)(DiodeLayer("a1", "down", bias=0.5)(h))
d2 = DenseLayer(units=2, name="d2", initializer=init)(ConcatenateLayer("j2")([h, bias]))
circuit = Model([xp, bias], CurrentLayer("y")(d2)).circuit

xor = datasets.load("xor")
losses = {}
for beta in (1e-9, 2e-6):  # siemens; the nudge is beta times the error of the output, in amperes
    model = Model.from_circuit(circuit, engine=Chip(seed=0))
    optimizer = optimizers.Adam(lr=5e-7, schedule="cosine")
    history = model.fit(xor.x_train, xor.y_train, epochs=60, batch_size=4, beta=beta, optimizer=optimizer)
    losses[beta] = history.history["loss"]
    result = model.evaluate(xor.x_train, xor.y_train)
    print(f"trained through the chip with beta {beta:g} S: {result}")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (beta, loss), (color, line) in zip(losses.items(), [(VERMILLION, "--"), (BLUE, "-")], strict=True):
        axes.semilogy(range(1, len(loss) + 1), loss, line, color=color, label=f"nudge of {beta:g} S")
    axes.set(xlabel="epoch", ylabel="loss (V²)", title="A nudge must stand out from 1 mV of noise")
    axes.legend()
