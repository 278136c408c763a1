"""Arrays of circuit elements. A crossbar is one element, not 784 x 100 resistors.

Every terminal is an integer array of node indices in the circuit's numbering; :data:`GROUND` is the
reference node. Values are named parameters (:class:`~ebana.parameters.Parameter`) or, for
voltage sources, named inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from ebana.frozen import FrozenMapping
from ebana.spice.language.subcircuit import Subcircuit

INDEX = np.int32
"""Type of all node indices: JAX mixes its precision scopes up over 64-bit index arrays that both see."""

GROUND = -1
"""Index of the reference node, 0 V."""


def run(index: np.ndarray) -> slice | np.ndarray:
    """The indices as a slice where they are consecutive, which compiled code takes for nothing; else as they are."""
    if index.size and index[0] >= 0 and np.array_equal(index, np.arange(index[0], index[0] + index.size)):
        return slice(int(index[0]), int(index[0]) + index.size)
    return index.astype(INDEX)


NodeKind = Literal["free", "source", "amplified"]


@dataclass(frozen=True)
class NodeGroup:
    """A run of nodes with one name.

    ``free`` nodes are unknowns, ``source`` nodes are held by voltage sources, ``amplified`` nodes are
    the outputs of amplifiers and follow from their inputs.
    """

    name: str
    kind: NodeKind
    start: int
    size: int

    @property
    def indices(self) -> np.ndarray:
        """Node indices of the group, shape ``(size,)``."""
        return np.arange(self.start, self.start + self.size, dtype=INDEX)


class DeviceModel(Protocol):
    """What a circuit knows of the devices in it; :class:`ebana.devices.Device` implements it."""

    ideal: bool
    own: ClassVar[Any]
    law: Any
    pick: Any
    current: Any
    conductance: Any
    cocontent: Any
    piecewise_linear: Any
    spice: Any
    spice_model: Any


class _Indexed:
    """Keeps the arrays of node indices of an element in one integer type."""

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "a", "b", "nodes", "inputs", "outputs", "pins"):
            if hasattr(self, name):
                object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=INDEX))


@dataclass(frozen=True, eq=False)
class Crossbar(_Indexed):
    """A conductance between every row node and every column node; parameter shape ``(m, n)``."""

    name: str
    rows: np.ndarray
    columns: np.ndarray
    conductance: str


@dataclass(frozen=True, eq=False)
class Resistors(_Indexed):
    """``k`` resistors from ``a[i]`` to ``b[i]``; parameter shape ``(k,)``."""

    name: str
    a: np.ndarray
    b: np.ndarray
    conductance: str


@dataclass(frozen=True, eq=False)
class Devices(_Indexed):
    """``k`` equal devices from ``a[i]`` (anode) to ``b[i]`` (cathode).

    ``parameters`` maps the device's own parameter names to circuit parameters of shape ``(k,)`` or
    ``(1,)``.
    """

    name: str
    a: np.ndarray
    b: np.ndarray
    model: DeviceModel
    parameters: Mapping[str, str] = field(default_factory=lambda: FrozenMapping({}))


@dataclass(frozen=True, eq=False)
class Subcircuits(_Indexed):
    """``k`` instances of a block written in SPICE; ``pins`` has a row of nodes for each, shape ``(k, pins)``.

    Its currents are known to SPICE alone.
    """

    name: str
    pins: np.ndarray
    model: Subcircuit


@dataclass(frozen=True, eq=False)
class CurrentSources(_Indexed):
    """Currents into ``nodes[i]``; parameter shape ``(k,)``, amperes."""

    name: str
    nodes: np.ndarray
    current: str


@dataclass(frozen=True, eq=False)
class VoltageSources(_Indexed):
    """Sources that hold ``nodes[i]`` at ``scale[i] * value[columns[i]]`` volts.

    The value is an input (one row a sample) or a parameter (the same for all samples): exactly one of
    ``input`` and ``parameter`` is given.
    """

    name: str
    nodes: np.ndarray
    columns: np.ndarray
    scale: np.ndarray
    input: str | None = None
    parameter: str | None = None


@dataclass(frozen=True, eq=False)
class Amplifiers(_Indexed):
    """Bidirectional amplifiers: ``w = s + A (h - s)``, and ``h`` supplies ``kappa I(w)``.

    ``backward`` names kappa; None stands for ``1 / A`` (the amplifier of the EBANA framework).
    Parameter shapes ``(1,)`` or ``(k,)``.
    """

    name: str
    inputs: np.ndarray
    outputs: np.ndarray
    gain: str
    shift: str
    backward: str | None = None


@dataclass(frozen=True, eq=False)
class Output(_Indexed):
    """A port that is read, and nudged by currents.

    ``folded``: even nodes are ``v+``, odd nodes ``v-``, and unit k reads ``v+_k - v-_k``; else one
    node a unit.
    """

    name: str
    nodes: np.ndarray
    folded: bool

    @property
    def units(self) -> int:
        """Number of values that are read."""
        return len(self.nodes) // 2 if self.folded else len(self.nodes)


Element = Crossbar | Resistors | Devices | Subcircuits | CurrentSources | VoltageSources | Amplifiers
