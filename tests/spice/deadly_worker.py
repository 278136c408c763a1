"""A worker whose simulator kills the process at 13 volts."""

from __future__ import annotations

import os
import sys

from ebana.spice.simulators import ngspice, worker


class Deadly(ngspice.NgspiceSession):
    """ngspice, but for one sample."""

    def alter(self, changes):
        changes = list(changes)
        if ("vx", 13.0) in changes:
            os.abort()
        super().alter(changes)


if __name__ == "__main__":
    ngspice.open_session = Deadly  # type: ignore[misc]
    worker.main(sys.argv[1:])
