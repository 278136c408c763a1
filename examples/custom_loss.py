"""A loss of your own
==================

State the cost, and its slope (the nudging current) follows.

The Huber loss is quadratic near the target and linear beyond ``width``, so that one wild sample cannot
inject a large current. Here a fifth of the training targets is wrong on purpose.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from ebana import ConcatenateLayer, CurrentLayer, DenseLayer, Initializers, InputVoltageLayer, Loss, Model
from ebana.reports.style import BLUE, VERMILLION, styled


# --- the loss
@dataclass(frozen=True)
class Huber(Loss):
    """``d^2 / 2`` up to ``width`` volts of error d, then a straight line; in V^2."""

    width: float = 0.2
    smoothness = 1.0  # bound on the curvature: lets the clamped nudge check its beta

    def cost(self, y, target):
        """Cost of each sample, ``(B,)``."""
        d = jnp.abs(y - target)
        return jnp.where(d < self.width, d**2 / 2, self.width * (d - self.width / 2)).sum(-1)


# --- end of the loss

rng = np.random.default_rng(0)
x = rng.uniform(-1.0, 1.0, (200, 3))  # volts
clean = x @ np.array([[0.4], [-0.3], [0.2]])
y = np.where(rng.random((200, 1)) < 0.2, 3.0, clean)  # a fifth of the targets stuck at 3 V


def train(loss):
    """Train a linear circuit on the spoilt targets; returns what it says, in volts."""
    xp = InputVoltageLayer(units=3, name="xp")
    joined = ConcatenateLayer("j")([xp, InputVoltageLayer(name="xn", inverts=xp)])
    dense = DenseLayer(units=2, name="d", initializer=Initializers("uniform", {"L": 1e-6, "U": 1e-5}))(joined)
    model = Model(inputs=[xp], outputs=[CurrentLayer("c1")(dense)])
    model.fit(x, y, epochs=60, batch_size=50, loss_fn=loss)
    return model.predict(x)


said = {"MSE": train("mse"), "Huber": train(Huber())}
errors = {name: np.abs(y - clean).mean() for name, y in said.items()}
print(f"mean error on clean targets: MSE {errors['MSE']:.3f} V, Huber {errors['Huber']:.3f} V")

with styled():
    figure = Figure((5.2, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([-0.9, 0.9], [-0.9, 0.9], "k:", label="right")
    axes.plot(clean, said["MSE"], "x", color=VERMILLION, label="squared error")
    axes.plot(clean, said["Huber"], "o", color=BLUE, markersize=3, label="Huber")
    axes.set(xlabel="clean target (V)", ylabel="output (V)", title="A fifth of the targets was stuck at 3 V")
    axes.legend()
