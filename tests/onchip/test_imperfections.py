"""Deviations and noise against the formulas that they are stated by, worked out with other code."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.devices.silicon import BOLTZMANN, CHARGE
from ebana.onchip import Mismatch, Noise, OnChip, Process, QuasiStatic, Synapse, stimulus, tasks
from ebana.onchip.quasistatic import newton, settling, training
from ebana.onchip.quasistatic.numbers import Drive
from ebana.onchip.transistors.law import Size
from helpers.chips import chip, needs_cards, slow
from helpers.simulators import needs_ngspice

KT = BOLTZMANN * 300.15


def added(network, noise, points=400, seed=0):
    """What noise adds to the sampled errors of a training whose updates are all zero."""
    task = tasks.sine(0, points=points, outputs=network.shape[-1])
    one = stimulus.epoch(network, task.x[None], task.y[None], [seed], 0, 1, noise)
    engine = QuasiStatic()
    state = engine.start([network], [stimulus.start_weights(network, 0)])
    return engine.learn(state, one)[2][:, 0], state, one


def test_mismatch_has_the_spread_that_is_stated_and_belongs_to_the_seed():
    network = chip(40, 1)
    drawn = Mismatch(0.02, 0.01, 3e-3).draw(network, 4)
    assert drawn.threshold.shape == drawn.strength.shape == (2, 160)
    assert np.std(np.log(drawn.strength)) == pytest.approx(0.02, rel=0.15)
    assert np.std(drawn.threshold) == pytest.approx(0.01, rel=0.15)
    assert np.std(drawn.offset) == pytest.approx(3e-3, rel=0.4)
    np.testing.assert_array_equal(drawn.strength, Mismatch(0.02, 0.01, 3e-3).draw(network, 4).strength)
    assert not np.array_equal(drawn.strength, Mismatch(0.02, 0.01, 3e-3).draw(network, 5).strength)
    pair = Mismatch.pelgrom(Size("n", 1e-6, 1e-6)), Mismatch.pelgrom(Size("n", 2e-6, 2e-6))
    assert pair[0].threshold == pytest.approx(3.5e-3 / np.sqrt(2))  # of one, and not of a pair's difference
    assert pair[1].threshold == pytest.approx(pair[0].threshold / 2)
    assert pair[1].strength == pytest.approx(pair[0].strength / 2)


def test_samples_have_the_variance_of_their_capacitors():
    network = chip(3, 1, hold=2e-13)
    volts, _, _ = added(network, Noise(white=0.0, flicker=0.0))
    assert np.std(volts) == pytest.approx(np.sqrt(KT / 2e-13), rel=0.06)
    assert abs(np.mean(volts)) < 4 * np.sqrt(KT / 2e-13 / volts.size)


def test_white_noise_is_that_of_the_currents_through_the_network():
    """Against the dense Jacobian of the nodes and currents differentiated by finite steps of the law."""
    network = slow(chip(3, 2), 30e-15, 8e3)
    volts, state, one = added(network, Noise(sampling=False, white=1.0, flicker=0.0), points=1)
    engine = QuasiStatic()
    state = engine.start([network], [stimulus.start_weights(network, 0)])
    held = jax.tree.map(lambda a: a, one)
    state, _, again = engine.learn(state, held)
    np.testing.assert_array_equal(again[:, 0], volts)
    unit = one.noise.node[0, 0]
    expected = oracle(network, one, unit)
    np.testing.assert_allclose(volts[0], expected, rtol=2e-3)


def oracle(network, one, unit):
    """Noise voltages at the end of the nudged phase, from terminal voltages alone."""
    engine = QuasiStatic()
    structure, chip_numbers = engine.chip([network])
    jacobian, (z, p, n, w) = nudged_phase(engine, network, one)
    law = engine.transistors.law(structure.sizes)
    spectra, step = [], 1e-6
    with jax.enable_x64():
        for k, layer in enumerate(network.layers):
            rows = (one.x[0, 0], -one.x[0, 0]) if k == 0 else (p[k - 1], n[k - 1])
            total = np.full(layer.units, 4 * KT * layer.amplifier.leak)
            for i in range(network.shape[k]):
                for j in range(layer.units):
                    at = {"p": rows[0][i], "n": rows[1][i], "z": z[k][j], "w": w[k][i, j], "0": 0.0}
                    for t, one_ in enumerate(structure.transistors):
                        vgs, vds = at[one_.gate] - at[one_.source], at[one_.drain] - at[one_.source]

                        def current(g, d, t=t):
                            return float(
                                law(structure.which[t : t + 1], np.array([[g]]), np.array([[d]])).current[
                                    0, 0
                                ]
                            )

                        # the end that is the source holds still; the law takes both ends by their differences
                        turned = (vds if one_.size.channel == "n" else -vds) < 0
                        if turned:
                            gate, drain = vgs - vds, -vds

                            def current(g, d, there=current):
                                return -there(g - d, -d)
                        else:
                            gate, drain = vgs, vds
                        gm = (current(gate + step, drain) - current(gate - step, drain)) / (2 * step)
                        gds = (current(gate, drain + step) - current(gate, drain - step)) / (2 * step)
                        total[j] += layer.multiplier * 4 * KT * (2 / 3 * gm + gds)
            if layer.amplifier.clamp is not None:
                a = layer.amplifier
                diode = a.saturation * (np.exp((a.clamp - z[k]) / (KT / CHARGE)) - 1)
                total += 2 * CHARGE * np.abs(diode)
            else:  # what an output's load and, in one of two phases, its nudge put into the node
                a, nudge = layer.amplifier, network.loss.nudge
                seen = a.backward / a.resistance / (1 / a.resistance + a.load + nudge)
                total += 4 * KT * seen**2 * (a.load + nudge / 2)
            spectra.append(total)
    nodes = settling.capacitances(structure, chip_numbers.layers)[0]
    hold = np.concatenate([np.full(x.units, x.update.hold * x.update.sampler) for x in network.layers])
    constant = nodes / np.diag(jacobian) + hold
    current = np.sqrt(np.concatenate(spectra) / (2 * constant)) * unit
    return -np.linalg.solve(jacobian, current)


def nudged_phase(engine, network, one):
    """Node voltages in the nudged phase of the first point, and the Jacobian of the amplifiers' nodes there."""
    structure, numbers = engine.chip([network])
    single = jax.tree.map(lambda a: a[0], numbers.layers)
    chip_ = numbers._replace(layers=single)
    with arithmetic():
        start = jnp.concatenate([jnp.ravel(w) for w in stimulus.start_weights(network, 0)])
        memory = training.begin(structure, chip_, start)
        make = partial(training._floating, memory, jnp.asarray(one.x[0, 0]), jnp.asarray(one.y[0, 0]))
        free = newton.solve(structure, chip_, memory.state, make(jnp.zeros(())))
        drive: Drive = make(jnp.asarray(network.loss.nudge))
        found = newton.solve(structure, chip_, free.state, drive)
        rows = newton.linearised(structure, chip_, found.state, drive)[2]
        jacobian = np.asarray(settling.conductances(rows))
    state = jax.tree.map(np.asarray, found.state)
    by = [state.w[place].reshape(shape) for place, shape in structure.places()]
    return jacobian, (state.z, state.p, state.n, by)


def test_thresholds_wander_with_one_over_f():
    """Each octave of frequency has as much power, that of the formula."""
    network, points = chip(30, 1), 2048
    noise = Noise(sampling=False, white=0.0, flicker=1e-24)
    volts = noise.wander(network, 0, 0, points)[:, 0, 1]  # n channel, (points, cells)
    spectrum = 2 * np.abs(np.fft.rfft(volts, axis=0)) ** 2 / points**2
    power = spectrum.mean(1)
    area = 0.42e-6 * 0.15e-6
    octave = 1e-24 * np.log(2) / (noise.oxide * area)
    edges = points / 2.0 ** np.arange(1, 10)
    found = [power[int(low) + 1 : int(2 * low) + 1].sum() for low in edges / 2 if low >= 8]
    np.testing.assert_allclose(found, octave, rtol=0.35)
    later = noise.wander(network, 0, 100, 50)[:, 0, 1]
    np.testing.assert_allclose(later, volts[100:150], atol=1e-15)


NOISE_DECK = """noise of a transistor
{cards}
Vg g 0 {vgs} ac 1
Vd d 0 {vds}
M1 d g 0 0 {model} w={w} l={l}
H1 out 0 Vd 1
.temp 27
.control
noise v(out) Vg dec 1 1e9 1e10
setplot noise1
print onoise_spectrum
.endc
.end
"""


@needs_ngspice
@needs_cards
@pytest.mark.parametrize(
    ("channel", "vgs", "vds"),
    [
        ("n", 0.9, 0.9),
        ("n", 0.9, 0.05),
        ("n", 0.55, 0.5),
        ("n", 1.2, 0.3),
        ("p", -1.0, -0.8),
        ("p", -1.2, -0.1),
    ],
)
def test_channel_noise_is_of_the_size_of_the_cards(tmp_path, channel, vgs, vds):
    """A noise analysis of the cards at 1 GHz: 1 to 2.9 times the formula of long channels."""
    size = Size("n", 0.42e-6, 0.15e-6) if channel == "n" else Size("p", 1.302e-6, 0.15e-6)
    process = Process("sky130")
    cards, law = process.cards((size,)), process.law((size,))
    numbers = {"vgs": vgs, "vds": vds, "model": cards.model(channel), "w": size.width, "l": size.length}
    path = tmp_path / "noise.cir"
    path.write_text(NOISE_DECK.format(cards=cards.text, **numbers))
    told = subprocess.run(["ngspice", "-b", path], capture_output=True, text=True, check=False).stdout
    measured = float(re.findall(r"^0\s+\S+\s+(\S+)", told, re.M)[0]) ** 2
    with arithmetic():
        at = law(np.array([[0]]), np.array([[vgs]]), np.array([[vds]]))
    stated = 4 * KT * (2 / 3 * abs(float(at.current_g[0, 0])) + float(at.current_d[0, 0]))
    assert 0.9 < measured / stated < 3.0


def test_flicker_within_a_point_is_in_the_sampled_error():
    """Twice the power of a gate's 1/f noise between half a cycle a point and the sampler's corner."""
    network = slow(chip(3, 1), 1e-20, 8e3)
    kind = {"sampling": False, "white": 0.0}
    small, _, _ = added(network, Noise(**kind, flicker=1e-25), points=60)
    large, _, _ = added(network, Noise(**kind, flicker=4e-25), points=60)
    np.testing.assert_allclose(large[:1], 2 * small[:1], rtol=1e-3)  # later, thresholds have wandered
    hold = 0.4e-12 * 8e3
    octaves = np.log(1 / (2 * np.pi * hold) / (0.5 / network.clock.period))
    gate = np.sqrt(2 * 1e-25 * octaves / (Noise().oxide * 0.42e-6 * 0.15e-6))
    rms = small[:, :3].std()
    assert 0.1 * gate < rms < 10 * gate  # referred to a gate; the node's gain is of the order of one


def test_parallel_transistors_differ_and_rustle_less():
    one, four = (
        replace(x, synapse=Synapse(multiplier=m)) for x, m in ((chip(40, 1), 1.0), (chip(40, 1), 4.0))
    )
    first = Mismatch(0.02, 0.01).draw(one, 0), Noise().wander(one, 0, 0, 4)
    second = Mismatch(0.02, 0.01).draw(four, 0), Noise().wander(four, 0, 0, 4)
    np.testing.assert_allclose(second[0].threshold, first[0].threshold / 2)
    np.testing.assert_allclose(np.log(second[0].strength), np.log(first[0].strength) / 2)
    np.testing.assert_allclose(second[1], first[1] / 2)


def test_weights_that_leak_are_forgotten_with_their_time_constant():
    """A weight that is not written loses charge as a capacitor does through its leak."""
    leak = 2e-9
    network = chip(3, 1, synapse=Synapse(leak=leak))
    network = replace(
        network, layers=tuple(replace(x, update=replace(x.update, scale=0.0)) for x in network.layers)
    )
    engine = QuasiStatic()
    state = engine.start([network], [stimulus.start_weights(network, 0)])
    x = np.full((1, 200, 1), 0.5)
    before = np.asarray(state.memory.charges)
    state, _ = engine.apply(state, stimulus.test(network, x))
    after = np.asarray(state.memory.charges)
    seconds = 200 * network.clock.period
    # the gates hold some charge too: C dv/dt = -g v with C a little above that of the capacitor
    kept = np.exp(-seconds * leak / 0.1e-12)
    ratio = (after / before)[np.abs(before) > 2e-14]
    assert ratio.min() > kept * 0.98
    assert ratio.max() < kept * 1.06


def test_a_noisy_training_is_the_same_for_a_seed_whoever_trains_beside():
    network, task = slow(chip(3, 1)), tasks.sine(0, points=8)
    options = {"mismatch": Mismatch(), "noise": Noise()}
    alone = OnChip(network, seeds=[3], **options).fit(task, 2, verbose=False)
    beside = OnChip(network, seeds=[1, 3], **options).fit(task, 2, verbose=False)
    np.testing.assert_allclose(beside.weights[:, 1], alone.weights[:, 0], rtol=0, atol=1e-9)
    quiet = OnChip(network, seeds=[3]).fit(task, 2, verbose=False)
    assert np.abs(quiet.weights - alone.weights).max() > 1e-3
