"""How loudly a circuit whispers
=============================

Every conductance adds thermal noise. It hardly matters to what the circuit answers, but equilibrium
propagation takes a small difference of two states, and a nudge that is too weak drowns. ``model.noise`` tells
the noise of each node, whose it is, and for each layer the nudging strength below which its gradient is lost.
"""

from ebana import recipes

recipe = recipes.get("iris")
split = recipe.data(seed=0)
train = recipe.dataset(split.x_train, split.y_train)
model = recipe.build(seed=0)
model.fit(train, verbose=False, **recipe.fit_options(seed=0))

noise = model.noise(train, bandwidth=1e6)  # hertz
print(noise)

figure = noise.plot()
