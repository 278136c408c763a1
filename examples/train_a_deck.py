"""A schematic that was drawn in KiCad learns XOR, and goes back as a block.

``decks/xor.cir`` is the SPICE netlist that KiCad exports of 32 resistors, eight Schottky diodes and six sources.
Four of the sources carry data, plus or minus a volt for each bit and its complement; all resistors are trained by
equilibrium propagation, within 1 kohm and 10 Mohm. The trained circuit is a ``.subckt`` for the next sheet.
"""

from pathlib import Path

import numpy as np

from ebana import Model, from_netlist, optimizers

deck = Path(__file__).parent / "decks" / "xor.cir"
sources, outputs = ["VA", "VB", "VNA", "VNB"], [("/Y+", "/Y-")]
circuit = from_netlist(deck, inputs=sources, outputs=outputs, trainable=["R*"], bounds={"R*": (1e3, 10e6)})
model = Model.from_circuit(circuit, name="xor")

bits = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])  # volts
x, y = np.hstack([bits, -bits]), 0.05 * np.array([[-1.0], [1.0], [1.0], [-1.0]])
history = model.fit(x, y, epochs=200, batch_size=4, optimizer=optimizers.Adam(lr=2e-6))

print(f"loss {history.history['loss'][0]:.1e} V^2 -> {history.last('loss'):.1e} V^2")
for (a, b), volts in zip(bits > 0, model.predict(x)[:, 0], strict=True):
    print(f"{a:d} xor {b:d}: {1000 * volts:+6.1f} mV, so {volts > 0:d}")
text = model.netlist(as_subckt="xor").splitlines()
start = next(k for k, line in enumerate(text) if line.startswith(".subckt xor "))
print("\nthe block begins:", *text[start : start + 6], "...", sep="\n")
