"""Level 1 MOSFETs are ngspice's: tied as diodes and with a fixed gate, n and p, hot and cold."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.circuit import CircuitBuilder
from ebana.devices import Device
from ebana.devices.mosfet.transistor import MosDiode, Mosfet
from ebana.engines.ngspice import NgspiceEngine, available
from ebana.physics.nudge import Nudge
from ebana.spice.netlist.deck import options_line
from ebana.spice.simulators.libngspice import library
from ebana.spice.simulators.session import LOCK
from helpers.circuits import solve, traced
from helpers.simulators import needs_ngspice

FOUND, WHY = available()

CARDS = {
    "plain": "VTO=0.7 KP=100u",
    "modulated": "VTO=0.5 KP=50u LAMBDA=0.05 LD=50n IS=1p",
    "body": "VTO=0.5 KP=50u GAMMA=1.1 PHI=0.4 LAMBDA=0.02 TNOM=40",
    "process": "TOX=20n NSUB=1e16 UO=500 LAMBDA=0.01",
    "process with charges": "TOX=15n NSUB=5e16 NSS=1e10 TPG=-1 JS=1u CJ=1m",
    "metal gate": "TOX=50n NSUB=2e16 TPG=0 KP=30u",
}
VOLTS = np.concatenate([np.linspace(-0.9, 0.2, 89), np.linspace(0.201, 4.0, 90)])


def made(cls: type, channel: str, card: str, temperature: float, **options) -> Device:
    card = card if channel == "n" else card.replace("VTO=", "VTO=-")
    return cls.from_card(
        f".model t1 {channel}mos(LEVEL=1 {card})", width=3e-6, length=1e-6, temperature=temperature, **options
    )


def current(d: Device, volts: np.ndarray, what: str = "current") -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(getattr(d, what)(jnp.asarray(volts), {}))


def of_ngspice(d: Device, volts: np.ndarray) -> np.ndarray:
    spice, found = library(), []
    with LOCK:
        lines = ["* law", "V1 a 0 DC 0", *d.spice("1", "a", "0", {}).splitlines(), d.spice_model()]
        spice.load([*lines, options_line(1e-12), ".end"])
        for volt in volts.tolist():
            spice.set([f"v1 = {volt!r}"])
            spice.command("op")
            value = spice.value(b"v1#branch")
            found.append(np.nan if value is None else -value)
            spice.command("destroy all")
        spice.command("remcirc")
    return np.array(found)


def cases():
    for name, card in CARDS.items():
        for channel in "np":
            if "TPG" not in card and "NSUB" not in card:  # else the threshold may have either sign
                yield pytest.param(MosDiode, channel, card, {}, id=f"diode-{channel}-{name}")
            for vgs in (-0.5, 1.2, 3.0):
                sign = 1 if channel == "n" else -1
                yield pytest.param(
                    Mosfet, channel, card, {"vgs": sign * vgs}, id=f"gate-{channel}-{name}-{vgs:g}"
                )


@needs_ngspice
@pytest.mark.parametrize("temperature", [-20.0, 27.0, 85.0])
@pytest.mark.parametrize(("cls", "channel", "card", "options"), list(cases()))
def test_current_is_that_of_ngspice(cls, channel, card, options, temperature):
    d = made(cls, channel, card, temperature, **options)
    volts = VOLTS if cls is MosDiode or channel == "n" else -VOLTS
    found = of_ngspice(d, volts)
    # ngspice is content with the bulk junction's current when it is known to abstol, 1e-12 A
    np.testing.assert_allclose(current(d, volts), found, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("temperature", [85.0])
@pytest.mark.parametrize(("cls", "channel", "card", "options"), list(cases()))
def test_current_is_the_slope_of_the_cocontent_and_rises(cls, channel, card, options, temperature):
    d = made(cls, channel, card, temperature, **options)
    volts = np.linspace(-4.0, 4.0, 803)
    i, g, step = current(d, volts), current(d, volts, "conductance"), 1e-6
    assert (np.diff(i) >= 0).all()
    assert (g >= 0).all()
    slope = (current(d, volts + step, "cocontent") - current(d, volts - step, "cocontent")) / (2 * step)
    content = np.abs(current(d, volts, "cocontent"))
    assert (np.abs(slope - i) <= 1e-6 * np.abs(i) + 1e-15 * content / step + 1e-12).all()
    rise = (current(d, volts + step) - current(d, volts - step)) / (2 * step)
    smooth = np.abs(rise - g) <= 1e-5 * g + 1e-15 * np.abs(i) / step + 1e-15
    assert smooth.mean() > 0.995  # all but the corners
    x, w = np.polynomial.legendre.leggauss(60)
    edges = np.linspace(-0.4, 3.0, 201)
    points = 0.5 * (edges[1:, None] * (1 + x) + edges[:-1, None] * (1 - x))
    whole = (current(d, points) * w).sum(1) @ np.diff(edges) / 2
    ends = current(d, np.array([-0.4, 3.0]), "cocontent")
    assert ends[1] - ends[0] == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("cls", [MosDiode, Mosfet])
@pytest.mark.parametrize("channel", "np")
@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_card_is_written_and_read_back(cls, channel, card):
    if cls is MosDiode and "NSUB" in card:
        pytest.skip("the threshold may have either sign")
    d = made(cls, channel, card, 60.0)
    again = cls.from_card(d.spice_model(), width=3e-6, length=1e-6, temperature=60.0)
    assert again == d


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (".model t NPN(BF=100)", "'t' is NPN level 1. Expected NMOS or PMOS"),
        (".model t NMOS(LEVEL=14 VTO=1)", "level 14"),
        (".model t NMOS(VTO=1 WMAX=1)", "parameter 'WMAX'.*Known: AF, "),
        (".model t NMOS(KP=1u)", "states no VTO"),
        (".model t NMOS(VTO=1 TOX=20n NSUB=1e5)", "NSUB=100000.0. Expected more than"),
        (".model t NMOS(VTO=-1)", "VTO=-1.0 V. Expected a threshold above zero"),
        (".model t PMOS(VTO=1)", "VTO=1.0 V. Expected a threshold below zero"),
        (".model t NMOS(VTO=x)", "'t', parameter VTO: 'x' is not a number"),
        (".model t NMOS(VTO=1 PHI=-1)", "PHI=-1.0"),
        ("R1 a b 1", "0 models fit"),
    ],
)
def test_bad_cards_are_refused_by_name(card, message):
    with pytest.raises(ValueError, match=message):
        MosDiode.from_card(card)


@pytest.mark.parametrize("key", ["RD", "RS", "RSH"])
def test_what_matters_and_is_not_modelled_is_named(key):
    with pytest.warns(UserWarning, match=f"'t': {key} .*not modelled"):
        MosDiode.resolve(f".model t NMOS(VTO=1 {key}=5)")


@needs_ngspice
@pytest.mark.parametrize("channel", "np")
@pytest.mark.parametrize("name", ["plain", "modulated", "body"])
def test_circuits_of_both_engines_agree(name, channel):
    sign = 1 if channel == "n" else -1
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 4)
    build.crossbar("in", x, h, np.array([[1e-5, 2e-5, 5e-5, 1e-4]] * 2), low=1e-9)
    build.devices("shunt", h, build.ground(4), made(Mosfet, channel, CARDS[name], 50.0, vgs=sign * 1.5))
    build.devices("tied", h[:2], h[2:], made(MosDiode, channel, CARDS[name], 50.0))
    build.output("y", h, folded=False)
    circuit = build.build()
    inputs = {"x": sign * np.array([[3.0, 2.0], [-1.0, -2.0], [0.1, 0.2], [20.0, 5.0]])}
    native = solve(circuit, inputs, tolerance=1e-10)
    assert native.converged.all(), native.code
    with jax.enable_x64(True):
        spice = NgspiceEngine().solve(circuit, traced(circuit.initial()), traced(inputs), Nudge.none())
    assert np.asarray(spice.converged).all(), spice.error
    assert np.abs(native.v - np.asarray(spice.v)).max() < 1e-7
