"""Signals of the first layer against a solver of its own, and the study's result."""

from __future__ import annotations

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy.optimize import root

from ebana.compilation import arithmetic
from ebana.onchip import QuasiStatic, Synapse, stimulus
from ebana.onchip.engine import by_crossbar
from ebana.onchip.studies import cells
from ebana.onchip.studies.cell_networks import NETWORKS, Start
from ebana.onchip.studies.signals import arrays, signals
from ebana.onchip.transistors.compact import compact_law
from helpers.chips import chip


def small(kind, scale=1.0):
    """A network with two hidden units of a kind, and the middle of its start weights."""
    network = chip(2, 1, synapse=Synapse(kind))
    sign, middle = (-1.0, 1.1) if kind == "2t1c" else (1.0, 0.0)
    layers = []
    for layer in network.layers:
        update = replace(layer.update, scale=sign * scale * layer.update.scale, step=5.0, limit=9.0)
        layers.append(replace(layer, update=update))
    return replace(network, layers=layers), middle


def at_work(network, middle, points=4):
    """The engine, a state after some points, and inputs and targets of two more."""
    engine = QuasiStatic()
    state = engine.start([network], [[w + middle for w in stimulus.start_weights(network, 3)]])
    rng = np.random.default_rng(1)
    x, y = rng.random((1, points, 1)), rng.uniform(0.0, 1.0, (1, points, 1))
    state, _ = engine.apply(state, stimulus.epoch(network, x, y, [3], 0, 1))
    return engine, state, rng.random((1, 2, 1)), rng.uniform(0.0, 1.0, (1, 2, 1))


class Plain:
    """Operating points of a network with one hidden layer and weights that are held, by scipy's solver."""

    def __init__(self, network):
        self.network = network
        sizes = tuple(one.size for one in network.synapse.transistors)
        with arithmetic():
            law = compact_law(sizes)
        kinds = [np.array([[t]]) for t in range(len(sizes))]
        self.currents = [jax.jit(lambda vgs, vds, t=t: law(t, vgs, vds).current) for t in kinds]

    def drawn(self, k, p, n, z, w):
        """Currents that a crossbar draws from ``p``, ``n`` and ``z``."""
        shape = w.shape
        at = {"p": p[:, None] + 0 * w, "n": n[:, None] + 0 * w, "z": z[None, :] + 0 * w, "w": w}
        sums = {node: np.zeros(shape) for node in "pnz"}
        for t, one in enumerate(self.network.synapse.transistors):
            vgs, vds = at[one.gate] - at[one.source], at[one.drain] - at[one.source]
            with arithmetic():
                current = np.asarray(self.currents[t](vgs.reshape(1, -1), vds.reshape(1, -1)))
            current = self.network.layers[k].multiplier * current.reshape(shape)
            sums[one.drain] = sums[one.drain] + current
            sums[one.source] = sums[one.source] - current
        return sums["p"].sum(1), sums["n"].sum(1), sums["z"].sum(0)

    def output(self, x, weights, start):
        first, last = (layer.amplifier for layer in self.network.layers)
        hidden = weights[0].shape[1]

        def balance(v):
            z, p, n, end = np.split(v, [hidden, 2 * hidden, 3 * hidden])
            into = self.drawn(0, x, -x, z, weights[0])[2] + first.leak * z
            from_p, from_n, at_end = self.drawn(1, p, n, end, weights[1])
            up, down = (first.gain * z - p) / first.resistance, (-first.gain * z - n) / first.resistance
            diode = first.saturation * np.expm1((first.clamp - z) / 0.025864926)
            into = into + first.backward * (up - down) - diode
            pull = last.gain * end / (1.0 + last.resistance * last.load)
            back = last.backward * (last.gain * end - pull) / last.resistance
            outputs = first.resistance * np.concatenate([from_p - up, from_n - down])
            return np.concatenate(
                [1e5 * into, outputs, 1e5 * (at_end + last.leak * end + back)]
            )  # about volts

        found = root(balance, start, options={"xtol": 1e-12}).x
        assert np.abs(balance(found)).max() < 1e-8
        return last.gain * found[3 * hidden :] / (1.0 + last.resistance * last.load), found


@pytest.mark.parametrize("kind", ["cmos", "2t1c"])
def test_the_gradient_is_that_of_another_solver(kind):
    network, middle = small(kind)
    engine, state, x, y = at_work(network, middle)
    volts, targets = stimulus.input_volts(network, x), network.loss.amplitude * y
    gradient, squared = (arrays(state, volts, targets)[k] for k in (1, 3))
    settled, out = engine.apply(state, stimulus.test(network, x[:, :1]))
    weights = by_crossbar(network, engine.weights(settled)[0])
    memory = settled.memory.state
    start = np.concatenate([np.asarray(a)[0] for a in (memory.z[0], memory.p[0], memory.n[0], memory.z[1])])
    plain, wanted = Plain(network), np.zeros_like(weights[0])
    np.testing.assert_allclose(plain.output(volts[0, 0], weights, start)[0], out[0, 0], atol=1e-7)
    assert squared[0, 0] == pytest.approx(((out[0, 0] - targets[0, 0]) ** 2).sum(), rel=1e-4)
    for place in np.ndindex(wanted.shape):
        errors = []
        for sign in (1.0, -1.0):
            moved = [weights[0].copy(), weights[1]]
            moved[0][place] += sign * 2e-4
            errors.append(((plain.output(volts[0, 0], moved, start)[0] - targets[0, 0]) ** 2).sum())
        wanted[place] = (errors[0] - errors[1]) / 4e-4
    assert np.abs(wanted).max() > 1e-6
    np.testing.assert_allclose(gradient[0, 0], wanted, atol=2e-3 * np.abs(wanted).max())


@pytest.mark.parametrize("kind", ["cmos", "2t1c"])
def test_the_update_is_what_a_training_writes(kind):
    """Beside the same training with updates of nothing, the written line differs by the update."""
    changes = []
    for scale in (1.0, 0.0):
        network, middle = small(kind)
        if not scale:
            network = small(kind, scale=0.0)[0]
        engine = QuasiStatic()
        state = engine.start([network], [[w + middle for w in stimulus.start_weights(network, 3)]])
        x, y = np.array([[[0.8]]]), np.array([[[0.9]]])
        points = stimulus.epoch(network, x, y, [3], 0, 1)
        if scale:
            twice = (
                np.repeat(x, 2, 1),
                network.loss.amplitude * np.repeat(y, 2, 1),
            )  # one program for all the tests
            update = arrays(state, stimulus.input_volts(network, twice[0]), twice[1])[0][0, 0]
        after, _ = engine.apply(state, points)
        changes.append(by_crossbar(network, engine.weights(after)[0])[0])
    line, written = int(points.lines[0, 0, 0]), changes[1] - changes[0]
    assert network.layers[0].lines(3) == "columns"
    assert np.abs(update[:, line]).max() > 1e-4
    np.testing.assert_allclose(written[:, line], update[:, line], rtol=1e-6, atol=1e-9)


def test_sizes_and_cosines_are_those_of_their_definitions():
    network, middle = small("cmos")
    _, state, x, y = at_work(network, middle)
    given = stimulus.input_volts(network, x), network.loss.amplitude * y
    update, gradient, returned, squared = arrays(state, *given)
    found = signals(state, *given)
    for k in range(2):
        a, b = update[0, k].ravel(), gradient[0, k].ravel()
        assert found.cosine[0, k] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        assert found.update[0, k] == pytest.approx(np.linalg.norm(a) / np.sqrt(a.size))
        steepness = np.linalg.norm(b) / np.sqrt(b.size)
        assert found.reach[0, k] == pytest.approx(steepness / 2.0 / np.sqrt(squared[0, k]))
    np.testing.assert_array_equal(found.returned, returned)


def test_the_study_leaves_a_result_and_pictures(tmp_path, monkeypatch):
    real = cells.compare
    monkeypatch.setattr(
        cells, "compare", lambda seeds, process=None: real(seeds, process=process, moments=(0, 1))
    )
    found = cells.study([0, 1], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.png", "result.json", "trainings.png"]
    told = json.loads((tmp_path / "result.json").read_text())
    assert told == json.loads(json.dumps(found.to_dict()))
    assert told["trainings"].keys() == told["cells"].keys() == {"2t1c", "cmos"}
    assert len(told["trainings"]["cmos"]["signals"]["cosine"]) == 2
    assert np.shape(told["cells"]["2t1c"]["forward"]) == (4, 6)


def test_a_point_without_an_operating_point_is_told():
    network, middle = small("cmos")
    _, state, x, y = at_work(network, middle)
    volts = stimulus.input_volts(network, x)
    volts[0, 1, 0] = np.nan
    with pytest.raises(ArithmeticError, match="at 1 of 2 points"):
        signals(state, volts, network.loss.amplitude * y)


def test_both_kinds_have_the_same_shape_and_their_weights_conduct():
    assert {start.network.shape for start in NETWORKS.values()} == {(3, 8, 1)}
    assert isinstance(NETWORKS["2t1c"], Start)
    assert NETWORKS["2t1c"].middle > 0.6
    assert all(layer.update.scale < 0 for layer in NETWORKS["2t1c"].network.layers)
