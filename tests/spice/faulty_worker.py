"""A worker whose code has a fault."""

from __future__ import annotations

import sys

from ebana.spice.simulators import ngspice, worker


class Faulty(ngspice.NgspiceSession):
    """Cannot alter anything."""

    def alter(self, changes):
        raise ZeroDivisionError("thirteen")


if __name__ == "__main__":
    ngspice.open_session = Faulty  # type: ignore[misc]
    worker.main(sys.argv[1:])
