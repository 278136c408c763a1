"""A whole training in ngspice, held against the quasi-static engine point by point, and what its deck holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebana.onchip import (
    Cards,
    Clock,
    Mismatch,
    Noise,
    OnChip,
    Process,
    QuasiStatic,
    Synapse,
    TransientEngine,
    recipes,
    stimulus,
    tasks,
)
from ebana.onchip.studies.cell_networks import NETWORKS
from ebana.onchip.transient import Chip, Samples
from ebana.spice.simulators.errors import NgspiceError
from helpers.chips import Saturating, chip, mirrored, needs_cards, slow, with_updates
from helpers.simulators import needs_ngspice


def points(network, count=12, seed=0):
    task = tasks.sine(seed, points=count, outputs=network.shape[-1])
    return stimulus.epoch(network, task.x[None], task.y[None], [seed], 0, 2)


@needs_ngspice
@needs_cards
@pytest.mark.parametrize(
    ("network", "millivolts"),
    [
        (chip(4, 1), 0.2),
        (chip(3, 2, write="columns"), 0.2),
        (chip(3, 1, buffered=False, bit_line=1e-18), 0.5),
        (chip(4, 1, buffered=False, bit_line=10e-15), 0.5),
        (chip(3, 2, 1), 1.0),
        (chip(3, 1, bit_line=30e-15), 0.2),
        (chip(3, 1, synapse=Synapse(leak=2e-9)), 0.2),
        (slow(chip(3, 2)), 0.5),
        (with_updates(chip(3, 2), Saturating), 0.3),
        (mirrored(chip(4, 1)), 0.2),
    ],
    ids=[
        "one hidden layer",
        "columns first",
        "read by the bit line",
        "a bit line of 10 fF",
        "two hidden layers",
        "a bit line of 30 fF behind a buffer",
        "weights that leak",
        "slow nodes and samplers",
        "an update circuit of one's own",
        "mirrored clamps",
    ],
)
def test_both_engines_agree_point_by_point(network, millivolts):
    """Outputs and weights of a training, all phases and writes inside of one simulation."""
    start = stimulus.start_weights(network, 0)
    applied = points(network)
    fast = QuasiStatic("sky130")
    state, out = fast.apply(fast.start([network], [start]), applied)
    slow = TransientEngine().simulate(Chip(network, tuple(start)), applied)
    assert slow.done == applied.points
    assert np.abs(slow.outputs - out[:, 0]).max() < 1e-3 * millivolts
    assert np.abs(slow.weights[-1] - fast.weights(state)[0]).max() < 1e-3 * millivolts
    assert np.abs(slow.weights[-1] - slow.weights[0]).max() > 0.01  # it has learned something


@needs_ngspice
@needs_cards
@pytest.mark.parametrize(
    ("mismatch", "noise"),
    [
        (Mismatch(strength=0.1), None),
        (Mismatch(strength=0.0, threshold=0.01), None),
        (Mismatch(strength=0.0, offset=3e-3), None),
        (None, Noise(white=0.0, flicker=0.0)),
        (None, Noise(sampling=False, flicker=0.0)),
        (None, Noise(sampling=False, white=0.0, flicker=1e-22)),
        (Mismatch(0.02, 0.01, 1e-3), Noise(flicker=1e-23)),
    ],
    ids=["strengths", "thresholds", "offsets", "kT/C", "white noise", "flicker noise", "all at once"],
)
def test_chips_that_differ_and_rustle_agree_point_by_point(mismatch, noise):
    """The same draws in both engines; a chip as drawn is much further from them than they are from each other."""
    network = slow(chip(3, 2))
    start = stimulus.start_weights(network, 0)
    task = tasks.sine(0, points=8, outputs=2)
    applied = stimulus.epoch(network, task.x[None], task.y[None], [0], 0, 2, noise)
    differ = mismatch and mismatch.draw(network, 0)
    fast = QuasiStatic("sky130")
    state, out = fast.apply(fast.start([network], [start], differ and [differ]), applied)
    ideal, drawn = fast.apply(fast.start([network], [start]), replace(applied, noise=None))
    told = TransientEngine().simulate(Chip(network, tuple(start), differ), applied)

    def apart(out, state):
        weights = np.abs(told.weights[-1] - fast.weights(state)[0]).max()
        return max(np.abs(told.outputs - out[:, 0]).max(), weights)

    assert apart(out, state) < 1e-3
    assert apart(drawn, ideal) > 4 * apart(out, state)


@needs_ngspice
@needs_cards
def test_a_training_that_was_stopped_goes_on_as_it_would_have(tmp_path):
    """Voltages of all nodes are kept, so that the charge on the weights is what it was."""
    task, path = tasks.sine(1, points=6), tmp_path / "run"
    network = chip(3, 1)

    def stop(history):
        if history.done == 2:
            raise KeyboardInterrupt

    model = OnChip(network, seeds=1, engine=TransientEngine())
    with pytest.raises(KeyboardInterrupt):
        model.fit(task, 3, verbose=False, checkpoint=path, on_epoch=stop)
    found = OnChip(network, seeds=1, engine=TransientEngine()).fit(task, 3, verbose=False, resume=path)
    whole = OnChip(network, seeds=1, engine=TransientEngine()).fit(task, 3, verbose=False)
    np.testing.assert_allclose(found.weights, whole.weights, rtol=0, atol=5e-5)
    np.testing.assert_allclose(found.outputs, whole.outputs, rtol=0, atol=5e-4)
    np.testing.assert_array_equal(found.weights[:2], whole.weights[:2])


@needs_ngspice
@needs_cards
def test_seeds_that_are_done_are_not_trained_again(tmp_path):
    """Stopped in the second of two seeds, which are simulated one after another."""
    task, path, network = tasks.sine(1, points=4), tmp_path / "run", chip(2, 1)

    def stop(history):
        if np.isfinite(history.scores[:, 1]).any():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        OnChip(network, seeds=[0, 1], engine=TransientEngine()).fit(
            task, 2, verbose=False, checkpoint=path, on_epoch=stop
        )
    again = OnChip(network, seeds=[0, 1], engine=TransientEngine())
    found = again.fit(task, 2, verbose=False, resume=path, checkpoint=path)
    whole = OnChip(network, seeds=[0, 1], engine=TransientEngine()).fit(task, 2, verbose=False)
    np.testing.assert_array_equal(found.weights[:, 0], whole.weights[:, 0])
    np.testing.assert_allclose(found.final, whole.final, atol=1e-3)
    complete = OnChip(network, seeds=[0, 1], engine=TransientEngine())
    np.testing.assert_array_equal(complete.fit(task, 2, verbose=False, resume=path).final, found.final)


@needs_ngspice
@needs_cards
def test_any_gap_makes_a_deck():
    network = replace(chip(2, 1), clock=Clock(gap=1e-10))
    start = tuple(stimulus.start_weights(network, 0))
    assert TransientEngine().simulate(Chip(network, start), points(network, 2)).done == 2


@needs_ngspice
@needs_cards
def test_idle_time_forgets_alike():
    network = chip(3, 1, synapse=Synapse(leak=1e-10))
    models = [OnChip(network, engine=engine) for engine in (QuasiStatic("sky130"), TransientEngine())]
    before = models[0].weights
    for model in models:
        model.wait(4e-4)  # 0.4 of the time constant of 1 ms
    for fast, slow_, first in zip(models[0].weights, models[1].weights, before, strict=True):
        np.testing.assert_allclose(slow_, fast, rtol=0, atol=5e-4)
        assert np.abs(fast - np.exp(-0.4) * first).max() < 0.02  # gates have a few percent of the charge
        assert np.abs(fast - first).max() > 0.05


@needs_ngspice
@needs_cards
def test_the_published_circuit_is_the_same_in_both_engines_before_it_has_gone_far():
    """Its updates overshoot, so that differences grow from point to point: only the first ones tell."""
    network = recipes.METZGER
    start, applied = stimulus.start_weights(network, 0), points(network, 3)
    fast = QuasiStatic("sky130")
    _, out = fast.apply(fast.start([network], [start]), applied)
    slow = TransientEngine().simulate(Chip(network, tuple(start)), applied)
    assert np.abs(slow.outputs - out[:, 0]).max() < 0.5e-3
    assert np.abs(out).max() > 0.1  # far more than its targets of 20 mV


@needs_ngspice
@needs_cards
def test_updates_of_cells_of_one_transistor_are_the_same_in_both_engines():
    """Their weights conduct above 0 only, and their updates have the other sign."""
    network = NETWORKS["2t1c"].network
    start = [w + NETWORKS["2t1c"].middle for w in stimulus.start_weights(network, 0)]
    applied = points(network, 6)
    fast = QuasiStatic("sky130")
    state, out = fast.apply(fast.start([network], [start]), applied)
    slow = TransientEngine().simulate(Chip(network, tuple(start)), applied)
    assert np.abs(slow.outputs - out[:, 0]).max() < 0.5e-3
    assert np.abs(slow.weights[-1] - fast.weights(state)[0]).max() < 0.5e-3
    assert np.abs(slow.weights[-1] - slow.weights[0]).max() > 0.01


@needs_ngspice
@needs_cards
def test_it_fits_like_the_other_engine():
    task = tasks.sine(1, points=10)
    found = [
        OnChip(chip(3, 1), seeds=1, engine=engine).fit(task, 2, verbose=False)
        for engine in (QuasiStatic("sky130"), TransientEngine())
    ]
    np.testing.assert_allclose(found[1].scores, found[0].scores, rtol=1e-3)
    np.testing.assert_allclose(found[1].weights, found[0].weights, rtol=0, atol=2e-4)
    np.testing.assert_allclose(found[1].final, found[0].final, rtol=1e-3)


@needs_ngspice
@needs_cards
def test_a_run_that_is_stopped_keeps_the_epochs_that_it_did():
    histories = []

    def stop(history):
        histories.append(history)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        OnChip(chip(3, 1), engine=TransientEngine()).fit(
            tasks.sine(0, points=40), 40, verbose=False, on_epoch=stop
        )
    assert histories[0].done >= 1
    assert np.isfinite(histories[0].scores[0]).all()


@needs_ngspice
def test_cards_that_ngspice_refuses_are_told_in_its_words():
    card = ".model mine nmos level=54 version=9000\n.model other pmos level=54 nonsense"
    engine = TransientEngine(Process(Cards(card, {"n": "mine", "p": "other"})))
    network = chip(3, 1)
    start = tuple(stimulus.start_weights(network, 0))
    with pytest.raises(NgspiceError, match=r"ngspice did not begin the transient(.|\n)*version 9000"):
        engine.simulate(Chip(network, start), points(network, 2))


def test_samples_do_not_depend_on_the_pieces_they_come_in():
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(0, 1, 60))
    rows = np.stack([time, np.sin(9 * time), time**2], axis=1)
    wanted = np.sort(rng.uniform(0.05, 0.9, 20))
    for cuts in ([], [1, 2, 30], list(range(1, 60))):
        samples = Samples(["v(b)", "v(a)"], wanted)
        for piece in np.split(rows, cuts):
            samples.take(["time", "v(a)", "v(b)"], piece)
        assert samples.done == 20
        np.testing.assert_allclose(samples.values[:, 1], np.interp(wanted, time, rows[:, 1]), atol=1e-15)
        np.testing.assert_allclose(samples.values[:, 0], np.interp(wanted, time, rows[:, 2]), atol=1e-15)


@needs_cards
def test_the_deck_starts_from_charges_and_is_never_touched_again():
    network = chip(3, 1)
    start = stimulus.start_weights(network, 0)
    deck, when = TransientEngine().deck(Chip(network, tuple(start)), points(network, 3))
    lines = deck.splitlines()
    stated = " ".join(lines).split(".ic ")[1].split(".")[0]
    assert deck.count(".ic ") == 1
    assert stated.count("v(w0_") > 0
    assert deck.count(" v(w0_") + deck.count(" v(w1_") >= 3 * 3 + 3
    assert sum(line.startswith("M") for line in lines) == 2 * (9 + 3)
    assert any(line.endswith("uic") and line.startswith(".tran") for line in lines)
    assert when.edges.shape == (3, 4)
    assert when.stop == pytest.approx(3 * network.clock.period + 4e-9)
