"""A layer of your own
===================

State which elements it adds.

This one is the resistive grid of silicon retinas: each node is tied to one input and to its neighbours,
so that the grid smooths what it sees. It learns to smooth as another grid does, from examples alone. The
circuit is no chain of crossbars; the engine notices and solves it by Newton's method.
"""

import numpy as np
from matplotlib.figure import Figure

from ebana import CurrentLayer, InputVoltageLayer, Layer, Model, optimizers
from ebana.reports.style import GREY, SKY, styled


# --- the layer
class RetinaLayer(Layer):
    """One new node for each input node, tied to it and to the next new node by trained conductances."""

    kind_label = "retina"

    def __init__(self, name, start=1e-6, low=1e-8, high=1e-4):
        super().__init__(name)
        self.start, self.low, self.high = start, low, high

    def add(self, build, signal, inputs, rng):
        """New nodes, resistors to the inputs, resistors between neighbours."""
        nodes = build.nodes(signal.name, inputs[0].size)
        bounds = {"trainable": True, "low": self.low, "high": self.high}
        build.resistors(f"{signal.name}_in", inputs[0], nodes, self.start, **bounds)
        build.resistors(f"{signal.name}_side", nodes[:-1], nodes[1:], self.start, **bounds)
        return nodes

    def config(self):
        """What ``model.save`` writes; ``load_model(path, custom_layers=...)`` brings it back."""
        return {"name": self.name, "start": self.start, "low": self.low, "high": self.high}


# --- end of the layer


def retina():
    """Eight pixels in, eight smoothed pixels out."""
    x = InputVoltageLayer(units=8, name="x")
    return Model(inputs=[x], outputs=[CurrentLayer("y", fold=False)(RetinaLayer("grid")(x))])


rng = np.random.default_rng(0)
x = rng.normal(size=(64, 8))  # volts
teacher, model = retina(), retina()
teacher.set_values({"grid_side/conductance": rng.uniform(1e-6, 8e-6, 7)})
y = teacher.predict(x)

history = model.fit(x, y, epochs=300, batch_size=64, optimizer=optimizers.Adam(lr=1e-7))
print(f"loss {history.history['loss'][0]:.4f} V^2 -> {history.last('loss'):.1e} V^2")
ratios = {}
for name, m in (("teacher", teacher), ("model", model)):
    sides = ratios[name] = m.values["grid_side/conductance"] / m.values["grid_in/conductance"].mean()
    print(f"{name:>8}: conductance to the neighbour / to the input:", np.round(sides, 2))

pairs = np.arange(1, 8)
with styled():
    figure = Figure((6.2, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.bar(pairs - 0.2, ratios["teacher"], 0.38, color=GREY, label="teacher")
    axes.bar(pairs + 0.2, ratios["model"], 0.38, color=SKY, hatch="//", label="learned from examples")
    axes.set(
        xlabel="pair of neighbours",
        ylabel="conductance, relative to the input's",
        title="What the grid learned",
    )
    axes.legend()
