"""What the elements of a deck are wired by: its nodes in the circuit, held ones, and branches whose current is read.

Names of nodes and elements are the deck's, in full and in lower case; where the current of an element is read, an
ammeter of 0 V stands in series with it, at a node of its own behind the first one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.circuit.element import GROUND, INDEX
from ebana.circuit.element import Element as CircuitElement
from ebana.decks.selection import Drive
from ebana.spice.language.deck.elements import Behavioural, CurrentControlled, Element, VoltageSource
from ebana.spice.language.deck.expression import Current, variables


class Wiring:
    """Nodes, names and meters of a deck in a circuit that is being built.

    Args:
        elements: of the deck.
        build: the circuit.
        known: nodes that are there already, by the deck's names for them.
        prefix: of the names of arrays.

    Example:
        >>> build = CircuitBuilder()
        >>> wiring = Wiring((), build, prefix="block ")
        >>> wiring.name(["a", "b"], build.nodes(wiring.called("nodes"), 2))
        >>> wiring.nodes(["b", "0"])
        array([ 1, -1], dtype=int32)
    """

    def __init__(
        self,
        elements: Sequence[Element],
        build: CircuitBuilder,
        known: Mapping[str, int] | None = None,
        prefix: str = "",
    ) -> None:
        self.build, self.prefix = build, prefix
        self.index: dict[str, int] = {"0": GROUND, **(known or {})}
        self.given = frozenset(self.index)
        self.branches: dict[str, tuple[str, int]] = {}
        self.measured = measured(elements)

    def called(self, name: str) -> str:
        """What an array is called in the circuit."""
        return f"{self.prefix}{name}"

    def name(self, names: Sequence[str], nodes: np.ndarray) -> None:
        """Give nodes of the circuit the deck's names."""
        self.index |= dict(zip(names, nodes.tolist(), strict=True))

    def nodes(self, names: Iterable[str]) -> np.ndarray:
        """Indices of nodes by their names."""
        return np.array([self.index[name] for name in names], INDEX)

    def ends(self, elements: Sequence[Element]) -> tuple[np.ndarray, np.ndarray]:
        """First and second nodes; behind the ammeter of those that are measured."""
        first = [
            e.nodes[0] if e.name not in self.measured or isinstance(e, VoltageSource) else f"{e.name}#series"
            for e in elements
        ]
        return self.nodes(first), self.nodes(e.nodes[1] for e in elements)

    def hold(
        self, drive: Drive, volts: Sequence[float], signs: np.ndarray, names: Sequence[str], name: str
    ) -> np.ndarray:
        """Nodes that an input, trained voltages or fixed ones hold."""
        if drive.input:
            title = self.called(f"{name} {drive.input}")
            nodes = self.build.held(title, names)
            self.build.drive(title, nodes, drive.input, drive.columns, signs)
            return nodes
        title = self.called(f"{name} {drive.pattern}" if drive.pattern else name)
        low, high = drive.bounds or (-np.inf, np.inf)
        return self.build.bias(
            title,
            np.asarray(volts, float),
            scale=signs,
            labels=names,
            trainable=bool(drive.pattern),
            low=low,
            high=high,
        )

    def note_branches(self, array: str, elements: Sequence[Element]) -> None:
        """Note the array whose units carry the currents of elements."""
        self.branches |= {e.name: (array, k) for k, e in enumerate(elements)}

    def label(self, members: Sequence[Element]) -> None:
        """Give the array that was added last the names of its elements, and messages their lines."""
        self.build.label_last([member.name for member in members])
        self.build.wrote_last(members)

    def add(self, array: CircuitElement, members: Sequence[Element]) -> None:
        """Add an array, with the names of its elements and their lines for messages."""
        self.build.add(array)
        self.label(members)


def measured(elements: Iterable[Element]) -> frozenset[str]:
    """Names of the elements whose currents others read."""
    found: set[str] = set()
    for element in elements:
        if isinstance(element, CurrentControlled):
            found.add(element.source)
        elif isinstance(element, Behavioural):
            found |= {v.source for v in variables(element.expression) if isinstance(v, Current)}
    return frozenset(found)
