"""Variances of what is read of a linear circuit whose branches add noise, over a band of frequencies.

Unknowns x of one sample follow ``C dx/dt + J x = E w`` with noise w of one-sided density ``white + flicker / f``. What
is read is ``R x``; its *rows* are ``R J^-1``, and ``S = E diag(density) E^T``. Without capacitances::

    P = rows S rows^T,      white S times f2 - f1, flicker S times ln(f2 / f1)

With capacitances ``C = L L^T`` (one column of L for each independent voltage), and ``M = L^T J^-1 L``::

    R x = D w + rows L M^-1 z,     (1 + j w M) z = L^T J^-1 E w,     D = rows - rows L M^-1 L^T J^-1

``M = V diag(tau) V^-1`` has the circuit's time constants. From 0 Hz to infinity the covariance of z under white noise
solves the Lyapunov equation ``M P + P M^T = S_z / 2``, in modes ``P_mn = S_mn / (2 (tau_m + tau_n*))``; for
conductances alone it is ``k T`` (equipartition). Over any band the modes are integrated in closed form; where they are
(nearly) dependent, as of equal stages in a row, over a grid of frequencies by Gauss-Legendre rules. What has a direct
path past all capacitances (D other than 0) has infinite variance up to infinite frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import get_lapack_funcs
from scipy.sparse import csr_array

Array = np.ndarray

INDEPENDENT = 1e4
"""Largest condition number of modes that are integrated one by one."""

DIRECT = 1e-6
"""Share of what a row reads below which its direct path is rounding."""

SYMMETRIC = 1e-10
"""Share of the largest time constant by which those of a reciprocal circuit may differ from their transpose."""

PANELS, ORDER, BEYOND = 6, 8, 1e5
"""Panels a decade and order of the grid, and how far it goes beyond the time constants."""


@dataclass(frozen=True)
class Band:
    """Frequencies from ``low`` to ``high``, Hz; the ends may be 0 and infinite."""

    low: float
    high: float

    @property
    def white(self) -> float:
        """Integral of 1, Hz."""
        return self.high - self.low

    @property
    def flicker(self) -> float:
        """Integral of ``1 / f``."""
        return math.log(self.high) - math.log(self.low) if self.low else math.inf


@dataclass(frozen=True)
class Densities:
    """``E diag(S) E^T`` of white and of flicker noise at 1 Hz, ``(n, n)`` each; None for none of that kind."""

    white: csr_array | None
    flicker: csr_array | None

    def at(self, frequency: float) -> csr_array | None:
        """The sum at a frequency, Hz."""
        if self.flicker is None:
            return self.white
        falling = self.flicker / frequency
        return falling if self.white is None else self.white + falling

    @cached_property
    def parts(self) -> tuple[tuple[bool, csr_array], ...]:
        """Those that there are, each with whether it is flicker noise."""
        given = ((False, self.white), (True, self.flicker))
        return tuple((falls, matrix) for falls, matrix in given if matrix is not None)


def square_root(capacitance: Array) -> Array:
    """``L`` with ``C = L L^T``, ``(n, r)``, by Cholesky's factors with pivots.

    Args:
        capacitance: farads between all unknowns, ``(n, n)``, symmetric without negative eigenvalues.

    Example:
        >>> square_root(np.diag([4.0, 0.0, 9.0])).tolist()
        [[0.0, 2.0], [0.0, 0.0], [3.0, 0.0]]
    """
    size = np.sqrt(np.diag(capacitance))
    at = np.flatnonzero(size > 0)
    if not at.size:
        return np.zeros((len(size), 0))
    if not (capacitance - np.diag(np.diag(capacitance))).any():
        root = np.zeros((len(size), len(at)))
        root[at, np.arange(len(at))[::-1]] = size[at]
        return root
    scaled = capacitance[np.ix_(at, at)] / np.outer(size[at], size[at])
    (cholesky,) = get_lapack_funcs(("pstrf",), (scaled,))
    factor, pivots, rank, _ = cholesky(scaled, lower=1)
    root = np.zeros((len(size), rank))
    root[at[pivots - 1]] = np.tril(factor)[:, :rank]
    return root * size[:, None]


# -- without capacitances ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Static:
    """A circuit that follows its noise at once, over a band."""

    band: Band

    def prepared(self, densities: Densities) -> csr_array | None:
        """What covariances are computed of."""
        total = None
        for falls, matrix in densities.parts:
            part = matrix * (self.band.flicker if falls else self.band.white)
            total = part if total is None else total + part
        return total

    def covariance(self, rows: Array, prepared: Any) -> Array:
        """Covariance of what is read, ``(m, m)``."""
        return np.zeros((len(rows),) * 2) if prepared is None else (rows @ prepared) @ rows.T

    def variances(self, rows: Array, prepared: Any) -> Array:
        """Its diagonal, ``(m,)``."""
        return np.zeros(len(rows)) if prepared is None else ((rows @ prepared) * rows).sum(1)

    def density(self, rows: Array, densities: Densities, frequency: float) -> Array:
        """One-sided densities of what is read at a frequency, ``(m,)``."""
        matrix = densities.at(frequency)
        return np.zeros(len(rows)) if matrix is None else ((rows @ matrix) * rows).sum(1)


# -- with capacitances ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """Of densities, what covariances are computed of.

    Args:
        static: the densities over the band, for direct paths.
        crossed: integral of ``S (1 + j w M)^-H``-like products between direct paths and states, ``(n, r)``.
        states: covariance of the states z, ``(r, r)``.
        loud: root of the density in each equation, ``(n,)``.
    """

    static: csr_array | None
    crossed: Array | None
    states: Array
    loud: Array


@dataclass(frozen=True)
class Dynamic:
    """A circuit with capacitances, over a band.

    Args:
        band: the band.
        root: L, ``(n, r)``.
        solved: ``L^T J^-1``, ``(r, n)``.
    """

    band: Band
    root: Array
    solved: Array

    @cached_property
    def constants(self) -> Array:
        """M, ``(r, r)``, seconds."""
        found = self.solved @ self.root
        size = np.abs(found).max(initial=0.0)
        if np.abs(found - found.T).max(initial=0.0) <= SYMMETRIC * size:
            found = 0.5 * (found + found.T)
        return found

    @cached_property
    def modes(self) -> tuple[Array, Array, Array | None]:
        """Time constants, modes V and their inverse; None where they are not independent.

        Raises:
            ValueError: for an operating point that the circuit would leave.
        """
        m = self.constants
        tau: Array
        if np.array_equal(m, m.T):
            tau, v = np.linalg.eigh(m)
            inverse = v.T
        else:
            tau, v = np.linalg.eig(m)
            inverse = np.linalg.inv(v) if np.linalg.cond(v) <= INDEPENDENT else None
        if not np.real(tau).min(initial=np.inf) > 0:
            raise ValueError(
                f"noise: a time constant of {np.real(tau).min():.3g} s at an operating point, which the circuit would "
                "leave instead of moving about it. Expected a stable operating point; check negative conductances, "
                "gains and loops."
            )
        return tau, v, inverse

    def prepared(self, densities: Densities) -> Prepared:
        """What covariances are computed of."""
        wide = math.isinf(self.band.high)
        static = None if wide else Static(self.band).prepared(densities)
        states = np.zeros(self.constants.shape)
        crossed = None if wide else np.zeros(self.root.shape)
        loud = np.zeros(len(self.root))
        for falls, matrix in densities.parts:
            loud += np.sqrt(np.maximum(matrix.diagonal(), 0.0))
            pair = matrix @ self.solved.T
            both = self.solved @ pair
            more, over = self._integrated(both, pair, falls)
            states += more
            if crossed is not None:
                crossed += over
        return Prepared(static, crossed, states, loud)

    def covariance(self, rows: Array, prepared: Any) -> Array:
        """Covariance of what is read, ``(m, m)``; infinite where a direct path has no highest frequency."""
        direct, states = self._paths(rows, prepared.loud)
        total = states @ prepared.states @ states.T
        open_ended = direct.any(1)
        if open_ended.any():
            if prepared.crossed is None:
                total[open_ended] = total[:, open_ended] = 0.0
                total[open_ended, open_ended] = np.inf
                return total
            crossed = (direct @ prepared.crossed) @ states.T
            total += crossed + crossed.T
            if prepared.static is not None:
                total += (direct @ prepared.static) @ direct.T
        return total

    def variances(self, rows: Array, prepared: Any) -> Array:
        """Its diagonal, ``(m,)``."""
        return np.diag(self.covariance(rows, prepared)).copy()

    def density(self, rows: Array, densities: Densities, frequency: float) -> Array:
        """One-sided densities of what is read at a frequency, ``(m,)``."""
        matrix = densities.at(frequency)
        if matrix is None:
            return np.zeros(len(rows))
        w = 2j * math.pi * frequency
        inner = np.linalg.solve(np.eye(len(self.constants)) + w * self.constants, self.solved)
        moved = rows - w * (rows @ self.root) @ inner
        return ((moved @ matrix) * moved.conj()).sum(1).real

    def _paths(self, rows: Array, loud: Array) -> tuple[Array, Array]:
        """Direct paths D of what is loud, ``(m, n)``, and what is read of the states, ``(m, r)``."""
        states = np.linalg.solve(self.constants.T, (rows @ self.root).T).T
        direct = np.where(loud > 0, rows - states @ self.solved, 0.0)
        whole = np.abs(rows * loud).max(1, initial=0.0)
        direct[np.abs(direct * loud).max(1, initial=0.0) <= DIRECT * whole] = 0.0
        return direct, states

    # -- integrals over the band ---------------------------------------------------------------------------

    def _integrated(self, both: Array, pair: Array, falls: bool) -> tuple[Array, Array]:
        """Covariance of the states, ``(r, r)``, and ``integral of S_xz (1 - j w M)^-T``, ``(n, r)``."""
        tau, v, inverse = self.modes
        if inverse is None:
            return self._by_grid(both, pair, falls)
        a, b = tau[:, None], tau.conj()[None, :]
        inner = _between(lambda f: _pole(a, f, falls, 1.0) + _pole(b, f, falls, -1.0), self.band) / (a + b)
        states = (v @ ((inverse @ both @ inverse.conj().T) * inner) @ v.conj().T).real
        outer = _between(lambda f: _pole(b, f, falls, -1.0), self.band) / b
        return states, (((pair @ inverse.conj().T) * outer) @ v.conj().T).real

    def _by_grid(self, both: Array, pair: Array, falls: bool) -> tuple[Array, Array]:
        """The same two over a grid of frequencies."""
        m, eye = self.constants, np.eye(len(self.constants))
        states, crossed = np.zeros(both.shape), np.zeros(pair.shape)
        for frequency, weight in self._grid():
            inverse = np.linalg.inv(eye + 2j * math.pi * frequency * m)
            weight = weight / frequency if falls else weight
            states += weight * (inverse @ both @ inverse.conj().T).real
            crossed += weight * (pair @ inverse.conj().T).real
        return states, crossed

    def _grid(self) -> list[tuple[float, float]]:
        """Frequencies and their weights: even in the logarithm, and what is below and beyond as one point each."""
        tau = np.abs(self.modes[0])
        slow, fast = 1.0 / (2 * math.pi * tau.max()), 1.0 / (2 * math.pi * tau.min())
        low = self.band.low or slow / BEYOND
        high = fast * BEYOND if math.isinf(self.band.high) else self.band.high
        points = []
        if self.band.low < low:
            points.append((low, min(low, self.band.high) - self.band.low))
        if low < high:
            panels = max(1, math.ceil(PANELS * math.log10(high / low)))
            edges = np.linspace(math.log(low), math.log(high), panels + 1)
            nodes, weights = np.polynomial.legendre.leggauss(ORDER)
            for start, end in pairwise(edges):
                f = np.exp(0.5 * ((end - start) * nodes + end + start))
                points += list(zip(f, 0.5 * (end - start) * weights * f, strict=True))
        if math.isinf(self.band.high):  # falls as 1 / f^2 there
            points.append((high, high))
        return points


def _between(primitive: Callable[[float], Array], band: Band) -> Array:
    """The integral over a band by its primitive function."""
    return primitive(band.high) - primitive(band.low)


def _pole(tau: Array, frequency: float, falls: bool, sign: float) -> Array:
    """Primitive function of ``tau / (1 + sign j w tau)``, or of that over f, at a frequency.

    At infinity of what grows there without the other pole's share, which grows against it.
    """
    s = sign * 2j * math.pi
    if math.isinf(frequency):
        return -tau * np.log(s * tau) if falls else np.log(s * tau) / s
    rising = np.log1p(s * frequency * tau)
    return tau * (math.log(frequency) - rising) if falls else rising / s
