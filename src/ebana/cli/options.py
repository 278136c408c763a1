"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.spice.simulators.session import SIMULATORS

if TYPE_CHECKING:
    from ebana.decks.source import Dialect

LARGEST_SEED = 2**32 - 1
"""What scikit-learn's splits accept."""

ENGINES = ("native", *SIMULATORS)

Engine = Annotated[str, typer.Option(help=f"Engine that computes operating points: {', '.join(ENGINES)}.")]
Workers = Annotated[
    int, typer.Option(help="Processes that share a simulator's work; 0 for none.", show_default=False)
]
Seed = Annotated[int, typer.Option(help="Seed of the split and of the start values.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")
]
DIALECTS = ("ngspice", "ltspice", "xyce")

DeckDialect = Annotated[
    str,
    typer.Option(
        "--dialect",
        help="Whose meaning counts where simulators differ: ngspice, ltspice or xyce; auto is what the deck says.",
    ),
]


def check_dialect(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        ValueError: for an unknown one.
    """
    match name:
        case "auto" | "ngspice" | "ltspice" | "xyce":
            return name
        case _:
            raise ValueError(
                f"--dialect {name!r} is unknown. Expected one of {', '.join(('auto', *DIALECTS))}."
            )


def check_engine(name: str) -> str:
    """Refuse an unknown engine before anything heavy is loaded."""
    if name not in ENGINES:
        raise ValueError(f"--engine {name!r} is unknown. Expected one of {', '.join(ENGINES)}.")
    return name


def make_engine(name: str, workers: int) -> Any:
    """The engine of that name, with so many worker processes.

    Raises:
        ValueError: for an unknown name, and for workers of the native engine.
    """
    check_engine(name)
    check_count("--workers", workers, least=0)
    if not workers:
        return name
    if name not in SIMULATORS:
        raise ValueError(
            f"--workers {workers} with --engine {name}: its work is not shared by processes. "
            f"Expected --engine {' or '.join(SIMULATORS)}."
        )
    from ebana.engines.spice import ENGINES

    return ENGINES[name](workers=workers)


def check_seed(seed: int) -> int:
    """Refuse a seed that a split cannot have."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"--seed {seed} is out of range. Expected a whole number from 0 to {LARGEST_SEED}.")
    return seed


def check_seeds(first: int, count: int) -> None:
    """Refuse a number of seeds, counted from a first, that splits cannot have."""
    check_count("--seeds", count)
    check_seed(first)
    check_seed(first + count - 1)


def check_given(**counts: int | None) -> None:
    """Refuse counts below 1 among those options that were given, by name."""
    for name, count in counts.items():
        if count is not None:
            check_count(f"--{name}", count)


def check_count(option: str, count: int, least: int = 1) -> int:
    """Refuse a count below one."""
    if count < least:
        raise ValueError(f"{option} {count} is too small. Expected a whole number of at least {least}.")
    return count
