"""What the programs of the quasi-static engine take as arguments; structure is in wiring.py."""

from __future__ import annotations

from typing import NamedTuple

import jax

from ebana.onchip.transistors.law import Law


class Layer(NamedTuple):
    """Numbers of a layer; volts, amperes, siemens, ohms and farads."""

    multiplier: jax.Array
    capacitance: jax.Array
    gain: jax.Array
    backward: jax.Array
    resistance: jax.Array
    leak: jax.Array
    load: jax.Array
    clamp_volts: jax.Array
    clamp_current: jax.Array
    thermal: jax.Array
    scale: jax.Array
    threshold: jax.Array
    step: jax.Array
    limit: jax.Array
    bit_line: jax.Array


class Differences(NamedTuple):
    """Deviations of a chip's transistors from their law, ``(T, C)``: by transistor of a cell and cell.

    Args:
        threshold: added to the threshold voltage, volts.
        strength: factor of the current.
    """

    threshold: jax.Array
    strength: jax.Array


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


class State(NamedTuple):
    """Voltages of a network.

    Args:
        z: input nodes of each layer's amplifiers.
        p, n: their outputs, of all but the last layer.
        w: the weights' nodes of all cells.
    """

    z: tuple[jax.Array, ...]
    p: tuple[jax.Array, ...]
    n: tuple[jax.Array, ...]
    w: jax.Array


class Drive(NamedTuple):
    """What holds a network in a phase.

    Args:
        x: voltages of the inputs.
        y: targets, volts.
        nudge: conductance from each output to its target, siemens; nothing in the free phase.
        charges: on the weights' nodes that float.
        driven: mask of those that are held.
        wanted: voltages that they are held at.
    """

    x: jax.Array
    y: jax.Array
    nudge: jax.Array
    charges: jax.Array
    driven: jax.Array
    wanted: jax.Array
