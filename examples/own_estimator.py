"""A gradient estimator of your own
================================

One class with one method.

Nudges of finite strength bend the estimate: the centered one is off by a term of order beta^2. Two of them, at beta
and at 2 beta, cancel that term (Richardson extrapolation), so that a strong nudge, which noise cannot hide, costs no
accuracy. Any engine will do, a chip too.
"""

from dataclasses import dataclass

import jax
import numpy as np
from matplotlib.figure import Figure

from ebana import (
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    EquilibriumPropagation,
    GradientEstimator,
    InputVoltageLayer,
    Model,
    datasets,
    optimizers,
)
from ebana.reports.style import BLUE, VERMILLION, styled


# --- the estimator
@dataclass(frozen=True)
class FourthOrder(GradientEstimator):
    """``(4 g(beta) - g(2 beta)) / 3`` of two centered estimates: the next error is of order beta^4."""

    nudge: str = "current"

    def estimate(self, system, values, objective, *, beta):
        """Both estimates; samples count where both have them."""
        centered = EquilibriumPropagation("centered", self.nudge)
        near, far = (centered.estimate(system, values, objective, beta=scale * beta) for scale in (1.0, 2.0))
        gradients, sensitivities = jax.tree.map(
            lambda a, b: (4 * a - b) / 3,
            (near.gradients, near.sensitivities),
            (far.gradients, far.sensitivities),
        )
        return near._replace(
            gradients=gradients,
            sensitivities=sensitivities,  # of the inputs, for a network that has other parts before it
            used=near.used & far.used,
            unconverged=near.unconverged + far.unconverged,
        )


# --- end of the estimator

x = InputVoltageLayer(units=4, name="x")
hidden = DenseLayer(units=6, name="d1", init_type="glorot")(x)
hidden = DiodeLayer("soft", model=".model soft D(IS=1u N=2)", bias=0.0)(hidden)
model = Model(x, CurrentLayer("species")(DenseLayer(units=6, name="d2", init_type="glorot")(hidden)))
iris = datasets.load("iris")
x_train, y_train = iris.x_train, iris.y_train

exact = model.gradients(x_train, y_train, estimator="adjoint")
betas = model.default_beta() * np.geomspace(1.0, 200.0, 6)  # siemens
errors = {"centered": [], "fourth order": []}
for (name, found), estimator in zip(errors.items(), ("centered", FourthOrder()), strict=True):
    for beta in betas:
        g = model.gradients(x_train, y_train, estimator=estimator, beta=beta)
        found.append(max(np.linalg.norm(g[k] - exact[k]) / np.linalg.norm(exact[k]) for k in exact))
    print(f"{name}: relative error {found[4]:.1e} at beta = {betas[4]:.2g} S")

history = model.fit(
    x_train, y_train, epochs=20, batch_size=105, estimator=FourthOrder(), optimizer=optimizers.Adam(lr=4e-4)
)
print(f"loss {history.history['loss'][0]:.3f} -> {history.history['loss'][-1]:.3f}")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.loglog(1e6 * betas, errors["centered"], "s--", color=VERMILLION, label="centered: falls as beta²")
    axes.loglog(1e6 * betas, errors["fourth order"], "o-", color=BLUE, label="fourth order")
    axes.set(
        xlabel="nudge beta (µS)",
        ylabel="relative error of the gradient",
        title="Strong nudges, exact gradients",
    )
    axes.legend()
