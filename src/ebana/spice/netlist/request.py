"""What a user asks of a netlist, checked as a whole: a deck, a block, or a deck in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebana.circuit.capacitance import capacitances
from ebana.circuit.circuit import Circuit
from ebana.spice.netlist.block import node_capacitors, subcircuit
from ebana.spice.netlist.deck import netlist
from ebana.spice.netlist.names import Names
from ebana.spice.netlist.pins import Pins
from ebana.spice.netlist.transient import transient_deck, transient_of

RAW = ", potentials by 'ngspice -b -r out.raw <this file>'"
"""How ngspice writes a course."""


@dataclass(frozen=True)
class NetlistRequest:
    """What is asked for; arguments as of :meth:`ebana.Model.netlist`.

    Raises:
        ValueError: for arguments that exclude each other.
    """

    dialect: str = "ngspice"
    as_subckt: str | None = None
    pins: Pins = None
    bias_pins: bool = False
    capacitance: Any = None
    transient: Any = None

    def __post_init__(self) -> None:
        if self.as_subckt is None and (self.pins is not None or self.bias_pins):
            raise ValueError("netlist(pins=..., bias_pins=...) belong to a block. Name it: as_subckt='name'.")
        if self.as_subckt is not None and self.transient is not None:
            raise ValueError(
                f"netlist(as_subckt={self.as_subckt!r}, transient={self.transient!r}): a block has no analysis. State "
                "it in the deck that includes the block, or leave as_subckt out."
            )

    def text(
        self,
        circuit: Circuit,
        values: Mapping[str, Any],
        inputs: Mapping[str, Any] | None,
        sample: int,
        title: str,
    ) -> str:
        """The text.

        Args:
            circuit: the circuit.
            values: by parameter name, SI units.
            inputs: volts by input, ``(B, columns)``, or None for 0 V.
            sample: which row of them.
            title: of a deck, its first line.
        """
        farads = None if self.capacitance is None else capacitances(circuit, self.capacitance)
        if self.as_subckt is not None:
            return self._block(circuit, values, inputs, farads)
        names = Names.of(circuit)
        extra = tuple(node_capacitors(circuit, farads, names.nodes))
        if self.transient is None:
            return netlist(
                circuit, values, inputs, sample=sample, title=title, dialect=self.dialect, extra=extra
            )
        row = {name: np.asarray(value)[sample] for name, value in (inputs or {}).items()}
        return transient_deck(
            circuit,
            values,
            transient_of(self.transient),
            inputs=row,
            extra=extra,
            title=f"{title}: from rest" + (RAW if self.dialect == "ngspice" else ""),
            dialect=self.dialect,
        )

    def _block(
        self,
        circuit: Circuit,
        values: Mapping[str, Any],
        inputs: Mapping[str, Any] | None,
        farads: np.ndarray | None,
    ) -> str:
        if inputs:
            raise ValueError(
                f"netlist(x, as_subckt={self.as_subckt!r}): a block has no data, its inputs are pins. Leave x out."
            )
        return subcircuit(
            circuit,
            values,
            name=str(self.as_subckt),
            pins=self.pins,
            bias_pins=self.bias_pins,
            farads=farads,
            dialect=self.dialect,
        )
