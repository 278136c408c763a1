"""Documented path of version 0.1; transistors live in :mod:`ebana.devices.mosfet.transistor`."""

from importlib import import_module

_room = import_module(
    "ebana.devices.mosfet.transistor"
)  # not a statement: the description itself needs no devices
MosDiode, Mosfet = _room.MosDiode, _room.Mosfet
