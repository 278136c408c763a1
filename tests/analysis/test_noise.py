"""Noise: ngspice's .noise on decks and on circuits of layers, equipartition, laws that hold for all circuits."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from scipy.linalg import eigh

from ebana import (
    BehavioralDiode,
    CircuitBuilder,
    IdealDiode,
    JunctionDiode,
    Model,
    NativeEngine,
    NotConverged,
    SparseEngine,
    from_netlist,
)
from ebana.analysis import linear_circuit
from ebana.analysis.noise import NoiseReport, OutputNoise
from ebana.analysis.noise_contrast import drowning
from ebana.circuit import Circuit
from ebana.circuit.elements import Resistors
from ebana.devices import Device
from ebana.devices.noise import Noise, thermal
from ebana.devices.silicon import BOLTZMANN, CHARGE, ZERO_CELSIUS
from ebana.spice.language.statements import Text
from ebana.spice.language.subcircuit import Subcircuit
from ebana.spice.netlist.deck import netlist, node_names
from ebana.spice.simulators.batch import run_all
from helpers.circuits import amplify, diodes, draw_inputs, random_circuit, stack3
from helpers.nets import Refuses
from helpers.simulators import needs_ngspice

KT = BOLTZMANN * 300.15
LOW, HIGH = 10.0, 1e6

# -- ngspice on decks ----------------------------------------------------------------------------------------

_rng = np.random.default_rng(3)
LADDER = "\n".join(
    f"Ra{k} n{k} n{k + 1} {1000 * (k + 1)}\nRb{k} n{k + 1} 0 {2000 + 700 * k}" for k in range(8)
)
MESH = "\n".join(
    f"Rm{i}_{j} n{i} {'n' + str(j) if j else '0'} {10 ** _rng.uniform(3, 6):.6g}"
    for i in range(1, 7)
    for j in range(i)
)
D4148 = ".model D4148 D(IS=2.52n N=1.752 RS=0.568 BV=100 IBV=0.1u)"
DZ = ".model DZ D(IS=1e-12 N=1.1 RS=2 BV=5.1 IBV=1m NBV=1.4)"
DF = ".model DF D(IS=1e-9 N=1.7 RS=50 KF=1e-14 AF=1.4)"
DK = ".model DK D(IS=1e-10 N=1.3 RS=10 IKF=1m ISR=1e-9 NR=2 KF=1e-15)"
MN = ".model MN NMOS(LEVEL=1 VTO=0.7 KP=1e-4 LAMBDA=0.02 GAMMA=0.4 KF=1e-26 AF=1.2 LD=0.1u)"
MP = ".model MP PMOS(LEVEL=1 VTO=-0.7 KP=4e-5 LAMBDA=0.03 KF=4e-27 TOX=2e-8)"

DECKS = {
    "divider": "V1 n0 0 1\nR1 n0 out 1k\nR2 out 0 3k",
    "ladder": f"V1 n0 0 1\n{LADDER}\nRx n8 out 10",
    "mesh": f"V1 n0 0 1\nRx n0 n1 5k\nRy n6 out 1k\n{MESH}",
    "diode forwards": "V1 n0 0 2\nR1 n0 out 1k\nD1 out 0 D4148\n" + D4148,
    "diode backwards": "V1 n0 0 -3\nR1 n0 out 1Meg\nD1 out 0 D4148\n" + D4148,
    "diode, few volts": "V1 n0 0 0.4\nR1 n0 out 10k\nD1 out 0 D4148\n" + D4148,
    "zener": "V1 n0 0 -9\nR1 n0 out 330\nD1 out 0 DZ\n" + DZ,
    "flicker": "V1 n0 0 1.5\nR1 n0 out 2k\nD1 out 0 DF\n" + DF,
    "knee and recombination": "V1 n0 0 1.5\nR1 n0 out 500\nD1 out 0 DK\n" + DK,
    "diodes in a ring": "V1 n0 0 2\nR1 n0 a 1k\nR2 n0 b 2k\nD1 a out DF\nD2 b out DF\nD3 0 a D4148\nR3 out 0 3k\n"
    + f"{DF}\n{D4148}",
    "inverter": "V1 g 0 1.4\nVDD n0 0 5\nR1 n0 out 5k\nM1 out g 0 0 MN W=20u L=2u\n" + MN,
    "triode": "V1 g 0 4\nVDD n0 0 5\nR1 n0 out 5k\nM1 out g 0 0 MN W=20u L=2u m=3\n" + MN,
    "body bias": "V1 g 0 3\nVDD n0 0 5\nVB b 0 -1\nR1 n0 out 5k\nM1 out g s b MN W=20u L=2u\nRs s 0 500\n" + MN,
    "drain below source": "V1 g 0 3\nVDD n0 0 -0.4\nR1 n0 out 500\nM1 out g 0 0 MN W=20u L=2u\n" + MN,
    "cmos": "V1 g 0 2.4\nVDD n0 0 5\nM1 out g 0 0 MN W=10u L=2u\nM2 out g n0 n0 MP W=30u L=1u\nR1 out 0 100k\n"
    + f"{MN}\n{MP}",
    "mos diode": "V1 n0 0 3\nR1 n0 out 10k\nM1 out out 0 0 MN W=5u L=1u\n" + MN,
    "controlled sources": "V1 n0 0 1\nR1 n0 a 1k\nR2 a 0 1k\nE1 b 0 a 0 4\nR3 b c 2k\nG1 0 out c a 1m\nR4 c 0 3k\n"
    "R5 out 0 2k\nF1 out 0 VS 2\nVS d 0 0\nR6 c d 5k\nH1 e 0 VS 100\nR7 e out 10k",
    "transistor amplifier": "V1 n0 0 1\nVDD dd 0 5\nR1 dd a 20k\nM1 a n0 0 0 MN W=20u L=2u\nE1 b 0 a 0 0.5\n"
    f"R2 b out 1k\nD1 out 0 DF\n{MN}\n{DF}",
    "RC": "V1 n0 0 1\nR1 n0 out 10k\nC1 out 0 100p",
    "RC ladder": "V1 n0 0 1\nR1 n0 a 10k\nC1 a 0 100p\nR2 a b 20k\nC2 b 0 50p\nR3 b out 5k\nC3 out a 30p\nR4 out 0 50k",
    "RC with junctions": "V1 n0 0 1.5\nR1 n0 a 2k\nD1 a out DF\nC1 a 0 1n\nC2 a out 300p\nR2 out 0 5k\nC3 out 0 2n\n"
    + DF,
    "amplified RC": "V1 n0 0 1\nR1 n0 a 10k\nC1 a 0 100p\nE1 b 0 a 0 3\nR2 b out 10k\nC2 out 0 100p\nG1 0 a out 0 -10u",
    "hot": "V1 n0 0 1.5\nR1 n0 out 2k\nR2 out 0 4k\n.temp 85",
}  # fmt: skip
"""Circuits whose node ``out`` is looked at."""

APPROXIMATE = {"knee and recombination": 3e-4, "drain below source": 3e-3}
"""Where ngspice 39's slopes are not quite those of its own currents: of recombination (2e-4 at 0.6 V), and by the
voltage of a bulk that is biased forwards (gamma / (2 sarg) for gamma / (2 sqrt(PHI)))."""


def deck_of(name: str) -> str:
    return f"{name}\n{DECKS[name]}\n.options gmin=1e-12 reltol=1e-7 abstol=1e-15\n.end\n"


def spice_noise(
    deck: str, out: str, source: str, low: float, high: float, points: int
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Densities over frequency, V/sqrt(Hz), and rms in the band, volts, by what ngspice calls them."""
    line = f".noise {out} {source} dec {points} {low!r} {high!r} 1"
    spectrum, total = run_all(deck.replace(".end\n", f"{line}\n.end\n"))
    rms = {name[2:-1] if name.startswith("v(") else name: float(v[0]) for name, v in total.vectors.items()}
    return spectrum.vectors, rms


@needs_ngspice
@pytest.mark.parametrize("name", DECKS)
def test_decks_have_the_noise_of_ngspice(name: str) -> None:
    circuit = from_netlist(deck_of(name), inputs=["V1"], outputs=["out"])
    model = Model.from_circuit(circuit)
    deck = re.sub(r"(?m)^(V1 .*)$", r"\1 AC 1", deck_of(name))
    spectrum, total = spice_noise(deck, "v(out)", "V1", LOW, HIGH, 40)
    celsius = 85.0 if name == "hot" else 27.0
    volts = float(next(line for line in DECKS[name].splitlines() if line.startswith("V1 ")).split()[3])
    report = model.noise([[volts]], bandwidth=(LOW, HIGH), frequency=[LOW, 1e3, HIGH], temperature=celsius)
    (noise,) = report.outputs.values()
    frequency = spectrum["frequency"]
    at = [int(np.argmin(abs(frequency - f))) for f in report.frequencies]
    within = APPROXIMATE.get(name, 1e-6)
    np.testing.assert_allclose(noise.density[:, 0, 0], spectrum["onoise_spectrum"][at], rtol=within)
    np.testing.assert_allclose(noise.rms[0, 0], total["onoise_total"], rtol=max(within, 3e-4))  # its integral
    for element in circuit.elements:
        units = [f"onoise_total_{label.lower()}" for label in element.labels]
        if element.name in noise.by_element:
            found = math.sqrt(sum(total.get(unit, 0.0) ** 2 for unit in units))
            assert math.sqrt(noise.by_element[element.name][0, 0]) == pytest.approx(
                found, rel=3e-3, abs=1e-15
            )


@needs_ngspice
def test_diodes_in_parallel_have_the_noise_of_as_many_diodes() -> None:
    """ngspice 39 counts the series resistance's noise AREA m^2 times over; drawn apart, diodes have ours."""
    start = f"parallel\nV1 n0 0 1.5 AC 1\nR1 n0 out 300\n{DF}\n.options gmin=1e-12 reltol=1e-7\n"
    apart = start + "".join(f"D{k} out 0 DF\n" for k in range(3)) + ".end\n"
    _, total = spice_noise(apart, "v(out)", "V1", LOW, HIGH, 40)
    model = Model.from_circuit(
        from_netlist(start.replace(" AC 1", "") + "D1 out 0 DF m=3\n.end\n", inputs=["V1"], outputs=["out"])
    )
    noise = model.noise([[1.5]], bandwidth=(LOW, HIGH))
    assert noise["out"][0] == pytest.approx(total["onoise_total"], rel=3e-4)


# -- ngspice on circuits of layers ---------------------------------------------------------------------------


def wired(rows: int, columns: int, ohms: float) -> Circuit:
    """A crossbar whose cells lie between wires of some ohms a crossing, with diodes at its columns."""
    rng = np.random.default_rng(5)
    build = CircuitBuilder()
    x = build.input("x", rows)
    r, c = build.nodes("r", rows * columns), build.nodes("c", rows * columns)
    place = np.arange(rows * columns).reshape(rows, columns)
    build.resistors("cells", r, c, rng.uniform(1e-5, 1e-4, rows * columns))
    build.resistors("drivers", x, r[place[:, 0]], np.full(rows, 1 / 20.0))
    build.resistors("row wires", r[place[:, :-1].ravel()], r[place[:, 1:].ravel()], 1 / ohms)
    build.resistors("column wires", c[place[:-1].ravel()], c[place[1:].ravel()], 1 / ohms)
    out = c[place[-1]]
    diodes(build, "d", out, JunctionDiode(is_=1e-9, n=1.3, kf=1e-15), 0.05, -0.05)
    build.output("y", out, folded=False)
    return build.build()


def bridged_junctions() -> Circuit:
    """A layer with junctions between its own nodes, behind an amplifier."""
    rng = np.random.default_rng(6)
    build = CircuitBuilder()
    x, h, y = build.input("x", 3), build.nodes("h", 3), build.nodes("y", 4)
    build.crossbar("d1", x, h, rng.uniform(1e-5, 1e-4, (3, 3)), trainable=True)
    build.devices("across", h, np.roll(h, 1), JunctionDiode.named("1N4148"))
    w = amplify(build, "amp", h, 3.0, 0.1, 0.4)
    build.crossbar("d2", w, y, rng.uniform(1e-5, 1e-4, (3, 4)), trainable=True)
    diodes(build, "a", y, JunctionDiode(is_=1e-10, n=1.5, rs=200.0, kf=2e-15, af=1.2), 0.1, -0.1)
    build.output("y", y)
    return build.build()


LAYERED: dict[str, Any] = {
    "stack3, junctions": lambda: stack3(JunctionDiode(is_=1e-9, n=1.3)),
    "random": lambda: random_circuit(0),
    "bridged": lambda: random_circuit(1, True),
    "bridged junctions": bridged_junctions,
    "wired crossbar": lambda: wired(4, 5, 10.0),
    "iris": lambda: iris_with_junctions(),
}


def iris_with_junctions() -> Circuit:
    """The Iris network's layers with conductances of a trained one's spread, and 1N4148 in place of its diodes."""
    rng = np.random.default_rng(8)
    build = CircuitBuilder()
    rows = np.concatenate([build.input("x", 4), build.inverted("xn", "x", 4), build.bias("b1", [1.0])])
    h, y = build.nodes("h", 10), build.nodes("y", 6)
    build.crossbar("d1", rows, h, 10 ** rng.uniform(-7, -4, (9, 10)))
    diodes(build, "a", h, JunctionDiode.named("1N4148"), -0.2, 0.2)
    more = np.concatenate([amplify(build, "amp", h, 4.0), build.bias("b2", [0.5])])
    build.crossbar("d2", more, y, 10 ** rng.uniform(-7, -4, (11, 6)))
    build.output("y", y)
    return build.build()


@cache
def layered(name: str) -> tuple[Model, dict[str, np.ndarray]]:
    model = Model.from_circuit(LAYERED[name](), name=name)
    if name in ("random", "bridged"):
        rng = np.random.default_rng(2)
        for key, parameter in model.circuit.parameters.items():
            if parameter.kind == "conductance":
                model._values[key] = 10 ** rng.uniform(-6, -3, parameter.shape)
    if name == "iris":
        return model, {"x": np.random.default_rng(4).normal(size=(3, 4))}
    return model, draw_inputs(model.circuit, np.random.default_rng(1), 3, 1.0)


def capacitors(circuit: Circuit, farads: float) -> list[Text]:
    names = node_names(circuit)
    return [Text(f"Cn{k} {names[node]} 0 {farads!r}") for k, node in enumerate(circuit.free.tolist())]


@needs_ngspice
@pytest.mark.parametrize("farads", [None, 20e-12], ids=["a band", "capacitances"])
@pytest.mark.parametrize("name", LAYERED)
def test_layers_have_the_noise_of_ngspice(name: str, farads: float | None) -> None:
    model, x = layered(name)
    port = model.circuit.outputs[0]
    report = model.noise(x, bandwidth=(LOW, HIGH), capacitance=farads, frequency=[LOW, 1e4])
    probe = [Text("Vprobe probe 0 DC 0 AC 1"), Text("Rprobe probe 0 1k")]
    probe += capacitors(model.circuit, farads) if farads else []
    names = node_names(model.circuit)
    for sample, unit in ((0, 0), (2, port.units - 1)):
        pair = port.nodes[2 * unit : 2 * unit + 2] if port.folded else port.nodes[unit : unit + 1]
        deck = netlist(model.circuit, model.values, x, sample=sample, analysis=False, extra=probe)
        out = f"v({','.join(names[i] for i in pair)})"
        spectrum, total = spice_noise(deck, out, "Vprobe", LOW, HIGH, 40)
        noise = report.outputs[port.name]
        at = [int(np.argmin(abs(spectrum["frequency"] - f))) for f in report.frequencies]
        np.testing.assert_allclose(noise.density[:, sample, unit], spectrum["onoise_spectrum"][at], rtol=1e-4)
        np.testing.assert_allclose(noise.rms[sample, unit], total["onoise_total"], rtol=3e-4)


@needs_ngspice
def test_noise_at_the_inputs_of_amplifiers_is_that_of_a_resistor_there() -> None:
    model, x = layered("bridged junctions")
    density = math.sqrt(4 * KT * 1e5)
    deck = netlist(model.circuit, model.values, x, analysis=False, extra=[Text("Vprobe probe 0 DC 0 AC 1")])
    noisy = re.sub(
        r"(?m)^E(\d) (m\d) 0 (\S+) 0 (\S+)$",
        r"E\1 \2 q\1 \3 0 \4\nEq\1 q\1 0 z\1 0 \4\nRz\1 z\1 0 100k",
        deck.replace("Vprobe probe 0 DC 0 AC 1", "Vprobe probe 0 DC 0 AC 1\nRprobe probe 0 1k"),
    )
    _, total = spice_noise(noisy, "v(y_2,y_3)", "Vprobe", LOW, HIGH, 20)
    report = model.noise(x, bandwidth=(LOW, HIGH), amplifier_noise={"amp": density})
    assert "amp" not in report.silent
    assert report.outputs["y"].rms[0, 1] == pytest.approx(total["onoise_total"], rel=1e-4)
    assert report.by_layer("y")["amp"] > 0.5


# -- closed forms --------------------------------------------------------------------------------------------


@st.composite
def meshes(draw: st.DrawFn) -> tuple[Circuit, np.ndarray]:
    """Connected networks of resistors over six decades with a capacitance at every node, some held by an input."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(1, 9))
    build = CircuitBuilder()
    x, nodes = build.input("x", 1), build.nodes("h", size)
    all_nodes = np.concatenate([x, build.ground(1), nodes])
    first = np.array([rng.integers(0, k) for k in range(2, size + 2)])  # a tree, and some more
    more = rng.integers(0, size + 2, (2, size))
    a = all_nodes[np.concatenate([np.arange(2, size + 2), more[0][more[0] != more[1]]])]
    b = all_nodes[np.concatenate([first, more[1][more[0] != more[1]]])]
    build.resistors("r", a, b, 10 ** rng.uniform(-9, -3, len(a)))
    build.output("y", nodes, folded=False)
    return build.build(), 10 ** rng.uniform(-15, -11, size)


def stiffness(circuit: Circuit, farads: np.ndarray) -> float:
    """Slowest over fastest time constant of the nodes, by which rounding of the modes grows."""
    (wires,) = (group for group in circuit.elements if isinstance(group, Resistors))
    laplacian = np.zeros((circuit.size + 1,) * 2)
    for a, b, g in zip(
        wires.a, wires.b, np.broadcast_to(circuit.initial()["r/conductance"], len(wires.a)), strict=True
    ):
        laplacian[[a, b, a, b], [a, b, b, a]] += g, g, -g, -g
    first = circuit.groups[-1].start
    rates = eigh(laplacian[first:-1, first:-1], np.diag(farads), eigvals_only=True)
    return rates[-1] / rates[0]


@settings(max_examples=40, deadline=None)
@given(meshes())
def test_networks_of_resistors_have_k_t_over_c_at_every_node(mesh: tuple[Circuit, np.ndarray]) -> None:
    circuit, farads = mesh
    model = Model.from_circuit(circuit, engine=SparseEngine())
    report = model.noise([[0.0]], capacitance={"h": farads})
    rounding = 8 * np.finfo(float).eps * stiffness(circuit, farads)
    np.testing.assert_allclose(report.nodes["h"][0] ** 2, KT / farads, rtol=rounding)
    noise = report.outputs["y"]
    if noise.margin_rms is not None:  # nodes in equilibrium are independent
        largest = np.argsort(noise.values[0])[-2:]
        np.testing.assert_allclose(noise.margin_rms[0] ** 2, (KT / farads[largest]).sum(), rtol=rounding)


def divider(**options: Any) -> Model:
    """x -- 1 mS -- y -- 3 mS -- ground."""
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("upper", x, y, 1e-3, trainable=True)
    build.resistors("lower", y, build.ground(), 3e-3, trainable=True)
    build.output("out", y, folded=False)
    return Model.from_circuit(build.build(), name="divider", **options)


def test_a_divider_has_4_k_t_r_in_sixteen_digits() -> None:
    with mp.workdps(40):
        density = 4 * mp.mpf(BOLTZMANN) * (mp.mpf(50) + mp.mpf(ZERO_CELSIUS)) / mp.mpf("4e-3")
        rms, one = mp.sqrt(density * (mp.mpf(2e6) - 5)), mp.sqrt(density)
    report = divider().noise([[1.0], [7.0]], bandwidth=(5, "2Meg"), temperature=50.0)
    np.testing.assert_allclose(report["y[0]"], float(rms), rtol=1e-14)
    np.testing.assert_allclose(report.outputs["out"].density, float(one), rtol=1e-14)
    assert report.by_layer("out") == pytest.approx({"lower": 0.75, "upper": 0.25})
    assert report["x[0]"].tolist() == [0.0, 0.0]


def test_the_band_of_one_pole_is_an_arc_tangent() -> None:
    farads = 1e-9
    tau, low, high = farads / 4e-3, 1e3, 1e6
    report = divider().noise([[1.0]], bandwidth=(low, high), capacitance=farads, frequency=[1e3, 1e6])
    arcs = math.atan(2 * math.pi * high * tau) - math.atan(2 * math.pi * low * tau)
    assert report["y[0]"][0] ** 2 == pytest.approx(KT / farads * arcs * 2 / math.pi, rel=1e-12)
    falls = 4 * KT / 4e-3 / (1 + (2 * math.pi * np.array([1e3, 1e6]) * tau) ** 2)
    np.testing.assert_allclose(report.node_density["y"][:, 0, 0] ** 2, falls, rtol=1e-12)


def test_flicker_noise_through_one_pole_is_a_logarithm() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, 1e-3)
    diode = JunctionDiode(is_=1e-9, n=1.5, kf=1e-12, af=1.3)
    build.devices("d", y, build.ground(), diode)
    model = Model.from_circuit(build.build())
    low, farads = 10.0, 1e-7
    report = model.noise([[1.0]], bandwidth=(low, math.inf), capacitance=farads)
    v = float(model.operating_point([[1.0]]).v[0, 0])
    amperes, vt = (1.0 - v) * 1e-3, diode.thermal_voltage
    g = 1e-3 + (amperes + 1e-9) / vt
    white = (4 * KT * 1e-3 + 2 * CHARGE * amperes) / (g * g)
    tau, falling = farads / g, 1e-12 * amperes**1.3 / (g * g)
    even = white / (4 * tau) * (1 - 2 / math.pi * math.atan(2 * math.pi * low * tau))
    slow = falling * 0.5 * math.log1p(1 / (2 * math.pi * low * tau) ** 2)
    assert report["y[0]"][0] ** 2 == pytest.approx(even + slow, rel=1e-6)


def test_white_noise_grows_with_temperature_and_band_and_its_parts_add_up() -> None:
    model, x = layered("random")
    one = model.noise(x, bandwidth=1e4)
    two = model.noise(x, bandwidth=4e4, temperature=127.0)
    ratio = 4.0 * (127.0 + ZERO_CELSIUS) / 300.15
    np.testing.assert_allclose(two.outputs["y"].rms ** 2, ratio * one.outputs["y"].rms ** 2, rtol=1e-9)
    parts = np.sum(list(one.outputs["y"].by_element.values()), axis=0)
    np.testing.assert_allclose(parts, one.outputs["y"].rms ** 2, rtol=1e-9)


def test_a_simulated_circuit_has_these_variances() -> None:
    """Langevin's equation by Euler's steps, against the covariance: two nodes behind an amplifier's load."""
    build = CircuitBuilder()
    x, h, y = build.input("x", 1), build.nodes("h", 1), build.nodes("y", 1)
    build.resistors("r1", x, h, 1e-3)
    w = amplify(build, "amp", h, 3.0, 0.0, 0.2)
    build.resistors("r2", w, y, 2e-3)
    build.resistors("r3", y, build.ground(), 1e-3)
    farads = np.array([2e-12, 1e-12])
    report = Model.from_circuit(build.build()).noise([[0.0]], capacitance={"h": farads[:1], "y": farads[1:]})
    rng, step, chains = np.random.default_rng(0), 2e-11, 4000
    spread = np.sqrt(2 * KT * np.array([1e-3, 2e-3, 1e-3]) / step)
    v = np.zeros((2, chains))
    squares = np.zeros(2)
    for k in range(1200):
        n1, n2, n3 = spread[:, None] * rng.normal(size=(3, chains))
        through = 2e-3 * (3.0 * v[0] - v[1]) + n2
        drawn = np.stack([1e-3 * v[0] + n1 + 0.2 * through, 1e-3 * v[1] + n3 - through])
        v = v - step * drawn / farads[:, None]
        squares += (v**2).mean(1) / 1000 if k >= 200 else 0.0
    np.testing.assert_allclose([report["h[0]"][0] ** 2, report["y[0]"][0] ** 2], squares, rtol=0.04)


def test_equal_stages_in_a_row_have_no_independent_modes() -> None:
    """A chain of equal RC stages, each behind a buffer: Butterworth's integrals of (1 + u^2)^-n, from mpmath."""
    build = CircuitBuilder()
    nodes = build.input("x", 1)
    for k in range(3):
        after = build.nodes(f"n{k}", 1)
        build.resistors(f"r{k}", nodes, after, 1e-3)
        held = build.nodes(f"b{k}", 1)
        build.voltage_controlled_voltages(f"e{k}", held, build.ground(), after, build.ground(), 1.0)
        nodes = held
    model = Model.from_circuit(build.build(), engine=SparseEngine())
    low, farads = 100.0, 1e-9
    report = model.noise(
        [[1.0]],
        bandwidth=(low, 3e6),
        capacitance={**{f"n{k}": farads for k in range(3)}, **{f"b{k}": 0.0 for k in range(3)}},
    )
    tau = farads / 1e-3
    with mp.workdps(30):
        corners = [low, 1e4, 1e5, 3e5, 1e6, 3e6]
        integrals = [
            mp.quad(lambda f, n=n: 1 / (1 + (2 * mp.pi * f * tau) ** 2) ** n, corners) for n in (1, 2, 3)
        ]
    variances = np.cumsum([4 * KT / 1e-3 * float(str(integral)) for integral in integrals])
    for k in range(3):
        assert report[f"n{k}[0]"][0] ** 2 == pytest.approx(variances[k], rel=1e-8)
        assert report[f"b{k}[0]"][0] == pytest.approx(report[f"n{k}[0]"][0], rel=1e-8)


def test_a_path_past_all_capacitances_has_no_end() -> None:
    build = CircuitBuilder()
    x, a, b = build.input("x", 1), build.nodes("a", 1), build.nodes("b", 1)
    build.resistors("r1", x, a, 1e-3)
    build.resistors("r2", a, b, 1e-3)
    build.resistors("r3", b, build.ground(), 1e-3)
    model = Model.from_circuit(build.build())
    report = model.noise([[1.0]], capacitance={"a": 1e-12, "b": 0.0})
    assert np.isfinite(report["a[0]"]).all()
    assert np.isinf(report["b[0]"]).all()
    band = model.noise([[1.0]], bandwidth=1e6, capacitance={"a": 1e-12, "b": 0.0})
    assert np.isfinite(band["b[0]"]).all()


def test_capacitors_of_the_circuit_count() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 2)
    build.resistors("r", np.repeat(x, 2), y, [1e-3, 1e-6])
    build.capacitors("c", y, build.ground(2), 1e-12)
    build.capacitors("across", y[:1], y[1:], 3e-12)
    report = Model.from_circuit(build.build()).noise([[1.0]])
    matrix = np.array([[4e-12, -3e-12], [-3e-12, 4e-12]])  # k T C^-1 of two nodes
    np.testing.assert_allclose(report.nodes["y"][0] ** 2, KT * np.diag(np.linalg.inv(matrix)), rtol=1e-9)
    assert "c" not in report.silent


# -- ideal diodes, engines, states that were not found -------------------------------------------------------


@pytest.mark.parametrize("farads", [None, 1e-12])
def test_conducting_ideal_diodes_hold_their_nodes(farads: float | None) -> None:
    rng = np.random.default_rng(1)
    build = CircuitBuilder()
    x, h, y = build.input("x", 3), build.nodes("h", 3), build.nodes("y", 2)
    build.crossbar("d1", x, h, rng.uniform(1e-5, 1e-4, (3, 3)))
    diodes(build, "a", h, IdealDiode(), 0.2, -0.2)
    build.crossbar("d2", amplify(build, "amp", h, 2.0, 0.1), y, rng.uniform(1e-5, 1e-4, (3, 2)))
    build.output("y", y)
    model = Model.from_circuit(build.build())
    x_rows = {"x": np.random.default_rng(2).normal(size=(4, 3))}
    report = model.noise(x_rows, bandwidth=1e6, capacitance=farads)
    v = model.operating_point(x_rows).v[:, :3]
    held = np.isclose(abs(v), 0.2)
    assert held.any()
    assert not held.all()
    for sample in range(4):
        switched = Model.from_circuit(linear_circuit(model, x_rows, sample=sample))
        alone = switched.noise({"x": x_rows["x"][sample : sample + 1]}, bandwidth=1e6, capacitance=farads)
        np.testing.assert_allclose(report.outputs["y"].rms[sample], alone.outputs["y"].rms[0], rtol=1e-7)
    assert (report.nodes["h"][held] <= 1e-9 * report.nodes["h"].max()).all()
    assert report.silent == ("a_down", "a_up", "amp")


def test_single_precision_and_other_engines_tell_the_same() -> None:
    circuit = LAYERED["stack3, junctions"]()
    x = draw_inputs(circuit, np.random.default_rng(1), 3, 1.0)
    double = Model.from_circuit(circuit).noise(x, bandwidth=1e6)
    for engine in (NativeEngine(dtype="float32", tolerance=1e-4), SparseEngine()):
        other = Model.from_circuit(circuit, engine=engine).noise(x, bandwidth=1e6)
        for name, noise in double.outputs.items():
            np.testing.assert_allclose(other.outputs[name].rms, noise.rms, rtol=1e-5)


def test_samples_that_were_not_found_are_nan_or_refused() -> None:
    model = divider(engine=Refuses(limit=5.0))
    x = [[1.0], [9.0], [2.0]]
    with pytest.raises(NotConverged, match="noise of model 'divider': 1 of 3"):
        model.noise(x, bandwidth=1e6)
    report = model.noise(x, bandwidth=1e6, strict=False)
    assert np.isnan(report["y[0]"]).tolist() == [False, True, False]
    assert np.isfinite(report.outputs["out"].noise).all()
    assert report.outputs["out"].signal[0] == pytest.approx(0.125)
    json.dumps(report.to_dict(), allow_nan=False)
    assert "3 samples" in str(report)


# -- the contrast --------------------------------------------------------------------------------------------


def test_gradients_scatter_as_told() -> None:
    """The published update with noise drawn on the voltages of each state, over and over."""
    model, x, y, beta, reads = divider(), [[1.0]], [[0.1]], 1e-3, 3
    report = model.noise(x, y, capacitance=1e-19, beta=beta, reads=reads, estimator="one_sided")
    contrast = report.contrast
    assert contrast is not None
    sigma = report["y[0]"][0] / math.sqrt(reads)
    assert sigma == pytest.approx(math.sqrt(KT / 1e-19 / reads))  # 0.1 V: squares of the noise count too
    free, nudged = 0.25, (0.25e-3 * 4 + beta * (0.1 - 0.25)) / 4e-3
    rng = np.random.default_rng(0)
    reading = (np.array([[free], [nudged]]) + sigma * rng.normal(size=(2, 400_000)))[:, None]
    drops = np.concatenate([1.0 - reading, reading], axis=1)  # (states, conductances, draws)
    gradients = 0.5 * (drops[1] ** 2 - drops[0] ** 2) / beta
    for k, name in enumerate(("upper", "lower")):
        assert contrast.noise[f"{name}/conductance"][0] == pytest.approx(gradients[k].std(), rel=0.01)
        expected = 0.5 * ((1.0 - nudged) ** 2 - 0.75**2, nudged**2 - free**2)[k] / beta
        assert contrast.gradients[f"{name}/conductance"][0] == pytest.approx(expected, rel=1e-6)


def two_layers() -> Circuit:
    """Two crossbars with an amplifier between them."""
    rng = np.random.default_rng(6)
    build = CircuitBuilder()
    x, h, y = build.input("x", 3), build.nodes("h", 3), build.nodes("y", 2)
    build.crossbar("d1", x, h, rng.uniform(1e-5, 1e-4, (3, 3)), trainable=True)
    build.resistors("leak", h, build.ground(3), np.full(3, 1e-5))
    build.crossbar(
        "d2", amplify(build, "amp", h, 3.0, 0.1), y, rng.uniform(1e-5, 1e-4, (3, 2)), trainable=True
    )
    build.output("y", y, folded=False)
    return build.build()


@pytest.mark.parametrize("estimator", ["centered", "one_sided", "negative"])
def test_at_the_strength_where_a_layer_drowns_its_signal_is_its_noise(estimator: str) -> None:
    model = Model.from_circuit(
        two_layers(), engine=NativeEngine(tolerance=1e-12)
    )  # such small nudges need it
    x = draw_inputs(model.circuit, np.random.default_rng(1), 6, 1.0)
    y = np.full((6, 2), 0.2)
    options: dict[str, Any] = {"bandwidth": 1e6, "estimator": estimator}
    contrast = model.noise(x, y, **options).contrast
    assert contrast is not None
    assert contrast.drowns.keys() == {"d1", "d2"}
    for layer in contrast.drowns:
        at = model.noise(x, y, beta=contrast.drowns[layer], **options).contrast
        assert at is not None
        assert at.at_beta(layer) == pytest.approx(1.0, rel=0.02)
        assert at.drowns[layer] == pytest.approx(contrast.drowns[layer], rel=0.02)
    told = model.gradients(x, y, beta=contrast.beta, estimator=estimator)
    for name, gradient in contrast.gradients.items():
        np.testing.assert_allclose(gradient, told[name], rtol=1e-6, atol=1e-9 * abs(told[name]).max())
    four = model.noise(x, y, reads=4, **options).contrast
    assert four is not None
    for layer, ratio in contrast.snr.items():
        np.testing.assert_allclose(four.snr[layer], 2.0 * ratio, rtol=1e-3)


@pytest.mark.parametrize(
    ("snr", "beta"),
    [
        ([10.0, 100.0, 1e3], 1e-7),
        ([0.1, 1.0, 10.0], 1e-5),
        ([0.1, 0.5, 0.8], math.inf),
        ([0.1, 0.5, np.nan], math.inf),
    ],
)
def test_strengths_at_which_a_ratio_is_one(snr: list[float], beta: float) -> None:
    assert drowning(np.array([1e-6, 1e-5, 1e-4]), np.array(snr)) == pytest.approx(beta)


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs one of them. State the band"),
        ({"bandwidth": -1.0}, r"bandwidth=-1.0\). Expected the highest frequency"),
        ({"bandwidth": (1e3, 10.0)}, "the lowest and the highest"),
        ({"bandwidth": (1.0, 2.0, 3.0)}, "the lowest and the highest"),
        ({"bandwidth": math.nan}, "bandwidth=nan"),
        ({"bandwidth": math.inf}, "finite where no capacitance is stated"),
        ({"bandwidth": 1e6, "temperature": -274.0}, "at least -273.15"),
        ({"bandwidth": 1e6, "temperature": math.nan}, "temperature=nan"),
        ({"bandwidth": 1e6, "frequency": 0.0}, "Hz above zero"),
        ({"bandwidth": 1e6, "amplifier_noise": -1e-9}, "zero or more at the inputs"),
        ({"bandwidth": 1e6, "amplifier_noise": {"amp": 1e-9}}, "as there are none"),
        ({"capacitance": {"z": 1e-12}}, "unknown \\['z'\\]"),
        ({"capacitance": -1e-12}, "zero or more"),
        ({"bandwidth": 1e6, "y": [[0.1]], "reads": 0}, "reads=0.*above zero"),
        ({"bandwidth": 1e6, "y": [[0.1]], "estimator": "adjoint"}, "compares no nudged states"),
        ({"bandwidth": 1e6, "y": [[0.1]], "beta": -1.0}, "beta=-1"),
    ],
)
def test_conditions_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        divider().noise([[1.0]], **options)


def test_flicker_noise_from_0_hz_is_refused() -> None:
    model = Model.from_circuit(LAYERED["bridged junctions"]())
    x = {"x": np.ones((1, 3))}
    with pytest.raises(ValueError, match=r"'a_down', 'a_up' have flicker noise, which grows"):
        model.noise(x, bandwidth=1e6)
    with pytest.raises(ValueError, match="lowest frequency"):
        model.noise(x, capacitance=1e-12)


def test_elements_that_spice_alone_knows_are_refused() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, 1e-3)
    block = Subcircuit.parse(".subckt load a b\nR1 a b 1k\n.ends load")
    build.subcircuits("blocks", np.stack([y, build.ground(1)], 1), block)
    build.output("out", y, folded=False)
    model = Model.from_circuit(build.build(), engine="ngspice")
    with pytest.raises(NotImplementedError, match="'blocks', the SPICE subcircuit 'load'"):
        model.noise([[1.0]], bandwidth=1e6)


def test_densities_below_zero_are_refused() -> None:
    @dataclass(frozen=True)
    class Wrong(Device):
        def current(self, dv: Any, p: Any) -> Any:
            return 1e-3 * dv

        def noise(self, dv: Any, p: Any, kelvin: Any) -> Noise:
            return Noise(1e-24 * dv, 0.0)

    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 2)
    build.resistors("r", np.repeat(x, 2), y, [1e-3, 1e-3])
    build.devices("wrong", np.append(y[:1], build.ground()), np.append(build.ground(), y[1:]), Wrong())
    build.output("out", y, folded=False)
    model = Model.from_circuit(build.build(), engine=SparseEngine())
    with pytest.raises(ValueError, match=r"unit 'wrong\[1\]' of 'wrong' has a density below zero"):
        model.noise([[1.0]], bandwidth=1e6)


# -- the report ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report() -> NoiseReport:
    model, x = layered("bridged junctions")
    return model.noise(x, {"y": np.zeros((3, 2))}, bandwidth=(10, 1e6), frequency=np.logspace(1, 6, 11))


def test_a_report_is_a_table_of_80_columns(report: NoiseReport) -> None:
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "Noise of model 'bridged junctions', 10 Hz to 1 MHz, 27 °C, 3 samples"
    text = str(report)
    for word in ("S/N", "margin/noise", "swapped", "drowns below", "share of the variance", "/√Hz"):
        assert word in text
    assert text.endswith("Without stated noise, counted as zero: amp.")
    assert "print it" in repr(report)


def test_long_names_lose_their_ends() -> None:
    build = CircuitBuilder()
    x = build.input("x", 2)
    for k in range(4):
        nodes = build.nodes(f"a layer with a name that no table can hold, {k}", 2)
        build.crossbar(
            f"a crossbar with a name that no table can hold, {k}", x, nodes, np.full((2, 2), 1.7e-5)
        )
        build.resistors(f"leak {k}", nodes, build.ground(2), np.full(2, 3e-5))
        build.output(f"an output with a name that no table can hold, {k}", nodes, folded=False)
    model = Model.from_circuit(build.build(), name="a model with a name that no table can hold")
    told = str(
        model.noise(np.eye(2) * 1.234, bandwidth=(1e5, 1.234e9), temperature=-123.4, frequency=1.234e5)
    )
    assert max(map(len, told.splitlines())) <= 80


def test_a_report_is_json_and_columns(report: NoiseReport) -> None:
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["samples"] == 3
    assert told["bandwidth_hertz"] == [10.0, 1e6]
    out = told["outputs"]["y"]
    assert sum(out["by_layer"].values()) == pytest.approx(1.0)
    assert len(out["volts_rms"]) == 2
    assert len(out["density_volts_per_root_hertz"]) == 11
    assert set(told["contrast"]["drowns"]) == {"d1", "d2"}
    columns = report.columns()
    assert columns["output"] == ["y", "y"]
    np.testing.assert_allclose(columns["noise"], report.outputs["y"].noise)
    shares = np.sum([v for k, v in columns.items() if k.startswith("share of")], axis=0)
    np.testing.assert_allclose(shares, 1.0)


def test_the_margin_swaps_as_often_as_drawn_noise_does(report: NoiseReport) -> None:
    noise = report.outputs["y"]
    assert noise.margin is not None
    assert noise.margin_rms is not None
    sigma = 0.7 * float(noise.margin[0] / noise.margin_rms[0])
    scaled = OutputNoise(
        noise.values, noise.rms, noise.density, {}, noise.margin[:1], sigma * noise.margin_rms[:1]
    )
    assert scaled.margin_rms is not None
    draws = noise.margin[0] + scaled.margin_rms[0] * np.random.default_rng(0).normal(size=200_000)
    assert scaled.swapped == pytest.approx((draws < 0).mean(), rel=0.03)


def test_a_picture_shows_shares_densities_and_the_contrast(report: NoiseReport, tmp_path: Path) -> None:
    figure = report.plot(tmp_path / "noise.png")
    assert [axes.get_title(loc="left").split()[0] for axes in figure.axes] == ["Share", "Noise", "Gradient"]
    assert (tmp_path / "noise.png").stat().st_size > 10_000


def test_a_device_of_a_users_own_states_its_noise() -> None:
    @dataclass(frozen=True)
    class Noisy(Device):
        g: float = 1e-3
        excess: float = 1e-20

        def current(self, dv: Any, p: Any) -> Any:
            return self.g * dv

        def noise(self, dv: Any, p: Any, kelvin: Any) -> Noise:
            return Noise(thermal(self.g, kelvin), self.excess * dv**2)

    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.devices("d", x, y, Noisy())
    build.devices("quiet", y, build.ground(), BehavioralDiode(vth=-9.0, ron=500.0))
    build.output("out", y, folded=False)
    found = Model.from_circuit(build.build(), engine=SparseEngine()).noise([[1.0]], bandwidth=(1.0, 1e4))
    v = (1e-3 * 1.0 - 9.0 / 500.0) / 3e-3
    white, falls = 4 * KT * 1e-3, 1e-20 * (1.0 - v) ** 2
    expected = (white * (1e4 - 1.0) + falls * math.log(1e4)) / 3e-3**2
    assert found["y[0]"][0] ** 2 == pytest.approx(expected, rel=1e-9)
    assert found.silent == ("quiet",)


def test_nodes_may_be_left_out() -> None:
    model, x = layered("random")
    whole, part = (model.noise(x, bandwidth=1e6, nodes=nodes) for nodes in (True, False))
    np.testing.assert_array_equal(part.outputs["y"].rms, whole.outputs["y"].rms)
    assert not part.nodes
    with pytest.raises(KeyError, match="was not measured"):
        part[f"{model.circuit.free_groups[0].name}[0]"]
    assert "largest" not in str(part)


def test_a_circuit_without_inputs_and_outputs_has_noise_at_its_nodes() -> None:
    deck = "no inputs\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.end\n"
    report = Model.from_circuit(from_netlist(deck)).noise(bandwidth=1e6)
    assert report["b"][0] == pytest.approx(math.sqrt(4 * KT * 500 * 1e6))
    assert str(report).startswith("Noise of model")
    with pytest.raises(ValueError, match="no outputs"):
        report.plot()
