"""The whole level 1 diode is ngspice's: every parameter, from breakdown to high injection, at three temperatures."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.circuit import CircuitBuilder
from ebana.devices.junction.diode import JunctionDiode
from ebana.engines.ngspice import NgspiceEngine, available
from ebana.physics.nudge import Nudge
from ebana.spice.netlist.deck import options_line
from ebana.spice.simulators.libngspice import library
from ebana.spice.simulators.session import LOCK
from helpers.circuits import solve, traced
from helpers.simulators import needs_ngspice

FOUND, WHY = available()

CARDS = {
    "breakdown": "BV=5 IBV=100u",
    "soft breakdown": "BV=5 IBV=1m NBV=3 TCV=1m",
    "breakdown below IBV": "BV=5 IBV=0.1n",
    "relative TCV": "BV=5 TCV=0.2m TLEV=1",
    "tlev 2": "BV=5 TCV=0.2m TLEV=2",
    "forward knee": "IKF=10m",
    "knees": "IKF=10m IKR=1m BV=5",
    "recombination": "ISR=10n NR=2",
    "graded recombination": "ISR=10n NR=2.2 VJ=0.6 M=0.4 TM1=1m TM2=10u TNOM=40",
    "linear potential": "ISR=10n NR=2 TLEVC=1 TPB=1m",
    "steep grading": "ISR=10n M=1.5 VJ=2",
    "limited potential": "ISR=10n NR=2 VJ=1.5 FC=0.8",
    "published style": "ISR=1.5n NR=2 IKF=44m BV=5 IBV=100u VJ=0.5 M=0.33 XTI=4",
    "sidewall": "JSW=1n PJ=3",
    "own sidewall": "JSW=1n PJ=3 NS=1.3",
    "broken sidewall": "JSW=1n PJ=3 NS=2.3 BV=5",
    "tunnel": "JTUN=1u",
    "scaled tunnel": "JTUN=1u NTUN=20 XTITUN=2 KEG=0.8 IKF=10m",
    "sidewall tunnel": "JTUNSW=1u PJ=2 BV=5",
    "band gap": "EG=0.69 XTI=2 BV=5",
    "area": "AREA=2.5 BV=5 IKF=10m JTUN=1u PJ=2 JSW=1n",
}
VOLTS = np.concatenate([np.linspace(-5.61, -0.21, 181), np.linspace(-0.199, 0.85, 120)])


def diode(card: str, temperature: float = 27.0, rs: str = "", multiplier: float = 1.0) -> JunctionDiode:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the bridged step, which is held to account below
        return JunctionDiode.from_card(
            f".model dx D(IS=2n N=1.7 {card} {rs})", temperature=temperature, multiplier=multiplier
        )


def of_ngspice(d: JunctionDiode, volts: np.ndarray) -> np.ndarray:
    """ngspice's current with a source right across the diode, for each voltage; NaN where it finds none."""
    spice, found = library(), []
    with LOCK:
        lines = ["* law", "V1 a 0 DC 0", d.spice("1", "a", "0", {}), d.spice_model(), options_line(d.gmin)]
        spice.load([*lines, ".end"])
        for volt in volts.tolist():
            spice.set([f"v1 = {volt!r}"])
            spice.command("op")
            value = spice.value(b"v1#branch")
            found.append(np.nan if value is None else -value)
            spice.command("destroy all")
        spice.command("remcirc")
    return np.array(found)


SIZES = (512, 8192)
"""Numbers of voltages that a law is asked at together: one program for each form of law serves all temperatures."""


@partial(jax.jit, static_argnums=(1, 2))
def _asked(law, what: str, radius: float, dv):
    if what == "least":
        return law.least_conductance(dv, {}, radius)
    if what == "slopes":
        of_content = jax.vmap(jax.grad(lambda v: law.cocontent(v, {})))(dv)
        return of_content, jax.vmap(jax.grad(lambda v: law.current(v, {})))(dv)
    if what == "cocontent":
        return law.cocontent(dv, {})
    return law.current(dv, {}), law.conductance(dv, {})


def asked(d: JunctionDiode, volts: np.ndarray, what: str, radius: float = 0.0, dtype: type = np.float64):
    """Current and conductance, or what else is asked for, of a diode at voltages of any shape."""
    flat = np.ravel(volts)
    size = next(size for size in SIZES if size >= flat.size)
    with jax.enable_x64(True):
        dv = jnp.asarray(np.pad(flat, (0, size - flat.size)), dtype)
        found = _asked(d.law, what, radius, dv)
        return jax.tree.map(lambda a: np.asarray(a)[: flat.size].reshape(np.shape(volts)), found)


def corners(d: JunctionDiode) -> np.ndarray:
    """Voltages over the whole diode at which its conductance may jump or be least."""
    at = np.array(d.junction.corners)
    bare = asked(replace(d, rs=0.0), at, "law")[0]
    return at + d._series_resistance * bare


def ours(d: JunctionDiode, volts: np.ndarray, what: str = "current") -> np.ndarray:
    if what == "cocontent":
        return asked(d, volts, what)
    return asked(d, volts, "law")[what == "conductance"]


def bridged(d: JunctionDiode, volts: np.ndarray) -> np.ndarray:
    """Where our law is level because ngspice's steps back."""
    law = d.junction
    return (volts >= law.bottom.corner) & (volts <= law.free) & law.steps


@needs_ngspice
@pytest.mark.parametrize(("temperature", "multiplier"), [(-30.0, 1.0), (27.0, 3.0), (90.0, 3.0)])
@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_current_is_that_of_ngspice(card: str, multiplier: float, temperature: float) -> None:
    d = diode(card, temperature, multiplier=multiplier)
    own = ours(d, VOLTS)
    volts = VOLTS[(np.abs(own) < 1e3) & ~bridged(d, VOLTS)]  # ngspice gives up at some kiloamperes
    found = of_ngspice(d, volts)
    known = np.isfinite(found)
    assert known.mean() > 0.98
    np.testing.assert_allclose(own[np.isin(VOLTS, volts)][known], found[known], rtol=1e-11)


@pytest.mark.parametrize("temperature", [90.0])
@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_law_rises_and_is_the_slope_of_its_cocontent(card: str, temperature: float) -> None:
    d = diode(card, temperature)
    i, g = ours(d, VOLTS), ours(d, VOLTS, "conductance")
    assert (np.diff(i) >= 0).all()
    assert (g > 0).all()
    smooth = np.abs(i) < 1e3
    step = 1e-6
    low, high = VOLTS - step, VOLTS + step
    near = np.array([((low < c) & (c < high)) for c in corners(d)]).any(0) if corners(d).size else ~smooth
    slope = (ours(d, high) - ours(d, low)) / (2 * step)
    rounding = 1e-15 * np.abs(i) / step
    assert (np.abs(slope - g) <= 1e-6 * g + 1e-15 + rounding)[smooth & ~near].all()


@pytest.mark.parametrize("temperature", [27.0])
@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_cocontent_is_the_integral_of_the_current(card: str, temperature: float) -> None:
    d = diode(card, temperature)
    edges = np.unique(
        np.concatenate([np.linspace(-5.3, 0.8, 245), [c for c in corners(d) if -5.3 < c < 0.8]])
    )
    x, w = np.polynomial.legendre.leggauss(24)
    points = 0.5 * (edges[1:, None] * (1 + x) + edges[:-1, None] * (1 - x))
    pieces = (ours(d, points) * w).sum(1) * 0.5 * np.diff(edges)
    content = ours(d, edges, "cocontent")
    rounding = 1e-15 * np.abs(content[1:]) + 1e-22
    assert (np.abs(np.diff(content) - pieces) <= 1e-9 * np.abs(pieces) + rounding).all()
    assert abs(float(ours(d, np.array(0.0), "cocontent"))) < 1e-25
    slope, curvature = asked(d, VOLTS, "slopes")
    np.testing.assert_allclose(slope, ours(d, VOLTS), rtol=1e-12)
    np.testing.assert_allclose(curvature, ours(d, VOLTS, "conductance"), rtol=1e-12)


@pytest.mark.parametrize("card", ["recombination", "knees", "published style"])
def test_where_ngspice_steps_back_the_current_is_held(card: str) -> None:
    d = diode(CARDS[card])
    v = np.linspace(d.junction.bottom.corner, d.junction.free, 50)[1:-1]
    i = ours(d, v) - d.gmin * v
    np.testing.assert_allclose(i, i[0], rtol=1e-12)
    np.testing.assert_allclose(ours(d, v[:1] - 0.1), i[0] - 0.1 * d.gmin, rtol=0.1)


@needs_ngspice
def test_the_bridge_is_no_wider_than_the_step_of_ngspice() -> None:
    d = diode(CARDS["recombination"])
    v = np.linspace(-0.14, 0.0, 141)
    apart = np.abs(ours(d, v) - of_ngspice(d, v))
    assert (apart[~bridged(d, v)] < 1e-18).all()
    assert 0.5 * d.junction.step < apart.max() <= d.junction.step


@needs_ngspice
@pytest.mark.parametrize("temperature", [-30.0, 90.0])
@pytest.mark.parametrize("rs", ["RS=0.5", "RS=10 TRS1=2m TRS2=10u", "RS=1k AREA=2"])
@pytest.mark.parametrize("card", ["breakdown", "knees", "published style", "sidewall", "tunnel"])
def test_series_resistance_is_that_of_ngspice(card: str, rs: str, temperature: float) -> None:
    d = diode(CARDS[card], temperature, rs, 2.0)
    volts = np.concatenate([np.linspace(-20.0, -0.2, 34), np.linspace(0.01, 20.0, 33)])
    found = of_ngspice(d, volts)
    known = np.isfinite(found)
    assert known.mean() > 0.95
    g = ours(d, volts, "conductance")
    # ngspice resolves the current through RS to the rounding of dv / RS, and the junction to some nanovolts
    rounding = 1e-15 * np.abs(volts) / d._series_resistance + 1e-18
    assert (np.abs(ours(d, volts) - found) <= 1e-9 * np.abs(found) + rounding + 1e-8 * g)[known].all()


@pytest.mark.parametrize(("rs", "dtype"), [("", np.float64), ("RS=10", np.float32)])
@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_nothing_overflows_however_far_the_potential(card: str, dtype: type, rs: str) -> None:
    d = diode(card, rs=rs)
    dv = np.array([-1e12, -1e3, -300.0, -30.0, 0.0, 30.0, 300.0, 1e3, 1e12])
    (current, conductance), cocontent = (asked(d, dv, what, dtype=dtype) for what in ("law", "cocontent"))
    assert current.dtype == dtype
    for found in (current, conductance, cocontent):
        assert np.isfinite(found).all()
    assert (np.diff(current) >= 0).all()
    assert (conductance >= 0).all()


@pytest.mark.parametrize("radius", [1e-9, 1e-3])
@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_least_conductance_bounds_those_nearby(card: str, radius: float) -> None:
    d = diode(card, rs="RS=100")
    volts = np.concatenate([VOLTS, corners(d) + 0.4 * radius, corners(d) - 0.7 * radius])
    least = asked(d, volts, "least", radius)
    nearby = volts + radius * np.linspace(-1, 1, 21)[:, None]
    assert (least <= ours(d, nearby, "conductance") * (1 + 1e-12)).all()
    assert (least > 0).all()


@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_card_is_written_and_read_back(card: str) -> None:
    d = diode(card, 60.0, "RS=0.1", 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert JunctionDiode.from_card(d.spice_model(), temperature=60.0, multiplier=2.0) == d


def test_area_and_number_are_given_with_the_element() -> None:
    d = JunctionDiode.from_card(".model dx D(IS=1n AREA=2 BV=5)", area=3.0, multiplier=2.0)
    assert d.saturation_current == pytest.approx(6e-9)
    assert d.spice("1", "a", "b", {}) == "D1 a b dx m=2.0 temp=27.0"
    assert "AREA=3.0" in d.spice_model()
    assert repr(d).startswith("JunctionDiode(is_=1e-09, name='dx', area=3.0, multiplier=2.0, bv=5.0)")


def clipper(d: JunctionDiode):
    """Two layers of nodes between diodes both ways, and a diode between two free nodes."""
    build = CircuitBuilder()
    x, a, b = build.input("x", 2), build.nodes("a", 3), build.nodes("b", 3)
    build.crossbar("in", x, a, np.full((2, 3), 1e-4) * [1.0, 3.0, 10.0], low=1e-9)
    build.crossbar("out", a, b, np.full((3, 3), 3e-5), low=1e-9)
    build.devices("to ground", a, build.ground(3), d)
    build.devices("between", a, b, d)
    build.resistors("load", b, build.ground(3), 1e-5)
    build.output("y", b, folded=False)
    return build.build()


@needs_ngspice
@pytest.mark.parametrize(
    ("card", "rs"),
    [
        *(
            (card, "")
            for card in ("breakdown", "knees", "published style", "own sidewall", "scaled tunnel", "area")
        ),
        *(
            (card, "RS=20") for card in ("published style", "own sidewall", "area")
        ),  # three of the longest laws
    ],
)
def test_circuits_of_both_engines_agree(card: str, rs: str) -> None:
    circuit = clipper(diode(CARDS[card], 50.0, rs))
    x = {"x": np.array([[9.0, 4.0], [-20.0, -15.0], [0.4, 0.3], [-200.0, 300.0]])}
    native = solve(circuit, x, tolerance=1e-12)
    assert native.converged.all(), native.code
    with jax.enable_x64(True):
        spice = NgspiceEngine().solve(circuit, traced(circuit.initial()), traced(x), Nudge.none())
    # ngspice's slope of the recombination current is not the derivative of its current, and it may stop
    # early for it; our certificate says by how much
    error = np.asarray(spice.error)
    assert (error < 1e-4).all()
    assert (np.abs(native.v - np.asarray(spice.v)) <= 1e-8 + 2 * error[:, None]).all()
