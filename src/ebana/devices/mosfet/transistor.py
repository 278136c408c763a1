"""MOSFETs of SPICE level 1 as two-terminal devices: tied as a diode, or with the gate at a fixed voltage.

The current is that of :mod:`ebana.devices.mosfet.law`; a p-channel transistor is an n-channel one with all signs
turned. The bulk is at the source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from ebana._types import Number
from ebana.devices.device import Array, Device, Values
from ebana.devices.mismatch import Mismatched
from ebana.devices.mosfet import cards as mosfet_cards
from ebana.devices.mosfet.law import Channel, ChannelLaw, NoisyChannel
from ebana.devices.noise import Noise
from ebana.devices.silicon import (
    BOLTZMANN,
    CHARGE,
    ZERO_CELSIUS,
    band_gap,
    potential_shift,
    within_floats,
)
from ebana.spice.language import cards
from ebana.spice.language.files import read_text
from ebana.spice.language.library import Library
from ebana.spice.language.statements import DeviceLine, Statement, VoltageSource


@dataclass(frozen=True)
class Level1(Device):
    """What all forms of the transistor share: parameters, their ranges, and cards."""

    own: ClassVar[tuple[str, ...] | None] = ()
    _what: ClassVar[str] = "MOSFET"

    vto: float = 1.0
    kp: float = 2e-5
    width: float = 1e-4
    length: float = 1e-4
    lambda_: float = 0.0
    ld: float = 0.0
    is_: float = 1e-14
    gmin: float = 1e-12
    name: str = field(default="nmos", compare=False)
    _: KW_ONLY
    channel: str = "n"
    temperature: float = 27.0
    tnom: float = 27.0
    gamma: float = 0.0
    phi: float = 0.6
    kf: float = 0.0
    af: float = 1.0

    def __post_init__(self) -> None:
        who = f"{self._what} {self.name!r}"
        with within_floats(f"{who} at {self.temperature!r} degrees Celsius"):
            self._check(who)

    def _check(self, who: str) -> None:
        if self.channel not in ("n", "p"):
            raise ValueError(f"{who} has channel={self.channel!r}. Expected 'n' or 'p'.")
        if not (self.kp > 0 and self.width > 0 and self.length > 2 * self.ld >= 0):
            raise ValueError(
                f"{who} has KP={self.kp!r}, W={self.width!r}, L={self.length!r}, LD={self.ld!r}. "
                "Expected KP and W above zero and L above 2 LD."
            )
        if not (self.lambda_ >= 0 and self.is_ > 0 and self.gmin >= 0 and self.gamma >= 0):
            raise ValueError(
                f"{who} has LAMBDA={self.lambda_!r}, IS={self.is_!r}, gmin={self.gmin!r}, GAMMA={self.gamma!r}. "
                "Expected LAMBDA, gmin and GAMMA of at least zero and IS above zero."
            )
        if not (0 <= self.kf < math.inf and math.isfinite(self.af)):
            raise ValueError(
                f"{who} has KF={self.kf!r} and AF={self.af!r}. Expected KF of at least zero and a finite AF."
            )
        if not min(self.temperature, self.tnom) > -ZERO_CELSIUS or not math.isfinite(self.vto):
            raise ValueError(
                f"{who} has VTO={self.vto!r} V, temperature={self.temperature!r} and TNOM={self.tnom!r}. "
                "Expected a finite threshold, and degrees Celsius above -273.15."
            )
        if not (self.phi > 0 and self._phi > 0):
            raise ValueError(
                f"{who} has PHI={self.phi!r} V, {self._phi:.4g} V at {self.temperature:g} degrees Celsius. "
                "Expected a surface potential above zero."
            )
        if not (math.isfinite(self.beta) and math.isfinite(self.threshold)):
            raise OverflowError("its transconductance or threshold")

    # -- numbers at the temperature ------------------------------------------------------------------------

    @property
    def _sign(self) -> int:
        return 1 if self.channel == "n" else -1

    @property
    def _kelvin(self) -> tuple[float, float]:
        return self.temperature + ZERO_CELSIUS, self.tnom + ZERO_CELSIUS

    @property
    def beta(self) -> float:
        """``KP W / (L - 2 LD)`` at the temperature, A/V^2."""
        hot, nominal = self._kelvin
        return self.kp * self.width / (self.length - 2 * self.ld) / (hot / nominal) ** 1.5

    @property
    def _phi(self) -> float:
        hot, nominal = self._kelvin
        return potential_shift(hot) + hot / nominal * (self.phi - potential_shift(nominal))

    @property
    def threshold(self) -> float:
        """``VTO`` at the temperature, volts; below zero for an enhancement transistor with a p-channel."""
        hot, nominal = self._kelvin
        body = self.gamma * (math.sqrt(self._phi) - math.sqrt(self.phi)) + 0.5 * (self._phi - self.phi)
        return self.vto + 0.5 * (band_gap(nominal) - band_gap(hot)) + self._sign * body

    @property
    def _gate(self) -> float | None:
        """Gate-source voltage with the sign of an n-channel transistor; None where the gate is at the drain."""
        return None

    @cached_property
    def _channel(self) -> Channel:
        """The transistor at its temperature, as an n-channel one."""
        hot, _ = self._kelvin
        volts = BOLTZMANN / CHARGE
        return Channel.of(
            self.beta,
            self._sign * self.threshold,
            self.lambda_,
            self.gamma,
            self._phi,
            self.is_ * self._growth,
            volts * hot,
            self.gmin,
            self._gate,
        )

    @property
    def _growth(self) -> float:
        """By what factor the saturation current of a junction has grown since TNOM."""
        (hot, nominal), volts = self._kelvin, BOLTZMANN / CHARGE
        return math.exp(band_gap(nominal) / (volts * nominal) - band_gap(hot) / (volts * hot))

    @property
    def _turn(self) -> int:
        """-1 where the terminals of an n-channel transistor would change signs."""
        return 1

    @cached_property
    def law(self) -> ChannelLaw:  # type: ignore[override]
        """The transistor between its two terminals."""
        return ChannelLaw(self._channel, self._turn)

    @property
    def noise_law(self) -> NoisyChannel:
        """See :attr:`Device.noise_law`."""
        return NoisyChannel(self._channel, self._turn, self._flicker, self.af)

    @property
    def _flicker(self) -> float:
        """``KF / (W (L - 2 LD) COX^2)``: flicker noise for a current of one ampere."""
        return self.kf / (self.width * (self.length - 2 * self.ld) * mosfet_cards.OXIDE**2)

    def noise(self, dv: Array, p: Values, kelvin: Number) -> Noise:
        """Thermal and flicker noise of the channel, A^2/Hz."""
        return self.noise_law.noise(dv, p, kelvin)

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Integral of the current, watts."""
        return self.law.cocontent(dv, p)

    def current(self, dv: Array, p: Values) -> Array:
        """Current from the first to the second terminal, amperes."""
        return self.law.current(dv, p)

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance, siemens."""
        return self.law.conductance(dv, p)

    def mismatched(self, threshold: Any, strength: Any) -> Self | Mismatched:
        """See :meth:`Device.mismatched`: VTO away from conducting, and KP and IS multiplied."""
        if np.ndim(threshold) or np.ndim(strength):
            return Mismatched(self, *np.broadcast_arrays(threshold, strength))
        numbers = {
            "vto": self.vto + self._sign * threshold,
            "kp": self.kp * strength,
            "is_": self.is_ * strength,
        }
        return replace(self, **numbers, name=f"{self.name}_{threshold!r}_{strength!r}")

    # -- SPICE ---------------------------------------------------------------------------------------------

    def card_statements(self) -> tuple[Statement, ...]:
        """The ``.model`` card, every number in full precision."""
        return (mosfet_cards.card(self._card, self),)

    @property
    def _card(self) -> str:
        return cards.plain_name(self.name)

    def _line(self, name: str, drain: str, gate: str, source: str) -> DeviceLine:
        size = {"W": self.width, "L": self.length, "temp": self.temperature}
        stated = tuple((key, repr(float(value))) for key, value in size.items())
        return DeviceLine(f"M{name}", (drain, gate, source, source), self._card, stated)

    @classmethod
    def from_card(cls, text: str, model_name: str | None = None, **options: Any) -> Self:
        """Read an NMOS or PMOS ``.model`` card of level 1.

        Args:
            text: SPICE text with the card.
            model_name: which card, where the text has several.
            options: the other arguments of the class: ``width``, ``length``, ``temperature``, ``gmin`` and so on;
                a width or length comes before the card's W and L.

        Raises:
            ValueError: for text without that one card, another type or level, and for unknown parameters.

        Warns:
            UserWarning: for parameters that can move the operating point and are not modelled, and for numbers
                whose suffix simulators read differently.
        """
        return cls._from(Library(text), model_name, options)

    @classmethod
    def _from(cls, library: Library, model_name: str | None, options: dict[str, Any]) -> Self:
        names = [name for name in library.names if (model_name or name).lower() == name.lower()]
        if len(names) != 1:
            raise ValueError(
                f"{cls._what}: {len(names)} models fit model_name={model_name!r}. Expected exactly one .model card."
            )
        with library.reading(names[0]) as card:
            return cls(**(mosfet_cards.parameters(card) | options), name=card.name)


@dataclass(frozen=True)
class MosDiode(Level1):
    """A MOSFET with its gate at its drain: conducts from the first terminal to the second.

    The first terminal is the drain of an n-channel transistor, and the source of a p-channel one.

    Args:
        vto: threshold VTO in volts, above zero (below zero for a p-channel).
        kp: transconductance KP in A/V^2.
        width, length: W and L in metres.
        lambda_: channel-length modulation LAMBDA in 1/V.
        ld: lateral diffusion LD in metres.
        is_: saturation current IS of the bulk junction in amperes.
        gmin: conductance across the bulk junction in siemens; a deck has one.
        name: name of the ``.model`` card.
        channel: ``"n"`` or ``"p"``.
        temperature, tnom: temperatures of the transistor and of the card, degrees Celsius.
        gamma, phi: body effect GAMMA in sqrt(V) and surface potential PHI in volts.
        kf, af: flicker noise: coefficient and exponent of the current, for an oxide of 100 nm
            (:mod:`ebana.devices.noise`).

    Example:
        >>> d = MosDiode(vto=0.5, kp=1e-4, width=2e-6, length=1e-6, is_=1e-20, gmin=0.0)
        >>> round(float(d.current(1.5, {})), 9)  # KP/2 W/L (v - VTO)^2
        0.0001
    """

    _what: ClassVar[str] = "MOS diode"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self._sign * self.vto > 0:
            side = "above" if self.channel == "n" else "below"
            raise ValueError(
                f"MOS diode {self.name!r} has VTO={self.vto!r} V. Expected a threshold {side} zero."
            )

    def statements(self, name: str, a: str, b: str, p: Mapping[str, float]) -> tuple[Statement, ...]:
        """Element line: drain, gate, source and bulk."""
        drain, source = (a, b) if self.channel == "n" else (b, a)
        return (self._line(name, drain, drain, source),)

    @classmethod
    def resolve(cls, model: object) -> MosDiode | Mosfet:
        """The device that a card's text, or ``{"path", "model_name", "length", "width"}``, stands for.

        A dictionary may hold the card itself as ``"card"``, and ``gmin`` and ``temperature``; ``length`` and
        ``width`` are in metres. With ``vgs``, in volts, it stands for a :class:`Mosfet`.
        """
        if isinstance(model, MosDiode | Mosfet):
            return model
        options = dict(model) if isinstance(model, Mapping) else {"card": str(model)}
        own = ("length", "width", "gmin", "temperature")
        unknown = options.keys() - {"card", "path", "model_name", "vgs", *own}
        if unknown or ("card" in options) == ("path" in options):
            raise ValueError(
                f"MOS diode model {sorted(options)}. Expected path and model_name (or card, the text of a .model "
                "card), length, width, gmin, temperature, and vgs for a gate that is held."
            )
        where = options.get("path", "")
        library = Library(options["card"] if "card" in options else read_text(where), where)
        given = {what: float(options[what]) for what in own if what in options}
        if "vgs" in options:
            given["vgs"] = float(options["vgs"])
            return Mosfet._from(library, options.get("model_name"), given)
        return cls._from(library, options.get("model_name"), given)


@dataclass(frozen=True)
class Mosfet(Level1):
    """A MOSFET from drain (first terminal) to source (second), its gate held at ``vgs`` volts from its source.

    A resistance that saturates; backwards the bulk junction conducts too.

    Args:
        vgs: gate-source voltage in volts.

    The other arguments are those of :class:`MosDiode`; any threshold is allowed.

    Example:
        >>> t = Mosfet(vto=0.5, kp=1e-4, width=2e-6, length=1e-6, vgs=1.5, gmin=0.0)
        >>> [round(float(t.current(v, {})) * 1e6, 3) for v in (0.1, 1.0, 3.0)]
        [19.0, 100.0, 100.0]
    """

    _: KW_ONLY
    vgs: float = 0.0

    @property
    def _gate(self) -> float:
        return self._sign * self.vgs

    @property
    def _turn(self) -> int:
        return self._sign

    def statements(self, name: str, a: str, b: str, p: Mapping[str, float]) -> tuple[Statement, ...]:
        """The transistor and the source of its gate, whose node ``g<name>`` is its own."""
        gate = f"g{name}"
        return VoltageSource(f"V{gate}", gate, b, float(self.vgs)), self._line(name, a, gate, b)
