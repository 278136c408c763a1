"""Decks are complete, readable, and mean the circuit that the rest of the framework computes."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from ebana.circuit import Circuit, CircuitBuilder
from ebana.circuit.elements import VoltageSources
from ebana.devices import BehavioralDiode, Device, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.learning.losses import BCE, MSE, CrossEntropyLoss, Loss
from ebana.physics.nudge import Nudge
from ebana.spice.language.numbers import number
from ebana.spice.netlist import nudges, parts
from ebana.spice.netlist.deck import clamp_values, gmin_of, netlist, node_names, unique_names
from ebana.spice.netlist.names import Names
from ebana.spice.netlist.values import element_values, handles
from helpers.circuits import amplify, diodes, draw_inputs, draw_values, law, random_circuit, stack3
from helpers.simulators import needs_ngspice

HOSTILE = [
    "plain",
    "Plain",
    "two words",
    "two_words",
    'quote\'d "name"',
    "x .include /etc/passwd",
    ".control shell touch injected",
    "x; .endc",
    "größe µ",
    "0",
    "1e3",
    "{1/0}",
    "gnd",
    "time",
    "temper",
    "v",
    "exp",
    "subckt",
    "model",
    "",
    "a" * 300,
    "a" * 300 + "b",
    "$x ; y",
]


def run(deck: str, tmp_path) -> dict[str, float]:
    """Potentials that ``ngspice -b`` prints."""
    path = tmp_path / "deck.cir"
    path.write_text(deck)
    done = subprocess.run(
        ["ngspice", "-b", str(path)], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=True
    )
    assert "error" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    return {name: float(value) for name, value in re.findall(r"^(\S+) = (\S+)$", done.stdout, re.MULTILINE)}


def free_potentials(circuit: Circuit, printed: dict[str, float]) -> np.ndarray:
    names = node_names(circuit)
    return np.array([[printed[names[i].lower()] for i in circuit.free]])


def first(values: dict[str, np.ndarray], sample: int) -> dict[str, np.ndarray]:
    return {name: value[sample : sample + 1] for name, value in values.items()}


def divider(name: str = "mid", model: Device | None = None) -> Circuit:
    build = CircuitBuilder()
    x, mid = build.input("x", 1), build.nodes(name, 1)
    build.resistors("top", x, mid, 1e-3)
    build.resistors("bottom", mid, build.ground(1), 1e-3)
    if model is not None:
        build.devices("shunt", mid, build.ground(1), model)
    build.output("y", mid, folded=False)
    return build.build()


# -- what the deck means -------------------------------------------------------------------------------


@needs_ngspice
@pytest.mark.parametrize("bridged", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_printed_potentials_satisfy_kirchhoffs_current_law(seed: int, bridged: bool, tmp_path) -> None:
    circuit, rng = random_circuit(seed, bridged), np.random.default_rng(seed)
    values, inputs = draw_values(circuit, rng, (-6, -3)), draw_inputs(circuit, rng, 3)
    deck = netlist(circuit, values, inputs, sample=2)
    v = free_potentials(circuit, run(deck, tmp_path))
    assert np.abs(law(circuit, first(inputs, 2), v, values=values)).max() < 1e-11


@needs_ngspice
@pytest.mark.parametrize(
    "model",
    [
        BehavioralDiode(vth=0.3, ron=1.0),
        BehavioralDiode(vth=0.2, ron=10.0, roff=float("inf")),
        BehavioralDiode(vth=np.float64(0.3), ron=np.float64(1.0), roff=1e9),
        JunctionDiode(is_=1e-9, n=1.3, rs=2.0),
    ],
    ids=repr,
)
def test_three_stages_with_every_kind_of_parameter(model: Device, tmp_path) -> None:
    circuit = stack3(model)
    inputs = draw_inputs(circuit, np.random.default_rng(0), 1)
    v = free_potentials(circuit, run(netlist(circuit, inputs=inputs), tmp_path))
    assert np.abs(law(circuit, inputs, v)).max() < 1e-11


@needs_ngspice
def test_an_ideal_diode_holds_its_node_at_the_source(tmp_path) -> None:
    circuit = divider(model=IdealDiode())
    printed = run(netlist(circuit, inputs={"x": [[1.0]]}), tmp_path)
    assert printed["mid_0"] == pytest.approx(0.0, abs=1e-8)
    printed = run(netlist(circuit, inputs={"x": [[-1.0]]}), tmp_path)
    assert printed["mid_0"] == pytest.approx(-0.5, abs=1e-9)


@needs_ngspice
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("loss", [MSE(), CrossEntropyLoss(), BCE()], ids=lambda loss: loss.name)
def test_a_clamped_nudge_is_the_slope_of_its_loss(loss: Loss, folded: bool, sign: int, tmp_path) -> None:
    circuit, inputs, targets = nudged_circuit(folded)
    nudge = Nudge({}, {"y": sign * np.array([1e-5, 2e-5])}, {"y": targets}, loss)
    v = free_potentials(circuit, run(netlist(circuit, inputs=inputs, nudge=nudge, sample=1), tmp_path))
    one = Nudge({}, {"y": nudge.strength["y"][1:]}, {"y": targets[1:]}, loss)
    assert np.abs(law(circuit, first(inputs, 1), v, nudge=one)).max() < 1e-12
    assert np.abs(law(circuit, first(inputs, 1), v)).max() > 1e-8


@needs_ngspice
def test_a_held_nudge_is_a_current_into_each_node(tmp_path) -> None:
    circuit, inputs, _ = nudged_circuit(True)
    nudge = Nudge({"y": np.array([[0, 0, 0, 0], [1e-6, -2e-6, 3e-6, -4e-6]])}, {}, {})
    v = free_potentials(circuit, run(netlist(circuit, inputs=inputs, nudge=nudge, sample=1), tmp_path))
    one = Nudge({"y": nudge.currents["y"][1:]}, {}, {})
    assert np.abs(law(circuit, first(inputs, 1), v, nudge=one)).max() < 1e-14


def nudged_circuit(folded: bool) -> tuple[Circuit, dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(3)
    build = CircuitBuilder()
    x, h = build.input("x", 3), build.nodes("h", 3)
    build.crossbar("d1", x, h, rng.uniform(1e-5, 1e-4, (3, 3)))
    diodes(build, "a", h, BehavioralDiode(vth=0.2, ron=10.0))
    y = build.nodes("y", 4)
    build.crossbar("d2", amplify(build, "amp", h, 2.0, 0.1), y, rng.uniform(1e-5, 1e-4, (3, 4)))
    build.output("y", y, folded=folded)
    targets = np.eye(2 if folded else 4)[[0, 1]]
    return build.build(), {"x": rng.normal(size=(2, 3))}, targets


# -- names ---------------------------------------------------------------------------------------------


def hostile_circuit() -> Circuit:
    build = CircuitBuilder()
    x = build.input(HOSTILE[0], 1)
    for k, name in enumerate(name for name in HOSTILE if name.lower() not in ("plain",)):
        nodes = build.nodes(f"{name}", 2)
        build.crossbar(name, x, nodes, np.full((1, 2), 1e-3))
        build.resistors(f"{name}!", nodes, build.ground(2), 1e-3 * (k + 1))
        build.devices(f"{name}?", nodes, build.ground(2), BehavioralDiode(vth=0.3))
    build.output("y .end", nodes, folded=True)
    return build.build()


@pytest.mark.parametrize("name", ["x\n.include /etc/passwd", "x\r\n.control\nshell touch injected\n.endc"])
def test_a_name_of_several_lines_is_refused_before_there_is_a_deck(name: str) -> None:
    with pytest.raises(ValueError, match="without control characters"):
        CircuitBuilder().nodes(name, 2)


def test_names_keep_to_letters_digits_and_underscores_and_differ() -> None:
    names = unique_names(HOSTILE)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in names)
    assert len({name.lower() for name in names}) == len(HOSTILE)


def test_node_names_stay_different_when_groups_end_in_numbers() -> None:
    build = CircuitBuilder()
    for name in ("a", "a_1", "A 1", "a_1_0", "b1", "b"):
        build.resistors(name, build.nodes(name, 12), build.ground(12), 1e-3)
    names = [name.lower() for name in node_names(build.build())]
    assert len(set(names)) == len(names)


@needs_ngspice
def test_no_name_reaches_the_deck_unchanged(tmp_path) -> None:
    circuit = hostile_circuit()
    nudge = Nudge({"y .end": np.array([[1e-6, -1e-6]])}, {}, {})
    inputs = {HOSTILE[0]: np.array([[1.0]])}
    deck = netlist(circuit, inputs=inputs, nudge=nudge, title="a title\n.control\nquit\n.endc")
    statements = [line for line in deck.splitlines() if not line.startswith("*")]
    assert deck.isascii()
    assert not any(re.search(r"\.include|/etc|shell ", line) for line in statements)
    assert [line for line in statements if line.startswith(".control")] == [".control"]
    v = free_potentials(circuit, run(deck, tmp_path))
    assert np.abs(law(circuit, inputs, v, nudge=nudge)).max() < 1e-12
    assert not (tmp_path / "injected").exists()


# -- parts ---------------------------------------------------------------------------------------------


@pytest.fixture
def four_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small circuits are written in parts, as large ones are."""
    monkeypatch.setattr(parts, "MAX_PORTS", 4)


def subcircuits(deck: str) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Ports and lines of each subcircuit, by its name, in words."""
    joined = deck.replace("\n+ ", " ")
    found = re.findall(r"^\.subckt block_(\S+) ?(.*)\n([^$]*?)^\.ends", joined, re.MULTILINE)
    return {
        name: (ports.split(), [line.split() for line in body.splitlines()]) for name, ports, body in found
    }


def stated(deck: str) -> dict[str, float]:
    """The number at the end of each line of the deck that ``alter`` can change, by what it calls it."""
    return {
        f"{word[0]}.x{name}.{word[0]}{word[1:]}".lower(): number(last)
        for name, (_, lines) in subcircuits(deck).items()
        for word, *_, last in lines
        if word[0] in "RIEVFG"
    }


@pytest.mark.usefixtures("four_ports")
@pytest.mark.parametrize("circuit", [stack3(), random_circuit(1, True)], ids=["stack3", "bridged"])
def test_handles_of_parts_name_the_values_in_their_order(circuit: Circuit) -> None:
    values = draw_values(circuit, np.random.default_rng(0))
    deck = netlist(circuit, values)
    assert max(len(ports) for ports, _ in subcircuits(deck).values()) <= 4
    written = stated(deck)
    for element in circuit.elements:
        if isinstance(element, VoltageSources):
            continue
        named = [written[name.removesuffix(" gain")] for name in handles(Names.of(circuit), element)]
        assert named == element_values(element, values).tolist()


@pytest.mark.usefixtures("four_ports")
@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("loss", [MSE(), BCE()], ids=lambda loss: loss.name)
def test_handles_of_nudges_in_parts_name_the_values_in_their_order(loss: Loss, folded: bool) -> None:
    circuit = comb(6, folded)
    units = circuit.output("y").units
    strength, target = 1e-3, np.arange(units, dtype=float)[None] / 6
    nudge = Nudge({"y": np.arange(6.0)[None]}, {"y": strength}, {"y": target}, loss)
    deck = netlist(circuit, nudge=nudge)
    assert max(len(ports) for ports, _ in subcircuits(deck).values()) <= 4
    written = stated(deck)
    assert [written[name] for name in nudges.held_handles(circuit, Names.of(circuit), "y")] == list(range(6))
    strengths, offsets = nudges.clamp_handles(circuit, Names.of(circuit), "y", loss.name)
    expected = clamp_values(loss, strength, target)
    assert [written[name.removesuffix(" gain")] for name in strengths] == expected[0][0].tolist()
    assert [written[name] for name in offsets] == expected[1][0].tolist()


def comb(size: int, folded: bool) -> Circuit:
    """Output nodes with a resistor to one input each."""
    build = CircuitBuilder()
    x, y = build.input("x", size), build.nodes("y", size)
    build.resistors("r", x, y, np.linspace(1e-3, 2e-3, size))
    build.output("y", y, folded=folded)
    return build.build()


@needs_ngspice
@pytest.mark.usefixtures("four_ports")
@pytest.mark.parametrize("circuit", [stack3(), random_circuit(1, True)], ids=["stack3", "bridged"])
def test_circuits_in_parts_satisfy_kirchhoffs_current_law(circuit: Circuit, tmp_path) -> None:
    rng = np.random.default_rng(0)
    values, inputs = draw_values(circuit, rng, (-6, -3)), draw_inputs(circuit, rng, 1)
    v = free_potentials(circuit, run(netlist(circuit, values, inputs), tmp_path))
    assert np.abs(law(circuit, inputs, v, values=values)).max() < 1e-11


@needs_ngspice
@pytest.mark.usefixtures("four_ports")
def test_values_of_devices_go_to_their_parts(tmp_path) -> None:
    @dataclass(frozen=True)
    class Shunt(Device):
        def current(self, dv, p):
            return p["g"] * dv

        def spice(self, name, a, b, p):
            return f"R{name} {a} {b} {1 / p['g']!r}"

    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 9)
    build.crossbar("d", x, y, 1e-3)
    g = build.parameter("s/g", "device", np.linspace(1e-3, 3e-3, 9))
    build.devices("s", y, build.ground(9), Shunt(), {"g": g})
    build.output("y", y, folded=False)
    circuit = build.build()
    v = free_potentials(circuit, run(netlist(circuit, inputs={"x": [[1.0]]}), tmp_path))
    np.testing.assert_allclose(v[0], 1e-3 / (1e-3 + np.linspace(1e-3, 3e-3, 9)), rtol=1e-9)


@pytest.mark.usefixtures("four_ports")
def test_arrays_that_fit_keep_their_names_and_text_beside_parts() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 2), build.nodes("y", 5)
    build.crossbar("d", x, y, 1e-3)
    build.resistors("d_part2", y[:2], build.ground(2), 1e-3)
    build.output("y", y[:2])
    deck = netlist(build.build())
    assert [name for name in subcircuits(deck) if name.startswith("d")] == [
        "d",
        "d_part2_2",
        "d_part3",
        "d_part2",
    ]
    assert (
        "\n* 'd_part2': 2 resistors\n.subckt block_d_part2 y_0 y_1\nR0 y_0 0 1k\nR1 y_1 0 1k\n"
        ".ends block_d_part2\nXd_part2 y_0 y_1 block_d_part2\n"
    ) in deck


def test_only_arrays_above_the_limit_are_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = comb(6, folded=True)
    nudge = Nudge({"y": np.ones((1, 6))}, {"y": 1e-3}, {"y": np.eye(3)[:1]}, CrossEntropyLoss())
    whole = netlist(circuit, nudge=nudge)
    monkeypatch.setattr(parts, "MAX_PORTS", 12)
    assert netlist(circuit, nudge=nudge) == whole
    monkeypatch.setattr(parts, "MAX_PORTS", 11)
    assert list(subcircuits(netlist(circuit, nudge=nudge))) == ["r", "r_part2", "nudge_y", "clamp_y"]


@pytest.mark.usefixtures("four_ports")
def test_cross_entropy_over_too_many_nodes_is_refused() -> None:
    circuit = comb(6, folded=True)
    nudge = Nudge({}, {"y": 1e-3}, {"y": np.eye(3)[:1]}, CrossEntropyLoss())
    with pytest.raises(ValueError, match=r"couples all nodes of output 'y'.*at most 4.*Received: 6 nodes"):
        netlist(circuit, nudge=nudge)
    with pytest.raises(ValueError, match="Use the current nudge"):
        nudges.clamp_handles(circuit, Names.of(circuit), "y", "cross_entropy")


# -- form ----------------------------------------------------------------------------------------------


def test_the_deck_is_layered_and_says_what_it_holds() -> None:
    circuit = stack3(JunctionDiode(is_=1e-9, gmin=1e-11))
    deck = netlist(circuit, title="three stages")
    lines = deck.splitlines()
    assert lines[0] == "* three stages"
    assert "nodes" in lines[1]
    assert "trainable conductances" in lines[1]
    assert "ngspice -b" in lines[2]
    assert "gmin=1e-11" in lines[3]
    assert "* 'h1': crossbar of 10 x 4 resistors" in lines
    assert sum(line.startswith(".subckt") for line in lines) == sum(line.startswith("X") for line in lines)
    assert max(map(len, lines)) < 300
    assert lines[-1] == ".end"


def test_conductances_keep_every_digit() -> None:
    circuit = divider()
    g = np.array([1 / 3e5])
    deck = netlist(circuit, {"top/conductance": g, "bottom/conductance": g}, analysis=False)
    ohms = [number(line.split()[3]) for line in deck.splitlines() if line.startswith("R0")]
    assert ohms == [1 / g[0], 1 / g[0]]
    assert ".control" not in deck


def test_crossbars_of_many_thousand_resistors_are_written() -> None:
    build = CircuitBuilder()
    x, h = build.input("x", 784), build.nodes("h", 100)
    build.crossbar("d", x, h, np.full((784, 100), 1e-6))
    build.output("y", h)
    deck = netlist(build.build())
    assert sum(line.startswith("R") for line in deck.splitlines()) == 78400


def test_gmin_is_one_for_the_whole_deck() -> None:
    build = CircuitBuilder()
    x = build.input("x", 1)
    build.devices("a", x, build.ground(1), JunctionDiode(gmin=1e-12))
    build.devices("b", x, build.ground(1), JunctionDiode(gmin=1e-9))
    with pytest.raises(ValueError, match=r"different gmin: 1e-12 S, 1e-09 S"):
        gmin_of(build.build())


def test_a_loss_without_a_spice_form_is_refused() -> None:
    class Huber(MSE):
        name = "huber"

    class Impostor(MSE):
        name = "cross_entropy"

    circuit, _, targets = nudged_circuit(True)
    nudge = Nudge({}, {"y": 1e-6}, {"y": targets}, Huber())
    with pytest.raises(ValueError, match=r"'huber' has no SPICE form.*current nudge"):
        netlist(circuit, nudge=nudge)
    with pytest.raises(ValueError, match="another gradient"):
        clamp_values(Impostor(), 1e-6, targets)


def test_a_device_with_broken_spice_text_is_named() -> None:
    @dataclass(frozen=True)
    class Broken(Device):
        def current(self, dv, p):
            return dv

        def spice(self, name, a, b, p):
            return f"B{name} {a} {b} I=V({a}"

    with pytest.raises(ValueError, match="'shunt' of Broken"):
        netlist(divider(model=Broken()))


def test_a_device_without_spice_text_is_named() -> None:
    @dataclass(frozen=True)
    class Cubic(Device):
        def cocontent(self, dv, p):
            return dv**4

    with pytest.raises(NotImplementedError, match="Cubic has no SPICE form"):
        netlist(divider(model=Cubic()))


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="'x'"):
        netlist(divider(), inputs={"x": np.array([[np.nan]])})
