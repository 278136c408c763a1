"""Decks solved by hand: potentials of small circuits without semiconductors, and those of ngspice.

The solver shares nothing with the package but the data that a deck is read into: nodal equations with a current for
each source of volts, dense, by Newton's method with differences for derivatives. Linear decks are solved exactly,
in fractions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.faults.card_oracle import run
from ebana.spice.language.deck import (
    Behavioural,
    Capacitor,
    CurrentControlled,
    CurrentSource,
    Deck,
    Inductor,
    Resistor,
    VoltageControlled,
    VoltageSource,
    read_deck,
)
from ebana.spice.language.deck.elements import carries_current
from ebana.spice.language.deck.expression import (
    Binary,
    Call,
    Conditional,
    Current,
    Expression,
    Number,
    Potential,
    Unary,
)
from ebana.spice.language.deck.functions import constant

Lookup = Callable[[Potential | Current], float]


def at(expression: Expression, lookup: Lookup) -> float:
    """The value of an expression at given potentials and currents."""

    def filled(one: Expression) -> Expression:
        match one:
            case Potential() | Current():
                return Number(lookup(one))
            case Unary(sign, operand):
                return Unary(sign, filled(operand))
            case Binary(sign, left, right):
                return Binary(sign, filled(left), filled(right))
            case Call(name, arguments):
                return Call(name, tuple(map(filled, arguments)))
            case Conditional(condition, yes, no):
                return Conditional(filled(condition), filled(yes), filled(no))
            case _:
                return one

    return constant(filled(expression))


def unknowns(deck: Deck) -> dict[str, int]:
    """Positions of nodes and, after ``#``, of currents in the vector of unknowns."""
    names = [*deck.nodes, *(f"#{one.name}" for one in deck.elements if carries_current(one))]
    return {name: k for k, name in enumerate(names)}


def exact(deck: Deck) -> dict[str, float]:
    """Potentials of a linear deck, by elimination in fractions."""
    place = unknowns(deck)
    size = len(place)
    rows = [[Fraction(0)] * (size + 1) for _ in range(size)]

    def add(row: str, column: str, value: Fraction) -> None:
        if row != "0" and column != "0":
            rows[place[row]][place[column] if column else size] += value

    for one in deck.elements:
        (a, b), own = one.nodes, f"#{one.name}"
        if carries_current(one):
            for node, sign in ((a, 1), (b, -1)):
                add(node, own, Fraction(sign))
                add(own, node, Fraction(sign))
        match one:
            case Resistor(ohms=ohms):
                for row, column, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
                    add(row, column, sign / Fraction(ohms))
            case CurrentSource(amperes=amperes):
                add(a, "", -Fraction(amperes))
                add(b, "", Fraction(amperes))
            case VoltageSource(volts=volts):
                add(own, "", Fraction(volts))
            case VoltageControlled(letter="e", controls=(c, d), gain=gain):
                add(own, c, -Fraction(gain))
                add(own, d, Fraction(gain))
            case VoltageControlled(controls=(c, d), gain=gain):
                for row, column, sign in ((a, c, 1), (b, d, 1), (a, d, -1), (b, c, -1)):
                    add(row, column, sign * Fraction(gain))
            case CurrentControlled(letter="h", source=source, gain=gain):
                add(own, f"#{source}", -Fraction(gain))
            case CurrentControlled(source=source, gain=gain):
                add(a, f"#{source}", Fraction(gain))
                add(b, f"#{source}", -Fraction(gain))
            case Capacitor() | Inductor():
                pass
            case _:
                raise AssertionError(f"{one.name} is not linear")
    return dict(zip(place, map(float, _eliminated(rows)), strict=True))


def _eliminated(rows: list[list[Fraction]]) -> list[Fraction]:
    size = len(rows)
    for k in range(size):
        pivot = next(r for r in range(k, size) if rows[r][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [value / rows[k][k] for value in rows[k]]
        for r in range(size):
            if r != k and rows[r][k]:
                factor = rows[r][k]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[k], strict=True)]
    return [row[-1] for row in rows]


def solved(deck: Deck) -> dict[str, float]:
    """Potentials and currents of a deck without semiconductors, by Newton's method."""
    place = unknowns(deck)

    def residual(x: np.ndarray) -> np.ndarray:
        def value(name: str) -> float:
            return 0.0 if name == "0" else float(x[place[name]])

        def lookup(one: Potential | Current) -> float:
            return value(one.a) - value(one.b) if isinstance(one, Potential) else value(f"#{one.source}")

        out = np.zeros(len(place))

        def leave(node: str, amperes: float) -> None:
            if node != "0":
                out[place[node]] += amperes

        for one in deck.elements:
            (a, b), own = one.nodes, f"#{one.name}"
            volts = value(a) - value(b)
            match one:
                case Resistor(ohms=ohms):
                    flow = volts / ohms
                case CurrentSource(amperes=amperes):
                    flow = amperes
                case Behavioural(quantity="i", expression=expression):
                    flow = at(expression, lookup)
                case VoltageControlled(letter="g", controls=(c, d), gain=gain):
                    flow = gain * (value(c) - value(d))
                case CurrentControlled(letter="f", source=source, gain=gain):
                    flow = gain * value(f"#{source}")
                case Capacitor():
                    flow = 0.0
                case _:
                    flow = value(own)
            leave(a, flow)
            leave(b, -flow)
            match one:
                case VoltageSource(volts=held):
                    out[place[own]] = volts - held
                case VoltageControlled(letter="e", controls=(c, d), gain=gain):
                    out[place[own]] = volts - gain * (value(c) - value(d))
                case CurrentControlled(letter="h", source=source, gain=gain):
                    out[place[own]] = volts - gain * value(f"#{source}")
                case Behavioural(quantity="v", expression=expression):
                    out[place[own]] = volts - at(expression, lookup)
                case Inductor():
                    out[place[own]] = volts
                case _:
                    pass
        return out

    x = np.zeros(len(place))
    for one in deck.elements:
        if isinstance(one, VoltageSource) and one.nodes[1] == "0":
            x[place[one.nodes[0]]] = one.volts
    for _ in range(50):
        f = residual(x)
        jacobian = np.stack(
            [(residual(x + h) - f) / h[k] for k, h in enumerate(np.eye(len(x)) * 1e-7)], axis=1
        )
        step = np.linalg.solve(jacobian, f)
        x = x - step
        if np.abs(step).max() < 1e-13 * max(1.0, np.abs(x).max()):
            break
    return dict(zip(place, x.tolist(), strict=True))


def of_ngspice(text: str, names: list[str]) -> dict[str, float]:
    """Potentials of these nodes in ngspice, volts; ``x1.n`` and the like as they are."""
    body = re.split(r"^\.end\s*$", text, flags=re.MULTILINE | re.IGNORECASE)[0]
    printed = "\n".join(f"print v({name})" for name in names)
    commands = f".control\nset numdgt=14\nop\n{printed}\nquit 0\n.endc\n.end\n"
    options = ".options reltol=1e-9 vntol=1e-12 abstol=1e-15 gmin=1e-15\n"
    said = run(f"{body}\n{options}{commands}".encode())
    found = re.findall(r"^v\((\S+)\) = (\S+)", said, re.MULTILINE)
    found += re.findall(r"^(\S+) = (\S+)", said, re.MULTILINE)
    return {name: float(value) for name, value in found}


def both(text: str | Path) -> list[tuple[str, float, float]]:
    """Nodes, our potentials and those of ngspice."""
    deck = read_deck(text)
    ours = solved(deck)
    theirs = of_ngspice(str(text), list(deck.nodes))
    return [(name, ours[name], theirs.get(name, float("nan"))) for name in deck.nodes]
