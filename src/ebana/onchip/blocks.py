"""Which block of a chip an array of elements belongs to, by the name that :mod:`ebana.onchip.circuit` gives it."""

from __future__ import annotations

import re

BLOCKS = {
    "inputs": ("x", "xn"),
    "synapses": ("syn", "cw"),
    "amplifiers": ("ampp", "ampn", "backp", "backn", "rp", "rn", "leak", "loadp", "loadn"),
    "clamps": ("clamp", "diode"),
    "nudge": ("y", "nudging", "target"),
    "update": ("zbuf", "hold", "ch", "reader", "pre", "error", "update", "sampling", "cs"),
    "writing": ("driver", "driving", "cbit", "writing"),
    "clocks": ("free", "nudge", "sample", "rate", "select", "write"),
}
"""Names of arrays, without their layer's number, by block."""

OTHERS = "others"
"""The block of arrays of other names."""

_NAME = re.compile(r"([a-z]+)(\d*)")


def block_of(array: str) -> str:
    """The block that an array belongs to; the array that drives the update's clock has its block's name.

    Example:
        >>> block_of("ampp0"), block_of("error1_s"), block_of("update"), block_of("thermometer")
        ('amplifiers', 'update', 'clocks', 'others')
    """
    if array == "update":
        return "clocks"
    stem = stem_of(array)
    return next((block for block, stems in BLOCKS.items() if stem in stems), OTHERS)


def stem_of(array: str) -> str:
    """The name of an array without the number of its layer and what follows.

    Example:
        >>> stem_of("error1_s")
        'error'
    """
    found = _NAME.match(array)
    return found[1] if found else ""


def layer_of(array: str) -> int | None:
    """The number of the layer that an array belongs to, from 0; None for what all layers share.

    Example:
        >>> layer_of("syn1_0"), layer_of("xn")
        (1, None)
    """
    found = _NAME.match(array)
    return int(found[2]) if found and found[2] else None
