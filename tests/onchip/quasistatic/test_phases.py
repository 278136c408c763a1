"""Phases against Kirchhoff, written out transistor by transistor in plain Python; conservation of charge."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.devices.silicon import BOLTZMANN, CHARGE, ZERO_CELSIUS
from ebana.onchip import Amplifier, OnChip, QuasiStatic, Synapse, stimulus
from ebana.onchip.engine import by_crossbar
from ebana.onchip.transistors.cards import PUBLISHED_SIZES
from ebana.onchip.transistors.compact import compact_law
from helpers.chips import chip, mirrored

UT = BOLTZMANN * (27.0 + ZERO_CELSIUS) / CHARGE


def transistor(size, vgs, vds):
    """Current and gate charge of one transistor."""
    with arithmetic():
        law = compact_law((size,))
        at = law(np.array([[0]]), np.array([[vgs]]), np.array([[vds]]))
    return float(at.current[0, 0]), float(at.charge[0, 0])


class Kirchhoff:
    """Currents out of every node of a network at stated voltages, cell by cell."""

    def __init__(self, network, state, x, y, nudge):
        self.network = network
        self.z, self.p, self.n = ([np.asarray(v)[0] for v in part] for part in state[:3])
        self.w = by_crossbar(network, np.asarray(state.w)[0])
        self.x, self.y, self.nudge = x, y, nudge

    def cells(self, k):
        """Currents that the cells of a crossbar draw from their rows, inverted rows and columns; charges."""
        p, n = (self.x, -self.x) if k == 0 else (self.p[k - 1], self.n[k - 1])
        layer, synapse = self.network.layers[k], self.network.synapse
        drawn = {"p": np.zeros(len(p)), "n": np.zeros(len(p)), "z": np.zeros(layer.units)}
        charge = np.zeros((len(p), layer.units))
        for i in range(len(p)):
            for j in range(layer.units):
                volts = {"p": p[i], "n": n[i], "z": self.z[k][j], "w": self.w[k][i, j], "0": 0.0}
                place = {"p": i, "n": i, "z": j}
                charge[i, j] = synapse.capacitance * volts["w"]
                for one in synapse.transistors:
                    source = volts[one.source]
                    current, stored = transistor(
                        one.size, volts[one.gate] - source, volts[one.drain] - source
                    )
                    for node, sign in ((one.drain, 1.0), (one.source, -1.0)):
                        if node in place:
                            drawn[node][place[node]] += sign * layer.multiplier * current
                    charge[i, j] += stored if one.gate == "w" else 0.0
        return drawn, charge

    def residuals(self):
        """Sum of currents at each node."""
        found = []
        last = len(self.network.layers) - 1
        for k, layer in enumerate(self.network.layers):
            a, z = layer.amplifier, self.z[k]
            into = self.cells(k)[0]["z"] + a.leak * z
            if k < last:
                up, down = (a.gain * z - self.p[k]) / a.resistance, (-a.gain * z - self.n[k]) / a.resistance
                into = into + a.backward * (up - down)
                after = self.cells(k + 1)[0]
                above, below = after["p"] - up, after["n"] - down
                if a.mirrored:
                    above -= a.saturation * (np.exp((a.clamp - self.p[k]) / UT) - 1.0)
                    below += a.saturation * (np.exp((self.n[k] + a.clamp) / UT) - 1.0)
                else:
                    into -= a.saturation * (np.exp((a.clamp - z) / UT) - 1.0)
                found += [above, below]
            else:
                out = (a.gain * z / a.resistance + self.nudge * self.y) / (
                    1.0 / a.resistance + a.load + self.nudge
                )
                into = into + a.backward * (a.gain * z - out) / a.resistance
            found.append(into)
        return np.concatenate(found)


NETWORKS = {
    "one hidden layer": chip(4, 1),
    "two outputs": chip(3, 2),
    "two hidden layers": chip(3, 3, 1),
    "2T1C": chip(3, 1, synapse=Synapse("2t1c")),
    "mirrored clamps": mirrored(chip(4, 1)),
}


@pytest.fixture(scope="module", params=NETWORKS, ids=list(NETWORKS))
def settled(request):
    """A network after some points of training, and after a free phase."""
    network = NETWORKS[request.param]
    engine = QuasiStatic()
    state = engine.start([network], [stimulus.start_weights(network, 3)])
    rng = np.random.default_rng(0)
    x = rng.random((1, 5, 1))
    y = rng.uniform(-1, 1, (1, 5, network.shape[-1]))
    points = stimulus.epoch(network, x, y, [3], 0, 1)
    state, _ = engine.apply(state, points)
    charges = np.asarray(state.memory.charges)[0]
    test = stimulus.test(network, x[:, :1])
    state, out = engine.apply(state, test)
    return network, state, test.x[0, 0], charges, out[0, 0]


def test_currents_into_every_node_add_up_to_nothing(settled):
    network, state, x, _, out = settled
    told = Kirchhoff(network, state.memory.state, x, np.zeros(network.shape[-1]), 0.0)
    assert np.abs(told.residuals()).max() < 1e-11  # of some 1e-5 A
    last = network.layers[-1].amplifier
    np.testing.assert_allclose(out, last.gain * told.z[-1] / (1.0 + last.resistance * last.load), rtol=1e-12)


def test_the_charge_on_every_weight_is_what_it_was(settled):
    network, state, x, charges, _ = settled
    told = Kirchhoff(network, state.memory.state, x, np.zeros(network.shape[-1]), 0.0)
    found = np.concatenate([told.cells(k)[1].ravel() for k in range(len(network.layers))])
    np.testing.assert_allclose(found, charges, rtol=0, atol=1e-9 * 1e-13)


def test_charges_and_not_voltages_are_what_stays():
    """An input that moves pulls at the weights through the gates, and lets go of them when it is back."""
    network = chip(4, 1)
    engine = QuasiStatic()
    state = engine.start([network], [stimulus.start_weights(network, 0)])
    seen = []
    for value in (0.2, 0.9, 0.2):
        state, _ = engine.apply(state, stimulus.test(network, np.full((1, 1, 1), value)))
        seen.append(engine.weights(state)[0])
    assert 1e-4 < np.abs(seen[1] - seen[0]).max() < 2e-2
    np.testing.assert_allclose(seen[2], seen[0], rtol=0, atol=1e-9)


def test_an_update_is_that_of_the_formula():
    """One point: the driven line goes to the wanted voltages, which plain Python computes from two phases."""
    network = chip(4, 1)
    engine = QuasiStatic()
    start = stimulus.start_weights(network, 1)
    x, y = np.array([[[0.7]]]), np.array([[[0.9]]])
    points = stimulus.epoch(network, x, y, [1], 0, 1)
    before = engine.start([network], [start])
    free, _ = engine.apply(before, stimulus.Stimulus(points.x, points.y, -1 + 0 * points.lines, points.rate))
    after, _ = engine.apply(before, points)
    nudged = _nudged(engine, free, points)
    z0, z1 = np.asarray(free.memory.state.z[0])[0], np.asarray(nudged.z[0])[0]
    line = int(points.lines[0, 0, 0])
    stated = network.layers[0].update
    pre = max(points.x[0, 0, line] - stated.threshold, 0.0)
    change = np.clip(stated.scale * (z1 - z0) * pre, -stated.step, stated.step)
    read = by_crossbar(network, np.asarray(nudged.w)[0])[0][line]
    written = by_crossbar(network, engine.weights(after)[0])[0][line]
    np.testing.assert_allclose(
        written, np.clip(read - change, -stated.limit, stated.limit), rtol=0, atol=1e-9
    )


def _nudged(engine, free, points):
    """The nudged phase after a free one."""
    import jax
    import jax.numpy as jnp

    from ebana.onchip.quasistatic.newton import solve
    from ebana.onchip.quasistatic.numbers import Drive

    with arithmetic():
        memory = free.memory
        none = jnp.zeros(memory.charges.shape[1:], bool)

        def one(chip_, state, charges):
            drive = Drive(points.x[0, 0], points.y[0, 0], free.nudge[0], charges, 0 * charges, none, charges)
            return solve(free.structure, chip_, state, drive).state

        numbers = jax.tree.map(lambda v: v[0], free.chip.layers)
        lane = jax.tree.map(lambda v: v[0], (memory.state, memory.charges))
        found = one(free.chip._replace(layers=numbers), *lane)
        return jax.tree.map(lambda v: v[None], found)


def test_a_lane_is_the_same_alone_and_beside_others():
    tasks = _tasks(range(3))
    together = OnChip(chip(4, 1), seeds=[0, 1, 2]).fit(tasks, 2, verbose=False)
    alone = OnChip(chip(4, 1), seeds=[1]).fit(tasks[1], 2, verbose=False)
    np.testing.assert_allclose(together.weights[:, 1], alone.weights[:, 0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(together.final[1], alone.final[0], rtol=0, atol=1e-8)


def test_settings_are_lanes_too_and_change_no_program():
    from helpers.frameworks import compilations

    tasks = _tasks(range(2))
    OnChip(chip(4, 1), seeds=[0, 1]).fit(tasks, 1, verbose=False)
    with compilations() as compiled:
        other = chip(4, 1, limit=0.5, hold=1e-12)
        OnChip([chip(4, 1), other], seeds=[5, 6]).fit(tasks, 1, verbose=False)
    assert compiled == []


def test_a_point_that_does_not_settle_is_counted_and_nothing_is_written():
    network = chip(4, 1)
    engine = QuasiStatic()
    state = engine.start([network], [stimulus.start_weights(network, 0)])
    points = stimulus.epoch(network, np.full((1, 3, 1), 0.5), np.zeros((1, 3, 1)), [0], 0, 1)
    x = np.where(np.arange(3)[:, None, None] == 1, np.nan, points.x)
    bad = stimulus.Stimulus(x, points.y, points.lines, points.rate)
    after, _ = engine.apply(state, bad)
    assert np.asarray(after.memory.lost).tolist() == [1]
    assert np.isfinite(engine.weights(after)).all()


def test_networks_of_several_structures_are_refused():
    with pytest.raises(ValueError, match="2 structures"):
        OnChip([chip(4, 1), chip(5, 1)], seeds=[0, 1])


def test_the_published_sizes_are_those_of_the_synapse():
    assert set(PUBLISHED_SIZES) == {one.size for one in Synapse().transistors}
    assert Amplifier().clamp is None


def _tasks(seeds):
    from ebana.onchip import tasks

    return [tasks.sine(seed, points=12) for seed in seeds]
