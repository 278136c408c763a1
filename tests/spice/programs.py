"""A small program that several tests share: dividers driven by one source, no circuit behind it."""

from __future__ import annotations

import numpy as np

from ebana.spice.simulators.program import Job, ParametricDeck

DECK = (
    "* a divider with a diode",
    ".options reltol=1e-6 abstol=1e-12 vntol=1e-9 gmin=1e-12",
    "VX x 0 DC 0.0",
    ".subckt block_d x y",
    "R0 x y 1000.0",
    "R1 y 0 1000.0",
    "B0 y 0 I=V(y)>1 ? (V(y)-1)/10 : 0",
    ".ends block_d",
    "Xd x y block_d",
    ".subckt block_a y w",
    "E0 w 0 y 0 3.0",
    ".ends block_a",
    "Xa y w block_a",
    "RL w 0 1e6",
    ".end",
)
X, R, GAIN = ("element", "x"), ("element", "r"), ("element", "gain")


def program(lines: tuple[str, ...] = DECK, reads: tuple[str, ...] = ("y", "w")) -> ParametricDeck:
    """The deck with its source, one resistance and the gain to alter."""
    return ParametricDeck(
        lines,
        {X: ("vx",), R: ("r.xd.r0",), GAIN: ("e.xa.e0 gain",)},
        {X: np.zeros(1), R: np.array([1000.0]), GAIN: np.array([3.0])},
        reads,
    )


def job(volts: np.ndarray, of: ParametricDeck | None = None, ohms: float = 1000.0, gain: float = 3.0) -> Job:
    """Operating points for source voltages ``(B,)``."""
    of = of or program()
    fixed = {R: np.array([ohms]), GAIN: np.array([gain])}
    return Job(of, of.digest, fixed, {X: np.asarray(volts, float)[:, None]}, len(volts))


def expected(volts: np.ndarray, ohms: float = 1000.0, gain: float = 3.0) -> np.ndarray:
    """By hand: ``(x - y) / ohms = y / 1000 + max(y - 1, 0) / 10``."""
    volts = np.asarray(volts, float)
    low = volts / ohms / (1 / ohms + 1e-3)
    high = (volts / ohms + 0.1) / (1 / ohms + 1e-3 + 0.1)
    y = np.where(low > 1, high, low)
    return np.stack([y, gain * y], axis=1)
