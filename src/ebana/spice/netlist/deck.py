"""SPICE decks of circuits: one ``.subckt`` for each array of elements, one instance of each.

An array whose subcircuit would have more than :data:`MAX_PORTS` ports is written in parts: a crossbar in
blocks of rows and columns, other arrays in runs. Its first part keeps the name of the array.

The deck states the circuit that :mod:`ebana.physics.kirchhoff` computes, element by element:

* a conductance ``g`` is a resistor of ``1 / g`` ohm (17 digits, so that the value survives);
* an amplifier ``w = s + A (h - s)`` is an E source of gain ``A`` in series with ``s (1 - A)`` volts,
  and an F source that draws ``kappa I(w)`` from ``h``;
* a held nudge is a current source into its node; a clamped nudge of a squared error is a conductance
  to a source at the target (for folded outputs between ``v+`` and ``v-``, offset by the target),
  written as a G source because its value may be negative; clamped cross-entropy is a B source whose
  expression is the gradient of the loss.

Every number that differs between samples or training steps belongs to an element that ngspice's
``alter`` can change, so that a simulator loads a circuit once. :func:`handles` names those elements
and :func:`element_values` gives their numbers, in the same order.

Names that users choose reach the deck only through :func:`unique_names` (letters, digits and
underscores) or as the escaped text of a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit.circuit import Circuit, terminals
from ebana.circuit.elements import (
    GROUND,
    Amplifiers,
    Crossbar,
    CurrentSources,
    Devices,
    Element,
    Output,
    Resistors,
    Subcircuits,
    VoltageSources,
)
from ebana.spice.netlist import dialects

Values = Mapping[str, Any]

DEFAULT_GMIN = 1e-12
"""Conductance in siemens that SPICE adds across each junction when a deck states no other."""

CLAMPED_LOSSES = ("mse", "cross_entropy", "binary_cross_entropy")
"""Names of the losses whose clamped nudge has a SPICE form."""

MAX_PORTS = 1000
"""Ports of the largest subcircuit that is written; ngspice 39 ends the process above 1004."""

RELTOL, VNTOL = 1e-6, 1e-9
"""Relative and absolute tolerance (volts) of the last Newton step in a deck."""

_WIDTH = 100
_NAME_LENGTH = 48


# -- parts -------------------------------------------------------------------------------------------


def _fits(*ends: np.ndarray) -> bool:
    """Whether a subcircuit over these nodes has few enough ports (ground is none)."""
    nodes = np.unique(np.concatenate(ends))
    return int(np.count_nonzero(nodes != GROUND)) <= MAX_PORTS


def _runs(size: int, ends: int = 2) -> list[slice]:
    """Runs short enough for the ports: the units of a part have two ends or more, as have rows and columns."""
    length = max(1, MAX_PORTS // ends)
    return [slice(start, start + length) for start in range(0, size, length)]


def _parts(element: Any) -> list[tuple[Any, tuple[slice, slice]]]:
    """The parts that an element array is written in, and where the values of each are in :func:`_table`."""
    whole, ends = slice(None), terminals(element)
    if isinstance(element, VoltageSources) or _fits(*ends):  # voltage sources have no subcircuit
        return [(element, (whole, whole))]
    if isinstance(element, Crossbar):
        blocks = [(rows, columns) for rows in _runs(len(ends[0])) for columns in _runs(len(ends[1]))]
        return [(replace(element, rows=ends[0][r], columns=ends[1][c]), (r, c)) for r, c in blocks]
    arrays = {f.name: a for f in fields(element) if isinstance(a := getattr(element, f.name), np.ndarray)}
    runs = _runs(len(ends[0]), max(2, len(ends)))
    models = [
        {"model": element.model.pick(run, len(element.a))} if isinstance(element, Devices) else {}
        for run in runs
    ]
    return [
        (replace(element, **{name: array[run] for name, array in arrays.items()}, **model), (whole, run))
        for run, model in zip(runs, models, strict=True)
    ]


def _table(element: Element, values: np.ndarray) -> np.ndarray:
    """The values of an element array in two dimensions: rows by columns of a crossbar, else kinds by units."""
    width = len(terminals(element)[-1])
    return values.reshape(len(values) // max(width, 1), width)


# -- names -------------------------------------------------------------------------------------------


def unique_names(names: Iterable[str]) -> list[str]:
    """Names of letters, digits and underscores, different from each other also in one case of letters.

    Example:
        >>> unique_names(["hidden", "Hidden", "a b", "a_b", "2nd"])
        ['hidden', 'Hidden_2', 'a_b', 'a_b_2', 'n2nd']
    """
    taken: set[str] = set()
    result = []
    for name in names:
        base = re.sub(r"[^A-Za-z0-9_]", "_", str(name))[:_NAME_LENGTH]
        base = base if base[:1].isalpha() else f"n{base}"
        candidate, number = base, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{base}_{number}"
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def node_names(circuit: Circuit) -> list[str]:
    """SPICE name of each node, ``<group>_<index>``, in the order of the circuit's numbering."""
    groups = unique_names(group.name for group in circuit.groups)
    return [
        f"{name}_{i}" for name, group in zip(groups, circuit.groups, strict=True) for i in range(group.size)
    ]


def subcircuit_names(circuit: Circuit) -> dict[tuple[str, str], list[str]]:
    """Names of the subcircuits (``block_<name>``, its instance ``X<name>``) of the parts, by what they hold.

    Keys are ``("element", name)`` for element arrays, and ``("held", port)`` and ``("clamp", port)``
    for the two kinds of nudge.
    """
    wanted = {
        **{("element", e.name): (e.name, len(_parts(e))) for e in circuit.elements},
        **{("held", port.name): (f"nudge_{port.name}", len(_parts(_held(port)))) for port in circuit.outputs},
        **{("clamp", port.name): (f"clamp_{port.name}", len(_unit_runs(port))) for port in circuit.outputs},
    }
    # second and later parts are named after all others, whose names are then the same with and without them
    later = [(key, f"{name}_part{k}") for key, (name, parts) in wanted.items() for k in range(2, parts + 1)]
    names = unique_names([*(name for name, _ in wanted.values()), *(name for _, name in later)])
    result = {key: [name] for key, name in zip(wanted, names, strict=False)}
    for (key, _), name in zip(later, names[len(wanted) :], strict=True):
        result[key].append(name)
    return result


@dataclass(frozen=True)
class _Names:
    """All names of one deck; ``nodes`` has ground in its last place, where index -1 finds it."""

    nodes: list[str]
    subcircuits: dict[tuple[str, str], list[str]]

    @staticmethod
    def of(circuit: Circuit) -> _Names:
        return _Names([*node_names(circuit), "0"], subcircuit_names(circuit))

    def at(self, indices: np.ndarray) -> list[str]:
        return [self.nodes[i] for i in indices.tolist()]


# -- numbers -----------------------------------------------------------------------------------------


def _spread(value: Any, size: int) -> np.ndarray:
    """A parameter of shape ``(1,)`` or ``(size,)``, one number for each unit."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))


def element_values(element: Element, parameters: Values) -> np.ndarray:
    """The numbers that an element array has in the deck, in the order of :func:`handles`.

    Ohms for conductances; for amplifiers the gains A, then the offsets ``s (1 - A)`` in volts, then
    kappa; volts and amperes for sources. Empty for devices, whose numbers are in their text, and for
    sources that an input drives (:func:`source_voltages`).
    """
    if isinstance(element, Crossbar | Resistors):
        return 1.0 / np.asarray(parameters[element.conductance], dtype=np.float64).ravel()
    if isinstance(element, CurrentSources):
        return _spread(parameters[element.current], len(element.nodes))
    if isinstance(element, VoltageSources) and element.parameter is not None:
        return np.asarray(parameters[element.parameter], dtype=np.float64)[element.columns] * element.scale
    if isinstance(element, Amplifiers):
        k = len(element.inputs)
        gain, shift = _spread(parameters[element.gain], k), _spread(parameters[element.shift], k)
        kappa = 1.0 / gain if element.backward is None else _spread(parameters[element.backward], k)
        return np.concatenate([gain, shift * (1.0 - gain), kappa])
    return np.zeros(0)


def source_voltages(element: VoltageSources, inputs: Values, batch: int) -> np.ndarray:
    """Potentials of the sources that an input drives, ``(B, k)`` volts; zero for an input not given."""
    if element.input is None or element.input not in inputs:
        return np.zeros((batch, len(element.nodes)))
    return np.asarray(inputs[element.input], dtype=np.float64)[:, element.columns] * element.scale


def handles(circuit: Circuit, element: Element) -> list[str]:
    """What ``alter`` calls each number of :func:`element_values`, e.g. ``"r.xd1.r0_3"``."""
    if isinstance(element, VoltageSources):
        nodes = node_names(circuit)
        return [f"v{nodes[i].lower()}" for i in element.nodes]
    return _handles(subcircuit_names(circuit)["element", element.name], element)


def _handles(names: list[str], element: Element) -> list[str]:
    """Handles of an element array whose parts have these names, in the order of its values."""
    parts = [
        (place, _part_handles(name.lower(), part))
        for name, (part, place) in zip(names, _parts(element), strict=True)
    ]
    table = _table(element, np.empty(sum(len(own) for _, own in parts), dtype=object))
    for place, own in parts:
        table[place] = np.array(own, dtype=object).reshape(table[place].shape)
    return table.ravel().tolist()


def _part_handles(name: str, element: Element) -> list[str]:
    if isinstance(element, Crossbar):
        m, n = len(element.rows), len(element.columns)
        return [f"r.x{name}.r{i}_{j}" for i in range(m) for j in range(n)]
    if isinstance(element, Resistors):
        return [f"r.x{name}.r{i}" for i in range(len(element.a))]
    if isinstance(element, CurrentSources):
        return [f"i.x{name}.i{i}" for i in range(len(element.nodes))]
    if isinstance(element, Amplifiers):
        units = range(len(element.inputs))
        return [
            *(f"e.x{name}.e{i} gain" for i in units),
            *(f"v.x{name}.v{i}" for i in units),
            *(f"f.x{name}.f{i} gain" for i in units),
        ]
    return []


# -- lines -------------------------------------------------------------------------------------------


def _wrap(words: list[str]) -> Iterator[str]:
    """One logical line, continued with ``+`` where it grows long."""
    line = words[0]
    for word in words[1:]:
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = f"+ {word}"
        else:
            line = f"{line} {word}"
    yield line


def _comment(text: str) -> str:
    """A comment line; ``ascii`` keeps line breaks and foreign characters from ending it."""
    return "* " + ascii(text)[1:-1]


def _subcircuit(name: str, nodes: Iterable[str], comment: str, body: Iterable[str]) -> Iterator[str]:
    """A subcircuit over ``nodes`` (ground is global) and its one instance.

    Its definition has a prefix because ngspice replaces bare words such as ``gnd`` and ``temper``.
    """
    ports = [node for node in dict.fromkeys(nodes) if node != "0"]
    yield ""
    yield _comment(comment)
    yield from _wrap([f".subckt block_{name}", *ports])
    yield from body
    yield f".ends block_{name}"
    yield from _wrap([f"X{name}", *ports, f"block_{name}"])


def _crossbar_body(names: _Names, element: Crossbar, ohms: np.ndarray) -> Iterator[str]:
    columns = names.at(element.columns)
    rows = names.at(element.rows)
    values = ohms.reshape(len(rows), len(columns)).tolist()
    for i, (row, of_row) in enumerate(zip(rows, values, strict=True)):
        for j, (column, ohm) in enumerate(zip(columns, of_row, strict=True)):
            yield f"R{i}_{j} {row} {column} {ohm!r}"


def _resistor_body(names: _Names, element: Resistors, ohms: np.ndarray) -> Iterator[str]:
    ends = zip(names.at(element.a), names.at(element.b), ohms.tolist(), strict=True)
    return (f"R{i} {a} {b} {ohm!r}" for i, (a, b, ohm) in enumerate(ends))


def _current_body(names: _Names, element: CurrentSources, amperes: np.ndarray) -> Iterator[str]:
    ends = zip(names.at(element.nodes), amperes.tolist(), strict=True)
    return (f"I{i} 0 {node} DC {ampere!r}" for i, (node, ampere) in enumerate(ends))


def _amplifier_body(names: _Names, element: Amplifiers, values: np.ndarray) -> Iterator[str]:
    """E gives ``A h``, V adds ``s (1 - A)`` and measures the current, F draws its share from ``h``."""
    gain, offset, kappa = values.reshape(3, -1).tolist()
    for i, (h, w) in enumerate(zip(names.at(element.inputs), names.at(element.outputs), strict=True)):
        yield f"E{i} m{i} 0 {h} 0 {gain[i]!r}"
        yield f"V{i} {w} m{i} DC {offset[i]!r}"
        yield f"F{i} 0 {h} V{i} {kappa[i]!r}"


def _device_body(names: _Names, element: Devices, parameters: Values) -> Iterator[str]:
    yield from element.model.spice_model().splitlines()
    size = len(element.a)
    own = {key: _spread(parameters[name], size).tolist() for key, name in element.parameters.items()}
    for i, (a, b) in enumerate(zip(names.at(element.a), names.at(element.b), strict=True)):
        text = element.model.pick(i, size).spice(str(i), a, b, {key: v[i] for key, v in own.items()})
        yield from _checked(element, text).splitlines()


def _subcircuit_body(names: _Names, element: Subcircuits) -> Iterator[str]:
    """The definition inside the block, where its names are its own, and its instances."""
    yield from element.model.text.splitlines()
    for i, pins in enumerate(element.pins):
        yield from _wrap([f"X{i}", *names.at(pins), element.model.name])


def _checked(element: Devices, text: str) -> str:
    """Refuse what would end the process instead of raising: ngspice 39 overruns its stack on an open bracket."""
    if all(text.count(left) == text.count(right) for left, right in ("()", "{}")) and text.strip():
        return text
    raise ValueError(
        f"devices {element.name!r} of {type(element.model).__name__} give the SPICE text {text!r}. "
        "Expected an element line with balanced brackets; correct the device's spice()."
    )


def _describe(element: Element) -> str:
    if isinstance(element, Crossbar):
        return f"crossbar of {len(element.rows)} x {len(element.columns)} resistors"
    if isinstance(element, Resistors):
        return f"{len(element.a)} resistors"
    if isinstance(element, Devices):
        return f"{len(element.a)} devices: {element.model!r}"
    if isinstance(element, Subcircuits):
        return f"{len(element.pins)} instances of the subcircuit {element.model.name!r}"
    if isinstance(element, CurrentSources):
        return f"{len(element.nodes)} current sources"
    if isinstance(element, VoltageSources):
        driver = f"input {element.input!r}" if element.input else f"parameter {element.parameter!r}"
        return f"{len(element.nodes)} voltage sources, {driver}"
    return f"{len(element.inputs)} bidirectional amplifiers"


def _element_lines(names: _Names, element: Element, parameters: Values) -> Iterator[str]:
    blocks = names.subcircuits["element", element.name]
    parts = _parts(element)
    if isinstance(element, Devices):
        own = {n: _spread(parameters[n], len(element.a)) for n in element.parameters.values()}
        bodies = [
            _device_body(names, part, {name: value[run] for name, value in own.items()})
            for part, (_, run) in parts
        ]
    elif isinstance(element, Subcircuits):
        bodies = [_subcircuit_body(names, part) for part, _ in parts]
    else:
        write: Any = {
            Crossbar: _crossbar_body,
            Resistors: _resistor_body,
            CurrentSources: _current_body,
            Amplifiers: _amplifier_body,
        }[type(element)]
        values = _table(element, element_values(element, parameters))
        bodies = [write(names, part, values[place].ravel()) for part, place in parts]
    for block, (part, _), body in zip(blocks, parts, bodies, strict=True):
        comment = f"{element.name!r}: {_describe(part)}"
        yield from _subcircuit(block, _nodes(names, part), comment, body)


def _nodes(names: _Names, element: Element) -> list[str]:
    return [name for ends in terminals(element) for name in names.at(ends)]


def _source_lines(names: _Names, element: VoltageSources, volts: np.ndarray) -> Iterator[str]:
    yield ""
    yield _comment(f"{element.name!r}: {_describe(element)}")
    for node, volt in zip(names.at(element.nodes), volts.tolist(), strict=True):
        yield f"V{node} {node} 0 DC {volt!r}"


# -- nudges ------------------------------------------------------------------------------------------


def loss_name(loss: Any) -> str:
    """Name of a loss with a SPICE form for clamped nudging.

    Raises:
        ValueError: for any other loss.
    """
    name = getattr(loss, "name", None)
    if name in CLAMPED_LOSSES:
        return name
    raise ValueError(
        f"clamped nudging with the loss {name or type(loss).__name__!r} has no SPICE form. "
        f"Expected one of: {', '.join(CLAMPED_LOSSES)}. Use the current nudge, which works with any loss, "
        "or the native engine."
    )


def _slopes(loss: Any, y: np.ndarray, target: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        slope = jax.grad(lambda o, t: loss.cost(o, t).sum())(jnp.asarray(y), jnp.asarray(target))
        return np.asarray(slope)


def clamp_values(loss: Any, strength: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of a clamped nudge: a strength for each unit, and what it pulls towards.

    A squared error of any scale and offset is ``a (y - z)^2 / 2`` for each unit, so two gradients give
    a and z. The (binary) cross-entropy must be that of a softmax (a logistic function) of the outputs.

    Args:
        loss: the loss, with ``name`` and ``cost(y, target)``.
        strength: the nudging strength s, a number or shape ``(B, 1)``.
        target: shape ``(B, units)``.

    Returns:
        The conductances ``s a`` and the offsets ``z``, both ``(B, units)``.

    Raises:
        ValueError: when the loss has no SPICE form, or is not what its name says.
    """
    name = loss_name(loss)
    target = np.asarray(target, dtype=np.float64)
    s = np.asarray(strength, dtype=np.float64).reshape(-1, 1)
    probe = np.linspace(-0.7, 1.3, target.size).reshape(target.shape)
    at_zero, at_probe = _slopes(loss, np.zeros_like(target), target), _slopes(loss, probe, target)
    if name == "mse":
        scale = _slopes(loss, np.ones_like(target), target) - at_zero
        offset = -at_zero / np.where(scale == 0, 1.0, scale)
        expected = scale * (probe - offset)
    else:
        odds = np.exp(probe)
        share = odds / odds.sum(1, keepdims=True) if name == "cross_entropy" else odds / (1 + odds)
        scale = np.full_like(
            target, np.vdot(at_probe, share - target) / np.vdot(share - target, share - target)
        )
        offset = target
        expected = scale * (share - target)
    if not np.allclose(at_probe, expected, rtol=1e-9, atol=1e-12):
        raise ValueError(
            f"the loss {name!r} has another gradient than the SPICE form of that name. "
            "Use the current nudge, or give the loss a name of its own."
        )
    return s * scale, offset


@dataclass(frozen=True)
class Clamp:
    """A clamped nudge of one port, as the deck has it: ``strength`` and ``offset`` for each unit."""

    port: str
    loss: str
    strength: np.ndarray
    offset: np.ndarray


def clamp_handles(circuit: Circuit, port: str, loss: str) -> tuple[list[str], list[str]]:
    """What ``alter`` calls the strengths and the offsets of a port's clamped nudge.

    Raises:
        ValueError: when ngspice cannot hold the nudge (cross-entropy of very many units).
    """
    output = circuit.output(port)
    runs = _clamp_runs(output, loss)
    names = subcircuit_names(circuit)["clamp", port]
    places = [
        (name.lower(), k)
        for name, run in zip(names, runs, strict=True)
        for k, _ in enumerate(range(output.units)[run])
    ]
    strength = "g.x{}.g{} gain" if loss == "mse" else "v.x{}.vs{}"
    return [strength.format(*place) for place in places], ["v.x{}.vt{}".format(*place) for place in places]


def held_handles(circuit: Circuit, port: str) -> list[str]:
    """What ``alter`` calls the held currents of a port."""
    return _handles(subcircuit_names(circuit)["held", port], _held(circuit.output(port)))


def _held(output: Output) -> CurrentSources:
    return CurrentSources(output.name, output.nodes, current="")


def _held_lines(circuit: Circuit, names: _Names, port: str, amperes: np.ndarray) -> Iterator[str]:
    parts = _parts(_held(circuit.output(port)))
    for block, (part, (_, run)) in zip(names.subcircuits["held", port], parts, strict=True):
        comment = f"nudge of output {port!r}: {len(part.nodes)} held currents"
        yield from _subcircuit(block, _nodes(names, part), comment, _current_body(names, part, amperes[run]))


def _unit_runs(output: Output) -> list[slice]:
    """The runs of units that a clamped nudge is written in."""
    return [slice(None)] if _fits(output.nodes) else _runs(output.units)


def _clamp_runs(output: Output, loss: str) -> list[slice]:
    runs = _unit_runs(output)
    if loss == "cross_entropy" and len(runs) > 1:
        raise ValueError(
            f"a clamped nudge of cross-entropy couples all nodes of output {output.name!r}, and ngspice holds "
            f"at most {MAX_PORTS} in one subcircuit. Received: {len(output.nodes)} nodes. Use the current nudge, "
            "or the native engine."
        )
    return runs


def _unit_nodes(circuit: Circuit, names: _Names, port: str) -> list[tuple[str, str]]:
    output = circuit.output(port)
    nodes = names.at(output.nodes)
    return list(zip(nodes[0::2], nodes[1::2], strict=True)) if output.folded else [(n, "0") for n in nodes]


def _probability(loss: str, pairs: list[tuple[str, str]], k: int) -> str:
    """Expression of the k-th probability, with exponents of differences so that none overflows."""
    a, b = pairs[k]
    if loss == "binary_cross_entropy":
        return f"1/(1+exp(-V({a},{b})))"
    others = "".join(f"+exp(V({c},{d})-V({a},{b}))" for j, (c, d) in enumerate(pairs) if j != k)
    return f"1/(1{others})"


def _clamp_body(
    loss: str, pairs: list[tuple[str, str]], strength: list[float], offset: list[float]
) -> Iterator[str]:
    for k, (a, b) in enumerate(pairs):
        if loss == "mse":
            yield f"Vt{k} t{k} {b} DC {offset[k]!r}"
            yield f"G{k} {a} t{k} {a} t{k} {strength[k]!r}"
        else:
            yield f"Vs{k} s{k} 0 DC {strength[k]!r}"
            yield f"Vt{k} t{k} 0 DC {offset[k]!r}"
            yield f"B{k} {a} {b} I=V(s{k})*({_probability(loss, pairs, k)}-V(t{k}))"


def _clamp_lines(circuit: Circuit, names: _Names, clamp: Clamp) -> Iterator[str]:
    units = _unit_nodes(circuit, names, clamp.port)
    runs = _clamp_runs(circuit.output(clamp.port), clamp.loss)
    for block, run in zip(names.subcircuits["clamp", clamp.port], runs, strict=True):
        pairs = units[run]
        body = _clamp_body(clamp.loss, pairs, clamp.strength[run].tolist(), clamp.offset[run].tolist())
        nodes = [node for pair in pairs for node in pair]
        comment = f"clamped nudge of output {clamp.port!r}: {clamp.loss} over {len(pairs)} units"
        yield from _subcircuit(block, nodes, comment, body)


# -- the deck ----------------------------------------------------------------------------------------


def gmin_of(circuit: Circuit) -> float:
    """The junction conductance that the circuit's devices ask for, in siemens.

    Raises:
        ValueError: when two devices ask for different values: a deck has one.
    """
    values = {float(model.gmin) for e in circuit.each(Devices) if hasattr(model := e.model, "gmin")}
    if len(values) > 1:
        raise ValueError(
            f"devices ask for different gmin: {', '.join(f'{v:g} S' for v in sorted(values))}. "
            "SPICE has one gmin for the whole circuit; give all junction diodes the same."
        )
    return values.pop() if values else DEFAULT_GMIN


def _header(circuit: Circuit, title: str) -> Iterator[str]:
    trainable = [circuit.parameters[name] for name in circuit.trainable]
    conductances = sum(p.initial.size for p in trainable if p.kind == "conductance")
    yield _comment(title)
    yield _comment(
        f"{circuit.size} nodes ({len(circuit.free)} free), {len(circuit.elements)} element arrays, "
        f"{conductances} trainable conductances"
    )
    yield "* Run with: ngspice -b <this file>"


def options_line(gmin: float) -> str:
    """Tolerances of the operating point, and gmin.

    The last Newton step is held to 1e-6 of each potential and, convergence being quadratic, leaves an
    error far below a nanovolt. Tighter ones can ask for less than the rounding of ``dv / RON``, or of a
    diode's series resistance behind 1e-7 S, and send ngspice into its slow fallbacks.
    """
    return f".options reltol={RELTOL!r} abstol=1e-12 vntol={VNTOL!r} gmin={float(gmin)!r}"


_ANALYSIS = (".control", "set num_threads=1", "set numdgt=16", "op", "print all", "quit 0", ".endc")


def deck_lines(
    circuit: Circuit,
    parameters: Values,
    voltages: Mapping[str, np.ndarray],
    held: Mapping[str, np.ndarray],
    clamps: Iterable[Clamp],
    *,
    title: str,
    analysis: bool,
) -> list[str]:
    """Lines of a deck.

    Args:
        circuit: the circuit.
        parameters: values by parameter name, in SI units.
        voltages: volts of each array of input-driven sources, by element name.
        held: amperes into the nodes of output ports, by port.
        clamps: clamped nudges.
        title: first line, a comment.
        analysis: whether the deck runs an operating point and prints it.
    """
    names = _Names.of(circuit)
    _check_finite(circuit, parameters, voltages)
    lines = [*_header(circuit, title), options_line(gmin_of(circuit))]
    for element in circuit.each(VoltageSources):
        volts = element_values(element, parameters) if element.parameter else voltages[element.name]
        lines.extend(_source_lines(names, element, volts))
    for element in circuit.elements:
        if not isinstance(element, VoltageSources):
            lines.extend(_element_lines(names, element, parameters))
    for port, amperes in held.items():
        lines.extend(_held_lines(circuit, names, port, amperes))
    for clamp in clamps:
        lines.extend(_clamp_lines(circuit, names, clamp))
    lines.extend(["", *_ANALYSIS] if analysis else [""])
    lines.append(".end")
    return lines


def _check_finite(circuit: Circuit, parameters: Values, voltages: Values) -> None:
    for what, values in (("parameter", {k: parameters[k] for k in circuit.parameters}), ("source", voltages)):
        for name, value in values.items():
            if not np.isfinite(np.asarray(value, dtype=np.float64)).all():
                raise ValueError(
                    f"{what} {name!r} has values that are not finite. Expected numbers; check the data."
                )


def netlist(
    circuit: Circuit,
    parameters: Values | None = None,
    inputs: Values | None = None,
    nudge: Any = None,
    *,
    sample: int = 0,
    title: str = "ebana circuit",
    analysis: bool = True,
    dialect: str = "ngspice",
) -> str:
    """A SPICE deck of one sample, readable, complete, and accepted by its simulator as it is.

    Args:
        circuit: the circuit.
        parameters: values by parameter name in SI units; the initial ones when left out.
        inputs: ``{name: (B, columns)}`` volts; inputs that are left out are 0 V.
        nudge: a :class:`~ebana.engines.base.Nudge`, or None for the free phase.
        sample: which row of the inputs and of the nudge to write.
        title: what the first line says.
        analysis: whether the deck runs the operating point and prints every node (16 digits).
        dialect: ``"ngspice"``, ``"ltspice"`` or ``"xyce"`` (see :mod:`ebana.spice.netlist.dialects`).

    Returns:
        The deck; its third line tells how to run it, for example ``ngspice -b file.cir``.

    Raises:
        ValueError: for an unknown dialect, or a block, device text or card that has no form in it; when devices ask for
            different gmin, or a clamped nudge has no SPICE form or too many units for one.
        NotImplementedError: when a device has no SPICE form.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> x = build.input("x", 1)
        >>> build.resistors("load", x, build.ground(), 1e-3)
        >>> print(netlist(build.build(), analysis=False).splitlines()[-3])
        Xload x_0 block_load
    """
    values = circuit.initial() if parameters is None else parameters
    driven = [element for element in circuit.each(VoltageSources) if element.input]
    row = slice(sample, sample + 1)
    given = {name: np.asarray(value)[row] for name, value in (inputs or {}).items()}
    voltages = {element.name: source_voltages(element, given, 1)[0] for element in driven}
    held, clamps = _nudge_values(nudge, sample) if nudge is not None else ({}, [])
    other = dialects.get(dialect)
    if other is not None:
        dialects.refuse_blocks(circuit, other)
    here = analysis and other is None
    lines = deck_lines(circuit, values, voltages, held, clamps, title=title, analysis=here)
    if other is not None:
        nodes, gmin = node_names(circuit), gmin_of(circuit)
        lines = dialects.translate(lines, other, gmin=gmin, nodes=nodes, analysis=analysis)
    return "\n".join(lines) + "\n"


def _nudge_values(nudge: Any, sample: int) -> tuple[dict[str, np.ndarray], list[Clamp]]:
    row = slice(sample, sample + 1)
    held = {port: np.asarray(current, dtype=np.float64)[sample] for port, current in nudge.currents.items()}
    clamps = []
    for port, s in nudge.strength.items():
        strength = np.asarray(s, dtype=np.float64)
        strength = strength if strength.size == 1 else strength.reshape(-1)[row]
        values = clamp_values(nudge.loss, strength, np.asarray(nudge.targets[port])[row])
        clamps.append(Clamp(port, loss_name(nudge.loss), values[0][0], values[1][0]))
    return held, clamps
