"""Runs a script, then holds the circuit of every model that it made against SPICE: ``held_to_spice.py FILE ...``."""

from __future__ import annotations

import runpy
import sys

from ebana import Model
from ebana.parity.compare import differences
from ebana.parity.gallery import case_of
from ebana.spice.simulators.session import available

LARGEST = 3000
"""Parameter values of the largest circuit that is compared: SPICE takes its time with more."""


def main() -> None:
    """Prints one line for each circuit."""
    made: list[Model] = []
    right = Model._start

    def start(self, *arguments, **options):
        right(self, *arguments, **options)
        made.append(self)

    Model._start = start
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
    engines = tuple(name for name in ("ngspice", "neospice") if available(name)[0])
    seen = set()
    for model in made:
        size = sum(value.size for value in model.values.values())
        if (
            id(model.circuit) in seen
            or size > LARGEST
            or not model.circuit.inputs
            or not model.circuit.outputs
        ):
            continue
        seen.add(id(model.circuit))
        try:
            found = differences(case_of(model.name, model), engines)
        except (NotImplementedError, ValueError) as error:  # a device without SPICE text, a block without law
            print(f"parity: {model.name}: not compared: {error}")
            continue
        for d in found:
            said = f"not compared: {d.reason}" if d.volts is None else f"{d.volts:.1e} V"
            print(
                f"parity: {d.circuit}, {d.engine}: {said}{'' if d.passed or d.volts is None else ' TOO LARGE'}"
            )


if __name__ == "__main__":
    main()
