"""Operating points from ngspice, through its shared library.

A circuit is loaded once; between samples only values change (``alter``), so that a training run
talks to one simulator in this process instead of starting one for each sample. The deck is the one
that :func:`ebana.circuit.netlist.netlist` writes.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import Circuit
from ebana.circuit import netlist as deck
from ebana.circuit.elements import Devices, VoltageSources
from ebana.engines.base import Nudge, OperatingPoint, Result, Values, batch_size
from ebana.engines.certificate import estimate_error
from ebana.engines.libngspice import LOCK, EngineNotInstalled, LibNgspice, NgspiceError, library

__all__ = ["EngineNotInstalled", "NgspiceEngine", "NgspiceError", "available"]


def available() -> tuple[bool, str]:
    """Whether ngspice can be used here, and its version or how to install it.

    Example:
        >>> found, message = available()
    """
    try:
        found = library()
    except EngineNotInstalled as missing:
        return False, str(missing)
    return True, f"{found.version} ({found.path})"


_Key = tuple[str, str]
"""What a slot holds: an ``element``, or the ``held`` currents, ``strength`` or ``offset`` of a port; its name."""


class _Slot:
    """A run of altered elements and the values that they have now."""

    def __init__(self, handles: list[str], values: np.ndarray) -> None:
        self.handles = handles
        self.values = np.array(values, dtype=np.float64)

    def changes(self, values: np.ndarray) -> Iterator[str]:
        """The assignments that bring the elements to ``values``."""
        differing = np.flatnonzero(self.values != values)
        for i, value in zip(differing.tolist(), values[differing].tolist(), strict=True):
            yield f"{self.handles[i]} = {value!r}"
        self.values[differing] = values[differing]


class _Loaded:
    """The circuit that the library holds, and the values of everything in it that can change."""

    def __init__(
        self, spice: LibNgspice, circuit: Circuit, parameters: Values, clamped: dict[str, str]
    ) -> None:
        self.circuit = weakref.ref(circuit)
        self.clamped = clamped
        self.device_values = _device_values(circuit, parameters)
        self.reads = [name.lower().encode() for name in np.array(deck.node_names(circuit))[circuit.free]]
        self.slots = dict(_slots(circuit, parameters, clamped))
        spice.load(self._lines(circuit, parameters))
        self.iterations = spice.iterations()

    def _lines(self, circuit: Circuit, parameters: Values) -> list[str]:
        inputs = [e.name for e in circuit.each(VoltageSources) if e.input]
        clamps = [
            deck.Clamp(port, loss, self.slots["strength", port].values, self.slots["offset", port].values)
            for port, loss in self.clamped.items()
        ]
        return deck.deck_lines(
            circuit,
            parameters,
            {name: self.slots["element", name].values for name in inputs},
            {port.name: self.slots["held", port.name].values for port in circuit.outputs},
            clamps,
            title="ebana circuit",
            analysis=False,
        )

    def changes(self, values: Mapping[_Key, np.ndarray]) -> Iterator[str]:
        """The assignments that bring these slots to ``values``."""
        for key, value in values.items():
            yield from self.slots[key].changes(value)

    def serves(self, circuit: Circuit, parameters: Values, clamped: Mapping[str, str]) -> bool:
        """Whether altering values is enough to solve this."""
        return (
            self.circuit() is circuit
            and clamped.items() <= self.clamped.items()
            and all(
                np.array_equal(value, self.device_values[name])
                for name, value in _device_values(circuit, parameters).items()
            )
        )


def _device_values(circuit: Circuit, parameters: Values) -> dict[str, np.ndarray]:
    names = {name for element in circuit.each(Devices) for name in element.parameters.values()}
    return {name: np.array(parameters[name]) for name in names}


def _slots(circuit: Circuit, parameters: Values, clamped: Mapping[str, str]) -> Iterator[tuple[_Key, _Slot]]:
    for element in circuit.elements:
        names = deck.handles(circuit, element)
        driven = isinstance(element, VoltageSources) and element.input
        values = np.zeros(len(names)) if driven else deck.element_values(element, parameters)
        yield ("element", element.name), _Slot(names, values)
    for port in circuit.outputs:
        yield ("held", port.name), _Slot(deck.held_handles(circuit, port.name), np.zeros(len(port.nodes)))
    for port, loss in clamped.items():
        strengths, offsets = deck.clamp_handles(circuit, port, loss)
        yield ("strength", port), _Slot(strengths, np.zeros(len(strengths)))
        yield ("offset", port), _Slot(offsets, np.zeros(len(offsets)))


_loaded: _Loaded | None = None


def _ready(spice: LibNgspice, circuit: Circuit, parameters: Values, clamped: dict[str, str]) -> _Loaded:
    """The loaded circuit, loaded anew only where altering values would not do."""
    global _loaded
    if _loaded is not None and _loaded.serves(circuit, parameters, clamped):
        return _loaded
    if _loaded is not None:
        if _loaded.circuit() is circuit:
            clamped = _loaded.clamped | clamped
        _loaded = None
        spice.command("remcirc")
    _loaded = _Loaded(spice, circuit, parameters, clamped)
    return _loaded


class NgspiceEngine:
    """Operating points from ngspice.

    All engines of a process share one library, which holds one circuit: changing from one circuit to
    another and back loads it again. Calls from several threads take turns.

    Args:
        tolerance: an operating point whose estimated error is larger, in volts, counts as stalled.

    Raises:
        EngineNotInstalled: when libngspice is not found; says how to install it.

    Attributes:
        messages: what ngspice said of the samples that failed in the last call, by sample.

    Example:
        >>> engine = NgspiceEngine()  # doctest: +SKIP
        >>> point = engine.solve(circuit, circuit.initial(), {"x": x}, Nudge.none())  # doctest: +SKIP
    """

    name = "ngspice"
    traceable = False

    def __init__(self, tolerance: float = 1e-6) -> None:
        if not tolerance > 0:
            raise ValueError(
                f"ngspice engine with tolerance={tolerance!r}. Expected a positive number of volts."
            )
        self.tolerance = tolerance
        self.messages: dict[int, str] = {}
        library()

    def solve(
        self,
        circuit: Circuit,
        parameters: Values,
        inputs: Values,
        nudge: Nudge,
        start: Any = None,
    ) -> OperatingPoint:
        """Operating points of a batch, one ``op`` a sample; see :class:`~ebana.engines.base.Engine`.

        ``start`` is not used: ngspice finds its own way to an operating point.

        Raises:
            NgspiceError: when ngspice does not accept the circuit (for example a device's SPICE text).
            ValueError: when a clamped nudge has no SPICE form.
        """
        batch = batch_size(inputs)
        values = {name: np.asarray(value, dtype=np.float64) for name, value in parameters.items()}
        rows = dict(_rows(circuit, values, inputs, nudge, batch))
        clamped = {port: deck.loss_name(nudge.loss) for port in nudge.strength}
        with LOCK:
            run = _run(library(), circuit, values, rows, clamped, batch)
        self.messages = run.messages
        return self._certified(circuit, values, inputs, nudge, run)

    def _certified(
        self, circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge, run: _Run
    ) -> OperatingPoint:
        error = _estimated_error(circuit, parameters, inputs, run.v, nudge)
        failed = np.isin(np.arange(len(run.v)), list(run.messages))
        # the certificate's pivots are positive at any minimum; only a clamped nudge can take them away
        worst = Result.NO_MINIMUM if nudge.strength else Result.STALLED
        code = np.select(
            [failed, ~np.isfinite(run.v).all(1), error <= self.tolerance, np.isfinite(error)],
            [Result.ENGINE_FAILED, Result.NOT_FINITE, Result.CONVERGED, Result.STALLED],
            worst,
        )
        return OperatingPoint(run.v, code.astype(np.int32), error, run.iterations)


@dataclass
class _Run:
    """What came of one batch: potentials ``(B, F)``, iterations ``(B,)``, messages of failed samples."""

    v: np.ndarray
    iterations: np.ndarray
    messages: dict[int, str]


def _run(
    spice: LibNgspice,
    circuit: Circuit,
    parameters: Values,
    rows: Mapping[_Key, np.ndarray],
    clamped: dict[str, str],
    batch: int,
) -> _Run:
    """Solve all samples; rows of shape ``(1, k)`` hold for all of them."""
    global _loaded
    run = _Run(np.full((batch, len(circuit.free)), np.nan), np.zeros(batch, np.int32), {})
    fixed = {key: row[0] for key, row in rows.items() if len(row) == 1}
    varying = {key: row for key, row in rows.items() if len(row) != 1}
    if not _finite(fixed):
        return run
    loaded = _ready(spice, circuit, parameters, clamped)
    silent = {key: np.zeros(len(slot.handles)) for key, slot in loaded.slots.items() if key not in rows}
    try:
        spice.set(loaded.changes(fixed | silent))
        for sample in range(batch):
            _solve_one(spice, loaded, {key: row[sample] for key, row in varying.items()}, run, sample)
    except BaseException:
        _loaded = None  # some values may be old and some new
        raise
    return run


def _finite(values: Mapping[_Key, np.ndarray]) -> bool:
    return all(np.isfinite(value).all() for value in values.values())


def _solve_one(
    spice: LibNgspice, loaded: _Loaded, values: Mapping[_Key, np.ndarray], run: _Run, sample: int
) -> None:
    if not _finite(values):
        return
    spice.set(loaded.changes(values))
    spice.messages.clear()
    spice.command("op")
    found = [spice.value(name) for name in loaded.reads]
    if None in found:
        run.messages[sample] = spice.said()
    else:
        run.v[sample] = found
    total = spice.iterations()
    run.iterations[sample], loaded.iterations = total - loaded.iterations, total
    spice.command("destroy all")  # each plot that is kept slows all that follow


def _rows(
    circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge, batch: int
) -> Iterator[tuple[_Key, np.ndarray]]:
    """All values of the deck but silent nudges, ``(B, k)`` or ``(1, k)``, by the key of their slot."""
    for element in circuit.elements:
        if isinstance(element, VoltageSources) and element.input:
            yield ("element", element.name), deck.source_voltages(element, inputs, batch)
        else:
            yield ("element", element.name), deck.element_values(element, parameters)[None]
    for port, current in nudge.currents.items():
        yield ("held", port), np.asarray(current, dtype=np.float64)
    for port, strength in nudge.strength.items():
        s, offset = deck.clamp_values(nudge.loss, strength, nudge.targets[port])
        yield ("strength", port), s
        yield ("offset", port), offset


def _estimated_error(
    circuit: Circuit, parameters: Values, inputs: Values, v: np.ndarray, nudge: Nudge
) -> np.ndarray:
    """Estimated error of each sample, ``(B,)`` volts; in double precision whatever the caller's."""
    with jax.enable_x64(True):
        traced = jax.tree.map(jnp.asarray, (dict(parameters), dict(inputs), nudge))
        return np.asarray(estimate_error(circuit, traced[0], traced[1], jnp.asarray(v), traced[2]))
