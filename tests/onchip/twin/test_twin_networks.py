"""What a user says of twin networks, what is refused, and that they learn."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.onchip import TwinNetwork, tasks
from ebana.onchip.tasks import Task
from ebana.onchip.twin import (
    Clock,
    Constant,
    ContinuousTime,
    Gate,
    Input,
    Output,
    Pump,
    SquareLaw,
    Twin,
    figures,
    lattice,
    recipes,
)
from helpers.twins import small

CURVE = tasks.curve(lambda x: 2 * x - 1, points=5)
ONE = {"inputs": [Input(0, 0, 0.0, 0.5)], "outputs": [Output(5, middle=0.2, amplitude=0.05)]}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: SquareLaw(strength=0), r"SquareLaw\(strength=0\)"),
        (lambda: Gate(capacitance=-1), r"Gate\(capacitance=-1\)"),
        (lambda: Gate(leak=0), r"Gate\(leak=0\)"),
        (lambda: Gate(start=0.9, spread=1.0), "starts outside of low=0.8 to high=5 V"),
        (lambda: Pump(headroom=0), r"Pump\(headroom=0\)"),
        (lambda: Clock(hold=float("nan")), r"Clock\(hold=nan\)"),
        (lambda: Clock(settle=1e-8, edge=1e-8), "no time for its edges"),
        (lambda: Input(-1), r"Input\(node=-1\)"),
        (lambda: Output(1.5), r"Output\(plus=1.5\)"),
        (lambda: Output(1, amplitude=0), r"Output\(amplitude=0\)"),
        (lambda: Constant(1, "high"), r"Constant\(volts='high'\)"),
        (lambda: small(eta=0), r"Twin\(eta=0\)"),
        (lambda: small(outputs=[]), "2 inputs and 0 outputs. Expected one or more of each"),
        (lambda: small(outputs=[Output(2)]), "node 2 has 2 roles. Expected one"),
        (lambda: small(outputs=[Output(6)]), "node 6 has a role and no edge. Expected nodes 0 to 5"),
        (lambda: small(edges=((0, 1), (2, 2), (3, 1))), r"edge \(2, 2\). Expected two different nodes"),
        (lambda: small(edges=((0, 1), (3, 2), (4, 5))), "3 separate pieces. Expected one network"),
        (lambda: lattice(2, 4), r"lattice\(2, 4\). Expected at least 3 rows"),
        (lambda: ContinuousTime(step=0), r"ContinuousTime\(step=0\)"),
        (lambda: TwinNetwork(small(), seeds=[]), "0 descriptions and 0 seeds"),
        (lambda: TwinNetwork(small(), seeds=-1), "seeds=-1"),
        (lambda: TwinNetwork([small(), small(outputs=[Output(4)])], seeds=[0, 1]), "of 2 structures"),
        (lambda: tasks.gates("nope"), r"gates\('nope'\). Expected one of and, or"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_data_that_does_not_fit_is_refused_before_training():
    model = TwinNetwork(Twin(**ONE))
    x, y = CURVE.x, CURVE.y
    for bad, told in (
        (Task("t", x, np.zeros((5, 2)), x, y, False), r"Expected \(N, 1\) and \(N, 1\)"),
        (Task("t", x + 1, y, x, y, False), "Expected numbers from 0 to 1"),
        (Task("t", x, y + np.nan, x, y, False), "NaN"),
        ([CURVE] * 2, "2 tasks are given for 1 seeds"),
    ):
        with pytest.raises(ValueError, match=told):
            model.fit(bad, 1, verbose=False)
    with pytest.raises(ValueError, match="epochs"):
        model.fit(CURVE, 0)
    np.testing.assert_array_equal(model.weights, TwinNetwork(Twin(**ONE)).weights)


def test_the_lattice_is_closed_around_with_four_edges_a_node():
    edges = lattice()
    assert len(set(map(frozenset, edges))) == 32
    assert np.bincount(np.ravel(edges)).tolist() == [4] * 16
    assert (3, 0) in edges
    assert (12, 0) in edges


def test_same_seed_same_bits_and_lanes_do_not_depend_on_each_other():
    def train(seeds):
        model = TwinNetwork(Twin(**ONE, pump=Pump(1e-3)), seeds=seeds)
        return model.fit(CURVE, 3, verbose=False)

    first, again, alone = train([0, 1]), train([0, 1]), train([1])
    np.testing.assert_array_equal(first.weights, again.weights)
    np.testing.assert_allclose(first.weights[:, 1], alone.weights[:, 0], rtol=0, atol=1e-9)
    assert np.abs(first.weights[0, 0] - first.weights[0, 1]).max() > 0.1
    assert np.abs(first.weights[-1] - first.weights[0]).max() > 1e-3


def test_seeds_may_have_numbers_of_their_own_and_nothing_is_learned_without_a_current():
    twins = [Twin(**ONE, pump=Pump(strength)) for strength in (1e-3, 1e-15)]
    model = TwinNetwork(twins, seeds=[0, 0])
    history = model.fit(CURVE, 3, verbose=False)
    moved = np.abs(history.weights[-1] - history.weights[0]).max(1)
    assert moved[0] > 1e-3
    assert moved[1] < 1e-8
    assert history.fall[0] > 1.0
    assert history.fall[1] == pytest.approx(1.0, abs=1e-6)
    assert history.lost.tolist() == [0, 0]


def test_a_second_fit_goes_on_from_the_first_and_answers_are_those_of_the_free_network():
    model = TwinNetwork(Twin(**ONE, pump=Pump(1e-3)), seeds=[0, 1])
    first = model.fit(CURVE, 2, verbose=False)
    before = model.weights
    np.testing.assert_array_equal(before, first.weights[-1])
    assert model.predict(CURVE.test_x).shape == (2, 5, 1)
    np.testing.assert_allclose(model.predict(CURVE.test_x), first.outputs, rtol=0, atol=1e-6)
    np.testing.assert_allclose(model.score(CURVE), first.final, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model.weights, before)  # answering changes nothing
    second = model.fit(CURVE, 2, verbose=False)
    np.testing.assert_array_equal(second.weights[0], before)
    np.testing.assert_allclose(second.start_error, first.final_error, rtol=1e-6)


def test_xor_is_learned_which_no_linear_network_can():
    """Two seeds of ten, shortened; the least error of answers that are linear in the inputs is 1 on xor."""
    seen = []
    model, history = recipes.RECIPES["xor"].fit([2, 3], 400, verbose=False, on_epoch=seen.append)
    assert history.final.tolist() == [1.0, 1.0]
    assert history.final_error.max() < 0.1
    assert model.score(tasks.gates("xnor")).tolist() == [0.0, 0.0]
    assert len(seen) == 400
    assert history.time[-1] == pytest.approx(400 * 4 * 102e-6)
    figure = figures.training(history, "xor")
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels == ["time of learning (ms)", "features", "time of learning (ms)"]


def test_a_curve_falls_tenfold_in_error():
    _, history = recipes.RECIPES["regression"].fit([4], 100, verbose=False)
    assert history.fall.min() > 10
    figure = figures.training(history)
    assert figure.axes[1].get_xlabel() == "feature"


@pytest.mark.parametrize(
    ("name", "ones"), [("and", 1), ("or", 3), ("nand", 3), ("nor", 1), ("xor", 2), ("xnor", 2)]
)
def test_gates_are_those_of_logic(name, ones):
    task = tasks.gates(name)
    table = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}
    plain = name.replace("nand", "and").replace("xnor", "xor").replace("nor", "or")
    wanted = table[plain](task.x[:, 0] > 0.5, task.x[:, 1] > 0.5) ^ (plain != name)
    np.testing.assert_array_equal(task.y[:, 0] > 0, wanted)
    assert (task.y > 0).sum() == ones


def test_the_bump_goes_up_and_down_again():
    task = tasks.bump(5)
    np.testing.assert_allclose(task.y[:, 0], [-1, 0, 1, 0, -1], atol=1e-12)
    assert len(task.test_x) == 9
