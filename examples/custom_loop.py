"""A training loop of your own
===========================

Two public pieces are enough.

``model.gradients`` runs the free and the nudged phases of a batch and returns the gradient of the mean
loss by each trainable parameter. ``optimizer.step`` turns it into new values within their bounds.
Everything between the two is yours: here each gradient gets the noise of an imprecise measurement.
"""

import numpy as np
from matplotlib.figure import Figure

from ebana import (
    BatchGenerator,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    datasets,
    optimizers,
)
from ebana.reports.style import BLUE, styled

iris = datasets.load("iris", seed=1)
glorot = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})
xp = InputVoltageLayer(units=4, name="xp")
xn = InputVoltageLayer(name="xn", inverts=xp)
b1 = BiasVoltageLayer(units=2, name="b1", bias=[1.0, -1.0])
h = DenseLayer(units=10, name="d1", initializer=glorot)(ConcatenateLayer("j1")([xp, xn, b1]))
h = DiodeLayer("a1", "down", bias=1.0)(h)  # ideal diodes: hidden nodes stay between -1 V and 1 V
h = DiodeLayer("a2", "up", bias=-1.0)(h)
model = Model([xp, b1], CurrentLayer("c1")(DenseLayer(units=6, name="d2", initializer=glorot)(h)))

data = {"inputs": {"xp": iris.x_train}, "outputs": {"c1": iris.y_train}}
batches = BatchGenerator(data, batch_size=35, shuffle=True, seed=0)  # 105 samples: three equal batches
optimizer = optimizers.Adam(lr=2e-7)
rng = np.random.default_rng(0)

# --- the loop
losses, accuracies = [], []
for epoch in range(1, 41):
    for batch in batches:
        gradients = model.gradients(batch, loss_fn="mse", beta=1e-7)
        measured = {
            name: g + 0.02 * np.abs(g).max() * rng.normal(size=g.shape) for name, g in gradients.items()
        }
        optimizer.step(model, measured)
    loss, accuracy = model.evaluate(iris.x_test, iris.y_test)
    losses.append(loss)
    accuracies.append(accuracy)
    if epoch % 10 == 0:
        mean = model.values["d1/conductance"].mean()
        print(f"epoch {epoch:2d}: test loss {loss:.3f} V^2, accuracy {accuracy:.1%}, mean of d1 {mean:.2e} S")
# --- end of the loop

with styled():
    figure = Figure((6.2, 4.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(range(1, 41), losses, color=BLUE)
    above.set(ylabel="test loss (V²)", title="Gradients with 2 % of noise")
    below.plot(range(1, 41), 100 * np.array(accuracies), color=BLUE)
    below.set(xlabel="epoch", ylabel="test accuracy (%)")
