"""Two hundred chips of one design
===============================

No two chips have the same conductances. How wide may they spread before accuracy suffers, and of how many
chips?

``model.vary`` draws the chips and scores all of them in one compiled program. A chip follows from the seed
and its number alone, so that any of them can be looked at again: ``model.realise(hardware, chip=7)`` is an
ordinary model.
"""

from ebana import recipes
from ebana.hardware import Hardware, Levels, Spread

recipe = recipes.get("iris")
split = recipe.data(seed=0)
train = recipe.dataset(split.x_train, split.y_train)
test = recipe.dataset(split.x_test, split.y_test)
model = recipe.build(seed=0)
model.fit(train, verbose=False, **recipe.fit_options(seed=0))

spreads = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4)  # relative, from device to device
kinds = {sigma: Hardware(Levels(64), Spread(sigma), seed=1) for sigma in spreads}
found = model.vary(test, hardware=kinds, chips=200, quantity="relative spread")
print(found)

figure = found.plot()
