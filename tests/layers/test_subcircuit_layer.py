"""Blocks written in SPICE act like the devices they spell out, on every SPICE engine, also in training."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import (
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
    SubcircuitLayer,
    load_model,
    optimizers,
    serialization,
)
from ebana.engines.spice import ENGINES
from ebana.spice.language.subcircuit import NeedsSpice, Subcircuit
from ebana.spice.simulators.session import available
from ebana.storage import archive as storage
from helpers.simulators import needs_ngspice

FOUND = {name: available(name) for name in ENGINES}
EACH = [
    pytest.param(name, marks=pytest.mark.skipif(not found, reason=how))
    for name, (found, how) in FOUND.items()
]

CARD = ".model dio D(IS=1e-9 N=1.5)"
CLIP = f"""* a diode from the node to its bias
.subckt clip a k
D1 a k dio temp=27.0
.ends clip
{CARD}
"""
BIPOLAR = """* a transistor as a diode, which is not read
.subckt clip a k
Q1 a a k bip
.ends clip
.model bip NPN(IS=1e-14)
"""
X = np.random.default_rng(0).normal(size=(6, 3))
Y = np.random.default_rng(1).integers(0, 2, (6, 2)).astype(float)


class Block:
    """What PySpice's and InSpice's SubCircuit are to us: an object whose text is a subcircuit."""

    def __str__(self) -> str:
        return CLIP


def network(activation) -> Model:
    x = InputVoltageLayer(units=3, name="x")
    h = activation(DenseLayer(units=5, name="d1", init_type="glorot")(x))
    return Model(x, CurrentLayer(name="y")(DenseLayer(units=4, name="d2", init_type="glorot")(h)), seed=3)


def with_diodes() -> Model:
    return network(DiodeLayer("act", "down", bias_voltage=0.1, model=CARD))


def with_blocks(block=CLIP, **options) -> Model:
    model = network(SubcircuitLayer(block, "act", pins={"a": "in", "k": 0.1}, **options))
    model.engine = "ngspice"
    return model


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("block", [CLIP, Block()], ids=["text", "object"])
def test_a_block_of_a_diode_is_that_diode(name: str, block) -> None:
    ours, theirs = with_diodes(), with_blocks(block)
    theirs.engine = name
    assert np.abs(ours.predict(X)).max() > 1e-2
    np.testing.assert_allclose(theirs.predict(X), ours.predict(X), rtol=0, atol=1e-7)


@needs_ngspice
def test_conductances_around_blocks_are_trained_as_around_diodes() -> None:
    ours, theirs = with_diodes().gradients(X, Y), with_blocks().gradients(X, Y)
    for name in ("d1/conductance", "d2/conductance"):
        scale = np.abs(ours[name]).max()
        np.testing.assert_allclose(theirs[name], ours[name], rtol=0, atol=1e-4 * scale)
    model = with_blocks()
    before = model.evaluate(X, Y).loss
    model.fit(X, Y, epochs=20, batch_size=6, optimizer=optimizers.Adam(lr=1e-6), verbose=False)
    assert model.evaluate(X, Y).loss < before


@pytest.mark.parametrize("name", EACH)
def test_pins_can_be_new_nodes_ground_and_several_inputs(name: str) -> None:
    text = """.subckt star a b y g
    R1 a m 1k
    R2 b m 1k
    R3 m y 1k
    R4 y g 1k
    .ends star"""
    x = InputVoltageLayer(units=4, name="x")
    h = SubcircuitLayer(text, "s", pins=["in", "in", "out", "ground"])(x)
    assert h.shape == (2,)
    model = Model(x, CurrentLayer(name="y", fold=False)(h), engine=name)
    volts = np.array([[1.0, 2.0, -3.0, 0.5]])
    middle = (volts[0, 0::2] + volts[0, 1::2]) / (2 + 0.5)  # two of 1 mS to the inputs, one of 0.5 mS down
    np.testing.assert_allclose(model.predict(volts)[0], middle / 2, rtol=1e-9)


@needs_ngspice
def test_two_layers_may_use_one_name_for_different_blocks() -> None:
    def divider(ohms: float) -> str:
        return f".subckt load a\nX1 a inner\n.subckt inner a\nR1 a 0 {ohms}\n.ends inner\n.ends load"

    x = InputVoltageLayer(units=1, name="x")
    first = SubcircuitLayer(divider(1e6), "one")(DenseLayer(1, name="d1")(x))
    second = SubcircuitLayer(divider(3e5), "two")(DenseLayer(1, name="d2")(first))
    model = Model(x, CurrentLayer(name="y", fold=False)(second), engine="ngspice")
    g1, g2 = (model.values[f"{name}/conductance"].item() for name in ("d1", "d2"))
    matrix = np.array([[g1 + 1e-6 + g2, -g2], [-g2, g2 + 1 / 3e5]])
    np.testing.assert_allclose(
        model.operating_point([[2.0]]).v[0], np.linalg.solve(matrix, [2 * g1, 0]), rtol=1e-9
    )


@needs_ngspice
def test_a_block_is_stored_with_its_model(tmp_path) -> None:
    model = with_blocks()
    again = load_model(model.save(tmp_path / "blocks"), engine="ngspice")
    assert np.array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("D1 a k dio", "A1 a k dio", r"has the line 'A1 a k dio.*Expected elements"),
        ("D1 a k dio", "V1 a k pwl(file=/etc/passwd)\nD1 a k dio", r"with 'file'"),
        (".ends clip", ".control\nshell ls\n.endc\n.ends clip", r"'.control'. Expected elements and"),
        (".model dio D(", ".model dio d_process(", r"d_process.*Expected a model of D"),
        ("N=1.5", "N=`ls`", r"with '`'"),
    ],
)
def test_a_stored_block_that_reaches_beyond_is_refused(tmp_path, before, after, message) -> None:
    path = with_blocks().save(tmp_path / "blocks")
    metadata, arrays = storage.read(path, serialization.MODEL)
    config = metadata["layers"]["act"]["config"]
    assert before in config["block"]
    config["block"] = config["block"].replace(before, after)
    storage.write(path, serialization.MODEL, metadata, arrays)
    with pytest.raises(ValueError, match=message):
        load_model(path, engine="ngspice")


def test_what_needs_the_law_of_a_block_is_refused_by_name() -> None:
    model = network(SubcircuitLayer(BIPOLAR, "act", pins=["in", 0.1]))
    with pytest.raises(
        NeedsSpice,
        match=r"cannot solve 'act', the SPICE subcircuit 'clip'.*not read: .*'Q1 a a k bip'.*transistor.*'ngspice'",
    ):
        model.predict(X)


@needs_ngspice
def test_energy_and_adjoint_of_blocks_that_are_not_read_are_refused() -> None:
    with pytest.raises(NeedsSpice, match=r"no energy of a circuit with 'act'"):
        with_blocks(BIPOLAR).energy(X)
    with pytest.raises(NeedsSpice, match=r"'act'"):
        with_blocks(BIPOLAR).gradients(X, Y, method="adjoint")


def test_blocks_that_are_read_are_solved_natively_with_energy_power_and_gradients() -> None:
    """Two-terminal diodes spelled as a block and as a layer are one circuit."""
    block = network(SubcircuitLayer(CLIP, "act", pins={"a": "in", "k": 0.1}))
    layer = with_diodes()
    assert block.engine.name == "native"
    np.testing.assert_allclose(block.predict(X), layer.predict(X), rtol=0, atol=1e-12)
    np.testing.assert_allclose(block.energy(X), layer.energy(X), rtol=1e-12)
    np.testing.assert_allclose(block.power(X).total, layer.power(X).total, rtol=1e-9)
    for method in ("adjoint", "ep"):
        found, expected = (
            model.gradients(X, Y, estimator="adjoint" if method == "adjoint" else "centered", beta=1e-5)
            for model in (block, layer)
        )
        np.testing.assert_allclose(found["d1/conductance"], expected["d1/conductance"], rtol=1e-6)


@needs_ngspice
def test_a_block_with_inner_nodes_and_one_way_sources_is_solved_by_the_sparse_engine() -> None:
    text = """.subckt follower in out
    E1 m 0 in 0 0.8
    R1 m out 500
    D1 out 0 dio
    .ends follower
    .model dio D(IS=1e-9 N=1.5 RS=2)"""
    x = InputVoltageLayer(units=3, name="x")
    h = SubcircuitLayer(text, "act", pins=["in", "out"])(
        DenseLayer(units=5, name="d1", init_type="glorot")(x)
    )
    y = CurrentLayer(name="y")(DenseLayer(units=4, name="d2")(h))
    model = Model(x, y, seed=3)
    assert model.engine.name == "sparse"
    np.testing.assert_allclose(
        model.predict(X), Model(x, y, seed=3, engine="ngspice").predict(X), rtol=0, atol=1e-8
    )
    exact = model.gradients(X, Y, estimator="adjoint")["d1/conductance"]
    step, at = 1e-9, (1, 2)
    values = model.values["d1/conductance"]
    losses = []
    for sign in (1, -1):
        moved = values.copy()
        moved[at] += sign * step
        model.set_values({"d1/conductance": moved})
        losses.append(model.evaluate(X, Y).loss)
    assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(exact[at], rel=1e-5)


def test_values_trained_by_unknown_currents_are_refused() -> None:
    from ebana import AmplificationLayer

    x = InputVoltageLayer(units=2, name="x")
    amplified = AmplificationLayer(gain=2.0, name="amp", trainable=["gain"])(DenseLayer(2, name="d1")(x))
    h = DenseLayer(4, name="d2")(SubcircuitLayer(CLIP, "act", pins=["in", 0.0])(amplified))
    with pytest.raises(ValueError, match=r"'amp/gain' is trained by the current at amp\[0\].*subcircuit"):
        Model(x, CurrentLayer(name="y")(h))


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        (None, r"'clip' has 2 pins: a, k. Give each 'in', 'out', 'ground' or volts"),
        (["in"], r"got pins=\['in'\]. 'clip' has 2 pins: a, k"),
        (["in", 0.0, "ground"], r"'clip' has 2 pins"),
        ({"a": "in", "c": 0.0}, r"got pins for a, c. 'clip' has 2 pins: a, k"),
        (["in", "node"], r"Expected 'in', 'out', 'ground' or volts"),
        ([0.0, "ground"], r"at least one 'in'"),
        (["in", float("nan")], r"Expected 'in'"),
        ("in", r"'clip' has 2 pins"),
    ],
)
def test_pins_that_do_not_fit_are_refused(pins, message) -> None:
    with pytest.raises(ValueError, match=message):
        SubcircuitLayer(CLIP, "act", pins=pins)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("R1 a b 1k", r"outside .subckt"),
        ("", r"has no .subckt"),
        (".subckt a b\nR1 b 0 1k", r"without its .ends"),
        (".subckt a\nR1 b 0 1k\n.ends", r"'a' has no pins"),
        (
            ".subckt a b\n.include /etc/passwd\n.ends",
            r"'.include /etc/passwd'. Expected elements and .subckt",
        ),
        (".subckt a b\n.control\nshell ls\n.endc\n.ends", r"'.control'"),
        (".subckt a b\nB1 b 0 I=exp(V(b)\n.ends", r"brackets do not match"),
        (".subckt a b\nR1 b 0 1\u03a9\n.ends", r"beyond ASCII"),
        (".ends\n.subckt a b\n.ends", r"outside .subckt"),
    ],
)
def test_text_that_is_no_block_is_refused(text, message) -> None:
    with pytest.raises(ValueError, match=message):
        Subcircuit.parse(text)


def test_a_block_is_found_by_its_name() -> None:
    two = ".subckt A p q\nR1 p q 1k\n.ends A\n.subckt B p PARAMS: x=1\nX1 p 0 A\n.ends B"
    assert Subcircuit.parse(two).pins == ("p",)
    assert Subcircuit.parse(two, "a").pins == ("p", "q")
    with pytest.raises(ValueError, match=r"no subcircuit 'C'. It has: A, B"):
        Subcircuit.parse(two, "C")


@needs_ngspice
def test_a_block_with_a_missing_model_names_the_line() -> None:
    from ebana import SpiceError

    model = with_blocks(CLIP.replace(CARD, ""))
    with pytest.raises(SpiceError, match=r"D1 a k dio"):
        model.predict(X)


def test_an_input_of_the_wrong_size_is_refused() -> None:
    x = InputVoltageLayer(units=3, name="x")
    with pytest.raises(ValueError, match=r"takes 2 nodes for each instance of 'clip' and is called on 3"):
        SubcircuitLayer(CLIP, "act", pins=["in", "in"])(x)
