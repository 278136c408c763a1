"""What is trained: the published settings, ours, and the published ones with one or several of them changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ebana.onchip import recipes
from ebana.onchip.description import Network

Change = Callable[[Network], Network]


@dataclass(frozen=True)
class Case:
    """A circuit and how long it trains on the sine.

    Args:
        name: of the case, also as part of the name of a file.
        told: what it is, in words.
        network: the circuit.
        epochs: passes over the points.
        points: of the sine.
    """

    name: str
    told: str
    network: Network
    epochs: int
    points: int = 50

    def shortened(self) -> Case:
        """A small version of it, with 8 hidden units, 25 points and 12 epochs."""
        first, *others = self.network.layers
        small = replace(self.network, layers=(replace(first, units=8), *others))
        return replace(self, network=small, epochs=min(self.epochs, 12), points=25)


def compared() -> list[Case]:
    """The published settings and ours."""
    sine = recipes.RECIPES["sine"]
    return [
        Case("published", "published settings", recipes.METZGER, recipes.METZGER_EPOCHS),
        Case("ours", "our settings", recipes.network(sine.settings, 1), sine.epochs),
    ]


def _layers(network: Network, **update: float | None) -> Network:
    """The same with something of all update circuits changed."""
    layers = [replace(layer, update=replace(layer.update, **update)) for layer in network.layers]
    return replace(network, layers=layers)


def _amplitude(network: Network) -> Network:
    return replace(network, loss=replace(network.loss, amplitude=0.2))


def _scale(which: int, scale: float) -> Change:
    def changed(network: Network) -> Network:
        layers = list(network.layers)
        layers[which] = replace(layers[which], update=replace(layers[which].update, scale=scale))
        return replace(network, layers=layers)

    return changed


def _clamp(volts: float, mirrored: bool = True) -> Change:
    def changed(network: Network) -> Network:
        first, *others = network.layers
        amplifier = replace(first.amplifier, clamp=volts, mirrored=mirrored)
        return replace(network, layers=(replace(first, amplifier=amplifier), *others))

    return changed


def _single(network: Network) -> Network:
    *hidden, last = network.layers
    return replace(network, layers=(*hidden, replace(last, multiplier=1.0)))


def _decaying(network: Network) -> Network:
    return replace(network, decay=0.1)


def _rectified(network: Network) -> Network:
    return _layers(network, threshold=0.4)


CHANGES: dict[str, tuple[str, Change]] = {
    "amplitude": ("targets of 0.2 V", _amplitude),
    "scale": ("second layer's updates 0.3 / V", _scale(1, 0.3)),
    "clamp": ("clamp 0.4 V higher", _clamp(0.4)),
    "single": ("one synapse a cell in the second layer", _single),
    "decay": ("rate falls to 0.1", _decaying),
    "rectified": ("multiplier above 0.4 V only", _rectified),
    "node": ("diode at the node, from 0.45 V", _clamp(0.45, mirrored=False)),
    "first": ("first layer's updates 100 / V", _scale(0, 100.0)),
}
"""Changes of the published settings by name, with what they are in words."""

TOGETHER = (
    ("amplitude", "scale"),
    ("amplitude", "scale", "clamp"),
    ("amplitude", "scale", "clamp", "decay", "single"),
    ("amplitude", "scale", "clamp", "decay", "single", "rectified", "first"),
    ("scale", "clamp", "decay"),
)
"""Changes that are made together; the last ones leave the targets at 20 mV."""


def ablated() -> list[Case]:
    """The published settings, each of the changes alone, and several together."""
    single = [(name,) for name in CHANGES if name != "first"]
    return [_changed(names) for names in ((), *single, *TOGETHER)]


def _changed(names: tuple[str, ...]) -> Case:
    network = recipes.METZGER
    for name in names:
        network = CHANGES[name][1](network)
    told = " + ".join(CHANGES[name][0] for name in names)
    return Case("-".join(names) or "published", told or "as published", network, recipes.METZGER_EPOCHS)
