"""The parameters that a ``.model`` card of a level 1 MOSFET may state."""

from __future__ import annotations

from ebana.spice.language.cards import ModelCard

FIELDS = {"VTO": "vto", "KP": "kp", "LAMBDA": "lambda_", "LD": "ld", "IS": "is_"}
FIELDS |= {"GAMMA": "gamma", "PHI": "phi", "TNOM": "tnom", "KF": "kf", "AF": "af"}
SIZE = {"W": "width", "L": "length"}
"""Sizes that a card states for the transistors whose own line states none."""
ALWAYS = ("VTO", "KP", "LAMBDA", "LD", "IS")
ALIASES = {"vt0": "vto", "u0": "uo", "tref": "tnom"}
PROCESS = frozenset(("tox", "uo", "nsub", "tpg", "nss"))
MODELLED = PROCESS | {key.lower() for key in FIELDS | SIZE}

CAPACITANCE = "cgso cgdo cgbo cj cjsw mj mjsw pb fc cbd cbs"
WITHOUT_DC_EFFECT = frozenset(f"level js nlev gdsnoi {CAPACITANCE}".split())
"""Card parameters without influence on an operating point or its noise (JS has one only with AD and AS).

No line that is written states AD and AS.
"""

OTHER_LEVELS = frozenset(
    ("xj", "nfs", "vmax", "delta", "theta", "eta", "kappa", "ucrit", "uexp", "utra", "neff", "xqc")
)
"""Parameters of levels 2 and 3, which cards of level 1 keep; every simulator passes them over."""

NOTES = frozenset(("mfg", "vds", "ron", "qg"))
"""What LTspice's cards say of parts: makers and ratings."""

NOT_MODELLED = {"rd": "drain resistance", "rs": "source resistance", "rsh": "sheet resistance"}
"""Card parameters that can move an operating point and that are left out, with a warning."""


def is_parameter(key: str) -> bool:
    """Whether a word in lower case is a parameter of a level 1 transistor."""
    return ALIASES.get(key, key) in {
        *MODELLED,
        *WITHOUT_DC_EFFECT,
        *OTHER_LEVELS,
        *NOTES,
        *NOT_MODELLED,
    }


def check_names(card: ModelCard) -> None:
    """Raise ValueError for a parameter that no level 1 transistor of a simulator has."""
    for key in card.parameters:
        if not is_parameter(key):
            raise unknown(card, key)


def unknown(card: ModelCard, key: str) -> ValueError:
    listed = sorted(k.upper() for k in {*MODELLED, *WITHOUT_DC_EFFECT, *NOT_MODELLED})
    return ValueError(
        f"model {card.name!r} has the parameter {key.upper()!r}, which is not one of a level 1 MOSFET "
        f"that is known here. Known: {', '.join(listed)}."
    )
