"""Train an analog network on the Iris flowers, then write it down as a SPICE deck.

The core below is the example of the README: ten lines from the data to a trained circuit.
"""

import argparse
import tempfile
from pathlib import Path

# --- core
from ebana import AmplificationLayer, BiasVoltageLayer, ConcatenateLayer, CurrentLayer, DenseLayer
from ebana import DiodeLayer, Initializers, InputVoltageLayer, Model, datasets, optimizers

iris = datasets.load("iris", seed=0)  # 105 + 45 flowers, features scaled to volts
glorot = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})  # siemens

xp = InputVoltageLayer(units=4, name="xp")  # the features
xn = InputVoltageLayer(name="xn", inverts=xp)  # the same with the sign turned
b1 = BiasVoltageLayer(units=2, name="b1", bias=[1.0, -1.0])
d1 = DenseLayer(units=10, name="d1", initializer=glorot)(ConcatenateLayer("j1")([xp, xn, b1]))
a1 = DiodeLayer("a1", direction="down", param={"VTH": 0.3, "RON": 1.0})(d1)  # no node above 0.3 V
a2 = DiodeLayer("a2", direction="up", param={"VTH": 0.3, "RON": 1.0})(a1)  # no node below -0.3 V
g1 = AmplificationLayer(gain=4, name="g1")(a2)
b2 = BiasVoltageLayer(units=2, name="b2", bias=[1.0, -1.0])
d2 = DenseLayer(units=6, name="d2", initializer=glorot)(ConcatenateLayer("j2")([g1, b2]))
model = Model(inputs=[xp, b1, b2], outputs=[CurrentLayer("c1")(d2)], name="iris")

model.fit(iris.x_train, iris.y_train, epochs=400, batch_size=105,
          optimizer=optimizers.Adam(lr=1e-7, schedule="cosine"), validation_data=(iris.x_test, iris.y_test), validate_every=20)  # fmt: skip
print(model.evaluate(iris.x_test, iris.y_test))
# --- end of core

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=None, help="folder for the files (default: a temporary one)")
    out = parser.parse_args().out or Path(tempfile.mkdtemp(prefix="ebana-iris-"))
    out.mkdir(parents=True, exist_ok=True)

    model.summary()
    model.save(out / "iris.ebana")
    model.netlist(iris.x_test, path=out / "iris.cir")
    print(f"\nwrote the model and its SPICE deck to {out}; try: ngspice -b {out / 'iris.cir'}")
