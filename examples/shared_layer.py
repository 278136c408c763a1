"""One crossbar in two places
==========================

A layer that is called twice.

Both calls share their conductances, so the circuit treats its left and its right input alike whatever
it learns. Here the task is symmetric in the two, ``|left| + |right|``, and only one side is ever trained on:
right is 0 V in all training samples.
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
    optimizers,
)
from ebana.reports.style import BLUE, VERMILLION, styled

init = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-8, "g_max": 2e-5})
bias = BiasVoltageLayer(units=2, name="b", bias=[1.0, -1.0])
d1 = DenseLayer(units=8, name="d1", initializer=init)  # made once ...
read = DenseLayer(units=2, name="read", initializer=init)
low, high = DiodeLayer("low", "up", bias=-0.2), DiodeLayer("high", "down", bias=0.2)

sides, inputs = [], []
for side in ("left", "right"):
    xp = InputVoltageLayer(units=1, name=side)
    xn = InputVoltageLayer(name=f"{side}_inverted", inverts=xp)
    inputs.append(xp)
    h = low(high(d1(ConcatenateLayer(f"j_{side}")([xp, xn, bias]))))  # ... called twice
    sides.append(CurrentLayer(f"abs_{side}")(read(ConcatenateLayer(f"r_{side}")([h, bias]))))
model = Model([*inputs, bias], sides)

grid = np.linspace(-1.0, 1.0, 41)[:, None]  # volts
x = {"left": grid, "right": np.zeros_like(grid)}
y = {"abs_left": 0.5 * np.abs(grid), "abs_right": np.zeros_like(grid)}
model.fit(x, y, epochs=600, batch_size=41, optimizer=optimizers.Adam(lr=2e-7, schedule="cosine"))

shapes = {name: value.shape for name, value in model.values.items() if "conductance" in name}
print("conductances, once for both sides:", shapes)
unseen = model.predict({"left": np.zeros_like(grid), "right": grid})
error = np.abs(unseen["abs_right"] - 0.5 * np.abs(grid)).mean()
print(f"mean error of the right side, which saw only 0 V in training: {error:.3f} V")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(grid, 0.5 * np.abs(grid), "k:", label="wanted, |x| / 2")
    axes.plot(grid, model.predict(x)["abs_left"], color=BLUE, label="left side, trained")
    axes.plot(grid[::2], unseen["abs_right"][::2], "x", color=VERMILLION, label="right side, never trained")
    axes.set(xlabel="input (V)", ylabel="output (V)", title="The right side knows what the left one learned")
    axes.legend()
