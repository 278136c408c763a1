"""Wires are resistors too
=======================

In a crossbar rows are driven at the left and columns read at the bottom, and each crossing is a stretch of
wire away from the next. The far corner gets least. With 2 kohm from crossing to crossing, a network that was
trained on perfect wires is off; it learns around the losses, since each cell measures its own voltage.
"""

from ebana import recipes

recipe = recipes.get("iris")
split = recipe.data(seed=0)
train = recipe.dataset(split.x_train, split.y_train)
test = recipe.dataset(split.x_test, split.y_test)
loss = recipe.make_loss()
design = recipe.build(seed=0)
design.fit(train, verbose=False, **recipe.fit_options(seed=0))

wired = recipe.build(seed=0, wire_resistance=2e3)  # ohm between two crossings
wired.set_values({name: value for name, value in design.values.items() if name in wired.values})
moved = wired.evaluate(test, loss_fn=loss)
figure = wired.plot_voltage_drop(test.inputs, "d1")

wired.fit(train, verbose=False, **recipe.fit_options(seed=0, epochs=50))
print(f"perfect wires: {design.evaluate(test, loss_fn=loss)}")
print(f"2 kohm wires:  {moved}")
print(f"trained there: {wired.evaluate(test, loss_fn=loss)}")
