"""Three gates in one circuit
==========================

Or, and, xor of the same two bits, as three outputs.

Each output has a crossbar of its own on the shared hidden nodes, so one set of hidden conductances
serves three tasks. The data set names its targets after the output layers.
"""

import numpy as np
from matplotlib.figure import Figure

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    datasets,
    optimizers,
)
from ebana.reports.style import styled

gates = datasets.load("gates")  # x_train: -2 V and 2 V; y_train: {"or": .., "and": .., "xor": ..}
initializer = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})
diode = {"kind": "behavioral", "param": {"VTH": 0.3, "RON": 1.0}, "bias": 0.0}

xp = InputVoltageLayer(units=2, name="xp")
xn = InputVoltageLayer(name="xn", inverts=xp)
b1 = BiasVoltageLayer(units=2, name="b1", bias=[1.0, -1.0])
d1 = DenseLayer(units=10, name="d1", initializer=initializer)(ConcatenateLayer("j1")([xp, xn, b1]))
a1 = DiodeLayer("a1", direction="down", **diode)(d1)
a2 = DiodeLayer("a2", direction="up", **diode)(a1)
g1 = AmplificationLayer(name="g1", param={"gain": 4, "shift": 0})(a2)
b2 = BiasVoltageLayer(units=2, name="b2", bias=[1.0, -1.0])
j2 = ConcatenateLayer("j2")([g1, b2])
outputs = [
    CurrentLayer(gate)(DenseLayer(units=2, name=f"d_{gate}", initializer=initializer)(j2))
    for gate in ("or", "and", "xor")
]
model = Model(inputs=[xp, b1, b2], outputs=outputs, name="gates")

optimizer = optimizers.Adam(lr=5e-7, schedule="cosine")
model.fit(gates.x_train, gates.y_train, epochs=300, batch_size=4, optimizer=optimizer)

predictions = model.predict(gates.x_train)  # a dict of arrays, one for each output
print("  a  b |  or   and   xor   (volts; above 0.5 V means 1)")
for i, (a, b) in enumerate(gates.x_train > 0):
    print(f"  {a:d}  {b:d} | " + "  ".join(f"{predictions[g][i, 0]:z4.2f}" for g in ("or", "and", "xor")))
print(model.evaluate(gates.x_train, gates.y_train))

volts = np.linspace(-2.5, 2.5, 61)
plane = np.stack([grid.ravel() for grid in np.meshgrid(volts, volts)], axis=1)
answers = model.predict(plane)
with styled():
    figure = Figure((7.6, 2.9), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, gate in zip(panels, ("or", "and", "xor"), strict=True):
        z = answers[gate].reshape(61, 61)
        filled = axes.contourf(volts, volts, z, np.linspace(-0.4, 1.4, 10), cmap="cividis", extend="both")
        axes.contour(volts, volts, z, [0.5], colors="white", linewidths=2)
        axes.plot(*gates.x_train.T, "wo", markeredgecolor="black")
        axes.set(title=gate, xlabel="first input (V)", aspect="equal")
    panels[0].set_ylabel("second input (V)")
    figure.colorbar(filled, ax=panels, label="output (V)")
