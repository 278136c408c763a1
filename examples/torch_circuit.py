"""A circuit as a layer of PyTorch
===============================

Trained in a plain loop, and taken home to be measured.

PyTorch's optimizer moves the conductances with all other parameters: at a learning rate of their own size, and within
the bounds of the devices. The same network with its circuit left as it is shows what the circuit learns.
"""

import torch
from matplotlib.figure import Figure

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
    datasets,
)
from ebana.reports.style import BLUE, VERMILLION, styled
from ebana.torch import EquilibriumModule


def circuit():
    """Two numbers in, three out: two crossbars, clipping diodes and amplifiers."""
    x = InputVoltageLayer(units=2, name="x")
    xn = InputVoltageLayer(name="xn", inverts=x)
    b = BiasVoltageLayer(units=2, name="b", bias=[1.0, -1.0])
    h = DenseLayer(units=10, name="d1")(ConcatenateLayer("j1")([x, xn, b]))
    h = DiodeLayer("a2", "up", bias=-0.3)(DiodeLayer("a1", "down", bias=0.3)(h))
    h = AmplificationLayer(name="amp", gain=4.0)(h)
    d = DenseLayer(units=6, name="d2")(ConcatenateLayer("j2")([h, b]))
    return Model([x, b], CurrentLayer("y")(d))


iris = datasets.load("iris", scale=1.0)
x_train, x_test = (torch.tensor(x, dtype=torch.float32) for x in (iris.x_train, iris.x_test))
y_train, y_test = (torch.tensor(y).argmax(1) for y in (iris.y_train, iris.y_test))

losses = {True: [], False: []}
for learns in (True, False):
    torch.manual_seed(0)
    model = circuit()
    layer = EquilibriumModule(model, output_scale=10.0).requires_grad_(learns)
    net = torch.nn.Sequential(torch.nn.Linear(4, 2), layer)
    groups = layer.parameter_groups(lr=0.02) if learns else []
    optimizer = torch.optim.Adam([{"params": net[0].parameters()}, *groups], lr=0.02)
    if learns:
        layer.keep_bounds(optimizer)
    for _ in range(150):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x_train), y_train)
        loss.backward()
        optimizer.step()
        losses[learns].append(loss.item())
    with torch.no_grad():
        volts, accuracy = net[0](x_test), (net(x_test).argmax(1) == y_test).float().mean()
    model.set_values(layer.values())  # the circuit is an ebana.Model: draw it, export it, measure it
    watts = model.power(volts.double().numpy()).total
    print(
        f"circuit {'trained' if learns else 'as it is'}: loss {loss.item():.3f}, test accuracy {accuracy.item():.1%}, "
        f"{watts * 1e6:.0f} uW in the circuit"
    )

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.semilogy(range(1, 151), losses[True], color=BLUE, label="circuit trained")
    axes.semilogy(range(1, 151), losses[False], "--", color=VERMILLION, label="circuit as it is")
    axes.set(xlabel="step", ylabel="cross entropy (nats)", title="One optimizer for digits and siemens")
    axes.legend()
