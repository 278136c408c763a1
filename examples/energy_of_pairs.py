"""The energy of an input and an output
====================================

How well do x and y go together? The energy tells.

A trained circuit relaxes to the output of least energy. Hold the outputs at some y instead, and the
energy tells how far that y is from what the circuit would say. Here every corner of the xor table is
held against both answers. Two nodes carry the output and are held at plus and minus half of y; the least
of a curve is what the circuit says itself only where it balances the two.
"""

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
    VoltageLayer,
    datasets,
    optimizers,
)
from ebana.reports.style import BLUE, GREEN, PURPLE, VERMILLION, styled


def build(output):
    """The xor circuit with the given output layer on its last two nodes."""
    init = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})
    xp = InputVoltageLayer(units=2, name="xp")
    xn = InputVoltageLayer(name="xn", inverts=xp)
    bias = BiasVoltageLayer(units=2, name="b", bias=[1.0, -1.0])
    h = DenseLayer(units=10, name="d1", initializer=init)(ConcatenateLayer("j1")([xp, xn, bias]))
    h = DiodeLayer("a2", "up", bias=-0.5)(DiodeLayer("a1", "down", bias=0.5)(h))
    d2 = DenseLayer(units=2, name="d2", initializer=init)(ConcatenateLayer("j2")([h, bias]))
    return Model([xp, bias], output(d2))


xor = datasets.load("xor")
model = build(CurrentLayer("y"))
model.fit(xor.x_train, xor.y_train, epochs=300, batch_size=4, optimizer=optimizers.Adam(lr=5e-7))
print("trained:", model.evaluate(xor.x_train, xor.y_train))

zero, one = np.zeros((4, 1)), np.ones((4, 1))
energies = np.stack([model.energy(xor.x_train, zero), model.energy(xor.x_train, one)], axis=1)  # watts
print("\n   x (V)     E(x, 0)   E(x, 1)   lower   xor")
for x, e, y in zip(xor.x_train, energies * 1e6, xor.y_train[:, 0], strict=True):
    print(f"  {x[0]:+.0f} {x[1]:+.0f}   {e[0]:8.3f}  {e[1]:8.3f} uW   {e.argmin():3d}    {y:3.0f}")

# The same with the output layer that clamps: y is then an input like x.
pairs = build(VoltageLayer("y", fold=True))
pairs.set_values(model.values)
same = pairs.energy({"xp": xor.x_train, "y": one})
print(f"\nVoltageLayer gives the same energies to {np.abs(same - energies[:, 1]).max():.0e} W")

held = np.linspace(-0.6, 1.6, 56)[:, None]  # volts
with styled():
    figure = Figure((6.2, 3.8), layout="constrained")
    axes = figure.subplots()
    for corner, color, line in zip(
        xor.x_train, (BLUE, VERMILLION, GREEN, PURPLE), ("-", "--", "-.", ":"), strict=True
    ):
        energy = 1e6 * model.energy(np.tile(corner, (len(held), 1)), held)
        axes.plot(
            held, energy - energy.min(), line, color=color, label=f"{corner[0]:+.0f} V, {corner[1]:+.0f} V"
        )
    axes.set(
        xlabel="held output y (V)",
        ylabel="energy above the least (µW)",
        title="How well each pair goes together",
    )
    axes.legend(title="inputs")
