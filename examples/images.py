"""Digits through windows
======================

Handwritten digits through windows: locally connected conductances and average pooling.

::

    8 x 8 pixels, +x and -x -+-> LocallyConnected2D -> diodes -> amplifiers -+-> crossbar -> 10 classes
                             +-> AveragePooling2D ---------------------------+

The image and its negative are two channels, so that a window can weigh a pixel with either sign. Every
window of 3 x 3 pixels has conductances of its own, for devices of an array share no weights: 1296 of
them, where a crossbar from all pixels onto as many nodes has 9216. A pool is four equal, fixed resistors
onto one node: the crossbar also sees a coarse image of 4 x 4 pixels, for no trained device at all.

Both stand on the inputs. Sources bear any load, so the pools' conductance may be large against the
crossbar's, which then hardly moves them from the mean. A pool on nodes that are not held ties them
together; there put an amplifier before it.
"""

import numpy as np
from matplotlib.figure import Figure

from ebana import (
    AmplificationLayer,
    AveragePooling2DLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    LocallyConnected2DLayer,
    Model,
    ReshapeLayer,
    StackLayer,
    datasets,
    optimizers,
)
from ebana.reports.style import styled

digits = datasets.load("digits", scale=4.0)  # 1257 images to train on and 540 to test, 0 V to 4 V
init = Initializers("uniform", {"L": 1e-4, "U": 1e-2, "g_min": 1e-5, "g_max": 5e-2})  # siemens
diode = {"param": {"VTH": 0.2, "RON": 10.0}}

xp = InputVoltageLayer(64, "xp")
xn = InputVoltageLayer(name="xn", inverts=xp)
image = StackLayer("image")([ReshapeLayer(f"{x.name}_image", (8, 8))(x) for x in (xp, xn)])  # (8, 8, 2)

h = LocallyConnected2DLayer(filters=2, kernel_size=3, name="windows", initializer=init)(image)  # (6, 6, 2)
h = DiodeLayer("below", "up", **diode)(DiodeLayer("above", "down", **diode)(h))
h = ReshapeLayer("fine", (-1,))(AmplificationLayer(4, "amp")(h))
pool = AveragePooling2DLayer(pool_size=2, name="pool", conductance=1.0)(image)  # (4, 4, 2)
pool = ReshapeLayer("coarse", (-1,))(pool)

joined = ConcatenateLayer("joined")([h, pool, BiasVoltageLayer(2, "b", [1.0, -1.0])])
model = Model(xp, CurrentLayer("digit")(DenseLayer(20, "read", initializer=init)(joined)), name="images")
model.summary()

adam = optimizers.Adam(lr=1e-3, schedule="cosine")
model.fit(digits.x_train, digits.y_train, epochs=5, batch_size=32, optimizer=adam)
print("training:", model.evaluate(digits.x_train, digits.y_train))
print("test:    ", model.evaluate(digits.x_test, digits.y_test))

said, right = model.predict(digits.x_test).argmax(1), digits.y_test.argmax(1)
counts = np.zeros((10, 10), int)
np.add.at(counts, (right, said), 1)
with styled():
    figure = Figure((5.4, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.sqrt(counts), cmap="Blues")  # the root, so that single mistakes show
    for row, column in np.argwhere(counts):
        shade = "white" if counts[row, column] > 15 else "black"
        axes.text(column, row, counts[row, column], ha="center", va="center", color=shade, fontsize=9)
    axes.set(
        xlabel="what the circuit says",
        ylabel="digit",
        xticks=range(10),
        yticks=range(10),
        title="540 test images",
    )
    axes.grid(False)
