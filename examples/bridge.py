"""A bridge of diodes learns the absolute difference
=================================================

A circuit that no layer describes: a bridge of resistors and junction diodes.

Two input nodes drive a bridge whose free nodes are joined by resistors and by diodes between arbitrary
nodes. It is built element by element, solved by the built-in engine and by ngspice, and trained so that
its output becomes the absolute difference of its inputs, which is what a rectifier does.
"""

import numpy as np
from matplotlib.figure import Figure

from ebana import CircuitBuilder, JunctionDiode, Model, optimizers
from ebana.engines.ngspice import available
from ebana.reports.style import BLUE, VERMILLION, styled

build = CircuitBuilder()
x = build.input("x", 2)
corner = build.nodes("corner", 2)  # the bridge's two sides
rail = build.nodes("rail", 2)  # what the diodes rectify onto: plus and minus
trained = {"trainable": True, "low": 1e-7, "high": 1e-3}
build.resistors("feed", x, corner, 1e-5, **trained)  # siemens
build.resistors("across", corner[:1], corner[1:], 1e-6, **trained)
build.resistors("load", rail[:1], rail[1:], 1e-5, **trained)
build.resistors("leak", rail, build.ground(2), 1e-6, **trained)
schottky = JunctionDiode.from_card(".model SKY D(IS=2u N=1.05)")
build.devices("to_plus", corner, rail[[0, 0]], schottky)  # anodes at the corners
build.devices("from_minus", rail[[1, 1]], corner, schottky)  # cathodes at the corners
build.output("y", rail)  # reads rail[0] - rail[1]
circuit = build.build()

rng = np.random.default_rng(0)
volts = rng.uniform(-1.0, 1.0, (60, 2))
target = 0.8 * np.abs(volts[:, :1] - volts[:, 1:])

native = Model.from_circuit(circuit, engine="native", name="bridge")
swept = np.stack([np.linspace(-1.0, 1.0, 101), np.full(101, 0.2)], axis=1)  # the second input held
before = native.predict(swept)[:, 0]
history = native.fit(volts, target, epochs=200, batch_size=60, optimizer=optimizers.Adam(lr=2e-6))
print(f"native:  loss {history.history['loss'][0]:.4f} V^2 -> {history.last('loss'):.4f} V^2")

found, message = available()
if found:
    spice = Model.from_circuit(circuit, engine="ngspice", name="bridge")
    history = spice.fit(volts, target, epochs=10, batch_size=60, optimizer=optimizers.Adam(lr=5e-6))
    print(f"ngspice: loss {history.history['loss'][0]:.4f} V^2 -> {history.last('loss'):.4f} V^2 (10 epochs)")
    spice.set_values(native.values)
    difference = np.abs(native.operating_point(volts).v - spice.operating_point(volts).v).max()
    print(f"largest difference of a node between the two engines: {difference:.1e} V")
else:
    print("ngspice is not here:", message)

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(swept[:, 0], 0.8 * np.abs(swept[:, 0] - 0.2), "k:", label="wanted, 0.8 |x0 - x1|")
    axes.plot(swept[:, 0], before, "--", color=VERMILLION, label="untrained")
    axes.plot(swept[:, 0], native.predict(swept)[:, 0], color=BLUE, label="trained")
    axes.set(xlabel="first input x0 (V), second at 0.2 V", ylabel="output (V)", title="The bridge's output")
    axes.legend()
