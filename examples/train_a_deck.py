"""A schematic from KiCad learns xor
=================================

The deck is read, trained, and goes back as a block.

``decks/xor.cir`` is the SPICE netlist that KiCad exports of 32 resistors, eight Schottky diodes and six sources.
Four of the sources carry data, plus or minus a volt for each bit and its complement; all resistors are trained by
equilibrium propagation, within 1 kohm and 10 Mohm. The trained circuit is a ``.subckt`` for the next sheet.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ebana import Model, from_netlist, optimizers
from ebana.reports.style import BLUE, VERMILLION, styled

deck = Path(sys.argv[0]).parent / "decks" / "xor.cir"
sources, outputs = ["VA", "VB", "VNA", "VNB"], [("/Y+", "/Y-")]
circuit = from_netlist(deck, inputs=sources, outputs=outputs, trainable=["R*"], bounds={"R*": (1e3, 10e6)})
model = Model.from_circuit(circuit, name="xor")

bits = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])  # volts
x, y = np.hstack([bits, -bits]), 0.05 * np.array([[-1.0], [1.0], [1.0], [-1.0]])
ramp = np.linspace(-1.0, 1.0, 61)
swept = {b: np.stack([ramp, 0 * ramp + b, -ramp, 0 * ramp - b], axis=1) for b in (-1.0, 1.0)}
before = {b: 1000 * model.predict(volts)[:, 0] for b, volts in swept.items()}
history = model.fit(x, y, epochs=200, batch_size=4, optimizer=optimizers.Adam(lr=2e-6))

print(f"loss {history.history['loss'][0]:.1e} V^2 -> {history.last('loss'):.1e} V^2")
for (a, b), volts in zip(bits > 0, model.predict(x)[:, 0], strict=True):
    print(f"{a:d} xor {b:d}: {1000 * volts:+6.1f} mV, so {volts > 0:d}")
text = model.netlist(as_subckt="xor").splitlines()
start = next(k for k, line in enumerate(text) if line.startswith(".subckt xor "))
print("\nthe block begins:", *text[start : start + 6], "...", sep="\n")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (b, volts), color, line in zip(swept.items(), (BLUE, VERMILLION), ("-", "--"), strict=True):
        axes.plot(
            ramp, before[b], line, color=color, alpha=0.35, linewidth=1.0, label=f"VB at {b:+.0f} V, as drawn"
        )
        axes.plot(
            ramp, 1000 * model.predict(volts)[:, 0], line, color=color, label=f"VB at {b:+.0f} V, trained"
        )
    axes.plot(x[:, 0], 1000 * y[:, 0], "ko", markerfacecolor="none", label="wanted")
    axes.set(xlabel="VA (V)", ylabel="Y+ less Y- (mV)", title="The board before and after training")
    figure.legend(loc="outside lower center", ncols=3)
