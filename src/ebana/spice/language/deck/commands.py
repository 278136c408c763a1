"""``.control`` blocks: those whose commands compute, print and plot, and change nothing of the circuit.

Analyses of operating points in them (``op``, ``dc``) count as those of the deck; what is printed too. Loops and
conditions are passed over with what they hold, as no command that is read changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ebana.spice.language.deck.places import DeckError
from ebana.spice.language.deck.sources import Statement

_HARMLESS_WORDS = (
    "alias ac asciiplot break compose continue cross define deftype diff display disto dowhile "
    "echo edisplay else end fft foreach fourier getcwd goto gnuplot hardcopy history if "
    "inventory iplot label let linearize listing meas measure noise plot print psd pz quit exit "
    "remcirc eprint eprvcd reshape remzerovec cutout optran repeat reset resume rusage run save "
    "sens set setplot setscale setseed settype show showmod spec state status strcmp tf tran "
    "undefine unlet unset version where while write wrdata wrs2p destroy delete op dc bug help "
    "esave stop step trace mrdump wrnodev check_ifparm sp setcs"
)
HARMLESS = frozenset(_HARMLESS_WORDS.split())
"""Commands that change no circuit."""

_NUMBERS = frozenset(
    [
        "temp",
        "tnom",
        "gmin",
        "reltol",
        "abstol",
        "vntol",
        "defw",
        "defl",
        "scale",
        "ngbehavior",
        "noinit",
        "rshunt",
    ]
)
"""Variables that ``set`` may not change, as operating points depend on them."""

_OPTIONS = ("option", "options")
"""What states options, as ``.options`` does."""

_DEVICE = re.compile(r"\s*@")


def analyses_of(commands: Iterable[Statement]) -> list[Statement]:
    """The statements of operating points and prints among commands, in the form of the deck's own.

    Raises:
        DeckError: for a command that would change the circuit, read a file, or is not known.
    """
    found = []
    for statement in commands:
        word = statement.card
        if word not in HARMLESS and word not in _OPTIONS:
            raise DeckError(
                statement.place,
                f"the command {word!r} of the .control block is not carried out: it may change the circuit. Make its "
                "change in the deck, and leave out the command.",
            )
        _check(statement, word)
        if word in ("op", "dc", "print", "save", *_OPTIONS):
            found.append(Statement(f".{statement.text}", statement.place))
    return found


def _check(statement: Statement, word: str) -> None:
    """Refuse ``set temp=..`` and ``let @r1[resistance]=..``, which change the circuit."""
    if word == "set":
        for name in re.findall(r"[A-Za-z_]\w*(?=\s*=|\s*$)", statement.rest):
            if name.lower() in _NUMBERS:
                raise DeckError(
                    statement.place, f"it sets {name!r}, on which operating points depend. Use .options."
                )
    if word == "let" and _DEVICE.match(statement.rest):
        raise DeckError(statement.place, "it changes a number of an element. Change it in the deck.")
