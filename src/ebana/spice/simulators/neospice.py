"""A session with neospice, an in-process SPICE that comes with pip."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np

from ebana.spice.language import subcircuit_graph
from ebana.spice.language.expressions import UnknownExpression, translated
from ebana.spice.language.lines import logical_lines
from ebana.spice.language.subcircuit_graph import DEPTH, Definition
from ebana.spice.simulators import neospice_supported as whitelist
from ebana.spice.simulators.errors import EngineNotInstalled, NeospiceError
from ebana.spice.simulators.program import Job, Outcome, ParametricDeck
from ebana.spice.simulators.session import Session, Tick

INSTALL = 'Install it with: pip install "ebana[spice]"'

OLDEST = (0, 2)
"""The oldest version that is used, and the one that the whitelist was proven with."""


def package() -> Any:
    """The imported package.

    Raises:
        EngineNotInstalled: when it is not installed, or too old.
    """
    try:
        import neospice
    except ImportError as error:
        raise EngineNotInstalled(f"neospice is not installed ({error}). {INSTALL}") from None
    check_version(version("neospice"))
    return neospice


def check_version(name: str) -> None:
    """Refuse a neospice that is too old, from its version such as ``"0.2.0"``.

    Raises:
        EngineNotInstalled: with the versions that will do.
    """
    numbers = tuple(int(part) for part in name.split(".")[:2])
    if numbers < OLDEST:
        expected = ".".join(map(str, OLDEST))
        raise EngineNotInstalled(f"neospice {name} is too old. Expected {expected} or later. {INSTALL}")


def require() -> str:
    """Version and place of the package; raises EngineNotInstalled where there is none that will do."""
    return f"neospice {version('neospice')} ({os.path.dirname(package().__file__)})"


NOTHING = "(no message)"


class NeospiceSession(Session):
    """One parsed circuit; resistances and sources are updated in place, other values by parsing again.

    Raises:
        EngineNotInstalled: when neospice is not installed, or too old.
    """

    def __init__(self) -> None:
        super().__init__()
        self._package = package()
        self._simulator = self._package.Simulator()
        self._deck = _Deck([])
        self._circuit: Any = None
        self._chatty = False
        self._set: dict[str, float] = {}
        self._reads: list[str] = []

    def load(self, program: ParametricDeck) -> None:
        """See :meth:`Session.load`; refuses what neospice is not trusted with."""
        lines = lines_for(program.lines)
        whitelist.check(lines)
        self._deck, self._set = _Deck(lines), {}
        self._reads = [name.lower() for name in program.reads]
        self._parse()

    def run(self, job: Job, tick: Tick | None = None) -> Outcome:
        """See :meth:`Session.run`; a circuit that it remarks on at every point is solved without the remarks."""
        if self.has(job.digest) and not self._chatty:
            return super().run(job, tick)
        with _captured_stderr():
            return super().run(job, tick)

    def unload(self) -> None:
        """See :meth:`Session.unload`."""
        self._circuit = None
        super().unload()

    def _parse(self) -> None:
        text = self._deck.text()
        with _captured_stderr() as said:
            try:
                self._circuit = self._simulator.parse(text)
            except Exception as error:
                raise NeospiceError(f"neospice did not accept the circuit: {error}") from error
        missing = self._deck.elements - {name.lower() for name in self._circuit.device_names()}
        if missing:
            raise NeospiceError(
                f"neospice left {len(missing)} elements out, such as {sorted(missing)[0]!r}: {said()}. "
                "Use ngspice for this circuit."
            )
        self._choose_pivots()
        for name, value in self._set.items():
            self._update(name, value)

    def _update(self, element: str, value: float) -> None:
        try:
            self._circuit.update_param(element, value)
        except Exception as error:
            raise NeospiceError(f"neospice refused {element} = {value!r}: {error}") from error

    def _choose_pivots(self) -> None:
        """Solve the deck as it stands: the order of elimination is kept, and must not depend on who asks first.

        What is printed then, such as remarks on nodes with one connection, is no one's concern.
        """
        with _captured_stderr() as said, contextlib.suppress(Exception):
            self._simulator.re_solve(self._circuit)
        self._chatty = said() != NOTHING

    def alter(self, changes: Iterable[tuple[str, float]]) -> None:
        """See :meth:`Session.alter`."""
        again = False
        for handle, value in changes:
            element, is_gain = _element(handle)
            if is_gain:
                self._deck.set(element, value)
                again = True
            else:
                self._set[element] = value
                if not again:
                    self._update(element, value)
        if again:
            self._parse()

    def operating_point(self) -> tuple[list[float] | None, int, str]:
        """See :meth:`Session.operating_point`."""
        try:
            result = self._simulator.re_solve(self._circuit)
        except Exception as error:
            return None, 0, f"neospice: {error}"
        status = result.status
        try:
            v = [result.voltage(name) for name in self._reads]
        except KeyError as missing:
            return None, status.iterations, f"neospice: there is no node {missing} in its results"
        if not status.converged or not np.isfinite(v).all():
            return None, status.iterations, f"neospice did not converge {'; '.join(status.warnings)}".rstrip()
        return v, status.iterations, ""


def _element(handle: str) -> tuple[str, bool]:
    """The element that a handle of ngspice's ``alter`` names, and whether it is a controlled source's gain.

    Example:
        >>> _element("r.xd1.r0_3"), _element("e.xa.e0 gain"), _element("vx_0")
        (('xd1.r0_3', False), ('xa.e0', True), ('vx_0', False))
    """
    name, _, parameter = handle.partition(" ")
    return (name.split(".", 1)[1] if "." in name else name), bool(parameter)


def lines_for(deck: Iterable[str]) -> list[str]:
    """Lines as neospice takes them: continued ones joined, no comments, ``a ? b : c`` as a function.

    All in lower case: neospice lowers the names in expressions and not those of nodes.
    """
    return [_with_functions(line) for line in logical_lines([line.lower() for line in deck])]


def _with_functions(line: str) -> str:
    if not line.startswith("b") or "?" not in line:
        return line
    before, equals, expression = line.partition("=")
    try:
        return f"{before}{equals}{translated(expression.strip(), 'ternary_fcn')}"
    except UnknownExpression as error:
        raise NeospiceError(f"neospice is not trusted with the line {line!r}: {error}") from None


class _Deck:
    """A deck whose gains can change: the last word of the line of each element."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = list(lines)
        self._place: dict[str, int] = {}
        self._name(subcircuit_graph.definitions(lines), "", ())

    def _name(self, body: Definition, prefix: str, outer: tuple[int, ...]) -> None:
        """Note the place of every element under its full name, instances of subcircuits opened."""
        for number in body.places:
            words = self._lines[number].split()
            name = f"{prefix}{words[0]}"
            if words[0][0] != "x":
                self._place[name] = number
                continue
            inside = body.find(words[-1])
            if inside is None:
                raise NeospiceError(f"unknown subcircuit {words[-1]!r} in the line {self._lines[number]!r}")
            if len(words) - 2 != len(inside.pins):
                raise NeospiceError(
                    f"subcircuit {words[-1]!r} has {len(inside.pins)} pins, and the line "
                    f"{self._lines[number]!r} gives it "
                    f"{len(words) - 2} nodes"
                )
            if id(inside) in outer:
                raise NeospiceError(
                    f"subcircuit {words[-1]!r} holds itself, by the line {self._lines[number]!r}. Remove that instance."
                )
            if len(outer) >= DEPTH:
                raise NeospiceError(
                    f"subcircuit {words[-1]!r} is inside more than {DEPTH} others. Use fewer levels."
                )
            self._name(inside, f"{name}.", (*outer, id(inside)))

    @property
    def elements(self) -> set[str]:
        """Names of all elements, as neospice lists them."""
        return set(self._place)

    def set(self, element: str, value: float) -> None:
        """Give an element another value."""
        number = self._place[element]
        self._lines[number] = f"{self._lines[number].rpartition(' ')[0]} {value!r}"

    def text(self) -> str:
        """The deck, with an operating point asked for."""
        body = [line for line in self._lines if line != ".end"]
        return "\n".join(["* ebana circuit", *body, ".op", ".end", ""])


@contextlib.contextmanager
def _captured_stderr() -> Iterator[Any]:
    """Keep what a library writes to standard error itself; yields a function that returns it afterwards."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        text: list[str] = []
        try:
            yield lambda: " ".join(text).strip() or NOTHING
        finally:
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            text.append(" ".join(file.read().decode(errors="replace").split()))


open_session = NeospiceSession
