"""Conductances that are written by pulses
=======================================

An optimizer says by how much a conductance is to change. A device answers pulses, and each answers them
differently: steps shrink towards a bound, up is not down, no two devices are alike. ``optimizers.Pulsed``
puts the device between the two, and the rest of training stays as it is.
"""

from matplotlib.figure import Figure

from ebana import optimizers, recipes
from ebana.learning.programming import ConstantStep, ExponentialStep, SoftBounds
from ebana.reports.style import LINES, styled

recipe = recipes.get("iris")
split = recipe.data(seed=0)
train = recipe.dataset(split.x_train, split.y_train)
noises = {"states": 200, "device_to_device": 0.3, "cycle_to_cycle": 0.3}
devices = {
    "no device": None,
    "equal steps": ConstantStep(**noises),
    "steps that shrink to soft bounds": SoftBounds(**noises),
    "exponential steps": ExponentialStep(amplitude_up=0.5, amplitude_down=0.5, **noises),
}

losses = {}
for name, device in devices.items():
    model = recipe.build(seed=0)
    options = recipe.fit_options(seed=0, epochs=100)
    if device is not None:
        options["optimizer"] = optimizers.Pulsed(options["optimizer"], device=device, seed=1)
    losses[name] = model.fit(train, verbose=False, **options).history["loss"]
    print(f"{name}: loss {losses[name][-1]:.3f} V^2")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, loss), line in zip(losses.items(), LINES, strict=False):
        axes.semilogy(range(1, len(loss) + 1), loss, linestyle=line, label=name)
    axes.set(xlabel="epoch", ylabel="loss (V²)", title="One optimizer, four devices")
    axes.legend()
