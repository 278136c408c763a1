"""The languages of simulators: each module of this folder with a ``DIALECT`` is one.

To add a simulator's language, write one module here: a subclass of
:class:`~ebana.spice.netlist.dialects.dialect.Dialect` that states what differs from ngspice, and an instance of it
named ``DIALECT``. Its name is the module's.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ebana.spice.netlist.dialects.dialect import Dialect

NAMES = tuple(
    sorted(
        (module.name for module in iter_modules(__path__) if module.name not in ("dialect", "cards")),
        key=lambda name: (name != "ngspice", name),
    )
)
"""Names of the dialects, ngspice first."""


def get(name: str) -> Dialect:
    """A dialect by name.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> get("xyce").conditional
        'IF'
    """
    if name not in NAMES:
        raise ValueError(f"netlist(dialect={name!r}). Expected one of {', '.join(map(repr, NAMES))}.")
    return import_module(f"{__name__}.{name}").DIALECT
