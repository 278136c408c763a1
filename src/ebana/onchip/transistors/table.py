"""Laws of transistors as tables: bicubic splines through samples of current and charge.

A spline through samples ``f[i, j]`` at ``vgs = low + i h`` and ``vds = low + j h`` is twice continuously
differentiable, so that Newton's method converges quadratically on it; its error is of order ``h^4``. It is kept as
the sixteen coefficients of each cell, ``f = sum_ab c_ab u^a v^b`` with ``u, v`` in [0, 1] from the cell's corner.
Outside of the sampled range the law goes on along its tangent plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ebana.onchip.transistors.law import Point

ORDER = 4
"""Coefficients by each variable."""

PARTS = ORDER * ORDER
"""Coefficients of a cell."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["coefficients", "low", "step"],
    meta_fields=["cells"],
)
@dataclass(frozen=True)
class TableLaw:
    """The law of transistors by tables.

    Args:
        coefficients: of the drain current (amperes) and of the gate's charge (coulombs), one after the other for each
            cell of the table: they are fetched together, ``(kinds * cells * cells, 32)``.
        low: voltage of the first samples.
        step: between two samples, volts.
        cells: by each voltage.
    """

    coefficients: jax.Array
    low: float
    step: float
    cells: int

    def __call__(self, which: np.ndarray, vgs: jax.Array, vds: jax.Array) -> Point:
        """See :class:`ebana.onchip.transistors.law.Law`."""
        i, u, beyond_g = self._place(vgs)
        j, v, beyond_d = self._place(vds)
        cell = (jnp.asarray(which, jnp.int32) * self.cells + i) * self.cells + j
        c = jnp.asarray(self.coefficients).at[cell].get(mode="promise_in_bounds")
        current, charge = ([c[..., k] for k in range(start, start + PARTS)] for start in (0, PARTS))
        beyond = (beyond_g, beyond_d)
        return Point(
            *_polynomial(current, u, v, beyond, self.step), *_polynomial(charge, u, v, beyond, self.step)
        )

    def _place(self, volts: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Index of the cell, place in it from 0 to 1, and how far beyond the table, in steps."""
        x = (volts - self.low) / self.step
        inside = jnp.clip(x, 0.0, self.cells)
        index = jnp.minimum(jnp.floor(inside), self.cells - 1)
        return index.astype(jnp.int32), inside - index, x - inside


def _polynomial(
    c: Sequence[jax.Array],
    u: jax.Array,
    v: jax.Array,
    beyond: tuple[jax.Array, jax.Array],
    step: jax.Array | float,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Value and two derivatives, by Horner's rule in ``v`` and then in ``u``."""
    rows = [c[ORDER * a : ORDER * (a + 1)] for a in range(ORDER)]
    along = [r[0] + v * (r[1] + v * (r[2] + v * r[3])) for r in rows]
    across = [r[1] + v * (2.0 * r[2] + v * (3.0 * r[3])) for r in rows]
    value = along[0] + u * (along[1] + u * (along[2] + u * along[3]))
    by_g = along[1] + u * (2.0 * along[2] + u * (3.0 * along[3]))
    by_d = across[0] + u * (across[1] + u * (across[2] + u * across[3]))
    return value + by_g * beyond[0] + by_d * beyond[1], by_g / step, by_d / step


def table_law(
    current: Sequence[np.ndarray], charge: Sequence[np.ndarray], low: float, step: float
) -> TableLaw:
    """The law through samples on a square grid.

    Args:
        current: drain current at ``(vgs, vds)`` for each kind of transistor, ``(cells + 1, cells + 1)``, amperes.
        charge: gate charge there, coulombs.
        low: voltage of the first samples.
        step: between two samples, volts.
    """
    shapes = {np.shape(samples) for samples in (*current, *charge)}
    size = min(shapes, default=(0, 0))
    if len(shapes) != 1 or len(size) != 2 or size[0] != size[1] or size[0] < ORDER:
        raise ValueError(
            f"samples of transistors have the shapes {sorted(shapes)}. Expected one shape, square, of at least {ORDER}."
        )
    kinds = [
        np.concatenate([coefficients(np.asarray(one)) for one in both], axis=1)
        for both in zip(current, charge, strict=True)
    ]
    return TableLaw(np.concatenate(kinds), low, step, size[0] - 1)  # type: ignore[arg-type]


def coefficients(samples: np.ndarray) -> np.ndarray:
    """Coefficients of the bicubic spline through samples, in units of a cell, ``(cells * cells, 16)``."""
    from scipy.interpolate import CubicSpline  # takes a third of a second to import

    first = CubicSpline(np.arange(samples.shape[0]), samples, axis=0).c[::-1]  # (a, rows, columns + 1)
    both = CubicSpline(np.arange(samples.shape[1]), first, axis=2).c[::-1]  # (b, columns, a, rows)
    return both.transpose(3, 1, 2, 0).reshape(-1, PARTS)
