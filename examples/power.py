"""Where the power goes
====================

At an operating point each element takes up ``dv * i`` watts, and what the sources deliver is what the others
dissipate, to the last digit. ``model.power`` tells it by layer, and with targets for the nudged phases of
training too.
"""

from ebana import recipes
from ebana.reports import power_chart

recipe = recipes.get("iris")
split = recipe.data(seed=0)
train = recipe.dataset(split.x_train, split.y_train)
model = recipe.build(seed=0)
model.fit(train, verbose=False, **recipe.fit_options(seed=0))

power = model.power(train.inputs)
print(power)
print(f"{1e6 * power.total:.1f} uW from the sources, {1e6 * power.dissipated:.1f} uW dissipated")

figure = power_chart(power)
