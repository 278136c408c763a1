"""The gradient doctor
===================

Why does a network not learn? ``model.diagnose`` looks at everything that can come between a gradient and what
a chip measures of it, and says what, where, with numbers, and what to do. Here converters of five bits read
the potentials: a nudge changes them by less than a step.
"""

from ebana import recipes
from ebana.hardware import Hardware, Measurement

recipe = recipes.get("iris")
split = recipe.data(seed=0)
train = recipe.dataset(split.x_train, split.y_train)
model = recipe.build(seed=0)

coarse = Hardware(measurement=Measurement(bits=5))
found = model.diagnose(train, loss_fn=recipe.make_loss(), beta=recipe.beta, hardware=coarse)
print(found)
print("advised:", found.findings[0].advised)

figure = found.plot()
