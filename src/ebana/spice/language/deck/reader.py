"""Reading whole decks: from SPICE text to elements with their numbers.

A deck is read in five steps, a module each: its lines and those of the files that it includes (:mod:`.sources`); blocks
(:mod:`.structure`); what each instance defines (:mod:`.frames`, with :mod:`.scopes` for names and :mod:`.grammar` for
expressions); elements (:mod:`.flattening`, :mod:`.building`, :mod:`.driving`); and what is asked for
(:mod:`.directives`, :mod:`.commands`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from ebana.spice.language.deck.building import Settings
from ebana.spice.language.deck.commands import analyses_of
from ebana.spice.language.deck.data import Deck
from ebana.spice.language.deck.directives import OPTIONS, Directives
from ebana.spice.language.deck.flattening import Flattener, Known, with_currents
from ebana.spice.language.deck.frames import Frame
from ebana.spice.language.deck.grammar import Dialect
from ebana.spice.language.deck.scopes import Scope, Surroundings
from ebana.spice.language.deck.sources import Statement, gather
from ebana.spice.language.deck.structure import outline


def read_deck(
    source: str | Path,
    *,
    name: str = "",
    dialect: Dialect = "ngspice",
    parameters: Mapping[str, float] | None = None,
    temperature: float | None = None,
    numbers: Mapping[str, float] | None = None,
    offered: Mapping[str, str] | None = None,
) -> Deck:
    """Read a deck of SPICE.

    The first line is the title, whatever it holds: a text in Python may begin with an empty one.

    Args:
        source: the text, or the :class:`~pathlib.Path` of a file in UTF-8, UTF-16 or Windows-1252. Only a file can
            include others, of its own folder.
        name: what errors call the deck.
        dialect: whose functions and powers are meant where simulators differ (:mod:`.functions`).
        parameters: values in place of those that ``.param`` states at the top of the deck, by name.
        temperature: degrees Celsius, in place of ``.temp`` and ``.options temp``.
        numbers: values in place of those of elements' lines and of cards, by owner and key: ``{"m1:w": 1e-6}``.
        offered: cards at hand elsewhere, by name in lower case: errors offer them where a deck misses one.

    Raises:
        ValueError: for what cannot be read, with the file, the line, its text and what to do.
        OSError: for a file that cannot be opened.

    Example:
        >>> deck = read_deck('''a divider
        ... .param r=1k
        ... V1 in 0 5
        ... R1 in out {r}
        ... R2 out 0 {3*r}
        ... .op
        ... .end''')
        >>> [element.name for element in deck.elements], deck.elements[2].ohms
        (['v1', 'r1', 'r2'], 3000.0)
    """
    if dialect not in get_args(Dialect):
        raise ValueError(f"dialect={dialect!r} is not known. Expected one of {', '.join(get_args(Dialect))}.")
    text = gather(source, name, dialect)
    blocks = outline(text.statements, text.title)
    shared = Surroundings(
        dialect, grounds=_grounds(text.statements, dialect), numbers=numbers or {}, offered=offered or {}
    )
    top = Frame(blocks.top, Scope(shared))
    _replace(top.scope, parameters or {})
    if temperature is not None:
        top.scope.shared.celsius = temperature
    else:
        _preset_temperature(top.scope, text.statements)
    top.take(blocks.top.items)
    _check_replaced(top.scope)
    top.scope.shared_nodes = _shared_nodes(top.directives)
    says = Directives(top.scope, list(text.passed))
    says.take([*top.directives, *analyses_of(blocks.commands)])
    settings = _settings(says, temperature)
    top.scope.shared.celsius = settings.celsius
    writer = Flattener(settings)
    writer.write(top)
    for frame in writer.instances:
        says.inside(frame.scope, frame.directives)
    known = Known(
        {element.name: element for element in writer.elements}, writer.ports, frozenset(writer.models)
    )
    elements = with_currents(writer.elements, known)
    return Deck(
        text.title,
        elements,
        settings.celsius,
        settings.tnom,
        says.options,
        {known.node(node): volts for node, volts in says.nodesets.items()},
        tuple(says.analyses(known)),
        tuple(says.prints(known)),
        {own: top.scope.value(own) for own in (*top.scope.parameters, *sorted(top.scope.replaced))},
        tuple(sorted([*says.passed, *writer.passed], key=lambda place: (place.file, place.number))),
        dialect,
    )


def _grounds(statements: list[Statement], dialect: Dialect) -> tuple[str, ...]:
    """Names of ground: in Xyce 0 alone, unless ``.preprocess replaceground true`` says otherwise."""
    if dialect != "xyce":
        return ("0", "gnd")
    said = (statement.rest.lower().split() for statement in statements if statement.card == ".preprocess")
    return ("0", "gnd", "gnd!", "ground") if ["replaceground", "true"] in said else ("0",)


def _replace(scope: Scope, parameters: Mapping[str, float]) -> None:
    """State values of parameters before the deck does."""
    scope.values |= {name.lower(): float(value) for name, value in parameters.items()}
    scope.given = frozenset(scope.values)


def _check_replaced(scope: Scope) -> None:
    for name in sorted(scope.given - scope.replaced):
        known = ", ".join([*scope.parameters, *sorted(scope.replaced)][:12]) or "none"
        raise ValueError(f"the deck has no parameter {name!r} at its top. It has: {known}.")


def _preset_temperature(scope: Scope, statements: list[Statement]) -> None:
    """The temperature where it is a plain number, as conditions and parameters may depend on it."""
    for statement in statements:
        if statement.card == ".temp" or statement.card in OPTIONS:
            early = Directives(scope)
            try:
                early.take([statement])
            except ValueError:
                continue  # told where the statement is read
            scope.shared.celsius = scope.shared.celsius if early.celsius is None else early.celsius


def _shared_nodes(directives: list[Statement]) -> frozenset[str]:
    return frozenset(
        name.lower()
        for statement in directives
        if statement.card == ".global"
        for name in statement.rest.split()
    )


def _settings(says: Directives, temperature: float | None) -> Settings:
    given = temperature if temperature is not None else says.celsius
    celsius, tnom = 27.0 if given is None else given, says.options.get("tnom", 27.0)
    for value, what in ((celsius, "temperature"), (tnom, "nominal temperature")):
        if value <= -273.15:
            raise ValueError(f"the deck's {what} of {value!r} degrees Celsius is below absolute zero.")
    scale = says.options.get("scale", 1.0)
    if scale <= 0:
        raise ValueError(f"the deck's scale of lengths is {scale!r}. Expected a number above 0.")
    return Settings(celsius, tnom, says.options.get("defw"), says.options.get("defl"), scale)
