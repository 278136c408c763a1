"""Documented path of version 0.1; the module is :mod:`ebana.spice.simulators.batch`."""

from ebana.spice.simulators.batch import *  # noqa: F403
