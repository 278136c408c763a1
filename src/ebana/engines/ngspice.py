"""Operating points from ngspice, through its shared library.

A circuit is loaded once; between samples only values change (``alter``), so that a training run
talks to one simulator in this process instead of starting one for each sample. The deck is the one
that :func:`ebana.circuit.netlist.netlist` writes.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import Circuit
from ebana.circuit import netlist as deck
from ebana.circuit.elements import Devices, VoltageSources
from ebana.engines.base import Nudge, OperatingPoint, Result, Values, batch_size
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


def _slots(
    circuit: Circuit, parameters: Values, clamped: Mapping[str, str]
) -> Iterator[tuple[tuple[str, str], _Slot]]:
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

    Args:
        tolerance: an operating point whose estimated error is larger, in volts, counts as stalled.

    Raises:
        EngineNotInstalled: when libngspice is not found; says how to install it.

    Attributes:
        messages: what ngspice said of the samples that failed in the last call, by sample.
    """

    name = "ngspice"
    traceable = False

    def __init__(self, tolerance: float = 1e-6) -> None:
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
        rows = dict(_rows(circuit, inputs, nudge, batch))
        clamped = {port: deck.loss_name(nudge.loss) for port in nudge.strength}
        with LOCK:
            v, failed = self._solve_all(circuit, values, rows, clamped, batch)
        return self._certified(circuit, values, inputs, nudge, v, failed)

    def _solve_all(
        self,
        circuit: Circuit,
        parameters: Values,
        rows: dict[tuple[str, str], np.ndarray],
        clamped: dict[str, str],
        batch: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        spice = library()
        loaded = _ready(spice, circuit, parameters, clamped)
        rows = rows | {
            key: np.zeros((batch, len(slot.handles)))
            for key, slot in loaded.slots.items()
            if key not in rows and key[0] != "element"
        }
        for element in circuit.elements:
            key = ("element", element.name)
            if key not in rows:
                spice.set(loaded.slots[key].changes(deck.element_values(element, parameters)))
        v = np.full((batch, len(circuit.free)), np.nan)
        self.messages = {}
        for sample in range(batch):
            message = self._solve_one(
                spice, loaded, {key: row[sample] for key, row in rows.items()}, v[sample]
            )
            if message:
                self.messages[sample] = message
        return v, np.isin(np.arange(batch), list(self.messages))

    @staticmethod
    def _solve_one(
        spice: LibNgspice, loaded: _Loaded, values: Mapping[tuple[str, str], np.ndarray], v: np.ndarray
    ) -> str:
        """Write one sample's potentials into ``v``; returns what ngspice said when it found none."""
        if not all(np.isfinite(value).all() for value in values.values()):
            return "the inputs or the nudge are not finite"
        spice.set(change for key, value in values.items() for change in loaded.slots[key].changes(value))
        try:
            return _operating_point(spice, loaded.reads, v)
        finally:
            spice.command("destroy all")  # each plot that is kept slows all that follow

    def _certified(
        self,
        circuit: Circuit,
        parameters: Values,
        inputs: Values,
        nudge: Nudge,
        v: np.ndarray,
        failed: np.ndarray,
    ) -> OperatingPoint:
        error = np.where(failed, np.inf, _estimated_error(circuit, parameters, inputs, v, nudge))
        code = np.where(error <= self.tolerance, Result.CONVERGED, Result.STALLED)
        code = np.where(np.isfinite(v).all(1), code, Result.NOT_FINITE)
        code = np.where(failed, Result.ENGINE_FAILED, code).astype(np.int32)
        return OperatingPoint(v, code, error, np.zeros(len(v), np.int32))


def _rows(
    circuit: Circuit, inputs: Values, nudge: Nudge, batch: int
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """What differs between samples, each ``(B, k)``, by the key of its slot."""
    for element in circuit.each(VoltageSources):
        if element.input:
            yield ("element", element.name), deck.source_voltages(element, inputs, batch)
    for port, current in nudge.currents.items():
        current = np.asarray(current, dtype=np.float64)
        yield ("held", port), np.broadcast_to(current, (batch, current.shape[-1]))
    for port, strength in nudge.strength.items():
        s, offset = deck.clamp_values(nudge.loss, strength, nudge.targets[port])
        yield ("strength", port), np.broadcast_to(s, (batch, s.shape[1]))
        yield ("offset", port), np.broadcast_to(offset, (batch, offset.shape[1]))


def _operating_point(spice: LibNgspice, reads: list[bytes], v: np.ndarray) -> str:
    """Write the potentials of the free nodes into ``v``; returns a message where ngspice found none."""
    spice.messages.clear()
    spice.command("op")
    values = [spice.value(name) for name in reads]
    if None in values:
        return spice.said()
    v[:] = values
    return ""


def _estimated_error(
    circuit: Circuit, parameters: Values, inputs: Values, v: np.ndarray, nudge: Nudge
) -> np.ndarray:
    """Estimated error of each sample, ``(B,)`` volts."""
    from ebana.engines.certificate import estimate_error

    with jax.enable_x64(True):
        traced = jax.tree.map(jnp.asarray, (dict(parameters), dict(inputs), nudge))
        return np.asarray(estimate_error(circuit, traced[0], traced[1], jnp.asarray(v), traced[2]))
