"""Kinds of elements that nobody here knows: each is one class, and every consumer takes it or refuses it by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from ebana import CircuitBuilder, Device, Model, losses
from ebana._types import Values
from ebana.circuit.element import Branches, Element, Reference, at_nodes
from ebana.physics import energy, kirchhoff
from ebana.reports.schematic import draw_circuit
from ebana.spice.language.statements import Behavioural, Capacitor, DeviceLine, ModelCard, Statement, Text
from ebana.spice.language.subcircuit import NeedsSpice
from ebana.spice.netlist.deck import netlist
from ebana.spice.simulators.batch import run
from ebana.summary import layer_rows, totals
from helpers.simulators import needs_ngspice

# -- a two-terminal element with a law -----------------------------------------------------------------


@dataclass(frozen=True)
class Cubic(Device):
    """``i = k dv + c dv^3``, with a charge ``C dv``."""

    c: float = 1e-3
    farads: float = 1e-12
    own = ("k",)

    def cocontent(self, dv, p):
        return p["k"] * dv**2 / 2 + self.c * dv**4 / 4

    def charge(self, dv, p):
        return self.farads * dv


@dataclass(frozen=True, eq=False)
class Varistors(Branches):
    """``k`` varistors from ``a[i]`` to ``b[i]``, each with a trained conductance at 0 V."""

    a: np.ndarray
    b: np.ndarray
    model: Cubic
    slope: str

    kind = "varistors"
    symbol = "box"

    @property
    def parameters(self):
        return {"k": self.slope}

    def ends(self):
        return self.a, self.b

    def references(self) -> Iterator[Reference]:
        yield Reference(self.slope, (self.a.shape,))

    def numbers(self, parameters: Values) -> np.ndarray:
        return np.asarray(parameters[self.slope], np.float64)[None]

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        for i, (a, b, k) in enumerate(zip(self.a, self.b, numbers[0].tolist(), strict=True)):
            dv = f"V({nodes[a]},{nodes[b]})"
            yield Behavioural(f"B{i}", nodes[a], nodes[b], f"{k!r}*{dv}+{self.model.c!r}*{dv}*{dv}*{dv}")


def varistor_model(k=(1e-3, 2e-3)) -> Model:
    build = CircuitBuilder()
    x = build.input("x", 2)
    y = build.nodes("y", 2)
    build.crossbar("d", x, y, [[1e-3, 2e-3], [3e-3, 1e-3]], trainable=True)
    with build.owned_by("clip"):
        slope = build.parameter(
            "clip/slope", "device", np.array(k), trainable=True, low=1e-9, high=1.0, learning_rate=1e-4
        )
        build.add(Varistors("v", y, build.ground(2), Cubic(), slope))
    build.output("y", y, folded=False)
    return Model.from_circuit(build.build())


X = np.array([[1.0, -0.5], [0.3, 2.0]])


def test_the_solver_takes_it() -> None:
    model = varistor_model()
    point = model.operating_point(X)
    assert point.converged.all()
    assert point.error.max() < 1e-9
    g, k = model.values["d/conductance"], model.values["clip/slope"]
    v = point.v
    law = X @ g - v * g.sum(0) - (k * v + 1e-3 * v**3)  # Kirchhoff's current law, by hand
    assert np.abs(law).max() < 1e-13


def test_its_energy_and_gradients_are_right() -> None:
    """The adjoint and equilibrium propagation agree on the gradient of its own parameter."""
    model = varistor_model()
    y = np.array([[0.2, 0.1], [0.5, -0.3]])
    exact = model.gradients(X, y, method="adjoint")
    found = model.gradients(X, y, beta=1e-7)
    for name in ("d/conductance", "clip/slope"):
        np.testing.assert_allclose(found[name], exact[name], rtol=1e-4)
        assert np.abs(exact[name]).min() > 0
    with jax.enable_x64(True):
        p = np.array([[0.0, 0.0, 0.4, 0.7, 0.0]])
        values = {name: np.asarray(value) for name, value in model.values.items()}
        g, k = values["d/conductance"], values["clip/slope"]
        dv = p[0, 2:4]
        expected = (g.sum(0) * dv**2).sum() / 2 + (k * dv**2 / 2 + 1e-3 * dv**4 / 4).sum()
        assert float(energy.energy(model.circuit, values, p)[0]) == pytest.approx(expected, rel=1e-12)


def test_a_charge_has_its_place() -> None:
    (element,) = (e for e in varistor_model().circuit.elements if e.name == "v")
    dv = element.drop(np.array([[0.0, 0.0, 0.4, 0.7, 0.0]]))
    np.testing.assert_allclose(element.charge(dv, {"clip/slope": np.ones(2)}), [[0.4e-12, 0.7e-12]])
    (crossbar,) = (e for e in varistor_model().circuit.elements if e.name == "d")
    assert crossbar.charge(dv, {"d/conductance": np.ones((2, 2))}) is None


def solved(circuit, x, node: str) -> float:
    """The potential of a node in ngspice, from the deck alone."""
    deck = netlist(circuit, inputs={"x": x}, analysis=False).replace("\n.end\n", "\n.op\n.end\n")
    return float(np.ravel(run(deck)[f"v({node})"])[0])


@needs_ngspice
def test_the_netlist_has_it_and_ngspice_agrees() -> None:
    model = varistor_model()
    deck = netlist(model.circuit, inputs={"x": X[:1]})
    assert "B0 y_0 0 I=0.001*V(y_0,0)+0.001*V(y_0,0)*V(y_0,0)*V(y_0,0)" in deck
    v = model.operating_point(X).v[0]
    assert [solved(model.circuit, X[:1], f"y_{k}") for k in range(2)] == pytest.approx(v, abs=1e-9)
    assert "I={0.001*V(y_0,0)" in netlist(model.circuit, dialect="xyce")


def test_power_drawing_and_summary_know_it() -> None:
    model = varistor_model()
    power = model.power(X)
    shares = {e.name: e for e in power.phases["free"].elements}
    v = model.operating_point(X).v
    expected = (v * (model.values["clip/slope"] * v + 1e-3 * v**3)).sum(1)
    np.testing.assert_allclose(shares["v"].watts, expected, rtol=1e-9)
    assert (shares["v"].kind, shares["v"].layer) == ("varistors", "clip")
    assert abs(sum(e.watts for e in shares.values())).max() < 1e-12 * np.abs(expected).max() + 1e-15
    assert "v[0] from y[0] to ground" in draw_circuit(model.circuit)
    assert totals(model)["other trainable values"] == 2
    assert layer_rows(model) == []  # a circuit without layers


def test_it_trains_and_equal_ones_share_their_programs() -> None:
    first, second = varistor_model(), varistor_model(k=(5e-4, 1e-3))
    from ebana.physics.structure import structure

    assert structure(first.circuit) == structure(second.circuit)
    before = first.values["clip/slope"].copy()
    first.fit(X, np.array([[0.2, 0.1], [0.5, -0.3]]), epochs=2, loss_fn=losses.MSE(), verbose=False)
    assert not np.array_equal(before, first.values["clip/slope"])


# -- an element of three terminals, whose currents SPICE alone knows -----------------------------------


@dataclass(frozen=True, eq=False)
class Transistors(Element):
    """MOS transistors: drain, gate and source of each, and a capacitor at the gate."""

    drain: np.ndarray
    gate: np.ndarray
    source: np.ndarray

    kind = "transistors"

    def terminals(self):
        return self.drain, self.gate, self.source

    def joined(self, among, *, amplified):
        drain, source = (np.where(nodes < 0, len(among) - 1, nodes) for nodes in (self.drain, self.source))
        yield drain, source

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        yield ModelCard.of("n", "NMOS", {"LEVEL": "1", "VTO": "0.5", "KP": "1e-3"})
        for i, (d, g, s) in enumerate(zip(self.drain, self.gate, self.source, strict=True)):
            yield DeviceLine(
                f"M{i}", (nodes[d], nodes[g], nodes[s], nodes[s]), "n", (("W", "1e-6"), ("L", "1e-6"))
            )
            yield Capacitor(f"C{i}", nodes[g], nodes[s], 1e-15)


def transistor_circuit():
    build = CircuitBuilder()
    gate, supply = build.input("x", 1), build.bias("vdd", [1.8])
    y = build.nodes("y", 1)
    build.resistors("load", supply, y, 1e-4)
    build.add(Transistors("m", y, gate, build.ground(1)))
    build.output("y", y, folded=False)
    return build.build()


@needs_ngspice
def test_spice_solves_what_python_does_not_know() -> None:
    v = solved(transistor_circuit(), [[1.0]], "y_0")
    # in saturation: KP/2 (VGS - VTO)^2 = (VDD - v) G
    assert (1.8 - v) * 1e-4 == pytest.approx(
        0.5e-3 * 0.5**2 if v > 0.5 else 1e-3 * (0.5 - v / 2) * v, rel=1e-6
    )
    model = Model.from_circuit(transistor_circuit(), engine="ngspice")
    assert model.predict([[1.0]])[0, 0] == pytest.approx(v, abs=1e-9)


def test_what_needs_its_current_refuses_it_by_name() -> None:
    circuit = transistor_circuit()
    model = Model.from_circuit(circuit)
    with pytest.raises(
        NeedsSpice, match="native engine cannot solve 'm', of kind Transistors: it has no current law"
    ):
        model.predict([[1.0]])
    p = np.zeros((1, circuit.size + 1))
    with pytest.raises(NeedsSpice, match="no energy of a circuit with 'm', of kind Transistors"):
        energy.energy(circuit, circuit.initial(), p)
    with pytest.raises(NotImplementedError, match=r"power of element 'm' \(Transistors\) is not known"):
        model.power([[1.0]])
    with pytest.raises(NotImplementedError, match=r"'m' \(Transistors\) has no symbol"):
        draw_circuit(circuit)
    assert totals(model)["nodes"] == 3


def test_an_element_without_a_spice_form_is_refused_by_name() -> None:
    @dataclass(frozen=True, eq=False)
    class Mute(Varistors):
        def statements(self, nodes, numbers):
            return Element.statements(self, nodes, numbers)

    build = CircuitBuilder()
    y = build.nodes("y", 1)
    build.resistors("r", build.input("x", 1), y, 1e-3)
    build.add(Mute("mute", y, build.ground(1), Cubic(), build.parameter("k", "device", [1e-3])))
    build.output("y", y, folded=False)
    with pytest.raises(NotImplementedError, match=r"'mute' \(Mute\) has no SPICE form"):
        netlist(build.build())


# -- no consumer asks what an element is ---------------------------------------------------------------


def test_a_text_of_a_device_stays_a_text_until_a_dialect_asks() -> None:
    class Own(Device):
        def current(self, dv, p):
            return 1e-3 * dv

        def spice(self, name, a, b, p):
            return f"R{name} {a} {b} 1k"

    assert Own().statements("0", "a", "b", {}) == (Text("R0 a b 1k"),)


def test_drops_are_by_ends() -> None:
    (crossbar,) = (e for e in varistor_model().circuit.elements if e.name == "d")
    p = np.array([[1.0, 2.0, 10.0, 20.0, 0.0]])
    assert crossbar.drop(p).tolist() == [[[-9.0, -19.0], [-8.0, -18.0]]]
    assert at_nodes(p, np.array([3, -1])).tolist() == [[20.0, 0.0]]
    drawn = kirchhoff.drawn_currents(
        varistor_model().circuit, {"d/conductance": np.ones((2, 2)), "clip/slope": np.zeros(2)}, p
    )
    assert np.asarray(drawn)[0, :2].tolist() == [-28.0, -26.0]
