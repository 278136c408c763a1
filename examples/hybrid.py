"""Circuits inside a digital model
===============================

Digital, circuit, digital, circuit, digital, trained end to end.

Backpropagation passes the digital parts, equilibrium propagation the circuits. The same model with its circuits left
as they are shows what the analog parts learn.
"""

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
from ebana.hybrid import CircuitBlock, Dense, HybridModel
from ebana.reports.style import BLUE, VERMILLION, styled


def circuit(seed):
    """Four numbers in, four out: two crossbars, clipping diodes and amplifiers."""
    x = InputVoltageLayer(units=4, name="x")
    xn = InputVoltageLayer(name="xn", inverts=x)
    b = BiasVoltageLayer(units=2, name="b", bias=[1.0, -1.0])
    h = DenseLayer(units=8, name="d1")(ConcatenateLayer("j1")([x, xn, b]))
    h = DiodeLayer("a2", "up", bias=-0.3)(DiodeLayer("a1", "down", bias=0.3)(h))
    h = AmplificationLayer(name="amp", gain=4.0)(h)
    d = DenseLayer(units=8, name="d2")(ConcatenateLayer("j2")([h, b]))
    return Model([x, b], CurrentLayer("y")(d), seed=seed)


iris = datasets.load("iris", scale=1.0)
losses = {}
for learns in (True, False):
    blocks = [
        CircuitBlock(circuit(seed), output_scale=3.0, learning_rate=4e-7, trainable=learns) for seed in (1, 2)
    ]
    model = HybridModel([Dense(4), blocks[0], Dense(4), blocks[1], Dense(3)], input_shape=4)
    history = model.fit(
        iris.x_train,
        iris.y_train,
        epochs=150,
        batch_size=len(iris.x_train),
        loss_fn="cross_entropy",
        optimizer=optimizers.Adam(lr=1e-2, schedule="cosine"),
    )
    losses["trained" if learns else "as they are"] = history.history["loss"]
    tested = model.evaluate(iris.x_test, iris.y_test, loss_fn="cross_entropy")
    power = sum(report.total for report in model.power(iris.x_test).values())
    print(
        f"circuits {'trained' if learns else 'as they are'}: {tested}, {power * 1e6:.0f} uW in the circuits"
    )

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, loss), (color, line) in zip(losses.items(), [(BLUE, "-"), (VERMILLION, "--")], strict=True):
        axes.semilogy(range(1, len(loss) + 1), loss, line, color=color, label=f"circuits {name}")
    axes.set(xlabel="epoch", ylabel="cross entropy (nats)", title="What the analog parts learn")
    axes.legend()
