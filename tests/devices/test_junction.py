"""The junction diode is ngspice's, and its cards are read without losing or inventing anything."""

from __future__ import annotations

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.devices.junction.diode import JunctionDiode
from ebana.engines.ngspice import available
from ebana.spice.language import cards
from ebana.spice.language.cards import number
from ebana.spice.netlist.deck import options_line
from ebana.spice.simulators.libngspice import library
from ebana.spice.simulators.process import run_program
from ebana.spice.simulators.session import LOCK
from helpers.simulators import needs_ngspice

FOUND, WHY = available()

DIODES = [
    JunctionDiode(),
    JunctionDiode(is_=1e-6),
    JunctionDiode(is_=2.52e-9, n=1.752, rs=0.568),
    JunctionDiode(is_=1e-6, n=1.2, rs=1e3),
    JunctionDiode(is_=1e-9, rs=1e6, temperature=-20.0),
    JunctionDiode(is_=1e-12, n=2.0, temperature=85.0, xti=2.0, eg=0.69),
    JunctionDiode(is_=1e-14, temperature=50.0, tnom=50.0, gmin=1e-9),
    JunctionDiode(is_=1e-8, gmin=0.0),
]
IDS = [f"is={d.is_:g},n={d.n:g},rs={d.rs:g},temp={d.temperature:g},gmin={d.gmin:g}" for d in DIODES]
SWEEP = np.concatenate([np.linspace(-5, 1, 241), [-0.0776, -1e-3, 1e-4]])


def node_potentials(diode: JunctionDiode, resistance: float, volts: np.ndarray) -> np.ndarray:
    """ngspice's potential of the anode behind a resistor, for each source voltage."""
    spice = library()
    deck = ["* law", "V1 s 0 DC 0", f"R1 s a {resistance!r}", diode.spice("1", "a", "0", {})]
    found = []
    with LOCK:
        spice.load([*deck, diode.spice_model(), options_line(diode.gmin), ".end"])
        for volt in volts.tolist():
            spice.set([f"v1 = {volt!r}"])
            spice.command("op")
            found.append(spice.value(b"a"))
            spice.command("destroy all")
        spice.command("remcirc")
    return np.array(found)


@needs_ngspice
@pytest.mark.parametrize("resistance", [1.0, 1e4, 1e7])
@pytest.mark.parametrize("diode", DIODES, ids=IDS)
def test_law_is_that_of_ngspice_to_a_tenth_of_a_microvolt(diode: JunctionDiode, resistance: float) -> None:
    v = node_potentials(diode, resistance, SWEEP)
    with jax.enable_x64(True):
        i, g = (np.asarray(f(jnp.asarray(v), {})) for f in (diode.current, diode.conductance))
    newton_correction = ((SWEEP - v) / resistance - i) / (g + 1 / resistance)
    assert np.abs(newton_correction).max() < 1e-7


@pytest.mark.parametrize("diode", DIODES, ids=IDS)
def test_current_and_conductance_are_derivatives_of_the_cocontent(diode: JunctionDiode) -> None:
    corner = -3 * diode.thermal_voltage
    with jax.enable_x64(True):
        dv = jnp.asarray(np.concatenate([SWEEP, [corner, np.nextafter(corner, -1), 0.0, 3.0]]))
        slope = jax.vmap(jax.grad(lambda x: diode.cocontent(x, {})))(dv)
        curvature = jax.vmap(jax.grad(jax.grad(lambda x: diode.cocontent(x, {}))))(dv)
        np.testing.assert_allclose(slope, diode.current(dv, {}), rtol=1e-9, atol=1e-24)
        np.testing.assert_allclose(curvature, diode.conductance(dv, {}), rtol=1e-9)


@pytest.mark.parametrize("diode", DIODES, ids=IDS)
def test_cocontent_is_the_integral_of_the_current(diode: JunctionDiode) -> None:
    with jax.enable_x64(True):
        for low, high in ((-2.0, 0.0), (0.0, 0.4)):
            x, w = np.polynomial.legendre.leggauss(80)
            edges = np.linspace(low, high, 41)
            points = 0.5 * (edges[1:, None] * (1 + x) + edges[:-1, None] * (1 - x))
            current = np.asarray(diode.current(jnp.asarray(points), {}))
            integral = (current * w * 0.5 * np.diff(edges)[:, None]).sum()
            ends = diode.cocontent(jnp.asarray([low, high]), {})
            np.testing.assert_allclose(float(ends[1] - ends[0]), integral, rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("diode", DIODES, ids=IDS)
def test_nothing_overflows_however_far_the_potential(diode: JunctionDiode, dtype: type) -> None:
    with jax.enable_x64(True):
        dv = jnp.asarray([-1e12, -1e3, -30.0, 0.0, 30.0, 1e3, 1e12], dtype)
        current, conductance = diode.current(dv, {}), diode.conductance(dv, {})
        assert jnp.isfinite(current).all()
        assert jnp.isfinite(conductance).all()
        assert (jnp.diff(current) >= 0).all()
        assert (conductance >= 0).all()


@settings(deadline=None, max_examples=15)
@given(is_=st.floats(1e-15, 1e-5), n=st.floats(0.8, 3), rs=st.floats(1e-3, 1e8))
def test_series_resistance_takes_its_share_of_the_voltage(is_: float, n: float, rs: float) -> None:
    bare, diode = JunctionDiode(is_=is_, n=n), JunctionDiode(is_=is_, n=n, rs=rs)
    dv = np.concatenate([np.linspace(-20, 20, 801), np.geomspace(1e-9, 1e3, 50)])
    with jax.enable_x64(True):
        junction = diode.law.junction_voltage(jnp.asarray(dv))
        error = np.asarray(junction + rs * bare.current(junction, {}) - dv)
    assert (np.abs(error) <= 1e-14 + 1e-11 * np.abs(dv)).all()


def test_a_diode_without_series_resistance_solves_nothing() -> None:
    diode = JunctionDiode()
    assert "while" not in str(jax.make_jaxpr(lambda x: diode.current(x, {}))(1.0))


# -- cards -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2.52n", 2.52e-9),
        ("1u", 1e-6),
        ("1meg", 1e6),
        ("1MEGohm", 1e6),
        ("3mil", 3 * 25.4e-6),
        ("4pF", 4e-12),
        ("1F", 1e-15),
        ("-1.5e-3k", -1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("7m", 7e-3),
        ("2V", 2.0),
        ("1t", 1e12),
        ("5µA", 5e-6),
    ],
)
def test_numbers_carry_engineering_suffixes(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        ".model D1N4148 D(IS=2.52n RS=.568 N=1.752 CJO=4p M=.4 tt=20n)",
        ".MODEL d1n4148 d is=2.52n rs=0.568 n=1.752 vj=0.5 fc=0.5",
        "* a comment\n.model D1N4148 D (IS=2.52n $ saturation\n+ RS=568m ; series\n* between\n+ N = 1.752 KF=0)\n",
        ".model x D(Is=2.52e-9, Rs=0.568, N=1.752, Iave=200m Vpk=75 mfg=OnSemi type=silicon level=1)",
    ],
)
def test_cards_are_read_in_every_usual_spelling(text: str) -> None:
    d = JunctionDiode.from_card(text)
    assert (d.is_, d.rs, d.n) == (2.52e-9, 0.568, 1.752)


def test_the_card_can_be_written_and_read_back() -> None:
    d = JunctionDiode(is_=1 / 3e9, n=1.1, rs=0.1 + 0.2, xti=4.0, eg=1.2, tnom=25.0, name="odd name!")
    assert JunctionDiode.from_card(d.spice_model()) == d
    assert d.spice("1", "a", "b", {}) == "D1 a b odd_name_ temp=27.0"


@pytest.mark.parametrize(
    ("card", "named"), [("IKP=10m", ["IKP", "sidewall"]), ("GAP1=1m RSW=2", ["GAP1", "band gap", "RSW"])]
)
def test_what_matters_and_is_not_modelled_is_named(card: str, named: list[str]) -> None:
    with pytest.warns(UserWarning, match="not modelled") as caught:
        JunctionDiode.from_card(f".model dx D(IS=1n {card})")
    assert all(name in str(caught[0].message) for name in ["dx", *named])
    assert caught[0].filename == __file__


@pytest.mark.parametrize("card", ["ISR=1n NR=2", "IKR=1m BV=5 IS=1u"])
def test_where_the_law_is_bridged_is_named(card: str) -> None:
    with pytest.warns(UserWarning, match=r"'dx'.*steps back by .* A at -0\.07") as caught:
        JunctionDiode.from_card(f".model dx D({card})")
    assert caught[0].filename == __file__


@pytest.mark.parametrize("card", ["IKF=0", "ISR=0", "AREA=1", "TRS1=1m TCV=2m", "VJ=-1 M=3 NR=0 TLEVC=7"])
def test_parameters_without_effect_do_not_warn(card: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        JunctionDiode.from_card(f".model dx D(IS=1n {card})")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ".model dx D(IS=1n RON=1)",
            r"'dx' has the parameter 'RON'.*\.model dx D\(IS=1n RON=1\).*Known: AF, AREA, BV, EG, FC, IBV",
        ),
        (".model dx NPN(BF=100)", "type NPN. Expected a diode"),
        (".model dx D(LEVEL=3)", "LEVEL=3"),
        (".model dx D(IS=abc)", "'dx', parameter IS: 'abc' is not a number"),
        (".model dx D(IS={x})", r"parameter IS: '\{x\}'"),
        (".model dx D(IS=1n", "does not close"),
        (".model dx D(IS 1n word)", "'word' where KEY=value"),
        (".model dx D(IS=1n) N is two", "'N' where KEY=value"),
        (".model dx D IS=1n)", "closes a parenthesis"),
        (".model dx", "cannot read the card"),
        ("R1 a b 1k", "the text has 0"),
        (".model a D(IS=1n)\n.model b D(IS=1n)", "the text has 2"),
        (".model dx D(IS=0)", "IS=0.0. Expected"),
        (".model dx D(N=-1)", "N=-1.0. Expected"),
        (".model dx D(BV=-5)", "BV=-5.0. Expected a positive number"),
        (".model dx D(BV=50m)", "breaks down at -0.6051 V .*Expected more than 3 N k T / q"),
        (".model dx D(BV=5 TLEV=3)", "TLEV=3. Expected 0, 1 or 2"),
        (".model dx D(IKF=5 IK=6)", "IKF twice, once as IK"),
        (".model dx D(ISR=1n VJ=0.2 M=0.9 NR=2)", "recombination current falls"),
        (".model dx D(IKF=-1)", "IKF=-1.0. Expected zero or more amperes"),
        (".model dx D(IBV=1 BV=inf)", "'inf' is not a number"),
    ],
)
def test_bad_cards_are_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JunctionDiode.from_card(text)


@pytest.mark.parametrize("options", [{"temperature": -300.0}, {"gmin": -1.0}, {"gmin": math.nan}])
def test_impossible_conditions_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="Expected"):
        JunctionDiode(**options)


def test_a_card_is_found_in_a_file_by_its_name(tmp_path) -> None:
    path = tmp_path / "diodes.lib"
    path.write_text("* library\n.model q1 NPN(BF=1)\n.model DA D(IS=1n)\nR1 a b 1\n.model db D(\n+ IS=2n)\n")
    assert JunctionDiode.from_file(path, "DB", temperature=50.0).is_ == 2e-9
    with pytest.raises(ValueError, match=r"no model 'dc'\. It has: q1, DA, db"):
        JunctionDiode.from_file(path, "dc")


@needs_ngspice
def test_every_name_that_a_card_may_have_is_known_to_ngspice(tmp_path):
    """Names that move the operating point, and those that stand for them; ngspice remarks on what it leaves out."""
    names = [*cards.DIODE_FIELDS, *cards._ALIASES]
    card = " ".join(f"{name}=1" for name in names)
    deck = "* t\nV1 a 0 0.6\nD1 a 0 DX\n.model DX D({})\n.op\n.end\n"
    _, said = run_program(deck.format(card), tmp_path, timeout=60)
    assert "unrecognized" not in said
    assert "unrecognized" in run_program(deck.format("NZ=2"), tmp_path, timeout=60)[1]
