"""The networks that the two kinds of cells are compared in: 3-8-1, each with settings searched in the same way.

For each kind 400 settings were drawn at random from the same ranges and trained for 20 epochs on seeds 1000 and 1001,
with the compact law; the eight of the largest least R2 were trained on seeds 1002 to 1007 as well, and of these the one
of the largest median over the six was taken. Ranges: updates 3 to 300 and 0.1 to 3 / V, threshold 0.4 V or none, gain
1.2 to 4.5, backward gain 0.15 to 0.7, leaks 1e-6 to 3e-4 S, clamp 0.3 to 0.7 V, spreads 0.3 to 1.5 V, inputs 0.4 to
1 V, nudge 2e-4 to 1e-2 S, targets 0.2 to 0.45 V; the middle of the 2T1C cells' start weights 0.7 to 1.5 V.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ebana.onchip.description import Amplifier, Inputs, Layer, Network, SquaredLoss, UpdateCircuit
from ebana.onchip.synapse import Synapse


@dataclass(frozen=True)
class Start:
    """A network and where its weights begin.

    Args:
        network: the circuit.
        middle: of its start weights, volts: cells of one transistor conduct well above 0 only.
    """

    network: Network
    middle: float


def _network(
    kind: str,
    amplifier: Amplifier,
    updates: tuple[UpdateCircuit, UpdateCircuit],
    spreads: tuple[float, float],
    leak: float,
    inputs: float,
    loss: SquaredLoss,
) -> Network:
    layers = (
        Layer(8, amplifier, updates[0], spread=spreads[0]),
        Layer(1, Amplifier(leak=leak, load=1e-4), updates[1], spread=spreads[1]),
    )
    return Network(Inputs(1, inputs), layers, Synapse(kind), loss, decay=0.1)


def _update(scale: float, threshold: float | None, limit: float) -> UpdateCircuit:
    return UpdateCircuit(scale, threshold, step=0.08, limit=limit)


NETWORKS: Mapping[str, Start] = {
    "2t1c": Start(
        _network(
            "2t1c",
            Amplifier(1.473, 0.6166, leak=3.911e-6, clamp=0.4318),
            (_update(-3.623, None, 1.8), _update(-0.3097, None, 1.8)),
            spreads=(0.3771, 1.46),
            leak=1.961e-4,
            inputs=0.4258,
            loss=SquaredLoss(6.894e-3, 0.2497),
        ),
        middle=1.367,
    ),
    "cmos": Start(
        _network(
            "cmos",
            Amplifier(1.572, 0.5413, leak=3.599e-5, clamp=0.6651),
            (_update(54.94, 0.4, 0.9), _update(1.311, 0.4, 0.9)),
            spreads=(0.371, 1.353),
            leak=1.617e-4,
            inputs=0.9659,
            loss=SquaredLoss(2.341e-3, 0.3074),
        ),
        middle=0.0,
    ),
}
"""By kind of the cells."""
