"""An examination on a chip: its converters as they are, or finer and quieter ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ebana.hardware.doctor.examine import Case
from ebana.hardware.hardware import Hardware


def through_converters(case: Case, model: Any, hardware: Hardware, chip: int) -> Case:
    """The case of a chip with what measures it; itself where nothing does.

    Args:
        case: of the model of the chip.
        model: that model.
        hardware, chip: which one it is.
    """
    measurement = hardware.measurement
    if measurement is None:
        return case

    def quieter(bits: float | None, factor: float) -> Any:
        """The chip with so many bits, and noise by so much smaller; converters without either are none."""
        noise = None if measurement.noise is None or np.isinf(factor) else measurement.noise / factor
        dither = measurement.dither and bits is not None
        read = replace(measurement, bits=bits, noise=noise, dither=dither)
        return model.on(Hardware(measurement=read, seed=hardware.seed), chip)

    learner = quieter(measurement.bits, 1.0)
    return replace(case, learner=learner, quieter=quieter, bits=measurement.bits, noise=measurement.noise)
