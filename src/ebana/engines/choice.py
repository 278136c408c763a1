"""Which of the built-in engines suits a circuit, by its elements, its structure and its size."""

from __future__ import annotations

from ebana.circuit import Circuit
from ebana.engines.base import Engine
from ebana.engines.native import NativeEngine
from ebana.engines.sparse import SparseEngine
from ebana.equations.plan import plan
from ebana.equations.system import DENSE_LIMIT


def suited(circuit: Circuit) -> Engine:
    """The built-in engine for a circuit.

    :class:`~ebana.engines.SparseEngine` where elements state relations that potentials alone do not settle (controlled
    and floating sources, transistors), or where many free nodes are joined to each other directly, as in a grid;
    :class:`~ebana.engines.NativeEngine`, whose steps are compiled as a whole, for all others.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> x = build.input("x", 1)
        >>> build.resistors("load", x, build.ground(), 1e-3)
        >>> suited(build.build()).name
        'native'
    """
    others = [element for element in circuit.elements if not element.solvable]
    if others and all(element.has_relations for element in others):
        return SparseEngine()
    if not others and len(circuit.free) > DENSE_LIMIT:
        return NativeEngine() if plan(circuit).swept else SparseEngine()
    return NativeEngine()
