"""The built-in solver held against SPICE: the same circuit, the same numbers, node by node."""

from ebana.parity.suite import Parity, run

__all__ = ["Parity", "run"]
