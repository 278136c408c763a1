"""Operating points by the names of nodes and elements: what a person asks a circuit for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.element import GROUND
from ebana.engines.base import OperatingPoint
from ebana.engines.sparse import branch_currents
from ebana.shown import Table
from ebana.tables import frame

SAMPLES = 4
"""Samples whose potentials a notebook shows."""

_POTENTIAL = re.compile(r"v\(\s*([^,]+?)\s*(?:,\s*(.+?)\s*)?\)", re.IGNORECASE)
_CURRENT = re.compile(r"i\(\s*(.+?)\s*\)", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class NamedPoint(OperatingPoint):
    """The operating points of a batch, by name.

    Args:
        circuit: the circuit.
        p: potentials of all nodes and ground, ``(B, N + 1)``, volts.
        values, inputs: what it was solved at.

    Example:
        >>> from ebana import Model, from_netlist
        >>> circuit = from_netlist("divider\\nV1 in 0 3\\nR1 in out 1k\\nR2 out 0 2k")
        >>> point = Model.from_circuit(circuit).operating_point()
        >>> float(point["out"][0]), round(float(point["i(v1)"][0]), 6)
        (2.0, -0.001)
    """

    circuit: Circuit = field(kw_only=True)
    p: np.ndarray = field(kw_only=True)
    values: Mapping[str, Any] = field(kw_only=True)
    inputs: Mapping[str, Any] = field(kw_only=True)
    _currents: dict[str, np.ndarray] = field(default_factory=dict, kw_only=True)

    @staticmethod
    def of(
        point: OperatingPoint,
        circuit: Circuit,
        p: np.ndarray,
        values: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> NamedPoint:
        """The point with what it was solved at."""
        own = {f.name: getattr(point, f.name) for f in fields(OperatingPoint)}
        return NamedPoint(**own, circuit=circuit, p=p, values=values, inputs=inputs)

    def __getitem__(self, name: str) -> np.ndarray:
        """Potential of a node, ``"out"`` or ``"v(out)"``, voltage ``"v(a,b)"``, or current ``"i(r1)"``, ``(B,)``.

        Currents flow into an element at its first node, in amperes.

        Raises:
            KeyError: for an unknown name.
        """
        if match := _CURRENT.fullmatch(name.strip()):
            return self._current(match[1])
        match = _POTENTIAL.fullmatch(name.strip())
        plus, minus = (match[1], match[2] or "0") if match else (name, "0")
        return self.p[:, self._column(plus)] - self.p[:, self._column(minus)]

    def _column(self, name: str) -> int:
        index = self.circuit.node(name)
        return self.circuit.size if index == GROUND else index

    def _current(self, name: str) -> np.ndarray:
        known = self.currents
        if name.lower() not in known:
            some = ", ".join(list(known)[:12])
            raise KeyError(f"circuit has no element {name!r}. It has, among {len(known)}: {some}.")
        return known[name.lower()]

    @property
    def currents(self) -> Mapping[str, np.ndarray]:
        """Current into each element at its first node by its name in lower case, ``(B,)`` each, amperes."""
        if not self._currents:
            self._currents.update(branch_currents(self.circuit, self.values, self.inputs, self.p))
        return self._currents

    def to_frame(self) -> Any:
        """Potentials of all nodes as a :class:`pandas.DataFrame`, a row a sample; needs pandas."""
        return frame(self.columns(), "NamedPoint.to_frame()", "NamedPoint.columns()")

    def _tables(self) -> Iterator[Table]:
        yield from super()._tables()
        shown = range(min(len(self.p), SAMPLES))
        more = f", {len(shown)} of {len(self.p)} samples" if len(self.p) > SAMPLES else ""
        heads = ("node", *(f"sample {k} (V)" for k in shown))
        rows = [(name, *(volts[k] for k in shown)) for name, volts in self.columns().items()]
        yield Table(f"Potentials{more}", heads, rows)

    def columns(self) -> dict[str, np.ndarray]:
        """Potentials of all nodes by name, ``(B,)`` each, volts."""
        return {name: self.p[:, k] for k, name in enumerate(self.circuit.node_names)}
