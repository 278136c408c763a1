"""A worker whose simulator kills the process at 13 volts."""

from __future__ import annotations

import os
import sys

import numpy as np
from programs import X

from ebana.spice import ngspice, worker


class Deadly(ngspice.NgspiceSession):
    """ngspice, but for one sample."""

    def _one(self, values, outcome, sample):
        if np.any(values[X] == 13.0):
            os.abort()
        super()._one(values, outcome, sample)


if __name__ == "__main__":
    ngspice.open_session = Deadly  # type: ignore[misc]
    worker.main(sys.argv[1:])
