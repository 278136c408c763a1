"""A MOSFET tied as a diode: gate to drain, bulk to source. SPICE level 1 (Shichman-Hodges).

With ``v = v_DS = v_GS`` the transistor is saturated whenever it conducts, so that

    i = (KP / 2) (W / (L - 2 LD)) (v - VTO)^2 (1 + LAMBDA v)         for v > VTO, else 0,

and the junction from bulk to drain, by ngspice's equations for this device, adds
``-IS (exp(-v / Vt) - 1) + GMIN v`` for ``v < 3 Vt`` and ``IS + GMIN v`` above. N-channel transistors with
a threshold above zero, at 27 degrees Celsius.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp

from ebana.circuit import cards
from ebana.circuit.devices import BOLTZMANN, CHARGE, Array, Device, Values

VT = BOLTZMANN / CHARGE * 300.15
"""Thermal voltage at 27 degrees Celsius, volts."""

OXIDE = 3.9 * 8.854214871e-12
"""Permittivity of silicon dioxide as ngspice has it, F/m."""

CAP = 60.0
"""The junction's exponential goes on along its tangent beyond this many thermal voltages."""

MODELLED = {"vto": "vto", "vt0": "vto", "kp": "kp", "lambda": "lambda_", "is": "is_", "ld": "ld"}
WITHOUT_DC_EFFECT = frozenset(
    [
        "level",
        "gamma",
        "phi",
        "nsub",
        "tox",
        "uo",
        "u0",
        "tpg",
        "nss",
        "cgso",
        "cgdo",
        "cgbo",
        "cj",
        "cjsw",
        "mj",
        "mjsw",
        "pb",
        "fc",
        "cbd",
        "cbs",
        "kf",
        "af",
        "tnom",
        "nlev",
        "gdsnoi",
    ]
)
NOT_MODELLED = {
    "rd": "drain resistance",
    "rs": "source resistance",
    "rsh": "sheet resistance",
    "js": "current density",
}


@dataclass(frozen=True)
class MosDiode(Device):
    """An n-channel MOSFET with its gate at its drain, conducting from drain to source.

    Args:
        vto: threshold VTO in volts, above zero.
        kp: transconductance KP in A/V^2.
        width, length: W and L in metres.
        lambda_: channel-length modulation LAMBDA in 1/V.
        ld: lateral diffusion LD in metres.
        is_: saturation current IS of the bulk junction in amperes.
        gmin: conductance across the bulk junction in siemens; a deck has one.
        name: name of the ``.model`` card.

    Example:
        >>> d = MosDiode(vto=0.5, kp=1e-4, width=2e-6, length=1e-6, is_=1e-20, gmin=0.0)
        >>> round(float(d.current(1.5, {})), 9)  # KP/2 W/L (v - VTO)^2
        0.0001
    """

    own: ClassVar[tuple[str, ...] | None] = ()

    vto: float = 1.0
    kp: float = 2e-5
    width: float = 1e-4
    length: float = 1e-4
    lambda_: float = 0.0
    ld: float = 0.0
    is_: float = 1e-14
    gmin: float = 1e-12
    name: str = field(default="nmos", compare=False)

    def __post_init__(self) -> None:
        if not self.vto > 0:
            raise ValueError(
                f"MOS diode {self.name!r} has VTO={self.vto!r} V. Expected a threshold above zero."
            )
        if not (self.kp > 0 and self.width > 0 and self.length > 2 * self.ld >= 0):
            raise ValueError(
                f"MOS diode {self.name!r} has KP={self.kp!r}, W={self.width!r}, L={self.length!r}, LD={self.ld!r}. "
                "Expected KP and W above zero and L above 2 LD."
            )
        if not (self.lambda_ >= 0 and self.is_ > 0 and self.gmin >= 0):
            raise ValueError(
                f"MOS diode {self.name!r} has LAMBDA={self.lambda_!r}, IS={self.is_!r}, gmin={self.gmin!r}. "
                "Expected LAMBDA and gmin of at least zero and IS above zero."
            )

    @property
    def beta(self) -> float:
        """``KP W / (L - 2 LD)``, A/V^2."""
        return self.kp * self.width / (self.length - 2 * self.ld)

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Integral of the current, watts."""
        dv = jnp.asarray(dv)
        x = jnp.maximum(dv - self.vto, 0.0)
        channel = 0.5 * self.beta * (x**3 / 3 * (1 + self.lambda_ * self.vto) + self.lambda_ * x**4 / 4)
        near = jnp.clip(dv, -CAP * VT, 3 * VT)
        beyond = jnp.maximum(-CAP * VT - dv, 0.0)
        junction = near + VT * jnp.expm1(-near / VT)
        junction = junction + beyond * (math.expm1(CAP) + beyond * math.exp(CAP) / (2 * VT))
        junction = junction + jnp.maximum(dv - 3 * VT, 0.0)
        return channel + self.is_ * junction + 0.5 * self.gmin * dv * dv

    def current(self, dv: Array, p: Values) -> Array:
        """Drain current, amperes."""
        dv = jnp.asarray(dv)
        x = jnp.maximum(dv - self.vto, 0.0)
        channel = 0.5 * self.beta * x * x * (1 + self.lambda_ * dv)
        near = jnp.clip(dv, -CAP * VT, 3 * VT)
        beyond = jnp.maximum(-CAP * VT - dv, 0.0)
        junction = -jnp.expm1(-near / VT) - beyond * math.exp(CAP) / VT
        return channel + self.is_ * jnp.where(dv > 3 * VT, 1.0, junction) + self.gmin * dv

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance, siemens."""
        dv = jnp.asarray(dv)
        x = jnp.maximum(dv - self.vto, 0.0)
        channel = 0.5 * self.beta * (2 * x * (1 + self.lambda_ * dv) + self.lambda_ * x * x)
        near = jnp.clip(dv, -CAP * VT, 3 * VT)
        junction = jnp.where(dv > 3 * VT, 0.0, jnp.exp(-near / VT) / VT)
        return channel + self.is_ * junction + self.gmin

    def spice(self, name: str, a: str, b: str, p: Mapping[str, float]) -> str:
        """Element line: drain and gate at ``a``, source and bulk at ``b``."""
        return f"M{name} {a} {a} {b} {b} {self._card} W={self.width!r} L={self.length!r}"

    def spice_model(self) -> str:
        """The ``.model`` card, every number in full precision."""
        numbers = {"VTO": self.vto, "KP": self.kp, "LAMBDA": self.lambda_, "LD": self.ld, "IS": self.is_}
        text = " ".join(f"{key}={float(value)!r}" for key, value in numbers.items())
        return f".model {self._card} NMOS(LEVEL=1 {text})"

    @property
    def _card(self) -> str:
        return cards.plain_name(self.name)

    @classmethod
    def resolve(cls, model: Any) -> MosDiode:
        """The device that a card's text, or ``{"path", "model_name", "length", "width"}``, stands for.

        A dictionary may hold the card itself as ``"card"``, and ``gmin``; ``length`` and ``width`` are in metres.
        """
        if isinstance(model, MosDiode):
            return model
        options = dict(model) if isinstance(model, Mapping) else {"card": str(model)}
        unknown = options.keys() - {"card", "path", "model_name", "length", "width", "gmin"}
        if unknown or ("card" in options) == ("path" in options):
            raise ValueError(
                f"MOS diode model {sorted(options)}. Expected path and model_name (or card, the text of a .model "
                "card), length, width and gmin."
            )
        text = options["card"] if "card" in options else Path(options["path"]).read_text(errors="replace")
        found = [
            c for c in cards.model_cards(text) if options.get("model_name", c.name).lower() == c.name.lower()
        ]
        if len(found) != 1:
            raise ValueError(
                f"MOS diode: {len(found)} models fit model_name={options.get('model_name')!r}. "
                "Expected exactly one .model card."
            )
        sizes = {what: float(options[what]) for what in ("length", "width", "gmin") if what in options}
        return cls(**_parameters(found[0]), **sizes, name=found[0].name)


def _parameters(card: cards.ModelCard) -> dict[str, float]:
    """Constructor arguments from a card; what matters at DC and is not modelled is named in a warning."""
    if card.type != "NMOS" or cards.number(card.parameters.get("level", "1")) != 1:
        raise ValueError(
            f"model {card.name!r} is {card.type} level {card.parameters.get('level', '1')}. "
            "Expected NMOS level 1; other models need a SPICE engine."
        )
    values: dict[str, float] = {}
    for key, text in card.parameters.items():
        if key in MODELLED:
            values[MODELLED[key]] = cards.number(text)
        elif key in NOT_MODELLED and cards.number(text) != 0:
            warnings.warn(
                f"model {card.name!r}: {key.upper()} ({NOT_MODELLED[key]}) is not modelled; the circuit is computed, "
                "and exported, without.",
                UserWarning,
                stacklevel=4,
            )
        elif key not in WITHOUT_DC_EFFECT and key not in NOT_MODELLED:
            known = sorted(key.upper() for key in {*MODELLED, *WITHOUT_DC_EFFECT, *NOT_MODELLED})
            raise ValueError(
                f"model {card.name!r} has the parameter {key.upper()!r}, which is not one of a level 1 MOSFET "
                f"that is known here. Known: {', '.join(known)}."
            )
    if "vto" not in values:
        raise ValueError(f"model {card.name!r} states no VTO. Expected the threshold voltage, above zero.")
    if "kp" not in values and {"tox", "uo"} & card.parameters.keys():
        mobility = cards.number(card.parameters.get("uo", "600")) * 1e-4
        values["kp"] = mobility * OXIDE / cards.number(card.parameters.get("tox", "1e-7"))
    return values
