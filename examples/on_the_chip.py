"""Train on the chip itself
========================

A network that was trained on perfect devices is moved to chips whose conductances spread by 30 % and whose
diodes differ, and loses accuracy. A few more epochs on each chip win it back: equilibrium propagation
measures on the chip, mismatch and all, and needs no model of it.

``model.on(hardware, chip=k)`` is the network on chip k. States and measured differences are the chip's; the
gradient moves what is asked of it, the values to program.
"""

import numpy as np
from matplotlib.figure import Figure

from ebana import recipes
from ebana.hardware import Hardware, Mismatch, Spread
from ebana.reports.style import BLUE, GREY, VERMILLION, styled

recipe = recipes.get("iris")
split = recipe.data(seed=0)
train = recipe.dataset(split.x_train, split.y_train)
test = recipe.dataset(split.x_test, split.y_test)
design = recipe.build(seed=0)
design.fit(train, verbose=False, **recipe.fit_options(seed=0))
options = recipe.fit_options(seed=0, epochs=40)

hardware = Hardware(Spread(0.3), Mismatch(threshold=10e-3, gain=0.05), seed=4)
chips = range(8)
moved, tuned = [], []
for chip in chips:
    there = design.on(hardware, chip=chip)
    moved.append(there.evaluate(test, loss_fn=recipe.make_loss()).loss)
    there.fit(train, verbose=False, **options)
    tuned.append(there.evaluate(test, loss_fn=recipe.make_loss()).loss)
ideal = design.evaluate(test, loss_fn=recipe.make_loss()).loss
print(f"test loss of the design: {ideal:.3f} V^2")
print(
    f"mean of {len(chips)} chips: moved there {np.mean(moved):.3f} V^2, trained there {np.mean(tuned):.3f} V^2"
)

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axhline(ideal, color=GREY, linestyle=":", label="the design, without mismatch")
    axes.vlines(chips, moved, tuned, color=GREY, linewidth=1.0)
    axes.plot(chips, moved, "s", color=VERMILLION, label="moved to the chip")
    axes.plot(chips, tuned, "o", color=BLUE, label="trained on it for 40 more epochs")
    axes.set(xlabel="chip", ylabel="test loss (V²)", ylim=(0, None), title="Mismatch that training takes in")
    axes.legend()
