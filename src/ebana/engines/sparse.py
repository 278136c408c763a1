"""Operating points of any circuit by sparse modified nodal analysis, on the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebana._types import Values
from ebana.circuit import Circuit
from ebana.circuit.element import REVERSED
from ebana.circuit.elements import Branches, VoltageSources
from ebana.engines.base import OperatingPoint, Result, batch_size
from ebana.equations.mna import newton
from ebana.equations.mna.factors import Factors
from ebana.equations.mna.system import System, assemble
from ebana.physics.nudge import Nudge

TOLERANCE = 1e-9
"""Default tolerance, volts."""


@dataclass(frozen=True)
class Unknowns:
    """What a solution found of all unknowns: node potentials and currents of held branches.

    Args:
        x: ``(B, n)``.
        factors: of the Jacobians there.
    """

    x: np.ndarray
    factors: Factors


@dataclass(frozen=True)
class SparseEngine:
    """Solves any circuit whose elements have relations, sample by sample, with sparse matrices (SciPy's SuperLU).

    For circuits of controlled and floating sources and transistors, which :class:`~ebana.engines.NativeEngine` does
    not take, and for wide ones: grids and wired crossbars of ten thousand nodes and more.

    Args:
        tolerance: largest estimated error of a converged operating point, in volts; of larger potentials, the same
            share of them.
        max_iterations: Newton iterations before a detour over leaks or weaker sources is taken.

    Example:
        >>> SparseEngine().name
        'sparse'
    """

    tolerance: float = TOLERANCE
    max_iterations: int = newton.ITERATIONS
    _last: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    name = "sparse"
    traceable = False

    def __post_init__(self) -> None:
        if not self.tolerance > 0:
            raise ValueError(f"SparseEngine(tolerance={self.tolerance!r}). Expected volts above zero.")
        if isinstance(self.max_iterations, bool) or self.max_iterations < 1:
            raise ValueError(
                f"SparseEngine(max_iterations={self.max_iterations!r}). Expected a whole number above zero."
            )

    @property
    def volts(self) -> float:
        """The tolerance in force, in volts."""
        return self.tolerance

    def solve(
        self,
        circuit: Circuit,
        parameters: Values,
        inputs: Values,
        nudge: Nudge,
        start: Any = None,
    ) -> OperatingPoint:
        """Operating points of a batch (see :class:`~ebana.engines.base.Engine`).

        Raises:
            NeedsSpice: for an element whose currents nobody here knows.
            ValueError: for ideal diodes, which state bounds and no relation.
        """
        return self.unknowns(circuit, parameters, inputs, nudge, start)[0]

    def unknowns(
        self,
        circuit: Circuit,
        parameters: Values,
        inputs: Values,
        nudge: Nudge,
        start: Any = None,
    ) -> tuple[OperatingPoint, Unknowns]:
        """Operating points, and all unknowns with what was factorised there.

        Args:
            start: all unknowns ``(B, n)``, or the potentials of the free nodes ``(B, F)``, to start from; or None.
        """
        point, found = self.solved(self.system(circuit, parameters, inputs, nudge), start)
        if not (nudge.currents or nudge.strength):
            self._last[:] = circuit, _copied(parameters), _copied(inputs), found
        return point, found

    def solved(self, system: System, start: Any = None) -> tuple[OperatingPoint, Unknowns]:
        """The same of equations that are assembled."""
        begin = None if start is None else _filled(system, np.asarray(start, np.float64))
        state = newton.solve(system, begin, iterations=self.max_iterations)
        if not state.found.all() and begin is not None:  # a start from elsewhere may be worse than none
            cold = newton.solve(system, None, iterations=self.max_iterations)
            state = state if cold.found.sum() <= state.found.sum() else cold
        return self._judged(system, state)

    def followed(
        self,
        system: System,
        start: np.ndarray | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> tuple[OperatingPoint, Unknowns]:
        """The same, each sample from the one before, as a sweep asks for.

        Args:
            start: all unknowns of the first sample, ``(1, n)``, or None.
            progress: called before each sample with its number.
        """
        begin = None if start is None else start.T
        state = newton.followed(system, begin, iterations=self.max_iterations, progress=progress)
        return self._judged(system, state)

    def _judged(self, system: System, state: newton.State) -> tuple[OperatingPoint, Unknowns]:
        """What a state is worth at this tolerance."""
        v = state.x[: len(system.layout.circuit.free)].T
        largest = np.maximum(1.0, np.abs(state.x[: system.layout.nodes]).max(0, initial=0.0))
        good = state.found & (state.error <= self.tolerance * largest)
        code = np.select(
            [good, ~np.isfinite(state.x).all(0)], [Result.CONVERGED, Result.NOT_FINITE], Result.STALLED
        )
        point = OperatingPoint(v, code.astype(np.int32), state.error, state.iterations.astype(np.int32))
        return point, Unknowns(state.x.T, state.factors)

    def factors(self, circuit: Circuit, parameters: Values, inputs: Values, x: np.ndarray) -> Factors:
        """The Jacobians of free states ``(B, n)``, factorised; those of the last solution are at hand."""
        if self._last:
            last, values, given, found = self._last
            if (
                last is circuit
                and _equal(values, parameters)
                and _equal(given, inputs)
                and np.array_equal(found.x, x)
            ):
                return found.factors
        system = self.system(circuit, parameters, inputs, Nudge.none())
        _, slopes = system.linearised(x.T)
        return system.factors(x.T, slopes)

    def system(self, circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge) -> System:
        """The equations of a batch under a nudge."""
        ideal = [e for e in circuit.each(Branches) if not e.linear and e.model.ideal]
        if ideal:
            raise ValueError(
                f"SparseEngine() got {ideal[0].name!r}, {ideal[0].describe()}: an ideal diode states a bound and no "
                "relation of current and voltage. Use NativeEngine(), or a diode with a law."
            )
        return assemble(circuit, parameters, inputs, batch_size(inputs), nudge)


def _copied(arrays: Values) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in arrays.items()}


def _equal(one: Values, other: Values) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(value, other[name]) for name, value in one.items()
    )


def _filled(system: System, start: np.ndarray) -> np.ndarray:
    """All unknowns to start from, ``(n, B)``, of those or of the potentials of free nodes alone."""
    x = np.zeros((system.layout.size, system.batch))
    x[: start.shape[1]] = start.T
    return x


def branch_currents(
    circuit: Circuit, parameters: Values, inputs: Values, p: np.ndarray
) -> dict[str, np.ndarray]:
    """Current into every unit of every element at its first node, by its name in lower case, ``(B,)``, amperes.

    Args:
        p: potentials of all nodes and ground at an operating point, ``(B, N + 1)``.
    """
    return named_currents(circuit, *_measured(circuit, parameters, inputs, p, Nudge.none()))


def named_currents(circuit: Circuit, system: System, through: np.ndarray) -> dict[str, np.ndarray]:
    """The same from the currents through all branches, ``(branches, B)``."""
    found: dict[str, np.ndarray] = {}
    drawn = _drawn(system, through)
    for number, element in enumerate(circuit.elements):
        own = [k for k, owner in enumerate(system.layout.elements) if owner == number]
        if own:
            each = _into_first(system, own, through)
        elif element.sources().size:
            total = drawn[element.sources()]
            sign = np.sign(element.scale)[:, None] if isinstance(element, VoltageSources) else 1.0
            each = -sign * total
        elif element.blocks_direct_current:
            each = np.zeros((element.units, through.shape[1]))
        else:
            continue
        for k, row in enumerate(each):
            name = element.unit_name(k).lower()
            if name.endswith(REVERSED):
                found.setdefault(name.removesuffix(REVERSED), -row)
            else:
                found[name] = row
    return found


def branch_powers(
    circuit: Circuit, parameters: Values, inputs: Values, p: np.ndarray, nudge: Nudge
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What branches draw from each node, and the power that they take up.

    Args:
        p: potentials of all nodes and ground at an operating point, ``(B, N + 1)``.
        nudge: under which it is one.

    Returns:
        Currents drawn from each node and ground, ``(B, N + 1)``, amperes, and watts by element, ``(B,)`` each; of
        voltage sources that hold nodes, nothing.
    """
    system, through = _measured(circuit, parameters, inputs, p, nudge)
    watts: dict[str, np.ndarray] = {}
    for number, relation, (start, stop) in zip(
        system.layout.elements, system.relations, system.layout.branches, strict=True
    ):
        over = p[:, relation.plus] - p[:, relation.minus]
        name = circuit.elements[number].name
        watts[name] = watts.get(name, 0.0) + (over * through[start:stop].T).sum(1)
    return _drawn(system, through).T, watts


def _measured(
    circuit: Circuit, parameters: Values, inputs: Values, p: np.ndarray, nudge: Nudge
) -> tuple[System, np.ndarray]:
    """The equations, and the currents through all branches, ``(branches, B)``, at potentials of all nodes."""
    system = SparseEngine().system(circuit, parameters, inputs, nudge)
    places = system.layout
    start = np.zeros((places.size, system.batch))
    start[: places.nodes] = p.T[places.unknown[: places.nodes]]
    return system, system.currents(newton.polished(system, start).x)


def _into_first(system: System, own: list[int], through: np.ndarray) -> np.ndarray:
    """Currents into the first nodes of an element's units, by its relations, ``(k, B)``."""
    relations = [system.relations[k] for k in own]
    first = relations[0].plus
    total = np.zeros((len(first), through.shape[1]))
    for relation, k in zip(relations, own, strict=True):
        start, stop = system.layout.branches[k]
        leaves = 1.0 * (relation.plus == first)
        if relation is not relations[0]:
            leaves = leaves - 1.0 * (relation.minus == first)
        total += leaves[:, None] * through[start:stop]
    return total


def _drawn(system: System, through: np.ndarray) -> np.ndarray:
    """Current that all branches draw from each node and ground, ``(N + 1, B)``."""
    total = np.zeros((system.layout.circuit.size + 1, through.shape[1]))
    for relation, (start, stop) in zip(system.relations, system.layout.branches, strict=True):
        np.add.at(total, relation.plus, through[start:stop])
        np.add.at(total, relation.minus, -through[start:stop])
    return total
