"""An examination on a chip: its devices and values, its converters as they are, or finer and quieter ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ebana.hardware.chip import realise
from ebana.hardware.doctor import Case, case_of
from ebana.hardware.hardware import Hardware


def case_on(
    model: Any,
    x: Any,
    y: Any,
    loss_fn: Any,
    beta: float | None,
    estimator: Any,
    nudge: str | None,
    optimizer: Any,
    samples: int,
    hardware: Hardware | None,
    chip: int,
) -> Case:
    """The case of a model, or of a chip of some hardware; see :meth:`ebana.Model.diagnose`."""
    own = model if hardware is None else realise(model, hardware, chip)
    case = case_of(own, x, y, loss_fn, beta, estimator, nudge, optimizer, samples)
    measurement = None if hardware is None else hardware.measurement
    if hardware is None or measurement is None:
        return case

    def quieter(bits: float | None, factor: float) -> Any:
        """The chip with so many bits, and noise by so much smaller; converters without either are none."""
        noise = None if measurement.noise is None or np.isinf(factor) else measurement.noise / factor
        dither = measurement.dither and bits is not None
        read = replace(measurement, bits=bits, noise=noise, dither=dither)
        return own.on(Hardware(measurement=read, seed=hardware.seed), chip)

    return replace(
        case,
        learner=quieter(measurement.bits, 1.0),
        quieter=quieter,
        bits=measurement.bits,
        noise=measurement.noise,
    )
