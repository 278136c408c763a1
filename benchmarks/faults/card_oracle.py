"""What ngspice makes of cards as they were written: the text goes into a deck byte for byte."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VOLTS = {"d": (-6.0, -3.0, -0.2, 0.3, 0.55, 0.7, 0.9), "m": (-0.2, 0.3, 0.7, 0.9, 1.5, 2.0, 3.0)}
"""Where the devices are held, by the letter of their line."""

OPTIONS = ".options reltol=1e-7 abstol=1e-15 vntol=1e-9 gmin=1e-12"


@dataclass(frozen=True)
class Raw:
    """A text, the name of its model, and the letter of the device's line."""

    text: str
    model: str
    kind: str = "d"


def run(deck: bytes, behaviour: str = "") -> str:
    """What ngspice prints for a deck; empty where it refuses it."""
    with tempfile.TemporaryDirectory(prefix="cards-") as folder:
        home = Path(folder)
        (home / ".spiceinit").write_text(
            "set num_threads=1\n" + (f"set ngbehavior={behaviour}\n" if behaviour else "")
        )
        (home / "deck.cir").write_bytes(deck)
        program = shutil.which("ngspice") or "ngspice"
        done = subprocess.run(
            [program, "-b", "deck.cir"], cwd=folder, capture_output=True, timeout=120, check=False,
            env={"HOME": folder, "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def _currents(printed: str, name: str) -> list[float]:
    return [-float(x) for x in re.findall(rf"^i\({name}_\d+\) = (\S+)", printed, re.MULTILINE)]


def _element(k: int, j: int, raw: Raw) -> str:
    node = f"n{k}_{j}"
    ends = f"{node} 0" if raw.kind == "d" else f"{node} {node} 0 0"
    return f"v{k}_{j} {node} 0 {VOLTS[raw.kind][j]!r}\n{raw.kind}{k}_{j} {ends} {raw.model}\n"


def as_written(cards: Sequence[Raw], behaviour: str = "") -> list[np.ndarray | None]:
    """Currents of each card's device at :data:`VOLTS`, amperes; None where ngspice refuses its text.

    All cards stand in one deck; one that ngspice refuses as a whole is halved until the card is found.
    """
    if not cards:
        return []
    many = range(len(VOLTS["d"]))
    elements = "".join(_element(k, j, raw) for k, raw in enumerate(cards) for j in many)
    printed = "\n".join(f"print i(v{k}_{j})" for k in range(len(cards)) for j in many)
    texts = "\n".join(raw.text for raw in cards)
    deck = (
        f"cards\n{elements}{texts}\n{OPTIONS}\n.control\nset numdgt=16\nop\n{printed}\nquit 0\n.endc\n.end\n"
    )
    said = run(deck.encode(), behaviour)
    found = [_currents(said, f"v{k}") for k in range(len(cards))]
    if all(len(one) == len(many) for one in found):
        return [np.array(one) for one in found]
    if len(cards) == 1:
        return [None]
    half = len(cards) // 2
    return as_written(cards[:half], behaviour) + as_written(cards[half:], behaviour)


def deck_currents(deck: str, sources: Sequence[str]) -> np.ndarray | None:
    """Currents that voltage sources of a deck of ours deliver, amperes; the deck has no analysis."""
    body = deck.rstrip().removesuffix(".end")
    printed = "\n".join(f"print i({name})" for name in sources)
    said = run(f"{body}\n.control\nset numdgt=16\nop\n{printed}\nquit 0\n.endc\n.end\n".encode())
    found = [-float(x) for x in re.findall(r"^i\(\S+\) = (\S+)", said, re.MULTILINE)]
    return np.array(found) if len(found) == len(sources) else None


def differs(ours: np.ndarray, theirs: np.ndarray | None) -> bool:
    """Whether currents differ by more than the tolerances of a simulator's operating point."""
    return theirs is None or not bool((np.abs(ours - theirs) <= 2e-6 * np.abs(theirs) + 2e-14).all())
