"""What a user says, and what is refused before any work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebana.onchip import (
    Amplifier,
    Clock,
    Inputs,
    Layer,
    Mismatch,
    Network,
    Noise,
    OnChip,
    Process,
    QuasiStatic,
    SquaredLoss,
    Synapse,
    UpdateCircuit,
    figures,
    recipes,
    schedule,
    tasks,
)
from ebana.onchip.tasks import Task
from helpers.chips import Saturating, chip, with_updates


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
        (lambda: UpdateCircuit(sampler=0), r"UpdateCircuit\(sampler=0\)"),
        (lambda: Amplifier(capacitance=-1), r"Amplifier\(capacitance=-1\)"),
        (lambda: Synapse(leak=-1), "leak=-1"),
        (lambda: Mismatch(strength=-1), r"Mismatch\(strength=-1\)"),
        (lambda: Noise(flicker=float("nan")), r"Noise\(flicker=nan\)"),
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


def stopped(model, task, epochs, path, after):
    """Train until some epochs are done, then stop."""

    def stop(history):
        if history.done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(task, epochs, verbose=False, checkpoint=path, on_epoch=stop)


@pytest.mark.parametrize("noise", [None, Noise()], ids=["as drawn", "with noise"])
def test_a_training_that_goes_on_is_the_same_to_the_last_bit(tmp_path, noise):
    path, task = tmp_path / "run", tasks.sine(0, points=10)

    def model():
        return OnChip(chip(3, 1), seeds=[0, 4], mismatch=Mismatch(), noise=noise)

    stopped(model(), task, 4, path, after=2)
    again = model()
    found = again.fit(task, 4, verbose=False, resume=path)
    whole = model().fit(task, 4, verbose=False)
    for name in ("scores", "weights", "final", "outputs", "lost"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert found.seconds > 0
    assert again.fit(task, 4, verbose=False, resume=tmp_path / "none").done == 4


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path, task = tmp_path / "run", tasks.sine(0, points=10)
    stopped(OnChip(chip(3, 1)), task, 3, path, after=1)
    for other, data, epochs, told in (
        (OnChip(chip(4, 1)), task, 3, "networks"),
        (OnChip(chip(3, 1), seeds=1), task, 3, "seeds"),
        (OnChip(chip(3, 1)), tasks.sine(1, points=10), 3, "data"),
        (OnChip(chip(3, 1)), task, 4, "epochs"),
        (OnChip(chip(3, 1), noise=Noise()), task, 3, "noise"),
        (OnChip(chip(3, 1), engine=QuasiStatic(Process(corner="ss"))), task, 3, "process"),
    ):
        with pytest.raises(ValueError, match=rf"another training \(.*{told}"):
            other.fit(data, epochs, verbose=False, resume=path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="cannot use"):
        OnChip(chip(3, 1)).fit(task, 3, verbose=False, resume=path)


def test_chips_are_saved_with_their_charges(tmp_path):
    task = tasks.sine(0, points=10)
    model = OnChip(chip(3, 1), seeds=[2, 3], mismatch=Mismatch(0.05))
    model.fit(task, 2, verbose=False)
    path = model.save(tmp_path / "chips")
    read = OnChip.load(path)
    assert read.network == model.network
    assert read.seeds == model.seeds
    np.testing.assert_array_equal(read.predict(task.x), model.predict(task.x))
    own = OnChip(with_updates(chip(3, 1), Saturating))
    own.save(path)
    with pytest.raises(ValueError, match=r"classes of a user's own \(Saturating\).*network="):
        OnChip.load(path)
    assert OnChip.load(path, network=own.network).network == own.network
    with pytest.raises(ValueError, match="not those of this chip"):
        OnChip.load(path, network=chip(4, 1))
    with pytest.raises(ValueError, match="chip"):
        OnChip(chip(3, 1)).fit(task, 1, verbose=False, resume=path)


def test_chips_go_on_after_loading_with_their_transistors_and_noise(tmp_path):
    engine = QuasiStatic(Process(corner="ss", celsius=85.0))
    model = OnChip(chip(3, 1), seeds=[2, 3], engine=engine, noise=Noise())
    x = tasks.sine(0, points=4).x
    assert model.predict(x).shape == (2, 4, 1)  # before any training
    model.fit(tasks.sine(0, points=6), 1, verbose=False)
    read = OnChip.load(model.save(tmp_path / "chips"))
    assert read.engine.transistors == engine.transistors
    np.testing.assert_array_equal(read.predict(x), model.predict(x))
    following = [m.fit(tasks.sine(0, points=6), 1, verbose=False).weights for m in (read, model)]
    np.testing.assert_array_equal(*following)
    with pytest.raises(ValueError, match=r"was made with the engine 'quasistatic' .*'ss'.*Expected engine="):
        OnChip.load(tmp_path / "chips", engine=QuasiStatic())


def test_features_that_do_not_fit_are_refused():
    model = OnChip(chip(3, 1), seeds=[0, 1])
    for x, told in (
        (np.zeros((4, 2)), r"shape \(4, 2\). Expected \(N, 1\) or \(2, N, 1\)"),
        (np.zeros(4), r"shape \(4,\)"),
        (np.zeros((3, 4, 1)), r"shape \(3, 4, 1\)"),
        (np.full((4, 1), 1.5), "from 1.5 to 1.5. Expected numbers from 0 to 1"),
        (np.full((4, 1), np.nan), "Expected numbers from 0 to 1"),
    ):
        with pytest.raises(ValueError, match=told):
            model.predict(x)


def test_a_second_fit_shows_other_orders_and_other_noise():
    model = OnChip(chip(3, 1), noise=Noise(flicker=0.0, white=0.0))
    first = model._course(*(np.zeros((1, 5, 1)),) * 3, 1)
    model.fit(tasks.sine(0, points=5), 1, verbose=False)
    second = model._course(*(np.zeros((1, 5, 1)),) * 3, 1)
    assert not np.array_equal(first.shown(0), second.shown(0))
    assert not np.array_equal(first[0].noise.sampled, second[0].noise.sampled)


def test_an_update_circuit_of_ones_own_is_one_program_for_all_its_numbers():
    base = with_updates(chip(3, 1), Saturating)
    networks = [
        replace(base, layers=tuple(replace(x, update=replace(x.update, width=width)) for x in base.layers))
        for width in (0.01, 0.1)
    ]
    task = tasks.sine(0, points=10)
    both = OnChip(networks, seeds=[0, 0]).fit(task, 1, verbose=False)
    assert np.abs(both.weights[1, 0] - both.weights[1, 1]).max() > 1e-3
    alone = OnChip(networks[1], seeds=[0]).fit(task, 1, verbose=False)
    np.testing.assert_allclose(both.weights[:, 1], alone.weights[:, 0], rtol=0, atol=1e-9)


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
