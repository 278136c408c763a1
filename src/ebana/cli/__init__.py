"""The command line: ``ebana train``, ``evaluate``, ``netlist``, ``check``, ``info``."""

from ebana.cli.app import app, main

__all__ = ["app", "main"]
