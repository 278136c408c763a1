"""Published code, unchanged
=========================

The code that the EBANA framework publishes, unchanged but for its import line.

Part 1 is its README: Iris with a pair of diode layers and an amplifier. Part 2 writes xor with the other
spelling of every parameter. Arrays and numbers stand where the original names variables.
"""

# ruff: noqa: F403, F405
import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

from ebana import *  # the import line
from ebana import datasets
from ebana.reports import loss_and_accuracy

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=None, help="folder for the files (default: a temporary one)")
out = parser.parse_args().out or Path(tempfile.mkdtemp(prefix="ebana-published-"))
out.mkdir(parents=True, exist_ok=True)
os.chdir(out)  # the published code saves into the current folder

iris = datasets.load("iris", seed=0)
train_dataset = Dataset(inputs={"xp": iris.x_train, "xn": -iris.x_train}, outputs={"c1": iris.y_train})
test_dataset = Dataset(inputs={"xp": iris.x_test, "xn": -iris.x_test}, outputs={"c1": iris.y_test})
train_dataloader = BatchGenerator(train_dataset, batch_size=32, shuffle=True)
test_dataloader = BatchGenerator(test_dataset, batch_size=45)
bias1, bias2, a1_bias, a2_bias = 1.0, 1.0, 0.3, -0.3  # volts

# ---------------------------------------------------------------------------------- 1. as published

xp = InputVoltageLayer(units=4, name="xp")
xn = InputVoltageLayer(units=4, name="xn")
b1 = BiasVoltageLayer(units=1, name="b1", bias_voltage=bias1)
j1 = ConcatenateLayer(name="j1")([xp, xn, b1])
d1 = DenseLayer(units=10, lr=0.0001, name="d1", init_type="glorot")(j1)
a1_1 = DiodeLayer(name="act1_1", direction="down", bias_voltage=a1_bias)(d1)
a1_2 = DiodeLayer(name="act1_2", direction="up", bias_voltage=a2_bias)(a1_1)
g1 = AmplificationLayer(gain=4, name="amp1")(d1)  # the diodes are shunts on the nodes of d1
b2 = BiasVoltageLayer(units=1, name="b2", bias_voltage=bias2)
j2 = ConcatenateLayer(name="j2")([g1, b2])
d2 = DenseLayer(units=6, lr=0.0001, name="d2", init_type="glorot")(j2)
c1 = CurrentLayer(name="c1")(d2)
model = Model(inputs=[xp, xn, b1, b2], outputs=[c1])

optimizer = optimizers.Adam(model)
loss_fn = losses.MSE()
model.fit(
    train_dataloader,
    beta=0.01,
    epochs=100,
    loss_fn=loss_fn,
    optimizer=optimizer,
    test_dataloader=test_dataloader,
    metrics=metrics.Metrics(model, verbose=True, validate_every={"epoch_num": 10}),
)
predictions = model.evaluate(test_dataset, loss_fn=loss_fn)
optimizer.save_state("xor2_optimizer")
model.save_history("xor2_history.pickle")  # the name is kept; the file is in the safe format
print(f"iris as published: {predictions}")
figure = loss_and_accuracy(model.history, loss_unit="V²")

# ------------------------------------------------------------------------------ 2. the other spellings

beta = 1e-6  # siemens
x = np.array([[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0]])  # volts
train_dataset = {"inputs": {"xp": x, "xn": -x}, "outputs": {"c1": np.array([[0.0], [1.0], [1.0], [0.0]])}}
initializer = Initializers(
    init_type="glorot", params={"init_low": 1e-7, "init_high": 8e-6, "clip_low": 1e-7, "clip_high": 2e-5}
)

xp = InputVoltageLayer(units=2, name="xp")
xn = InputVoltageLayer(units=2, name="xn")
b1 = BiasVoltageLayer(units=2, name="b1", bias=np.array([1.0, -1.0]))
j1 = ConcatenateLayer(name="j1")([xp, xn, b1])
d1 = DenseLayer(units=10, lr=5e-7, name="d1", initializer=initializer)(j1)
diode = {"kind": "behavioral", "param": {"VTH": 0.3, "RON": 1}}
a1_1 = DiodeLayer(name="act1_1", direction="down", bias=0, **diode)(d1)
a1_2 = DiodeLayer(name="act1_2", direction="up", bias=0, **diode)(a1_1)
g1 = AmplificationLayer(name="amp1", param={"gain": 4, "shift": 0})(a1_2)
b2 = BiasVoltageLayer(units=2, name="b2", bias=np.array([1.0, -1.0]))
j2 = ConcatenateLayer(name="j2")([g1, b2])
d2 = DenseLayer(units=2, lr=5e-7, name="d2", initializer=initializer)(j2)
c1 = CurrentLayer(name="c1")(d2)
model = Model(inputs=[xp, xn, b1, b2], outputs=[c1])

optimizer = optimizers.Adam(model, beta=beta)
loss_fn = losses.MSE(output_midpoint=0.5)
model.fit(BatchGenerator(train_dataset, batch_size=4), epochs=300, loss_fn=loss_fn, optimizer=optimizer)
print(f"xor, other spellings: {model.evaluate(train_dataset, loss_fn=loss_fn)}")
