"""What the programs of the quasi-static engine take as arguments; structure is in wiring.py."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from ebana.onchip.transistors.law import Law


class Layer(NamedTuple):
    """Numbers of a layer; volts, amperes, siemens, ohms and farads.

    ``thermal`` is ``kT/q``, ``capacitance_z`` that of a whole node ``z``, ``forgotten`` the charge that a weight's leak
    takes by its voltage until the free phase ends, in the nudged phase and in the update, and ``update`` has the
    numbers of the update circuit by name.
    """

    multiplier: Any
    capacitance: Any
    gain: Any
    backward: Any
    resistance: Any
    leak: Any
    load: Any
    clamp_volts: Any
    clamp_current: Any
    thermal: Any
    capacitance_z: Any
    forgotten: Any
    update: dict[str, Any]


class Differences(NamedTuple):
    """Deviations of a chip's transistors from their law, ``(T, C)``: by transistor of a cell and cell.

    Args:
        threshold: added to the threshold voltage, volts.
        strength: factor of the current and the charge, as of a wider transistor.
        offset: of the samplers of errors, volts, ``(amplifiers,)``.
    """

    threshold: Any
    strength: Any
    offset: Any


class Chip(NamedTuple):
    """A network as a chip has it.

    Args:
        law: of its transistors.
        layers: numbers of each layer.
        differences: of its transistors, or None.
    """

    law: Law
    layers: tuple[Layer, ...]
    differences: Differences | None = None


LANES: Any = Chip(law=None, layers=0, differences=0)  # type: ignore[arg-type]
"""Of a chip's numbers, which differ between lanes: those of layers and transistors, not the law."""


class State(NamedTuple):
    """Voltages of a network.

    Args:
        z: input nodes of each layer's amplifiers.
        p, n: their outputs, of all but the last layer.
        w: the weights' nodes of all cells.
    """

    z: tuple[Any, ...]
    p: tuple[Any, ...]
    n: tuple[Any, ...]
    w: Any


class Drive(NamedTuple):
    """What holds a network in a phase.

    Args:
        x: voltages of the inputs.
        y: targets, volts.
        nudge: conductance from each output to its target, siemens; nothing in the free phase.
        charges: on the weights' nodes that float, for one of the parallel cells, and on the bit lines joined to them.
        joined: capacitance of those bit lines, by cell, farads.
        driven: mask of those that are held.
        wanted: voltages that they are held at.
    """

    x: Any
    y: Any
    nudge: Any
    charges: Any
    joined: Any
    driven: Any
    wanted: Any


def first(chip: Chip) -> Chip:
    """The chip of the first lane."""
    layers, differences = jax.tree.map(lambda a: a[0], (chip.layers, chip.differences))
    return chip._replace(layers=layers, differences=differences)
