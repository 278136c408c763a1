"""Nudges that follow the state: currents ``-s dC/dy`` into the nodes of an output, and their slopes ``-s d2C/dy2``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from ebana._types import LossLike
from ebana.circuit.elements import Output
from ebana.compilation import arithmetic, compiled
from ebana.equations.mna.layout import Layout


def _derivatives(loss: Any, y: Any, target: Any) -> tuple[Any, Any]:
    """First and second derivatives of each sample's loss, ``(B, u)`` and ``(B, u, u)``."""

    def one(y: Any, target: Any) -> Any:
        return loss.cost(y[None], target[None])[0]

    return jax.vmap(jax.grad(one))(y, target), jax.vmap(jax.hessian(one))(y, target)


_derived = compiled(_derivatives, 0)


@dataclass(frozen=True, eq=False)
class Pull:
    """A clamped nudge of one output.

    Args:
        nodes: places of its nodes in a full state.
        rows: places of its nodes in the equations, -1 for those that are known.
        reads: from the potentials of its nodes to its values, ``(u, nodes)``.
        strength: ``(B,)``.
        targets: ``(B, u)``.
        loss: what pulls.
    """

    nodes: np.ndarray
    rows: np.ndarray
    reads: np.ndarray
    strength: np.ndarray
    targets: np.ndarray
    loss: LossLike

    @staticmethod
    def of(places: Layout, port: Output, strength: Any, targets: Any, loss: LossLike, batch: int) -> Pull:
        """The pull at a port."""
        count = len(port.nodes)
        reads = np.eye(count) if not port.folded else np.eye(count)[0::2] - np.eye(count)[1::2]
        place = np.full(places.full, -1)
        place[places.unknown] = np.arange(places.size)
        return Pull(
            port.nodes.astype(np.int64),
            place[port.nodes],
            reads,
            np.broadcast_to(np.asarray(strength, np.float64), (batch,)),
            np.asarray(targets, np.float64),
            loss,
        )

    def samples(self, rows: np.ndarray) -> Pull:
        """Of some samples."""
        return replace(self, strength=self.strength[rows], targets=self.targets[rows])

    def add_currents(self, total: np.ndarray, p: np.ndarray) -> None:
        """Add what it draws from the nodes, at full states."""
        slope, _ = self._at(p)
        drawn = self.reads.T @ (self.strength[:, None] * slope).T
        known = self.rows < 0
        np.add.at(total, self.rows[~known], drawn[~known])

    def entries(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, columns and values ``(entries, B)`` of what it adds to the Jacobian."""
        _, curvature = self._at(p)
        full = np.einsum("ua,buw,wc->acb", self.reads, self.strength[:, None, None] * curvature, self.reads)
        rows, columns = np.meshgrid(self.rows, self.rows, indexing="ij")
        kept = (rows >= 0) & (columns >= 0)
        return rows[kept], columns[kept], full[kept]

    def _at(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = (self.reads @ p[self.nodes]).T
        with arithmetic():
            slope, curvature = _derived(self.loss, y, self.targets)
            return np.asarray(slope), np.asarray(curvature)
