"""Iris: from data to a trained circuit
====================================

Train an analog network on the Iris flowers, then write it down as a SPICE deck.

The core below is the example of the README: ten lines from the data to a trained circuit.
"""

# ruff: noqa: I001  (two import lines read better in the README than eleven)
import argparse
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ebana.reports.style import BLUE, GREEN, VERMILLION, styled

# --- core
from ebana import AmplificationLayer, BiasVoltageLayer, ConcatenateLayer, CurrentLayer, DenseLayer
from ebana import DiodeLayer, InputVoltageLayer, Model, datasets, optimizers

iris = datasets.load("iris")  # 105 flowers to train on, 45 to test; features in volts
xp = InputVoltageLayer(4, "xp")
xn = InputVoltageLayer(name="xn", inverts=xp)  # the same features with the sign turned
j1 = ConcatenateLayer("j1")([xp, xn, BiasVoltageLayer(2, "b1", [1.0, -1.0])])
d1 = DenseLayer(10, "d1", initializer="glorot")(j1)  # a crossbar of 10 x 10 conductances
a1 = DiodeLayer("a1", "down", param={"VTH": 0.3, "RON": 1.0})(d1)  # no hidden node above 0.3 V
a2 = DiodeLayer("a2", "up", param={"VTH": 0.3, "RON": 1.0})(a1)  # ... or below -0.3 V
j2 = ConcatenateLayer("j2")([AmplificationLayer(4, "amp")(a2), BiasVoltageLayer(2, "b2", [1.0, -1.0])])
model = Model(xp, CurrentLayer("species")(DenseLayer(6, "d2", initializer="glorot")(j2)))
adam = optimizers.Adam(lr=2e-7, schedule="cosine")  # siemens: the largest step of a conductance
model.fit(iris.x_train, iris.y_train, epochs=400, batch_size=105, optimizer=adam)

print(model.evaluate(iris.x_test, iris.y_test))
# --- end of core

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=None, help="folder for files (default: a temporary one)")
    out = parser.parse_args().out or Path(tempfile.mkdtemp(prefix="ebana-iris-"))
    out.mkdir(parents=True, exist_ok=True)

    model.summary()
    model.save(out / "iris.ebana")
    model.netlist(iris.x_test, path=out / "iris.cir")
    print(f"\nwrote the model and its SPICE deck to {out}; try: ngspice -b {out / 'iris.cir'}")

    # What the circuit says over the two petal features, the other two at their means.
    volts = np.linspace(iris.x_train[:, 2:].min() - 0.2, iris.x_train[:, 2:].max() + 0.2, 121)
    plane = np.stack(np.meshgrid(volts, volts), axis=-1).reshape(-1, 2)
    others = np.tile(iris.x_train[:, :2].mean(0), (len(plane), 1))
    said = model.predict(np.hstack([others, plane])).argmax(1).reshape(121, 121)
    with styled():
        figure = Figure((5.6, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.contourf(volts, volts, said, [-0.5, 0.5, 1.5, 2.5], colors=["#cfe3f2", "#f7d9c4", "#cdeae0"])
        styles = (("setosa", "o", BLUE), ("versicolor", "s", VERMILLION), ("virginica", "^", GREEN))
        for k, (name, marker, color) in enumerate(styles):
            axes.plot(*iris.x_test[iris.y_test.argmax(1) == k, 2:].T, marker, color=color, label=name)
        axes.set(
            xlabel="petal length (V)",
            ylabel="petal width (V)",
            title="45 test flowers on what the circuit says",
        )
        axes.legend()
