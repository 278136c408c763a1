"""What a user says, and what is refused before any work."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.onchip import (
    Amplifier,
    Clock,
    Inputs,
    Layer,
    Network,
    OnChip,
    SquaredLoss,
    Synapse,
    UpdateCircuit,
    figures,
    recipes,
    schedule,
    tasks,
)
from ebana.onchip.tasks import Task
from helpers.chips import chip


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Amplifier(gain=0), r"Amplifier\(gain=0\)"),
        (lambda: Amplifier(leak=float("nan")), r"Amplifier\(leak=nan\)"),
        (lambda: Amplifier(load=-1), r"Amplifier\(load=-1\)"),
        (lambda: UpdateCircuit(step=-0.1), r"UpdateCircuit\(step=-0.1\)"),
        (lambda: UpdateCircuit(bit_line=-1e-15), r"UpdateCircuit\(bit_line=-1e-15\)"),
        (lambda: Layer(0), r"Layer\(units=0\)"),
        (lambda: Layer(2, write="all"), r"Layer\(write='all'\).*'rows', 'columns'"),
        (lambda: Inputs(1.5), r"Inputs\(features=1.5\)"),
        (lambda: SquaredLoss(conductance=0), r"SquaredLoss\(conductance=0\)"),
        (lambda: Clock(settle=0), r"Clock\(settle=0\)"),
        (lambda: Synapse("sram"), "kind='sram'. Expected one of cmos, 2t1c"),
        (lambda: Synapse(capacitance=0), "capacitance=0"),
        (lambda: Network(Inputs(1), (Layer(1),)), "has 1 layers. Expected two or more"),
        (
            lambda: Network(Inputs(1), (Layer(2), Layer(1, Amplifier(clamp=0.2)))),
            "clamp=0.2.*Expected clamp=None",
        ),
        (lambda: UpdateCircuit(scale=float("nan")), r"UpdateCircuit\(scale=nan\)"),
        (lambda: OnChip(chip(3, 1), seeds=[]), "0 networks"),
        (lambda: OnChip(chip(3, 1), seeds=-1), "seeds=-1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_data_that_does_not_fit_is_refused_before_training():
    model = OnChip(chip(3, 1))
    x, y = np.full((4, 1), 0.5), np.zeros((4, 1))
    for bad, told in (
        (Task("t", x, np.zeros((4, 2)), x, y, False), r"Expected \(N, 1\) and \(N, 1\)"),
        (Task("t", x + 1, y, x, y, False), "from 1.5 to 1.5. Expected numbers from 0 to 1"),
        (Task("t", x, y + np.nan, x, y, False), "NaN"),
        (Task("t", x, y + 9.0, x, y, False), r"targets reach 2.5 V .*at most 0.6 V"),
        ([tasks.sine(0)] * 2, "2 tasks are given for 1 seeds"),
    ):
        with pytest.raises(ValueError, match=told):
            model.fit(bad, 1, verbose=False)
    with pytest.raises(ValueError, match="epochs"):
        model.fit(tasks.sine(0), 0)


def test_same_seed_same_bits_and_other_seeds_other_weights():
    def train(seed):
        return OnChip(chip(4, 1), seeds=[seed, seed + 1, 7]).fit(tasks.sine(0, points=12), 2, verbose=False)

    first, again = train(0), train(0)
    np.testing.assert_array_equal(first.weights, again.weights)
    np.testing.assert_array_equal(first.final, again.final)
    assert np.abs(first.weights[0, 0] - first.weights[0, 1]).max() > 0.1


def test_it_learns_the_sine_without_any_card():
    """Calm settings on two of the seeds that they learn on; the zero predictor has R2 = 0."""
    network = recipes.network(recipes.CALM, 1)
    seeds = [0, 3]
    history = OnChip(network, seeds=seeds).fit([tasks.sine(s) for s in seeds], 15, verbose=False)
    assert history.lost.tolist() == [0, 0]
    assert (history.final > 0.5).all()
    assert history.scores[-1].max() > history.scores[0].max()
    assert history["r2"].shape == (15, 2)
    with pytest.raises(KeyError, match=r"has no 'loss'\. It has: epoch, weights, r2"):
        history["loss"]
    figure = figures.training(history, "sine")
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "input"]


def test_a_second_fit_goes_on_from_the_first():
    task = tasks.sine(0, points=12)
    model = OnChip(chip(4, 1), seeds=[0, 1, 2])
    first = model.fit(task, 2, verbose=False)
    second = model.fit(task, 2, verbose=False)
    np.testing.assert_allclose(
        second.weights[0], first.weights[-1], rtol=0, atol=0.02
    )  # gates moved by the test
    assert model.predict(task.x).shape == (3, 12, 1)
    assert [w.shape for w in model.weights] == [(3, 3, 4), (3, 4, 1)]


def test_every_line_is_written_equally_often_and_epochs_do_not_depend_on_each_other():
    shown, lines = schedule.order(5, 3, 50, [3, 1])
    assert sorted(shown.tolist()) == list(range(50))
    counts = np.bincount(lines[:, 0], minlength=3)
    assert counts.max() - counts.min() <= 1
    assert (lines[:, 1] == 0).all()
    again = schedule.order(5, 3, 50, [3, 1])
    np.testing.assert_array_equal(shown, again[0])
    assert not np.array_equal(shown, schedule.order(5, 4, 50, [3, 1])[0])


def test_rates_fall_to_their_last_value():
    assert schedule.rate(0.1, 0, 11) == 1.0
    assert schedule.rate(0.1, 10, 11) == pytest.approx(0.1)
    assert schedule.rate(0.1, 5, 11) == pytest.approx(0.1**0.5)


@pytest.mark.parametrize("name", tasks.TASKS)
def test_tasks_are_scaled_and_differ_by_seed(name):
    one, other = tasks.TASKS[name](0), tasks.TASKS[name](1)
    for x in (one.x, one.test_x):
        assert x.min() >= 0.0
        assert x.max() <= 1.0
    assert set(np.unique(np.sign(one.y))) <= {-1.0, 0.0, 1.0}
    assert np.abs(one.y).max() <= 1.0
    assert not np.array_equal(one.x, other.x)
    if name != "sine":
        assert not {tuple(row) for row in one.x} & {tuple(row) for row in one.test_x} or name == "iris"


def test_scores_are_those_of_the_definitions():
    y = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    assert tasks.r2(y, y) == 1.0
    assert tasks.r2(np.zeros((4, 1)), y) == 0.0
    assert tasks.accuracy(np.array([[0.1], [0.2], [0.3], [-0.4]]), y) == 0.75
    three = np.eye(3)
    assert tasks.accuracy(np.stack([three, three[::-1]]), three).tolist() == [1.0, pytest.approx(1 / 3)]
