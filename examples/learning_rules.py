"""Learning rules side by side
===========================

Each rule makes a gradient of a few states of the circuit. How close is it to the exact one, which the adjoint
method computes from the equations? The angle between the two decides whether a step goes down the loss.
"""

import numpy as np
from matplotlib.figure import Figure

from ebana import ConcatenateLayer, CurrentLayer, DenseLayer, DiodeLayer, InputVoltageLayer, Model, datasets
from ebana.reports.style import BLUE, styled

iris = datasets.load("iris")
x = InputVoltageLayer(units=4, name="x")
both = ConcatenateLayer("j")([x, InputVoltageLayer(name="xn", inverts=x)])
hidden = DenseLayer(units=8, name="d1", init_type="glorot")(both)
hidden = DiodeLayer("soft", model=".model soft D(IS=1u N=2)", bias=0.0)(hidden)
outputs = CurrentLayer("species")(DenseLayer(units=6, name="d2", init_type="glorot")(hidden))
model = Model(x, outputs, seed=1)


def flat(estimator, **options):
    """The gradient of all conductances as one vector."""
    found = model.gradients(iris.x_train, iris.y_train, estimator=estimator, **options)
    return np.concatenate([found[name].ravel() for name in sorted(found)])


exact = flat("adjoint")
strong = {"beta": 20 * model.default_beta()}
rules = {
    "centered": strong, "one_sided": strong, "negative": strong, "n_point": strong,
    "coupled": {}, "coupled_positive": {}, "coupled_negative": {}, "contrastive": {},
}  # fmt: skip
degrees = {}
for rule, options in rules.items():
    g = flat(rule, **options)
    chord = np.linalg.norm(g / np.linalg.norm(g) - exact / np.linalg.norm(exact))
    degrees[rule] = np.degrees(2 * np.arcsin(chord / 2))  # a cosine near 1 would lose its digits
    print(f"{rule:17} {degrees[rule]:.3g} degrees off")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    names = list(degrees)[::-1]
    bars = axes.barh(names, [degrees[name] for name in names], color=BLUE)
    axes.bar_label(bars, fmt="%.2g°", padding=3)
    axes.set(xscale="log", xlabel="angle to the exact gradient (degrees)", title="Gradients of eight rules")
    axes.margins(x=0.15)
