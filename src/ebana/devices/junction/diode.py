"""The junction diode, by ngspice's equations (its DIO device, level 1, at DC).

With ``Vt = k T / q``, the junction voltage ``v`` and the saturation current ``IS(T)``::

    i(v) = IS (exp(v / (N Vt)) - 1)              + GMIN v      for v >= -3 N Vt
    i(v) = -IS (1 + (3 N Vt / (e v))^3)          + GMIN v      below
    IS(T) = IS exp((T/TNOM - 1) EG / (N Vt) + (XTI/N) ln(T/TNOM))

and ``dv = v + RS i(v)``. Current and conductance are continuous at ``-3 N Vt``. Beyond
:data:`~ebana.devices.junction.components.CURRENT_LIMIT` the current goes on along its tangent, so that no iterate
overflows. Breakdown, high injection, recombination, sidewall and tunnelling add to this what
:mod:`ebana.devices.junction.law` states; a diode without them computes with the two lines above alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ebana._types import Number
from ebana.devices.device import Array, Device, Values
from ebana.devices.junction import temperature as junction_scaling
from ebana.devices.junction.components import CURRENT_LIMIT, Shockley
from ebana.devices.junction.series_resistance import Law, NoisyJunction, SeriesJunction
from ebana.devices.limits import JunctionLimiter
from ebana.devices.mismatch import Mismatched
from ebana.devices.noise import Noise
from ebana.devices.silicon import ZERO_CELSIUS, within_floats
from ebana.spice.language import cards
from ebana.spice.language.files import read_text
from ebana.spice.language.library import Library
from ebana.spice.language.statements import DeviceLine, Statement
from ebana.units import si

__all__ = ["CURRENT_LIMIT", "ZERO_CELSIUS", "JunctionDiode"]

_SMALLEST_IS = 1e-28
"""ngspice raises smaller saturation currents to this value (its EPSMIN)."""

_RESOLVED = 1e-12
"""Current in amperes below which ngspice does not tell two states apart (the ``abstol`` of our decks)."""


@dataclass(frozen=True)
class JunctionDiode(Device):
    """A junction diode from the first terminal (anode) to the second (cathode).

    Args:
        is_: saturation current IS at ``tnom``, amperes.
        n: emission coefficient N.
        rs: series resistance RS, ohms.
        temperature: the diode's temperature in degrees Celsius (SPICE's TEMP).
        gmin: conductance across the junction in siemens; a deck has one for all its diodes.
        xti: temperature exponent of IS.
        eg: activation energy in eV.
        tnom: temperature in degrees Celsius at which ``is_`` was measured.
        name: name of the ``.model`` card.
        area, multiplier: AREA (in units of the card's) and the number m of diodes in parallel.
        trs1, trs2: temperature coefficients of RS, 1/K and 1/K^2.
        bv, ibv, nbv, tcv: reverse breakdown: voltage (None for no breakdown), the current there in amperes,
            emission coefficient (None: ``n``), temperature coefficient in V/K (1/K where ``tlev`` is not 0).
        ikf, ikr: forward and reverse knee currents of high injection in amperes, 0 for none.
        isr, nr: recombination current in amperes and its emission coefficient.
        vj, m, fc, tm1, tm2, tpb: junction potential (V, used up to ``1 / fc``), grading coefficient and their
            temperature coefficients, which shape the recombination current.
        jsw, ns, pj: sidewall saturation current in amperes, emission coefficient (None: ``n``) and perimeter.
        jtun, jtunsw, ntun, xtitun, keg: tunnelling of the bottom and of the sidewall in amperes, emission
            coefficient, temperature exponent and factor of ``eg``.
        tlev, tlevc: temperature equations of breakdown and of the junction potential.
        kf, af: flicker noise: coefficient and exponent of the current (:mod:`ebana.devices.noise`).
        limit: amperes beyond which the current goes on along its tangent. Simulators follow the exponential; the
            steps of training would get lost in it.

    Raises:
        ValueError: for a parameter out of its range, named.

    Example:
        >>> d = JunctionDiode.from_card(".model D1N4148 D(IS=2.52n N=1.752 RS=0.568)")
        >>> d.is_, d.n, d.rs
        (2.52e-09, 1.752, 0.568)
        >>> zener = JunctionDiode(is_=1e-9, bv=5.1, ibv=1e-3)
        >>> round(float(zener.current(-5.1, {})), 6)
        -0.001
    """

    symbol: ClassVar[str] = "diode"
    own: ClassVar[tuple[str, ...] | None] = ()

    is_: float = 1e-14
    n: float = 1.0
    rs: float = 0.0
    temperature: float = 27.0
    gmin: float = 1e-12
    xti: float = 3.0
    eg: float = 1.11
    tnom: float = 27.0
    name: str = field(default="diode", compare=False)
    _: KW_ONLY
    area: float = 1.0
    multiplier: float = 1.0
    trs1: float = 0.0
    trs2: float = 0.0
    bv: float | None = None
    ibv: float = 1e-3
    nbv: float | None = None
    tcv: float = 0.0
    ikf: float = 0.0
    ikr: float = 0.0
    isr: float = 0.0
    nr: float = 1.0
    vj: float = 1.0
    m: float = 0.5
    fc: float = 0.5
    tm1: float = 0.0
    tm2: float = 0.0
    tpb: float = 0.0
    jsw: float = 0.0
    ns: float | None = None
    pj: float = 0.0
    jtun: float = 0.0
    jtunsw: float = 0.0
    ntun: float = 30.0
    xtitun: float = 3.0
    keg: float = 1.0
    tlev: int = 0
    tlevc: int = 0
    kf: float = 0.0
    af: float = 1.0
    limit: float = field(default=CURRENT_LIMIT, repr=False)

    def __repr__(self) -> str:
        """The parameters that differ from their defaults."""
        shown = (f for f in fields(self) if getattr(self, f.name) != f.default)
        return f"JunctionDiode({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    def __post_init__(self) -> None:
        with within_floats(f"junction diode {self.name!r} at {self.temperature!r} degrees Celsius"):
            self._check()

    def _check(self) -> None:
        for what, value, expected, ok in self._ranges():
            if not (math.isfinite(value) and ok(value)):
                raise ValueError(f"junction diode {self.name!r} has {what}={value!r}. Expected {expected}.")
        if not self._series_resistance >= 0:
            raise ValueError(
                f"junction diode {self.name!r} has RS={self.rs!r}, TRS1={self.trs1!r} and TRS2={self.trs2!r}, "
                f"which makes {self._series_resistance:g} ohm at {self.temperature:g} degrees Celsius. "
                "Expected zero or more ohms."
            )
        if not 0 <= junction_scaling.saturation_current(self) < math.inf:
            raise OverflowError("its saturation current")
        if self._needs_more:
            junction_scaling.junction(self)  # refuses what has no monotone law

    def _ranges(self) -> list[tuple[str, float, str, Any]]:
        """Name, value, what is expected in words, and the test, of each parameter."""
        not_negative = (("RS", "ohms"), ("gmin", "siemens"), ("IKF", "amperes"), ("IKR", "amperes"))
        not_negative += (("ISR", "amperes"), ("JSW", "amperes"), ("JTUN", "amperes"), ("JTUNSW", "amperes"))
        not_negative += (("PJ", "units of length"), ("IBV", "amperes"), ("KF", "amperes"))
        given = {"BV": self.bv, "NS": self.ns, "NBV": self.nbv}
        positive = {"N": self.n, "area": self.area, "multiplier": self.multiplier}
        positive |= {"NR": self.nr, "NTUN": self.ntun, "VJ": self.vj}
        positive |= {what: value for what, value in given.items() if value is not None}
        free = ("xti", "eg", "trs1", "trs2", "tcv", "m", "tm1", "tm2", "tpb", "xtitun", "keg", "af")
        celsius = {"temperature": self.temperature, "TNOM": self.tnom}
        return [
            ("IS", self.is_, f"at least {_SMALLEST_IS:g} A", lambda v: v >= _SMALLEST_IS),
            *(
                (w, getattr(self, w.lower()), f"zero or more {unit}", _not_negative)
                for w, unit in not_negative
            ),
            *((what, value, "a positive number", lambda v: v > 0) for what, value in positive.items()),
            *((w.upper(), getattr(self, w), "a number", lambda v: True) for w in free),
            *(
                (w, t, "degrees Celsius above -273.15", lambda v: v > -ZERO_CELSIUS)
                for w, t in celsius.items()
            ),
            ("FC", self.fc, "0 to 0.95", lambda v: 0 <= v <= 0.95),
            ("TLEV", self.tlev, "0, 1 or 2", lambda v: v in (0, 1, 2)),
            ("TLEVC", self.tlevc, "0 or 1", lambda v: v in (0, 1)),
        ]

    # -- numbers at the diode's temperature ------------------------------------------------------------

    @cached_property
    def thermal_voltage(self) -> float:
        """``N Vt`` at the diode's temperature, volts."""
        return junction_scaling.emission_voltage(self, self.n)

    @cached_property
    def saturation_current(self) -> float:
        """``IS(T)`` of the whole diode, amperes."""
        return junction_scaling.saturation_current(self)

    @cached_property
    def _series_resistance(self) -> float:
        return junction_scaling.series_resistance(self)

    @property
    def _needs_more(self) -> bool:
        """Whether the diode has currents that the two lines of the plain junction leave out."""
        sides = self.pj * (self.jsw + self.jtunsw)
        return self.bv is not None or max(self.ikf, self.ikr, self.isr, self.jtun, sides) > 0

    @cached_property
    def junction(self) -> Law:
        """The bare junction at the diode's temperature."""
        if self._needs_more:
            return junction_scaling.junction(self)
        return Shockley.of(self.saturation_current, self.thermal_voltage, self.gmin, self.limit)

    @cached_property
    def law(self) -> SeriesJunction:  # type: ignore[override]
        """The junction and its series resistance at the diode's temperature."""
        return SeriesJunction.of(self.junction, self._series_resistance, self.thermal_voltage)

    @property
    def noise_law(self) -> NoisyJunction:
        """See :attr:`Device.noise_law`; of diodes in parallel each adds flicker noise by its own current."""
        law = self.law
        kf = self.kf * self.multiplier ** (1.0 - self.af)
        return NoisyJunction(law.junction, law.rs, law.vt, kf, self.af)

    def noise(self, dv: Array, p: Values, kelvin: Number) -> Noise:
        """Shot and flicker noise of the junction, and thermal noise of the series resistance, A^2/Hz.

        Example:
            >>> d = JunctionDiode(is_=1e-12, gmin=0.0)
            >>> f"{d.noise(-1.0, {}, 300.15).white:.4g}"  # 2 q IS
            '3.204e-31'
        """
        return self.noise_law.noise(dv, p, kelvin)

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Co-content in watts: that of the junction and ``RS i^2 / 2``."""
        return self.law.cocontent(dv, p)

    def current(self, dv: Array, p: Values) -> Array:
        """Current in amperes."""
        return self.law.current(dv, p)

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance in siemens: ``g / (1 + RS g)``."""
        return self.law.conductance(dv, p)

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        """Least incremental conductance within ``radius`` volts of ``dv``, for error estimates."""
        return self.law.least_conductance(dv, p, radius)

    def mismatched(self, threshold: Any, strength: Any) -> JunctionDiode | Mismatched:
        """See :meth:`Device.mismatched`: as so many diodes in parallel, fewer for a higher threshold."""
        if np.ndim(threshold) or np.ndim(strength):
            return Mismatched(self, *np.broadcast_arrays(threshold, strength))
        count = strength * math.exp(-threshold / self.thermal_voltage)
        return replace(self, multiplier=self.multiplier * count)

    # -- SPICE ---------------------------------------------------------------------------------------------

    def limiter(self) -> JunctionLimiter:
        """The rule of SPICE for the voltage over a junction."""
        vt = np.asarray(self.thermal_voltage, np.float64)
        critical = vt * np.log(vt / (np.sqrt(2.0) * np.maximum(self.saturation_current, _SMALLEST_IS)))
        broken = junction_scaling.breakdown_voltage(self)
        return JunctionLimiter(vt, critical, np.asarray(np.inf if broken is None else broken), critical)

    def statements(self, name: str, a: str, b: str, p: Mapping[str, float]) -> tuple[Statement, ...]:
        """Element line; it states the temperature, whatever the deck's own is."""
        many = () if self.multiplier == 1 else (("m", repr(float(self.multiplier))),)
        stated = (*many, ("temp", repr(float(self.temperature))))
        return (DeviceLine(f"D{name}", (a, b), self._card_name, stated),)

    def card_statements(self) -> tuple[Statement, ...]:
        """The ``.model`` card, every number in full precision.

        AREA and PJ stand here because ngspice 39 multiplies an area on the element line by ``m`` once more at
        each analysis.
        """
        numbers = {key: getattr(self, own) for key, own in cards.DIODE_FIELDS.items()}
        standard = {key: getattr(type(self), own) for key, own in cards.DIODE_FIELDS.items()}
        stated = {
            key: repr(value) if key.startswith("TLEV") else repr(float(value))
            for key, value in numbers.items()
            if key in cards.DIODE_ALWAYS or value != standard[key]
        }
        return (cards.ModelCard.of(self._card_name, "D", stated),)

    def caption(self) -> str:
        """See :meth:`Device.caption`."""
        return f"diodes IS {si(self.is_, 'A', 3)}, N {self.n:g}"

    @property
    def _card_name(self) -> str:
        return cards.plain_name(self.name)

    @classmethod
    def from_card(
        cls,
        text: str,
        *,
        temperature: float = 27.0,
        gmin: float = 1e-12,
        area: float | None = None,
        multiplier: float = 1.0,
        model_name: str | None = None,
    ) -> JunctionDiode:
        """Read a ``.model NAME D(...)`` card, as ngspice reads it.

        Args:
            text: the card, over one or more lines; comments, and the ``.param`` lines it needs, are allowed.
            temperature: the diode's temperature, degrees Celsius.
            gmin: conductance across the junction, siemens.
            area: in place of the card's AREA, as on a SPICE element line.
            multiplier: number of diodes in parallel, SPICE's ``m`` on an element line.
            model_name: which card is meant, in a text with several.

        Raises:
            ValueError: for text that is not one diode card, and for unknown parameters.

        Warns:
            UserWarning: for parameters that change the operating point and are not modelled, for numbers whose
                suffix simulators read differently, and where ngspice's law steps back and is bridged (see
                :mod:`ebana.devices.junction.law`).
        """
        library = Library(text)
        if model_name is None and len(library) != 1:
            raise ValueError(
                f"expected one .model card but the text has {len(library)}: {cards.shorten(text)!r}. "
                "Give the text of one card, say which with model_name=, or use "
                "JunctionDiode.from_file(path, model_name)."
            )
        with library.reading(model_name) as card:
            return cls._from(card, temperature=temperature, gmin=gmin, area=area, multiplier=multiplier)

    @classmethod
    def named(cls, name: str, **conditions: Any) -> JunctionDiode:
        """A diode shipped with the package; ``diodes.lib`` says which data-sheet figures each was fitted to.

        Args:
            name: for example ``"1N4148"`` or ``"BAT54"``, in either case of letters.
            conditions: ``temperature``, ``gmin``, ``area``, ``multiplier``; see :meth:`from_card`.

        Raises:
            ValueError: for an unknown name; lists the known ones.

        Example:
            >>> JunctionDiode.named("bat54").rs
            1.13
        """
        known = shipped()
        card = known.get(str(name).strip().lower())
        if card is None:
            raise ValueError(
                f"no diode {name!r} is shipped. Known: {', '.join(c.name for c in known.values())}. Give another "
                "one as the text of its .model card, or by path and model_name."
            )
        return cls._from(card, **({"area": None} | conditions))

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        model_name: str,
        *,
        temperature: float = 27.0,
        gmin: float = 1e-12,
        area: float | None = None,
        multiplier: float = 1.0,
    ) -> JunctionDiode:
        """Read the card of that name from a file of SPICE models; see :meth:`from_card`.

        Other cards of the file are not read, and may be of any device. UTF-8, UTF-16 and Windows-1252 are told
        apart (:mod:`ebana.spice.language.files`).
        """
        with Library(read_text(path), path).reading(str(model_name)) as card:
            return cls._from(card, temperature=temperature, gmin=gmin, area=area, multiplier=multiplier)

    @classmethod
    def _from(cls, card: cards.ModelCard, *, area: float | None, **conditions: Any) -> JunctionDiode:
        values = cards.diode_parameters(card)
        diode = cls(**(values if area is None else values | {"area": area}), **conditions, name=card.name)
        _warn_of_step(diode)
        return diode


@cache
def shipped() -> dict[str, cards.ModelCard]:
    """The cards of the package by their names in lower case."""
    library = Library((resources.files("ebana.devices") / "diodes.lib").read_text(encoding="ascii"))
    return {name.lower(): library.card(name) for name in library.names}


def _warn_of_step(diode: JunctionDiode) -> None:
    """Say where the law differs from ngspice's, if by more than the current that ngspice resolves."""
    junction = diode.junction
    if isinstance(junction, Shockley) or junction.step <= _RESOLVED:
        return
    warnings.warn(
        f"model {diode.name!r}: with ISR or IKR ngspice's current steps back by {junction.step:.2g} A at "
        f"{junction.bottom.corner:.3g} V, where a circuit can have two operating points or none; here the current of "
        f"the blocked diode is held up to {junction.free:.3g} V. Elsewhere the laws are the same.",
        UserWarning,
        stacklevel=4,
    )


def _not_negative(value: float) -> bool:
    return value >= 0
