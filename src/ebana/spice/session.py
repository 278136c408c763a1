"""Documented path of version 0.1; the module is :mod:`ebana.spice.simulators.session`."""

from ebana.spice.simulators.session import *  # noqa: F403
