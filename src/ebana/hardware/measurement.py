"""How a chip is measured and driven: converters, offsets and noise between the circuit and what learning sees.

    read     y = round((v + offset + noise) / step) step, clipped to the range          ADC
    set      inputs and nudges rounded to the codes of their ranges                     DAC
    sign     of each sample's contrast of each parameter nothing but its sign is told   comparators

Zero is a code, and as many lie above it as below: ``2^bits - 1`` of them (mid-tread); one bit alone tells the two ends
of its range. Nodes that sources hold are set and not read. Offsets belong
to a node and are drawn once for a chip. Noise is drawn for each state that is read. A chip that is asked twice
(``predict``, ``evaluate``, ``gradients``) is read twice, with other noise: what is drawn follows from the hardware's
seed, the chip, the step of training, the number of the read after it and the batch, so that the same calls in the same
order give the same bits, and ``chip.at_read(k)`` is read k again. Steps of training and studies over chips count no
such reads: a resumed training and a repeated study are what they were.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array
from ebana.devices.forms import law
from ebana.numbers import is_unknown, known_number, real

MOST_BITS = 32


@law("dither", "sign_only", "differential")
@dataclass(frozen=True)
class Measurement:
    """Converters and what they add.

    Args:
        bits: of the converters that read potentials; as fine as computed if None.
        range: volts from zero that they read, in both directions; if None, they range themselves: for each layer and
            sample, its largest potential.
        offset: standard deviation of each node's offset, volts.
        noise: standard deviation of each read, volts.
        dither: whether known noise of one step between two codes is added before rounding and subtracted after it
            (Schuchman, 1964): the error of a read is then independent of what is read, and zero on average.
        input_bits: of the converters that set inputs; exact if None.
        input_range: volts from zero that they set; the largest input of each sample if None.
        nudge_bits, nudge_range: the same of the nudging currents, amperes.
        differential: whether nudged states are read as their change from the free one, which is held meanwhile: what
            learning compares is then as fine as the change, and not as the potentials.
        change_range: volts from zero that a change is read in; as for ``range`` if None.
        sign_only: whether comparators tell the sign of each sample's contrast and nothing else.

    Example:
        >>> reads = Measurement(bits=4, range=1.0)
        >>> [round(float(v), 4) for v in reads.read(jax.random.key(0), jnp.asarray([0.3, -2.0]))]
        [0.2857, -1.0]
        >>> Measurement(noise=1e-3).random
        True
    """

    bits: Any = None
    range: float | None = None
    offset: float | None = None
    noise: float | None = None
    dither: bool = False
    input_bits: Any = None
    input_range: float | None = None
    nudge_bits: Any = None
    nudge_range: float | None = None
    differential: bool = False
    change_range: float | None = None
    sign_only: bool = False

    def __post_init__(self) -> None:
        for what in ("bits", "input_bits", "nudge_bits"):
            self._check(
                what, f"a whole number of bits from 1 to {MOST_BITS}", least=1.0, most=float(MOST_BITS)
            )
            given = getattr(self, what)
            if given is not None and not is_unknown(given) and given != round(given):
                raise ValueError(f"Measurement({what}={given!r}). Expected a whole number of bits.")
        for what, unit in (
            ("range", "volts"),
            ("change_range", "volts"),
            ("input_range", "volts"),
            ("nudge_range", "amperes"),
        ):
            self._check(what, f"{unit} above zero", above=0.0)
        for what in ("offset", "noise"):
            self._check(what, "volts from 0", least=0.0)
        for what in ("dither", "sign_only", "differential"):
            if not isinstance(known_number(getattr(self, what)), bool):
                raise ValueError(f"Measurement({what}={getattr(self, what)!r}). Expected True or False.")

    def _check(self, what: str, expected: str, **limits: float) -> None:
        if getattr(self, what) is not None:
            number = real("Measurement", what, getattr(self, what), expected, **limits)
            object.__setattr__(self, what, number)

    @property
    def random(self) -> bool:
        """Whether it draws."""
        return self.offset is not None or self.noise is not None or self.dither

    def offsets(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Offsets of a chip's nodes, volts; zero where there are none."""
        if self.offset is None:
            return jnp.zeros(shape, jnp.float32)
        return self.offset * jax.random.normal(key, shape, jnp.float32)

    def read(self, key: Array, volts: Array, offset: Any = 0.0, *, change: bool = False) -> Array:
        """Potentials of converters that share a range as they are read.

        Args:
            key: of this read's noise.
            volts: potentials, ``(B, nodes)``.
            offset: of each node, volts.
            change: whether they are changes from a free state.
        """
        volts = volts + jnp.asarray(offset, volts.dtype)
        noise, dither = jax.random.split(key)
        if self.noise is not None:
            volts += (self.noise * jax.random.normal(noise, volts.shape, jnp.float32)).astype(volts.dtype)
        reach = self.change_range if change else self.range
        fine = None
        if self.dither:
            fine = jax.random.uniform(dither, volts.shape, jnp.float32, -0.5, 0.5).astype(volts.dtype)
        return coded(volts, self.bits, reach, fine)

    def set_inputs(self, volts: Array) -> Array:
        """Inputs as they are set."""
        return coded(volts, self.input_bits, self.input_range)

    def set_nudge(self, amperes: Array) -> Array:
        """Nudging currents as they are set."""
        return coded(amperes, self.nudge_bits, self.nudge_range)

    def to_dict(self) -> dict[str, Any]:
        """The fields that are not what they are by default."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


def coded(value: Array, bits: Any, reach: Any, dither: Array | None = None) -> Array:
    """The nearest of the equally spaced codes from ``-reach`` to ``reach``; the value itself without bits.

    There are ``2^bits - 1``, zero among them, and two of one bit.

    Args:
        value: what is coded.
        bits: of the converter.
        reach: end of its range; of each sample the largest value if None.
        dither: what is added before rounding and subtracted after it, in steps between two codes.

    Example:
        >>> coded(jnp.asarray([-0.2, 0.9]), 2, 1.0).tolist()
        [0.0, 1.0]
        >>> coded(jnp.asarray([-0.2, 0.9]), 1, 1.0).tolist()
        [-1.0, 1.0]
    """
    if bits is None:
        return value if reach is None else jnp.clip(value, -reach, reach)
    own = jnp.max(jnp.abs(value), -1, keepdims=True) if value.ndim else jnp.abs(value)
    largest = own if reach is None else jnp.asarray(reach, value.dtype)
    largest = jnp.where(largest > 0, largest, 1.0)
    codes = jnp.asarray(jnp.where(bits > 1, 2.0**bits - 2.0, 1.0), value.dtype)
    share = jnp.clip(value / (2.0 * largest) + 0.5, 0.0, 1.0)
    if dither is None:
        return (jnp.round(share * codes) / codes - 0.5) * (2.0 * largest)
    code = jnp.round(jnp.clip(share * codes + dither, 0.0, codes)) - dither
    return (code / codes - 0.5) * (2.0 * largest)
