"""A junction diode's numbers at its temperature, area and multiplicity, by ngspice 39's equations.

With ``dT = T - TNOM``, ``r = T / TNOM`` and the emission coefficient n of each current (NS counts as 1 here where
a card does not state it)::

    IS, JSW, ISR    times  exp((r - 1) EG / (n Vt) + (XTI / n) ln r)
    JTUN, JTUNSW    times  exp((r - 1) KEG EG / (NTUN Vt) + (XTITUN / NTUN) ln r)
    RS              times  1 + TRS1 dT + TRS2 dT^2
    M               times  1 + TM1 dT + TM2 dT^2, at most 0.9
    BV              BV - TCV dT with TLEV=0, else BV (1 - TCV dT)
    VJ              VJ - TPB dT with TLEVC=1, else by the band gap of silicon; at most 1 / FC

Currents and knees of the bottom grow with AREA times m, those of the sidewall with PJ times m, RS falls with
AREA times m, and IBV grows with m alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ebana.devices.junction.components import Wall
from ebana.devices.junction.law import Junction, Recombination
from ebana.devices.silicon import BOLTZMANN, CHARGE, ZERO_CELSIUS, potential_shift

if TYPE_CHECKING:
    from ebana.devices.junction.diode import JunctionDiode

_BREAKDOWN_TOLERANCE = 1e-6
"""The ``reltol`` of our decks: ngspice matches IBV to it, so the same voltage takes the same tolerance."""


def emission_voltage(diode: JunctionDiode, n: float) -> float:
    """``n k T / q``, volts."""
    return n * (BOLTZMANN / CHARGE) * (diode.temperature + ZERO_CELSIUS)


def growth(diode: JunctionDiode, n: float, eg: float, xti: float) -> float:
    """By what factor a saturation current has grown since TNOM."""
    ratio = (diode.temperature + ZERO_CELSIUS) / (diode.tnom + ZERO_CELSIUS)
    return math.exp((ratio - 1.0) * eg / emission_voltage(diode, n) + xti / n * math.log(ratio))


def saturation_current(diode: JunctionDiode) -> float:
    """``IS(T)`` of the whole bottom, amperes."""
    return diode.is_ * diode.area * diode.multiplier * growth(diode, diode.n, diode.eg, diode.xti)


def series_resistance(diode: JunctionDiode) -> float:
    """``RS(T)`` of the whole diode, ohms."""
    rise = diode.temperature - diode.tnom
    return diode.rs * (1.0 + diode.trs1 * rise + diode.trs2 * rise**2) / (diode.area * diode.multiplier)


def grading(diode: JunctionDiode) -> float:
    """``M(T)``, at most 0.9."""
    rise = diode.temperature - diode.tnom
    return min(diode.m * (1.0 + diode.tm1 * rise + diode.tm2 * rise**2), 0.9)


def junction_potential(diode: JunctionDiode) -> float:
    """``VJ(T)``, volts."""
    hot, nominal = diode.temperature + ZERO_CELSIUS, diode.tnom + ZERO_CELSIUS
    if diode.tlevc == 1:
        vj = diode.vj - diode.tpb * (hot - nominal)
    else:
        vj = potential_shift(hot) + hot / nominal * (diode.vj - potential_shift(nominal))
    return min(vj, 1.0 / diode.fc) if diode.fc else vj


def breakdown_voltage(diode: JunctionDiode) -> float | None:
    """``BV'``: where the exponential would start so that IBV flows at BV, volts; None without BV."""
    if diode.bv is None:
        return None
    rise = diode.temperature - diode.tnom
    bv = diode.bv - diode.tcv * rise if diode.tlev == 0 else diode.bv * (1.0 - diode.tcv * rise)
    i_s, vt, vbv = saturation_current(diode), emission_voltage(diode, 1.0), breakdown_emission(diode)
    i_bv = diode.ibv * diode.multiplier
    if i_bv < i_s * bv / vt:
        return bv
    found = bv - vbv * math.log(1.0 + i_bv / i_s)
    for _ in range(25):
        found = bv - vbv * math.log(i_bv / i_s + 1.0 - found / vt)
        if abs(i_s * (math.exp((bv - found) / vbv) - 1.0 + found / vt) - i_bv) <= _BREAKDOWN_TOLERANCE * i_bv:
            break
    return found


def breakdown_emission(diode: JunctionDiode) -> float:
    """``NBV k T / q``, volts; NBV is N where it is not stated."""
    return emission_voltage(diode, diode.n if diode.nbv is None else diode.nbv)


def _walls(diode: JunctionDiode) -> tuple[Wall, Wall]:
    tunnel = growth(diode, diode.ntun, diode.keg * diode.eg, diode.xtitun) * diode.multiplier
    shared = breakdown_voltage(diode), breakdown_emission(diode)
    vtun = emission_voltage(diode, diode.ntun)
    side_growth = growth(diode, 1.0 if diode.ns is None else diode.ns, diode.eg, diode.xti)
    bottom = Wall.of(
        saturation_current(diode),
        emission_voltage(diode, diode.n),
        *shared,
        diode.jtun * diode.area * tunnel,
        vtun,
    )
    side = Wall.of(
        diode.jsw * diode.pj * diode.multiplier * side_growth,
        emission_voltage(diode, diode.n if diode.ns is None else diode.ns),
        *shared,
        diode.jtunsw * diode.pj * tunnel,
        vtun,
    )
    return bottom, side


def junction(diode: JunctionDiode) -> Junction:
    """The whole junction at the diode's temperature.

    Raises:
        ValueError: where temperature or parameters leave ngspice's equations no monotone law.
    """
    bottom, side = _walls(diode)
    size = diode.area * diode.multiplier
    law = Junction.of(
        bottom,
        side,
        diode.gmin,
        diode.ikf * size,
        diode.ikr * size,
        diode.isr * size * growth(diode, diode.nr, diode.eg, diode.xti),
        emission_voltage(diode, diode.nr),
        junction_potential(diode),
        grading(diode),
        diode.limit,
    )
    _check(diode, law)
    return law


def _check(diode: JunctionDiode, law: Junction) -> None:
    where = f"junction diode {diode.name!r} at {diode.temperature:g} degrees Celsius"
    widest = 3.0 * max(wall.vt for wall in law.walls if wall.i_s)
    broken = law.bottom.breakdown
    if broken is not None and not broken.bv > widest:
        raise ValueError(
            f"{where} breaks down at {broken.bv:.4g} V (from BV={diode.bv!r}, IBV={diode.ibv!r}, "
            f"TCV={diode.tcv!r}). Expected more than 3 N k T / q = {widest:.4g} V."
        )
    if (found := law.recombination) is None:
        return
    if not (found.vj > 0 and found.m >= 0):
        raise ValueError(
            f"{where} has VJ={found.vj:.4g} V and M={found.m:.4g} (from VJ={diode.vj!r}, M={diode.m!r} and their "
            "temperature coefficients). Expected VJ above zero and M of at least zero, or no ISR."
        )
    if not _recombination_rises(found):
        raise ValueError(
            f"{where}: with NR={diode.nr!r}, VJ={diode.vj!r} and M={diode.m!r} the recombination current falls "
            "near VJ, and a current that falls has no co-content. Expected a smaller NR or M, or a larger VJ."
        )


def _recombination_rises(found: Recombination) -> bool:
    """Whether the forward recombination current never falls: its logarithmic slope on a fine grid up to VJ."""
    v = np.linspace(0.0, found.vj, 2049)[1:]
    u = 1.0 - v / found.vj
    slope = 1.0 / (found.vr * -np.expm1(-v / found.vr)) - found.m / found.vj * u / (u * u + 0.005)
    return bool((slope >= 0).all())
