"""From PyTorch to a circuit
=========================

A network that PyTorch trained becomes a circuit of the same predictions, a deck, and a chip that is trained on.
A chip's conductances are off by 40 %. Equilibrium propagation on the chip itself brings back what that costs.
"""

import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import nn

import ebana
from ebana import datasets, losses, optimizers
from ebana.hardware import Hardware, Spread
from ebana.reports.style import BLUE, GREY, styled

digits = datasets.load("digits", seed=0, scale=1.0)
x_train, x_test = (torch.tensor(x, dtype=torch.float32) for x in (digits.x_train, digits.x_test))
y_train, labels = torch.tensor(digits.y_train).argmax(1), digits.y_test.argmax(1)

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(64, 30), nn.BatchNorm1d(30), nn.ReLU(), nn.Dropout(0.1), nn.Linear(30, 10))
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
for _ in range(60):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(x_train), y_train).backward()
    optimizer.step()
network.eval()

conversion = ebana.convert(network, examples=x_train)
print(conversion.report)
digital = network(x_test).argmax(1).numpy()
print(f"labels equal to PyTorch's: {(conversion.labels(x_test) == digital).mean():.2%}")

deck = Path(tempfile.mkdtemp()) / "converted.cir"
conversion.model.netlist(conversion.volts(x_test), path=deck)
print(f"deck of {len(deck.read_text().splitlines())} lines, for ngspice")


def accuracy(model: object) -> str:
    """Of a model with the circuit's layers, on the test images."""
    return f"{(conversion.labels(x_test, model) == labels).mean():.1%}"


chip = conversion.model.on(Hardware(Spread(0.4)), chip=0)
print(f"accuracy as designed {accuracy(conversion.model)}, on the chip {accuracy(chip)}")
chip.fit(
    conversion.volts(x_train),
    digits.y_train,
    batch_size=64,
    epochs=5,
    loss_fn=losses.CrossEntropyLoss(),
    optimizer=optimizers.Adam(lr=3e-7),
    verbose=False,
)
print(f"after five epochs on the chip: accuracy {accuracy(chip)}")

with torch.no_grad():
    wanted = network(x_test).numpy()
with styled():
    figure = Figure(figsize=(5.0, 4.2), layout="constrained")
    axes = figure.subplots()
    reach = [float(wanted.min()), float(wanted.max())]
    axes.plot(reach, reach, color=GREY, linewidth=1.0, label="equal")
    axes.plot(
        wanted.ravel(),
        conversion.predict(x_test).ravel(),
        ".",
        color=BLUE,
        markersize=2.0,
        label="10 outputs, 540 images",
    )
    axes.set(
        xlabel="PyTorch's output",
        ylabel="the circuit's output",
        title="The circuit says what the network says",
    )
    axes.legend()
