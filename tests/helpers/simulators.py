"""Marks of tests that run a simulator."""

import pytest

needs_ngspice = pytest.mark.spice
"""Skips a test where ngspice is not installed, library and program (see ``conftest.py``)."""
