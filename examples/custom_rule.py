"""An update rule of your own
==========================

Override ``direction``, and learning rates, schedule and bounds are applied around it.

Many memory devices do not take a wanted change of conductance; they take pulses, each of which moves
them by about the same amount. This rule sends one pulse up or down to every conductance whose gradient
is clear enough, and none to the others. ``lr`` is the size of a pulse in siemens.
"""

import jax.numpy as jnp

from ebana import (
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    Optimizer,
    datasets,
)
from ebana.reports import loss_and_accuracy


# --- the rule
class Pulses(Optimizer):
    """One pulse against the sign of the gradient, where it exceeds a share of the layer's largest one."""

    def __init__(self, pulse, threshold=0.05, **options):
        super().__init__(lr=pulse, **options)
        self.threshold = threshold

    def direction(self, gradients, state, values):
        """+1, 0 or -1 for each value; the update is minus ``lr`` times this."""

        def pulses(g):
            return jnp.sign(g) * (jnp.abs(g) > self.threshold * jnp.abs(g).max())

        return {name: pulses(g) for name, g in gradients.items()}, state


# --- end of the rule

iris = datasets.load("iris", seed=0)
start = Initializers("uniform", {"L": 5e-7, "U": 3e-6, "g_min": 1e-7, "g_max": 2e-5})
xp = InputVoltageLayer(units=4, name="xp")
xn = InputVoltageLayer(name="xn", inverts=xp)
b1 = BiasVoltageLayer(units=2, name="b1", bias=[1.0, -1.0])
h = DenseLayer(units=10, name="d1", initializer=start)(ConcatenateLayer("j1")([xp, xn, b1]))
h = DiodeLayer("a2", "up", bias=-1.0)(DiodeLayer("a1", "down", bias=1.0)(h))
model = Model([xp, b1], CurrentLayer("c1")(DenseLayer(units=6, name="d2", initializer=start)(h)))

rule = Pulses(pulse=5e-8, schedule="cosine")
history = model.fit(iris.x_train, iris.y_train, epochs=150, batch_size=105, optimizer=rule,
                    validation_data=(iris.x_test, iris.y_test))  # fmt: skip
print(f"{150} pulses at most for each conductance: loss {history.history['loss'][0]:.3f} V^2 "
      f"-> {history.last('loss'):.3f} V^2")  # fmt: skip
print("test:", model.evaluate(iris.x_test, iris.y_test))
figure = loss_and_accuracy(history, loss_unit="V²")
