"""What a deck states beside its elements: temperature, options, starting voltages, analyses, and what it prints."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ebana.spice.language.deck.data import Analysis, DcSweep, OperatingPoint, PrintItem, Sweep
from ebana.spice.language.deck.elements import Capacitor, CurrentSource, Inductor, Resistor, VoltageSource
from ebana.spice.language.deck.expression import Expression
from ebana.spice.language.deck.flattening import Known, currents_resolved
from ebana.spice.language.deck.grammar import probed
from ebana.spice.language.deck.places import Place, located
from ebana.spice.language.deck.scopes import Scope, unwrapped
from ebana.spice.language.deck.sources import Statement
from ebana.spice.language.deck.words import closing, stated, words
from ebana.spice.language.lines import shorten

_PASSED_WORDS = (
    ".tran .ac .noise .tf .sens .pz .disto .sp .pss .hb .four .fourier .fft .net .ic .icop "
    ".dcvolt .width .title .meas .measure .backanno .preprocess .hdl .lin .initcond .aliases "
    ".text .wave .ferret .machine .endmachine .savestate .loadbias .savebias .result .mpde "
    ".watch .stimulus .probe64 .acmodel .temp_"
)
PASSED = frozenset(_PASSED_WORDS.split())
"""Statements that say nothing of operating points: other analyses, measurements, layout of reports."""

REFUSED = {
    ".csparam": "gives values to commands of ngspice",
    ".alter": "states a second circuit; write a deck for it",
    ".mc": "draws values at random",
    ".wcase": "draws values at random",
    ".sampling": "draws values at random",
    ".embeddedsampling": "draws values at random",
    ".pce": "draws values at random",
    ".distribution": "draws values at random",
    ".load": "reads voltages from a file",
    ".dcop": "saves or reads voltages; leave it out",
    ".vector": "holds digital stimuli",
    ".protect": "hides what follows",
}
"""Statements that would change operating points, or read files, and are not read."""

PRINTS = (".print", ".plot", ".save", ".probe", ".graph")
OPTIONS = (".options", ".option", ".opt", ".opts")
POINTS = 1_000_000
"""Values of one sweep."""


@dataclass(frozen=True)
class Table:
    """``.data``: names of parameters, and a column of values for each."""

    names: tuple[str, ...]
    columns: tuple[tuple[float, ...], ...]


@dataclass
class Directives:
    """What statements at the top of a deck say.

    Args:
        scope: the names of the deck's top.
        passed: places of statements that say nothing at DC.
    """

    scope: Scope
    passed: list[Place] = field(default_factory=list)
    options: dict[str, float] = field(default_factory=dict)
    celsius: float | None = None
    nodesets: dict[str, float] = field(default_factory=dict)
    sweeps: list[Statement] = field(default_factory=list)
    printed: list[Statement] = field(default_factory=list)
    steps: list[Statement] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    temperatures: tuple[float, ...] = ()

    def take(self, statements: Iterable[Statement]) -> None:
        """Note statements at the top of a deck."""
        for statement in statements:
            with located(statement.place):
                self._one(statement)

    def _one(self, statement: Statement) -> None:
        card = statement.card
        if card in OPTIONS:
            self._options(statement)
        elif card == ".temp":
            self._temperature(statement)
        elif card == ".global":
            pass  # known before
        elif card == ".nodeset":
            self._nodesets(statement, self.scope)
        elif card in (".op", ".dc"):
            self.sweeps.append(statement)
        elif card == ".step":
            self.steps.append(statement)
        elif card == ".data":
            self._table(statement)
        elif card in PRINTS:
            self._print(statement)
        elif card in PASSED:
            self.passed.append(statement.place)
        else:
            raise ValueError(unknown(statement))

    def inside(self, scope: Scope, statements: Iterable[Statement]) -> None:
        """Note statements that stand in an instance: starting voltages."""
        for statement in statements:
            with located(statement.place):
                if statement.card == ".nodeset":
                    self._nodesets(statement, scope)
                elif statement.card in (*PASSED, *PRINTS, *OPTIONS, ".op", ".dc", ".temp"):
                    self.passed.append(statement.place)
                elif statement.card != ".global":
                    raise ValueError(unknown(statement))

    # -- numbers ----------------------------------------------------------------------------------------

    def _options(self, statement: Statement) -> None:
        """Numbers of ``.options``; Xyce's packages but DEVICE, words and flags are passed over."""
        found = stated(statement.rest, commas=True)
        others = [word.lower() for word in found.alone]
        package = others[0] if others else ""
        if package in _PACKAGES and not (package == "parser" and "scale" in found.keys):
            self.passed.append(statement.place)
            return
        read = 0
        for key, text in found.keys.items():
            if key in _KNOWN:
                self.options[key] = self.scope.number(text)
                read += 1
            elif key == "scale" and self.scope.number(text) != 1:
                raise ValueError(
                    "it scales the sizes of transistors (scale), which is not read. State sizes in metres."
                )
        self.passed += [statement.place] if read < len(found.keys) or others not in ([], ["device"]) else []
        self.celsius = self.options.get("temp", self.celsius)

    def _temperature(self, statement: Statement) -> None:
        found = [self.scope.number(word.removeprefix("=")) for word in words(statement.rest, commas=True)]
        if not found:
            raise ValueError("it has no temperature. Expected .temp CELSIUS.")
        self.celsius = found[0]
        self.temperatures = tuple(found) if len(found) > 1 else ()

    def _table(self, statement: Statement) -> None:
        """``.data NAME parameter ... value ...``."""
        name, *others = [*words(statement.rest, commas=True), ""][:-1] or [""]
        count = next((k for k, word in enumerate(others) if not re.match(r"[A-Za-z_$]", word)), 0)
        values = tuple(self.scope.number(word) for word in others[count:])
        if not count or not values or len(values) % count:
            raise ValueError(
                f"its table has {len(values)} values for {count} parameters. Expected .data NAME PARAMETER ..., "
                "then a value for each parameter in every row, then .enddata."
            )
        self.tables[name.lower()] = Table(
            tuple(others[:count]), tuple(values[k::count] for k in range(count))
        )

    def _nodesets(self, statement: Statement, scope: Scope) -> None:
        found = words(
            re.sub(r"(?<![\w}])v \(", "v(", " ".join(statement.rest.split()), flags=re.IGNORECASE),
            commas=True,
        )
        while found:
            match = re.fullmatch(r"v\((.*)\)(?:=(.+))?", found.pop(0), re.IGNORECASE | re.DOTALL)
            value = (match[2] or (found.pop(0) if found else "")) if match else ""
            if match is None or not value or len(probed(match[1])) != 1:
                raise ValueError(
                    f"cannot read {shorten(statement.text)!r}. Expected .nodeset V(node)=value ...."
                )
            self.nodesets[scope.node(match[1].strip())] = scope.number(value)

    # -- prints -----------------------------------------------------------------------------------------

    def _print(self, statement: Statement) -> None:
        kind = statement.rest.split(maxsplit=1)[0].lower() if statement.rest else ""
        if kind in _KINDS and kind not in ("dc", "op"):
            self.passed.append(statement.place)
        else:
            self.printed.append(statement)

    def prints(self, known: Known) -> list[PrintItem]:
        """What the deck prints of its operating points."""
        found: list[PrintItem] = []
        for statement in self.printed:
            with located(statement.place):
                text = re.sub(r"^(?:dc|op)\b(?!\s*\()", "", statement.rest, flags=re.IGNORECASE)
                found += [
                    item for word in _items(text) if (item := _item(word, self.scope, known)) is not None
                ]
        return found

    # -- analyses ---------------------------------------------------------------------------------------

    def analyses(self, known: Known) -> list[Analysis]:
        """The analyses of operating points that the deck asks for."""
        found: list[Analysis] = []
        steps = self._steps(known)
        for statement in self.sweeps:
            with located(statement.place):
                if statement.card.lstrip(".") == "op":
                    found.append(DcSweep(steps) if steps else OperatingPoint())
                else:
                    found.append(_checked([*self._swept(statement.rest, known), *steps]))
        return found or ([DcSweep(steps)] if steps else [])

    def _steps(self, known: Known) -> tuple[Sweep, ...]:
        """Variables of ``.step``, and of ``.temp`` with several temperatures: the outer loops of every analysis."""
        found: list[Sweep] = []
        for statement in self.steps:
            with located(statement.place):
                found += self._swept(statement.rest, known)
                _checked(found)
        if self.temperatures:
            found.append(Sweep("temperature", "temp", self.temperatures))
        return tuple(found)

    def _swept(self, text: str, known: Known) -> list[Sweep]:
        match = re.fullmatch(r"data *=? *(\S+)", " ".join(text.split()), re.IGNORECASE)
        if match is None:
            return _sweeps(text, self.scope, known)
        name = match[1].lower()
        if name not in self.tables:
            listed = ", ".join(self.tables) or "none"
            raise ValueError(f"there is no .data {match[1]!r}. The deck has: {listed}.")
        table = self.tables[name]
        return [
            replace(_target(word, values, self.scope, known), table=name)
            for word, values in zip(table.names, table.columns, strict=True)
        ]


def _checked(sweeps: list[Sweep]) -> DcSweep:
    """An analysis over sweeps, each of another variable and together of no more than :data:`POINTS` points."""
    names = [(sweep.kind, sweep.name) for sweep in sweeps]
    twice = [name for (_, name), count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"it sweeps {twice[0]!r} twice. {_FORM}.")
    lengths = {sweep.table or sweep.name: len(sweep.values) for sweep in sweeps}
    if math.prod(lengths.values()) > POINTS:
        raise ValueError(f"it has more than {POINTS:,} points. Sweep fewer values.")
    return DcSweep(tuple(sweeps))


_PACKAGES_WORDS = (
    "nonlin nonlin-tran nonlin-hb linsol linsol-hb linsol-ac timeint loca output restart parser "
    "hbint sensitivity fft measure dist diagnostic embeddedsamples samples pces job topology "
    "mpdeint regression es"
)
_PACKAGES = frozenset(_PACKAGES_WORDS.split())
"""Packages of Xyce's options that no operating point depends on."""

_KNOWN_WORDS = (
    "abstol chgtol defad defas defl defpd defps defw scale gmin gminsteps itl1 itl2 itl4 itl6 "
    "pivrel pivtol reltol rshunt srcsteps temp tnom vntol voltmax trtol cshunt"
)
_KNOWN = frozenset(_KNOWN_WORDS.split())
"""Options that are numbers and that operating points can depend on."""

_KINDS_WORDS = (
    "dc op tran ac noise hb hb_fd hb_td hb_ic hb_startup homotopy sens tf disto pz es pce ac_ic tranadjoint"
)
_KINDS = frozenset(_KINDS_WORDS.split())


def unknown(statement: Statement) -> str:
    """Why a statement is not read."""
    card = statement.card
    if card in REFUSED:
        return f"{card} is not read: it {REFUSED[card]}."
    return f"{card} is no statement that is known here. Leave it out if it says nothing of operating points."


# -- sweeps ------------------------------------------------------------------------------------------------------

_FORM = "Expected .dc NAME START STOP STEP [NAME START STOP STEP], or NAME LIST VALUES"


def _sweeps(text: str, scope: Scope, known: Known) -> list[Sweep]:
    """Variables of ``.dc``: linear, by decade or octave, or a list."""
    rest = [
        word if "(" in word[1:] else word.strip("()") for word in words(text.replace("=", " "), commas=True)
    ]
    found: list[Sweep] = []
    while rest:
        kind, name, parameter = _kind(rest)
        if rest and rest[0].lower() in ("lin", "dec", "oct", "list"):
            kind = rest.pop(0).lower()
        values = _listed(rest, scope, known) if kind == "list" else _spaced(kind, rest, scope)
        found.append(_target(name, tuple(values), scope, known, parameter=parameter))
    if not found:
        raise ValueError(f"it sweeps nothing. {_FORM}.")
    return found


def _kind(rest: list[str]) -> tuple[str, str, bool]:
    """Takes the kind and the name off the front of the words, and tells whether it is said to be a parameter's."""
    kind, parameter = "lin", False
    if rest[0].lower() in ("lin", "dec", "oct"):
        kind = rest.pop(0).lower()
    if rest and rest[0].lower() == "param" and len(rest) > 1:
        rest.pop(0)
        parameter = True
    if not rest:
        raise ValueError(f"it ends before the name of what is swept. {_FORM}.")
    name = rest.pop(0)
    if rest and name.lower() in _CARDS and (match := re.fullmatch(r"(\w[\w.-]*)\((\w+)\)", rest[0])):
        rest.pop(0)
        name = f"{match[1]}:{match[2]}"  # LTspice's NPN 2N2222(VAF)
    return kind, name, parameter


_CARDS = ("d", "nmos", "pmos", "r", "res", "npn", "pnp", "c", "cap", "l", "ind")


def _listed(rest: list[str], scope: Scope, known: Known) -> list[float]:
    values = []
    while rest and (rest[0][0] in "+-.0123456789{'" or not _is_target(rest[0], scope, known)):
        values.append(scope.number(rest.pop(0)))
    if not values:
        raise ValueError(f"its list has no values. {_FORM}.")
    return values


def _spaced(kind: str, rest: list[str], scope: Scope) -> list[float]:
    """Values from start to stop, by a step, or by so many a decade or an octave."""
    if kind == "lin" and len(rest) == 2 and scope.number(rest[0]) == scope.number(rest[1]):
        rest.append("1")  # as in Xyce
    if len(rest) < 3:
        raise ValueError(f"it has {len(rest)} numbers for the last of its variables. {_FORM}.")
    start, stop, step = (scope.number(rest.pop(0)) for _ in range(3))
    if kind == "lin":
        if start == stop:
            return [start]
        if step == 0 or (stop - start) * step < 0:
            raise ValueError(f"its step of {step!r} does not lead from {start!r} to {stop!r}. {_FORM}.")
        count = (stop - start) / step * (1 + 1e-12) + 1e-9
        if not count < POINTS:
            raise ValueError(f"it has more than {POINTS:,} values. Take a larger step.")
        return [start + k * step for k in range(math.floor(count) + 1)]
    if 0 < stop < start:
        return [start]  # as in Xyce
    if start <= 0 or stop <= 0 or step < 1 or step != int(step):
        raise ValueError(f"it goes from {start!r} to {stop!r} by {step!r} points. Expected numbers above 0.")
    base = 10.0 if kind == "dec" else 2.0
    count = math.log(stop / start, base) * step + 1e-9
    if not count < POINTS:
        raise ValueError(f"it has more than {POINTS:,} values. Take fewer.")
    return [start * base ** (k / step) for k in range(math.floor(count) + 1)]


def _is_target(word: str, scope: Scope, known: Known) -> bool:
    try:
        _target(word, (), scope, known)
    except ValueError:
        return False
    return True


def _target(
    word: str, values: tuple[float, ...], scope: Scope, known: Known, *, parameter: bool = False
) -> Sweep:
    """What a name of ``.dc`` means; ``parameter``: one of the deck's parameters before all else."""
    name = word.lower()
    if parameter and (name in scope.parameters or name in scope.given):
        return Sweep("parameter", name, values)
    if name in ("temp", "temper"):
        return Sweep("temperature", "temp", values)
    full, _, own = name.replace(".", ":").rpartition(":")
    element = known.elements.get(scope.element(name))
    if element is None and full and own in ("r", "dc", "dcv0", "dcvalue"):
        element = known.elements.get(scope.element(full))
    if isinstance(element, VoltageSource | CurrentSource) and element.written[0] in "vViI":
        return Sweep("source", element.name, values)
    if isinstance(element, Resistor):
        return Sweep("resistor", element.name, values)
    if name in scope.parameters or name in scope.given:  # stated by the deck, or in its place
        return Sweep("parameter", name, values)
    owner = scope.element(full) if full else ""
    stating = known.elements.get(owner)
    if own and stating is not None and stating.written[0] not in "dDmMrR":
        raise ValueError(
            f"{word!r} is no number that it could sweep: those of resistors, diodes and transistors are. Write the "
            f"value of {stating.written!r} as a parameter, and sweep that."
        )
    if owner in known.models or (stating is not None and own):
        return Sweep("number", f"{owner}:{own}", values)
    if isinstance(element, Capacitor | Inductor):
        return Sweep("number", f"{element.name}:", values)  # no operating point depends on it
    raise ValueError(f"there is no source, resistor or parameter {word!r} that it could sweep.")


# -- what is printed -----------------------------------------------------------------------------------------------


def _items(text: str) -> list[str]:
    """Words of a print, ``V (1)`` and ``(0,5)`` after an item joined or left out."""
    plain = re.sub(r"(?<![\w}])([vi][a-z]{0,2}) \(", r"\1(", " ".join(text.split()), flags=re.IGNORECASE)
    return [word for word in words(plain) if not re.fullmatch(r"\([-+.\deE, ]*\)", word)]


def _item(word: str, scope: Scope, known: Known) -> PrintItem | None:
    """One word of a print; None for what is its layout."""
    if re.match(r"[A-Za-z_]+=(?!=)", word):
        return None  # format=, file=, width=
    lower = word.lower()
    if lower in ("all", "allv", "alli", "allp", "v(*)", "i(*)", "v(all)"):
        return PrintItem(word, "all")
    match = re.fullmatch(r"([vi])\((.*)\)", word, re.IGNORECASE | re.DOTALL)
    if match and closing(word, 1) == len(word) - 1:
        names = probed(match[2])
        if match[1].lower() == "v":
            return PrintItem(
                word,
                "v",
                tuple(known.node(scope.node(name)) for name in names),
                _understood(word, scope, known),
            )
        return PrintItem(word, "i", (scope.element(names[0]),), _understood(word, scope, known))
    branch = re.fullmatch(r"(\S+)#branch", lower)
    if branch:
        return PrintItem(word, "i", (scope.element(branch[1]),), _understood(f"i({branch[1]})", scope, known))
    return PrintItem(word, "expression", (), _understood(unwrapped(word), scope, known))


def _understood(text: str, scope: Scope, known: Known) -> Expression | None:
    """An expression; None where it is not one of operating points, which printing need not know."""
    try:
        return currents_resolved(scope.expression(text), known)
    except ValueError:
        return None
