"""Energy of a training point and of an inference, from the currents of a transient.

By Tellegen's theorem what the sources deliver is what the parts dissipate and what the stores gain:

    sum over sources int v i dt = sum over parts int v i dt + change of stored energy

Sources are those of the circuit as it is built: drivers of inputs, amplifiers and buffers, biases, targets, and the
sources that compute and write updates. Amplifiers and the computing of updates are behavioural, so that this is the
energy that goes into the network of synapses, capacitors and switches; what the transistors of a real amplifier or
multiplier draw from the supply for themselves comes on top. A source that takes energy up counts as negative, which a
real supply could not store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ebana.onchip.blocks import BLOCKS, OTHERS, block_of
from ebana.onchip.parts import KINDS, joules, parts, vectors
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.transient import Chip, TransientEngine
from ebana.onchip.waveforms import PHASES, Waveforms, record
from ebana.shown import Shown, Table, brief
from ebana.units import si

ACCURATE = {"reltol": 1e-4, "trtol": 1.0, "chgtol": 1e-18, "longest": 1e-9}
"""Tolerances that resolve the charging of capacitors through switches, which takes picoseconds."""

LEAST = 1e-18
"""Joules below which a table stays empty."""


@dataclass(frozen=True, eq=False, repr=False)
class Energy(Shown):
    """Energies of a few points.

    Args:
        blocks: names of blocks.
        phases: names of phases.
        joules: by kind (``"delivered"``, ``"dissipated"``, ``"stored"``), each ``(points, phases, blocks)``; of what is
            stored, the change.
    """

    blocks: tuple[str, ...]
    phases: tuple[str, ...]
    joules: Mapping[str, np.ndarray]

    @property
    def per_point(self) -> float:
        """What sources deliver in all phases of a training point, mean, joules."""
        return float(self.joules["delivered"].sum((1, 2)).mean())

    @property
    def per_inference(self) -> float:
        """What sources deliver in a free phase, mean, joules."""
        return float(self.joules["delivered"][:, 0].sum(1).mean())

    @property
    def imbalance(self) -> float:
        """What is delivered and found nowhere, relative to what is delivered; 0 by Tellegen's theorem."""
        delivered, dissipated, stored = (float(self.joules[kind].sum()) for kind in KINDS)
        return (delivered - dissipated - stored) / delivered

    def __repr__(self) -> str:
        return (
            f"Energy({si(float(self.joules['delivered'].mean(0).sum()), 'J')} a point; {brief(self.blocks)})"
        )

    def _tables(self) -> Iterator[Table]:
        yield Table("Energy of a point", self.columns, self.rows())

    def rows(self) -> list[tuple[str, ...]]:
        """A table as texts: a row for each block and one for all, with the joules of a point.

        What is delivered by phase, then what is delivered, dissipated and stored in all phases.
        """
        delivered = self.joules["delivered"].mean(0)  # (phases, blocks)
        sums = [self.joules[kind].mean(0).sum(0) for kind in KINDS]
        columns = np.stack([*delivered, *sums], axis=1)
        names = [*self.blocks, "all"]
        return [
            (name, *(_text(value) for value in row))
            for name, row in zip(names, np.vstack([columns, columns.sum(0)]), strict=True)
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        """Heads of :meth:`rows`."""
        return ("block", *(f"delivered, {phase}" for phase in self.phases), *KINDS)


def measure(engine: TransientEngine, chip: Chip, stimulus: Stimulus) -> Energy:
    """Simulate a few points with fine steps and add up what each part takes.

    Args:
        engine: that computes it; its tolerances are replaced by :data:`ACCURATE`.
        chip: the network and the weights to start from.
        stimulus: of one seed; the first point begins from a chip at rest and should be one of several.

    Raises:
        NotImplementedError: for parts whose energy is not known, such as transistors of another model than BSIM4.
    """
    engine = replace(engine, **ACCURATE)
    all_parts = parts(engine.circuit(chip, stimulus))
    saved = dict.fromkeys(name for part in all_parts for name in vectors(part))
    waves = record(engine, chip, stimulus, list(saved))
    names = [*BLOCKS, OTHERS]
    found = {kind: np.zeros((len(waves.learns), len(PHASES), len(names))) for kind in KINDS}
    for part in all_parts:
        at = names.index(block_of(part.array))
        for kind, energy in joules(part, waves):
            found[kind][..., at] += by_phase(waves, energy)
    used = [k for k in range(len(names)) if any(energy[..., k].any() for energy in found.values())]
    return Energy(
        tuple(names[k] for k in used), PHASES, {kind: energy[..., used] for kind, energy in found.items()}
    )


def _text(value: float) -> str:
    """Joules; empty below :data:`LEAST`."""
    return si(value, "J", 3) if abs(value) >= LEAST else ""


def by_phase(waves: Waveforms, energy: np.ndarray) -> np.ndarray:
    """Increments of an energy over the phases of each point, ``(points, phases)``."""
    return np.diff(np.interp(waves.edges, waves.time, energy)).reshape(-1, len(PHASES))
