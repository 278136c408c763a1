"""Where the cells of a network lie: all of them in one array, so that one program evaluates them together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np

from ebana.onchip.description import UpdateCircuit
from ebana.onchip.synapse import Node, Transistor
from ebana.onchip.transistors.law import Size

Write = Literal["rows", "columns"]

OUTER: tuple[Node, ...] = ("p", "n", "z")
"""Nodes of a cell that others share."""

NODES: tuple[Node, ...] = (*OUTER, "w")


@dataclass(frozen=True)
class Crossbar:
    """Structure of a layer: what a program is compiled for.

    Args:
        rows, columns: cells by input and by output.
        write: whether a row or a column of cells is written at a time.
        update: class of its update circuit and what of it is no number.
        buffered: whether weights are read through a buffer, so that the bit line takes no charge from them.
        mirrored: whether the clamp sits on the amplifier's outputs and its current is reflected to the node.
    """

    rows: int
    columns: int
    write: Write = "columns"
    update: tuple[type[UpdateCircuit], tuple[tuple[str, Any], ...]] = UpdateCircuit().structure
    buffered: bool = True
    mirrored: bool = False

    @property
    def lines(self) -> int:
        """Number of write lines."""
        return self.rows if self.write == "rows" else self.columns

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Wiring:
    """Structure of a network.

    Args:
        transistors: of a cell, the same in all crossbars.
        crossbars: from the inputs to the outputs.
    """

    transistors: tuple[Transistor, ...]
    crossbars: tuple[Crossbar, ...]

    @property
    def depth(self) -> int:
        """Number of crossbars."""
        return len(self.crossbars)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The kinds of transistors in use, in the order that a law has them."""
        return tuple(dict.fromkeys(one.size for one in self.transistors))

    @cached_property
    def which(self) -> np.ndarray:
        """Kind of each transistor of a cell, ``(T, 1)``."""
        return np.array([[self.sizes.index(one.size)] for one in self.transistors], np.int32)

    @cached_property
    def channel(self) -> np.ndarray:
        """1 for n and -1 for p, by transistor of a cell, ``(T, 1)``."""
        return np.array([[1.0 if one.size.channel == "n" else -1.0] for one in self.transistors])

    def incidence(self, plus: str, minus: str) -> np.ndarray:
        """Terminals of the transistors by node, ``(T, 4)``: 1 where ``plus`` is, -1 where ``minus`` is."""
        rows = [
            [(getattr(one, plus) == node) - (getattr(one, minus) == node if minus else 0) for node in NODES]
            for one in self.transistors
        ]
        return np.array(rows, np.float64)

    @cached_property
    def flow(self) -> np.ndarray:
        """Sign of each transistor's current as it is drawn from each outer node, ``(3, T)``."""
        return self.incidence("drain", "source")[:, :3].T

    @cached_property
    def storing(self) -> np.ndarray:
        """1 for the transistors whose gate is the weight's node, ``(T,)``."""
        return self.incidence("gate", "")[:, 3]

    def places(self) -> Iterator[tuple[slice, tuple[int, int]]]:
        """Of each crossbar, where its cells lie and their shape."""
        start = 0
        for crossbar in self.crossbars:
            yield slice(start, start + crossbar.cells), (crossbar.rows, crossbar.columns)
            start += crossbar.cells


@lru_cache(maxsize=64)
def wiring(transistors: tuple[Transistor, ...], crossbars: tuple[Crossbar, ...]) -> Wiring:
    """The wiring of a network, one object for equal structures."""
    return Wiring(transistors, crossbars)
