"""What a chip adds to its drawing: transistors that differ, and noise, both drawn from seeds.

Deviations are fixed for a chip and drawn once; noise is drawn point by point. Both engines take the same draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from ebana.numbers import real
from ebana.onchip.description import Network
from ebana.onchip.transistors.law import Size

OXIDE = 8.3e-3
"""Capacitance of a gate oxide of 4.15 nm, as in a 130 nm process, F/m^2."""


@dataclass(frozen=True, eq=False)
class Deviations:
    """How the transistors and samplers of one chip differ from their drawing.

    Args:
        threshold: of each transistor, away from conducting, volts, ``(transistors of a cell, cells)``.
        strength: factor of each transistor's current and charge, as of a wider one, of the same shape.
        offset: of the circuits that sample an error, volts, ``(amplifiers,)``.
    """

    threshold: np.ndarray
    strength: np.ndarray
    offset: np.ndarray

    @classmethod
    def none(cls, network: Network) -> Deviations:
        """A chip as drawn."""
        shape = len(network.synapse.transistors), network.cells
        return cls(np.zeros(shape), np.ones(shape), np.zeros(network.amplifiers))


@dataclass(frozen=True)
class Mismatch:
    """Standard deviations between transistors that are drawn alike, normal and independent.

    Args:
        strength: of current and charge, relative.
        threshold: of the threshold voltage, volts.
        offset: of the circuits that sample an error, volts.

    Example:
        >>> round(Mismatch.pelgrom(Size("n", 0.42e-6, 0.15e-6)).threshold, 4)
        0.0099
    """

    strength: float = 0.02
    threshold: float = 0.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        for name, unit in (("strength", "1"), ("threshold", "volt"), ("offset", "volt")):
            given = real("Mismatch", name, getattr(self, name), f"a number ({unit}) from 0", least=0.0)
            object.__setattr__(self, name, given)

    @classmethod
    def pelgrom(cls, size: Size, threshold: float = 3.5e-9, strength: float = 1e-8) -> Mismatch:
        """Mismatch of transistors of a size: it falls with the root of the area (Pelgrom et al., 1989).

        Args:
            size: of the transistors.
            threshold: of a pair's difference, V m; 3.5 mV µm is usual at 130 nm.
            strength: of a pair's difference, m; 1 % µm.
        """
        root = (2.0 * size.width * size.length) ** 0.5
        return cls(strength / root, threshold / root)

    def draw(self, network: Network, seed: int) -> Deviations:
        """The deviations of the chip that a seed stands for."""
        draw = np.random.default_rng([seed, 7])
        shape = len(network.synapse.transistors), network.cells
        share = 1.0 / np.sqrt(network.multipliers)  # of parallel ones the mean counts
        threshold = self.threshold * share * draw.standard_normal(shape)
        strength = np.exp(self.strength * share * draw.standard_normal(shape))
        return Deviations(threshold, strength, self.offset * draw.standard_normal(network.amplifiers))


@dataclass(frozen=True, eq=False)
class Draws:
    """Noise of some points, as drawn; what a chip does not have is None.

    Args:
        sampled: of each sampled error, unit variance, ``(T, S, amplifiers)``: its size follows from capacitors and
            temperature.
        written: on each bit line, unit variance, ``(T, S, bit lines)``.
        node: of each amplifier's node, unit variance, ``(T, S, amplifiers)``: its size follows from the currents that
            flow and the two below.
        white: factor of the power of thermal and shot noise, ``(T, S)``.
        pink: flicker noise of a gate by the area of the channel and the frequency, V^2 m^2, ``(T, S)``.
        lowest: frequency above which flicker differs between the two samples of an error, hertz, ``(T, S)``.
        wander: of each transistor's threshold from point to point, volts, ``(T, S, transistors of a cell, cells)``.
    """

    sampled: np.ndarray | None = None
    written: np.ndarray | None = None
    node: np.ndarray | None = None
    white: np.ndarray | None = None
    pink: np.ndarray | None = None
    lowest: np.ndarray | None = None
    wander: np.ndarray | None = None


jax.tree_util.register_dataclass(
    Draws,
    data_fields=["sampled", "written", "node", "white", "pink", "lowest", "wander"],
    meta_fields=[],
)

OCTAVES = 13
"""Octaves of frequency that thresholds wander with: from one cycle in two points to one in 16384."""


@dataclass(frozen=True)
class Noise:
    """Noise of a chip.

    Sampling: a capacitor C that is cut off keeps ``kT / C`` of variance in its voltage, at each sampled error, each
    held update and each write. White: the transistors' channels have the current noise

        S = 4 k T (2/3 gm + gds)      A^2/Hz

    (exact without a voltage along the channel and in saturation; below the threshold the shot noise ``2 q I``),
    resistors ``4 k T G``, clamps ``2 q I``; the node and the sampler, with time constants ``t1`` and ``t2``, let
    ``S / (4 (t1 + t2))`` of it through. Flicker: a gate has ``flicker / (C_ox W L f)``; what is slower than a point
    lets thresholds wander, what is faster differs between the two samples of an error. Outputs are read without noise.

    Args:
        sampling: whether capacitors that sample have noise.
        white: factor of the power of thermal and shot noise; zero for none. Short channels have more than long ones:
            those of the SkyWater cards, 150 nm long, 1 to 2.9 times ``S`` by a noise analysis of ngspice.
        flicker: V^2 F; zero for none. By a noise analysis of the same cards 2 to 5e-24 for n channels, a tenth of that
            for p channels.
        oxide: capacitance of the gates' oxide, F/m^2.
    """

    sampling: bool = True
    white: float = 2.5
    flicker: float = 4e-24
    oxide: float = OXIDE

    def __post_init__(self) -> None:
        for name, unit in (("flicker", "V^2 F"), ("white", "a factor")):
            given = real("Noise", name, getattr(self, name), f"{unit}, from 0", least=0.0)
            object.__setattr__(self, name, given)
        object.__setattr__(self, "oxide", real("Noise", "oxide", self.oxide, "F/m^2 above 0", above=0.0))

    def draw(self, network: Network, seed: int, epoch: int, points: int, first: int) -> Draws:
        """Noise of an epoch of one seed; the axis of seeds has length 1.

        Args:
            network: the circuit.
            seed: of the chip.
            epoch: counted from the first that the chip trained.
            points: of the epoch.
            first: points that the chip has seen before.
        """
        draw = np.random.default_rng([seed, epoch, 8])
        sampled, node = draw.standard_normal((2, points, 1, network.amplifiers))
        written = draw.standard_normal((points, 1, sum(network.bit_lines)))
        return self._draws(network, seed, first, sampled, written, node)

    def quiet(self, network: Network, seed: int, points: int, first: int) -> Draws:
        """Noise of points of one seed that write nothing: thresholds that wander on, and zeros of the rest."""
        nodes = np.zeros((points, 1, network.amplifiers))
        written = np.zeros((points, 1, sum(network.bit_lines)))
        return self._draws(network, seed, first, nodes, written, nodes)

    def _draws(
        self,
        network: Network,
        seed: int,
        first: int,
        sampled: np.ndarray,
        written: np.ndarray,
        node: np.ndarray,
    ) -> Draws:
        each = sampled.shape[:2]
        currents = self.white + self.flicker > 0.0
        return Draws(
            sampled if self.sampling else None,
            written if self.sampling else None,
            node if currents else None,
            np.full(each, self.white) if currents else None,
            np.full(each, self.flicker / self.oxide) if currents else None,
            np.full(each, 0.5 / network.clock.period) if currents else None,
            self.wander(network, seed, first, len(sampled)) if self.flicker else None,
        )

    def wander(self, network: Network, seed: int, first: int, points: int) -> np.ndarray:
        """Thresholds over time, volts: a cosine for each octave of frequency, its phase by the seed.

        A sum of ``a cos(2 pi f t + phase)`` with ``a^2 / 2`` the power in its octave has the wanted spectrum, costs no
        memory and can be entered at any time.

        Args:
            network: the circuit.
            seed: of the chip.
            first: points that the chip has seen before.
            points: that are wanted.
        """
        draw = np.random.default_rng([seed, 9])
        shape = OCTAVES, len(network.synapse.transistors), network.cells
        frequency = 2.0 ** -(1.0 + np.arange(OCTAVES)[:, None, None] + draw.random(shape))  # cycles a point
        phase = 2.0 * np.pi * draw.random(shape)
        area = np.array([one.size.width * one.size.length for one in network.synapse.transistors])
        power = self.flicker * np.log(2.0) / (self.oxide * area[:, None] * network.multipliers)
        time = first + np.arange(points)[:, None, None, None]
        each = np.sqrt(2.0 * power) * np.cos(2.0 * np.pi * frequency * time + phase)
        return each.sum(1)[:, None]
