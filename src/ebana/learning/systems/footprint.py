"""What relaxing a batch of a circuit takes of memory, in words.

With F unknown nodes, of which K are kept in Newton corrections (:mod:`ebana.equations.system`), and batches of B
samples::

    fixed sweeps                              B (5 F + columns)
    certified points                          B (10 F + columns + 1.25 C + 2.2 K^2)

with C conductances between unknown nodes, over each of which a potential difference is kept; conjugate gradients do
without K^2. Each crossing of wired crossbars takes 16 words more of a sample. The coefficients are those of XLA on
CPUs.
"""

from __future__ import annotations

import numpy as np

from ebana._types import LossLike
from ebana.circuit import Circuit
from ebana.engines import Engine, NativeEngine, SweepEngine
from ebana.equations.plan import Plan, plan
from ebana.learning.system import Footprint


def footprint(circuit: Circuit, engine: Engine, samples: int, *, clamped: bool, loss: LossLike) -> Footprint:
    """Memory of so many samples, all phases of a batch counted; see :class:`~ebana.learning.system.EnergySystem`."""
    native = isinstance(engine, NativeEngine | SweepEngine)
    layout = plan(circuit, _coupled(circuit, loss) if clamped else frozenset()) if native else None
    return Footprint(samples * _each(circuit, engine, layout), _spread(layout), _advice(circuit, engine))


def _coupled(circuit: Circuit, loss: LossLike) -> frozenset[str]:
    return frozenset(port.name for port in circuit.outputs if port.folded or not loss.quadratic)


def _each(circuit: Circuit, engine: Engine, layout: Plan | None) -> float:
    """Words of a sample."""
    free = len(circuit.free)
    if isinstance(engine, SweepEngine):
        return 5 * free
    each = 10.0 * free
    if layout is not None and isinstance(engine, NativeEngine):
        kept = layout.kept.size
        each += 1.25 * sum(c.rows.size * c.columns.size for c in layout.couplings)
        each += 2.2 * kept**2 if kept <= engine.dense_limit else 0
        each += 16.0 * sum(ports.cells.units for ports in layout.wired)
    return each


def _spread(layout: Plan | None) -> float:
    """Words of resistors between layers, spread over all pairs of their nodes, and of what eliminates wires."""
    if layout is None:
        return 0.0
    wired = sum(2.0 * ports.cells.units * min(ports.cells.shape) for ports in layout.wired)
    return wired + 3.0 * sum(np.unique(link.a).size * np.unique(link.b).size for link in layout.links)


def _advice(circuit: Circuit, engine: Engine) -> tuple[str, ...]:
    if not isinstance(engine, NativeEngine | SweepEngine):
        return ()
    name = "NativeEngine(" if isinstance(engine, NativeEngine) else f"SweepEngine({engine.sweeps}, "
    hints = [f"{name}dtype='float32')"] if engine.dtype == "float64" else []
    if isinstance(engine, NativeEngine) and plan(circuit).layered:
        hints.append("NativeEngine(sweeps=4), which trains without certified operating points")
    return tuple(hints)
