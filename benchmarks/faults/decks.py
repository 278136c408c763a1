"""Decks of SPICE: mutated and read, and random ones held against ngspice.

Right is a deck, or an error that names the statement (:class:`~ebana.spice.language.deck.DeckError`) or says that the
deck as a whole is wrong. Anything else is wrong: another exception, two seconds of computing, a hundred megabytes.
"""

from __future__ import annotations

import random
import resource
import time
import warnings
from collections.abc import Callable, Iterator

from benchmarks.faults import Count
from benchmarks.faults.deck_oracle import exact, of_ngspice
from benchmarks.faults.deck_styles import ALL
from benchmarks.faults.random_decks import random_deck
from ebana.analysis.decks import solve_deck
from ebana.spice.language.deck import DeckError, read_deck

TRIED = 10_000
QUICK = 1_000
SECONDS = 2.0
"""Processor time for one deck of some hundred lines."""

SOLVING = 20.0
"""The same for one that is solved; the first of its kind compiles the laws of its devices."""

KILOBYTES = 100 * 1024
"""Growth of the process that one deck may cause."""

PIECES = [
    "{", "}", "(", ")", "'", "\"", "=", ",", ";", "$", "*", "+", "\n", "\n+ ", " ", "\t", "\u0000",
    "\u00a0", "\u00b5", "-", "--", "^", "**", "?", ":", "<", ">=", "&&", "!", "~", ".", "..", "1e999",
    "1e-999", "-0", "0", "nan", "inf", "1k5", "1meg", "time", "temper", "v(", "i(v1)", "v(a,b,c)", "ddt(1)",
    "f(1)", "{a}", "{1/0}", "m=0", "m=-1", "m=2", "tc=1,2", "poly(2)", "poly(0)", "table {v(1)}", "pwl(",
    "value={", ".if (1)\n", ".else\n", ".endif\n", ".ends\n", ".subckt s a b\n", ".include x\n",
    ".lib x y\n", ".control\n", ".endc\n", ".end\n", ".param a={a}\n", ".param b={c} c={b}\n", ".step\n",
    ".func g(x) {g(x)}\n", ".model d d(is=1)\n", "x1 a b s\n", "q1 a b c d\n", "k1 l1 l2 1\n", "off",
    "ic=1,2", "gnd",
]  # fmt: skip
"""What is put into decks."""


def counts(quick: bool) -> Iterator[Count]:
    """Mutate decks; hold random ones against ngspice."""
    tried = QUICK if quick else TRIED
    yield count("mutated decks", tried, lambda seed: fault(mutated(seed)))
    yield count("mutated decks, solved", tried, lambda seed: unsolved(mutated(seed)))
    yield count("random decks against ngspice", tried // 20, lambda seed: difference(random_deck(seed)))


def count(name: str, tried: int, check: Callable[[int], str]) -> Count:
    """Try seeds from 0 on."""
    wrong = [f"seed {seed}: {why}" for seed in range(tried) if (why := check(seed))]
    return Count(name, tried, len(wrong), wrong[0] if wrong else "")


def mutated(seed: int) -> str:
    """A deck of :data:`ALL` with one to eight changes."""
    rng = random.Random(seed)
    text = rng.choice(list(ALL.values()))
    for _ in range(rng.randint(1, 8)):
        text = rng.choice(_CHANGES)(text, rng)
    return text


def _words(text: str, rng: random.Random) -> str:
    """Two words change places."""
    words = text.split(" ")
    i, j = rng.randrange(len(words)), rng.randrange(len(words))
    words[i], words[j] = words[j], words[i]
    return " ".join(words)


def _lines(text: str, rng: random.Random) -> str:
    """A line moves, is doubled, or goes."""
    lines = text.split("\n")
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.randint(0, 2)):
        lines.insert(rng.randint(0, len(lines)), line)
    return "\n".join(lines)


def _inserted(text: str, rng: random.Random) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(PIECES) * rng.choice((1, 1, 1, 2, 300)) + text[at:]


def _cut(text: str, rng: random.Random) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + text[at + rng.choice((1, 1, 3, 30)) :]


def _replaced(text: str, rng: random.Random) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + chr(rng.choice((rng.randint(32, 126), rng.randint(0, 255)))) + text[at + 1 :]


def _joined(text: str, rng: random.Random) -> str:
    """The rest of another deck follows."""
    other = rng.choice(list(ALL.values()))
    return text[: rng.randint(0, len(text))] + other[rng.randint(0, len(other)) :]


_CHANGES: list[Callable[[str, random.Random], str]] = [
    _words, _lines, _lines, _inserted, _inserted, _inserted, _cut, _replaced, _replaced, _joined,
]  # fmt: skip


def fault(text: str) -> str:
    """What is wrong with how a text is read; empty where nothing is."""
    before, started = _kilobytes(), time.process_time()
    try:
        for dialect in ("ngspice", "ltspice", "xyce"):
            read_deck(text, dialect=dialect)
    except DeckError as error:
        if not str(error).startswith(str(error.place)):
            return f"an error that does not begin with its place: {error}"
    except ValueError as error:
        if not str(error).startswith("the deck"):
            return f"an error without a place: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if time.process_time() - started > SECONDS:
        return f"more than {SECONDS} s"
    return f"more than {KILOBYTES} kB" if _kilobytes() - before > KILOBYTES else ""


def unsolved(text: str) -> str:
    """What is wrong with how a text is solved; empty where it is solved, refused, or has no operating point."""
    started = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solve_deck(text, strict=False)
    except ValueError:
        pass
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"more than {SOLVING} s" if time.process_time() - started > SOLVING else ""


def difference(text: str) -> str:
    """How far a deck of resistors is from ngspice; empty where it is not.

    ngspice writes the values of expressions with eleven digits before it reads them, and a divider multiplies their
    errors: so 3e-8.
    """
    deck = read_deck(text)
    ours = exact(deck)
    theirs = of_ngspice(text, list(deck.nodes))
    far = {
        node: (ours[node], theirs.get(node))
        for node in deck.nodes
        if node not in theirs or abs(ours[node] - theirs[node]) > 3e-8 * abs(ours[node]) + 1e-11
    }
    return f"node, ours, theirs: {dict(list(far.items())[:3])}" if far else ""


def _kilobytes() -> int:
    """The most memory that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
