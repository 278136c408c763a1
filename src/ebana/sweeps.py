"""DC sweeps: operating points over the values of one input column, the others held.

Every point is an operating point of its own, on the engine of the model; where a circuit has several, a sweep does not
follow a branch as SPICE's ``.dc`` does (:func:`ebana.analysis.decks.solve_deck` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol

import numpy as np

from ebana._types import FilePath
from ebana.circuit import Circuit
from ebana.circuit.elements import VoltageSources
from ebana.engines.points import NamedPoint
from ebana.physics import kirchhoff
from ebana.shown import Shown, Table
from ebana.tables import frame
from ebana.units import quantities, quantity

POINTS = 101
"""Points of a sweep that states neither their number nor a step."""

MOST = 10**6
"""Points of the longest sweep."""

AMPERES = "#amperes"
"""End of the names of nodes whose potentials stand for currents of sources."""


class Solvable(Protocol):
    """What a sweep asks of a model."""

    name: str
    circuit: Circuit

    def operating_point(self, x: Any = None, *, strict: bool = True) -> NamedPoint:
        """Operating points by name."""
        ...


@dataclass(frozen=True, repr=False)
class Sweep(Shown):
    """Operating points over a swept input. Made by :meth:`ebana.Model.sweep`.

    Args:
        name: what was swept, as it was named.
        unit: of its values.
        values: of the sweep, ``(P,)``.
        point: the operating points, a sample each, with whatever the engine left where none was found.
        found: mask of the points that were found, ``(P,)``.
        outputs: ``{name: (P, units)}``, volts.
    """

    name: str
    unit: str
    values: np.ndarray
    point: NamedPoint
    found: np.ndarray
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        ends = f"{self.values[0]:g} to {self.values[-1]:g} {self.unit}"
        return f"Sweep({self.name!r}, {ends}, {len(self.values)} points)"

    def _tables(self) -> Iterator[Table]:
        curves = self._output_curves()
        heads = (f"{self.name} ({self.unit})", *(f"{name} (V)" for name in curves))
        lost = f", {int((~self.found).sum())} not found" if not self.found.all() else ""
        rows = [(float(value), *(y[k] for y in curves.values())) for k, value in enumerate(self.values)]
        yield Table(f"{len(self)} points{lost}", heads, rows)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> np.ndarray:
        """A potential, voltage or current by name, ``(P,)``; see :class:`~ebana.engines.points.NamedPoint`."""
        return np.where(self.found, self.point[name], np.nan)

    def columns(self) -> dict[str, np.ndarray]:
        """The columns of :meth:`to_frame`, ``(P,)`` each: what was swept, and ``v(node)`` in volts of every node."""
        potentials = {f"v({name})": self[f"v({name})"] for name in self.point.circuit.node_names}
        return {self.name: self.values} | potentials

    def to_frame(self) -> Any:
        """Swept values and potentials of all nodes as a :class:`pandas.DataFrame`, a row a point; needs pandas."""
        return frame(self.columns(), "Sweep.to_frame()", "Sweep.columns()")

    def plot(self, path: FilePath | None = None, names: Sequence[str] = ()) -> Any:
        """Curves over the swept values, as a matplotlib figure; saved where a path is given.

        Args:
            path: a file name that ends in ``.png``, ``.svg`` or ``.pdf``.
            names: what is drawn, names as for ``sweep[name]``; the outputs where left out.

        Raises:
            ValueError: where there is nothing to draw.
        """
        from ebana.reports import save
        from ebana.reports.sweeps import sweep_curves

        curves = {name: self[name] for name in names} or self._output_curves()
        if not curves:
            raise ValueError(
                f"sweep of {self.name!r}: the circuit has no outputs to draw. Name nodes: plot(names=['out'])."
            )
        currents = [name.strip().lower().startswith("i(") for name in curves]
        if any(currents) and not all(currents):
            raise ValueError(
                f"plot(names={list(names)!r}) has voltages and currents. Expected one of the two; draw two figures."
            )
        unit = "A" if all(currents) else "V"
        figure = sweep_curves(self.values, curves, f"{self.name} ({self.unit})", unit)
        if path is not None:
            save(figure, path)
        return figure

    def _output_curves(self) -> dict[str, np.ndarray]:
        return {
            name if volts.shape[1] == 1 else f"{name}[{k}]": volts[:, k]
            for name, volts in self.outputs.items()
            for k in range(volts.shape[1])
        }


def sweep(
    model: Solvable,
    name: str,
    start: Any,
    stop: Any = None,
    *,
    points: int | None = None,
    step: Any = None,
    at: Any = None,
    strict: bool = True,
) -> Sweep:
    """Operating points over one input column; arguments as of :meth:`ebana.Model.sweep`."""
    columns = input_columns(model.circuit)
    input_name, column = _column(columns, name, model)
    values = swept_values(start, stop, points, step)
    inputs = {key: np.zeros((len(values), width)) for key, width in model.circuit.inputs.items()}
    for key, row in _held(columns, at, model).items():
        inputs[key][:] = row
    inputs[input_name][:, column] = values
    point = model.operating_point(inputs, strict=strict)
    found = np.asarray(point.converged)
    outputs = {
        port.name: np.asarray(
            kirchhoff.read(model.circuit, port.name, np.where(found[:, None], point.p, np.nan))
        )
        for port in model.circuit.outputs
    }
    amperes = name.strip().lower() + AMPERES in {node.lower() for node in model.circuit.node_names}
    return Sweep(name, "A" if amperes else "V", values, point, found, outputs)


def swept_values(start: Any, stop: Any, points: int | None, step: Any) -> np.ndarray:
    """Values of a sweep: an array as it is, or numbers from ``start`` to ``stop``.

    Raises:
        ValueError: for anything but one or more finite numbers, and for a step that leads away.

    Example:
        >>> swept_values("-100m", 0.1, None, "50m").tolist()
        [-0.1, -0.05, 0.0, 0.05, 0.1]
    """
    given = f"sweep(start={start!r}, stop={stop!r}, points={points!r}, step={step!r})"
    if stop is None:
        values = np.atleast_1d(quantities(start, "V", "sweep: values"))
        if points is not None or step is not None or values.ndim != 1 or not values.size:
            raise ValueError(f"{given}. Expected start and stop, or one array of values.")
    else:
        first, last = quantity(start, "V", "sweep: start"), quantity(stop, "V", "sweep: stop")
        if not np.isfinite([first, last]).all():
            raise ValueError(f"{given}. Expected finite numbers.")
        if step is None:
            values = np.linspace(first, last, _count(given, POINTS if points is None else points))
        elif points is None:
            by = quantity(step, "V", "sweep: step")
            if not (np.isfinite(by) and by and (last - first) / by >= 0):
                raise ValueError(f"{given}. Expected a step that leads from start to stop.")
            count = _count(given, int((last - first) / by * (1 + 1e-12) + 1e-9) + 1)
            decimals = 12 - int(np.floor(np.log10(abs(by))))
            values = np.round(first + by * np.arange(count), decimals)  # 0.05, not 0.05000000000000002
        else:
            raise ValueError(f"{given}. Expected points or step, not both.")
    if not np.isfinite(values).all():
        raise ValueError(f"{given}. Expected finite numbers.")
    return values


def _count(given: str, count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 1 <= count <= MOST:
        raise ValueError(f"{given}. Expected 1 to {MOST} points.")
    return int(count)


def input_columns(circuit: Circuit) -> dict[str, tuple[str, int]]:
    """Input and column by every name in lower case that stands for one.

    An input of one column by its own name, ``"x[1]"``, a held node, and a source of a deck by its name.

    Example:
        >>> from ebana import from_netlist
        >>> deck = "two\\nVa a 0 0\\nVb b 0 0\\nR1 a m 1k\\nR2 b m 1k\\nR3 m 0 1k"
        >>> input_columns(from_netlist(deck, inputs=["Va", "Vb"]))["vb"]
        ('x', 1)
    """
    found: dict[str, tuple[str, int]] = {}
    for name, width in circuit.inputs.items():
        found |= {f"{name}[{k}]".lower(): (name, k) for k in range(width)}
        if width == 1:
            found[name.lower()] = (name, 0)
    names = circuit.node_names
    for element in circuit.each(VoltageSources):
        if element.input is None:
            continue
        for k, (node, column) in enumerate(
            zip(element.nodes.tolist(), element.columns.tolist(), strict=True)
        ):
            if element.scale[k] != 1.0:
                continue  # the node is not at what data say
            own = [names[node], names[node].split("#")[0], *element.labels[k : k + 1]]
            for name in own:
                found.setdefault(name.lower(), (element.input, column))
        for k, label in enumerate(element.labels):
            found.setdefault(label.lower(), (element.input, int(element.columns[k])))
    return found


def _column(columns: Mapping[str, tuple[str, int]], name: Any, model: Solvable) -> tuple[str, int]:
    key = str(name).strip().lower()
    if key not in columns:
        near = get_close_matches(key, columns, 6) or list(columns)[:8]
        raise KeyError(
            f"model {model.name!r} has no input column {name!r}. It has: {', '.join(near) or 'none'}. What stands in a "
            "deck with a fixed value is swept when it is among the inputs."
        )
    return columns[key]


def _held(columns: Mapping[str, tuple[str, int]], at: Any, model: Solvable) -> dict[str, np.ndarray]:
    """Rows of the inputs that are held."""
    inputs = model.circuit.inputs
    if at is None:
        return {}
    if not isinstance(at, Mapping):
        if len(inputs) != 1:
            raise ValueError(
                f"sweep(at={at!r}) of a model with the inputs {', '.join(inputs)}. Expected a dict by name."
            )
        at = {next(iter(inputs)): at}
    rows = {name: np.zeros(width) for name, width in inputs.items()}
    for name, given in at.items():
        value = quantities(given, "V", f"sweep: at[{name!r}]")
        if name in inputs and value.ndim:
            if value.shape != rows[name].shape or not np.isfinite(value).all():
                raise ValueError(
                    f"sweep(at={{{name!r}: {given!r}}}). Expected {inputs[name]} finite numbers, one for each column."
                )
            rows[name] = value
            continue
        key, column = _column(columns, name, model)
        if value.ndim or not np.isfinite(value):
            raise ValueError(f"sweep(at={{{name!r}: {given!r}}}). Expected a finite number.")
        rows[key][column] = value
    return rows
