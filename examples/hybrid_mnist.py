"""Circuits inside a digital model, on images
==========================================

Digital - circuit - digital - circuit - digital on images of digits, trained end to end.

::

    784 pixels -> Dense -> circuit -> Dense -> circuit -> Dense -> 10 classes

Backpropagation passes the digital parts, equilibrium propagation the circuits. Two networks stand next to it: the same
one with circuits that stay as they were drawn, which shows what the analog parts learn, and a digital network with
layers of the same sizes in place of the circuits, trained by backpropagation, which shows what they give away::

    python examples/hybrid_mnist.py                  # MNIST; or --data fashion-mnist; --data digits needs no file
    python examples/hybrid_mnist.py --held-out       # on training images that are held out, to choose settings
"""

import argparse
import time

from matplotlib.figure import Figure

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
    datasets,
    optimizers,
)
from ebana.engines import SweepEngine
from ebana.hybrid import BatchNorm, CircuitBlock, Dense, HybridModel
from ebana.reports.style import BLUE, GREY, VERMILLION, styled

ask = argparse.ArgumentParser()
ask.add_argument("--data", default="mnist", choices=("mnist", "fashion-mnist", "digits"))
ask.add_argument("--epochs", type=int, default=3)
ask.add_argument("--seed", type=int, default=0)
ask.add_argument("--held-out", action="store_true", help="test on a sixth of the training images instead")
asked = ask.parse_args()

WIDTH, HIDDEN = 16, 32  # numbers that go into a circuit and come out, and nodes within


def circuit(seed):
    """Two crossbars, clipping diodes and amplifiers."""
    x = InputVoltageLayer(WIDTH, "x")
    xn = InputVoltageLayer(name="xn", inverts=x)
    b = BiasVoltageLayer(2, "b", [1.0, -1.0])
    h = DenseLayer(HIDDEN, "d1")(ConcatenateLayer("j1")([x, xn, b]))
    h = DiodeLayer("a2", "up", bias=-0.3)(DiodeLayer("a1", "down", bias=0.3)(h))
    h = AmplificationLayer(name="amp", gain=4.0)(h)
    d = DenseLayer(2 * WIDTH, "d2")(ConcatenateLayer("j2")([h, b]))
    return Model([x, b], CurrentLayer("y")(d), seed=seed, engine=SweepEngine(8, dtype="float32"))


def analog(seed, learns):
    """A circuit as a part, of numbers of mean 0 and variance 1."""
    return [
        BatchNorm(),
        CircuitBlock(circuit(seed), output_scale=10.0, learning_rate=2e-7, trainable=learns),
    ]


def digital():
    """Layers of the same sizes."""
    return [BatchNorm(), Dense(HIDDEN, "tanh"), Dense(WIDTH)]


def network(inputs, classes, middle, name):
    """Digital layers around two middles."""
    first, second = middle
    parts = [Dense(WIDTH), *first, Dense(WIDTH), *second, Dense(classes)]
    return HybridModel(parts, input_shape=inputs, seed=asked.seed, name=name)


images = datasets.load(asked.data)
if asked.held_out:
    images = datasets.hold_out(images, len(images.x_train) // 6)
x, y = images.x_train, images.y_train

seeds = 2 * asked.seed + 1, 2 * asked.seed + 2
middles = {
    "circuits trained": [analog(seed, True) for seed in seeds],
    "circuits as drawn": [analog(seed, False) for seed in seeds],
    "digital layers": [digital(), digital()],
}
losses = {}
for name, middle in middles.items():
    model = network(x.shape[1], y.shape[1], middle, name)
    if name == "circuits trained":
        model.summary()
    started = time.perf_counter()
    history = model.fit(
        x, y, epochs=asked.epochs, batch_size=100, seed=asked.seed, loss_fn="cross_entropy",
        optimizer=optimizers.Adam(lr=3e-3, schedule="cosine"),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    losses[name] = history.history["loss"]
    found = model.evaluate(images.x_test, images.y_test, loss_fn="cross_entropy")
    print(f"{name + ':':19}test accuracy {found.accuracy:.2%}, loss {found.loss:.3f}, {seconds:.0f} s")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, loss), color, line in zip(
        losses.items(), (BLUE, VERMILLION, GREY), ("o-", "s--", "^:"), strict=True
    ):
        axes.semilogy(range(1, len(loss) + 1), loss, line, color=color, markersize=4, label=name)
    axes.set(xlabel="epoch", ylabel="cross entropy (nats)", title=f"Training on {asked.data}")
    axes.legend()
