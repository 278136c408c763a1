"""The path that version 0.1 had for schedules: see :mod:`ebana.schedules`."""

from ebana.schedules import *  # noqa: F403
