"""Energy from the currents of a transient: what is delivered is found again, and a capacitor costs C V^2."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.circuit import CircuitBuilder
from ebana.onchip import Cards, Process, Synapse, TransientEngine, energy, figures, stimulus, tasks
from ebana.onchip.blocks import OTHERS, block_of
from ebana.onchip.circuit import Timing
from ebana.onchip.parts import joules, parts, vectors
from ebana.onchip.transient import Chip
from ebana.onchip.waveforms import PHASES, Waveforms
from ebana.spice.language.statements import Transient
from ebana.spice.language.waveform import Waveform
from ebana.spice.netlist.transient import transient_deck
from ebana.spice.simulators.transient import run_transient
from helpers.chips import chip, needs_cards
from helpers.simulators import needs_ngspice


def measured(network, weights=None, points=3, engine=None):
    task = tasks.sine(0, points=points, outputs=network.shape[-1])
    applied = stimulus.epoch(network, task.x[None], task.y[None], [0], 0, 2)
    start = stimulus.start_weights(network, 0) if weights is None else weights
    return energy.measure(engine or TransientEngine(), Chip(network, tuple(start)), applied)


@needs_ngspice
@needs_cards
@pytest.mark.parametrize(
    "network",
    [chip(3, 1), chip(2, 2, 1), chip(3, 1, buffered=False, bit_line=10e-15), chip(2, 1, synapse=Synapse("2t1c"))],
    ids=["one hidden layer", "two hidden layers", "read by the bit line", "one transistor a cell"],
)  # fmt: skip
def test_what_is_delivered_is_dissipated_or_stored(network):
    """Tellegen's theorem, over whole points; each term comes from currents of its own."""
    found = measured(network)
    assert abs(found.imbalance) < 3e-3
    assert 0 < found.per_inference < found.per_point
    for kind in ("delivered", "dissipated", "stored"):
        assert found.joules[kind].shape == (3, len(PHASES), len(found.blocks))


@needs_ngspice
@needs_cards
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["n channels conduct", "p channels conduct"])
def test_it_holds_where_cells_in_parallel_conduct_strongly(sign):
    """The second crossbar has two cells in parallel; its currents are then most of all."""
    network = chip(2, 1)
    weights = [0.6 * sign * np.ones((3, 2)), 0.85 * sign * np.ones((2, 1))]
    found = measured(network, weights)
    assert abs(found.imbalance) < 3e-3
    dissipated = dict(zip(found.blocks, found.joules["dissipated"].sum((0, 1)), strict=True))
    assert dissipated["synapses"] > 1e-11


@pytest.mark.parametrize(("level", "told"), [("level=1", "level 1"), ("kp=1e-4", "level none")])
def test_transistors_whose_charges_are_not_told_are_refused(level, told):
    card = f".model mine nmos {level} vto=0.3\n.model other pmos {level} vto=-0.3"
    engine = TransientEngine(Process(Cards(card, {"n": "mine", "p": "other"})))
    with pytest.raises(NotImplementedError, match=f"energy of 'syn0_0' is not known.*{told}.*BSIM4"):
        measured(chip(2, 1), engine=engine)


@needs_ngspice
@needs_cards
def test_every_gap_is_as_long_as_the_others():
    """What a chip at rest takes in the gaps of equal points without updates."""
    network = chip(2, 1)
    applied = stimulus.test(network, np.full((1, 3, 1), 0.4))
    start = tuple(stimulus.start_weights(network, 0))
    found = energy.measure(TransientEngine(), Chip(network, start), applied)
    gaps = found.joules["delivered"][:, 3].sum(1)
    np.testing.assert_allclose(gaps[2], gaps[1], rtol=1e-3)
    free = found.joules["delivered"][:, 0].sum(1)
    clock = network.clock
    np.testing.assert_allclose(gaps / free, (clock.gap + clock.edge) / (clock.settle + clock.edge), rtol=0.02)


@needs_ngspice
def test_a_capacitor_charged_through_a_switch_costs_twice_what_it_holds():
    """C V^2 is delivered, half of it dissipated in the switch and half of it stored: 1 pF to 2 V."""
    build = CircuitBuilder()
    source = build.waveforms("supply", [Waveform([0.0], [2.0])])
    clock = build.waveforms("close", [Waveform([0.0, 1e-9, 1.1e-9], [0.0, 0.0, 1.8])])
    y = build.nodes("held", 1)
    build.switches("door", source, y, clock, on_volts=0.9, off_volts=0.7, on_ohms=100.0, off_ohms=1e13)
    build.capacitors("store", y, build.ground(), 1e-12, start=0.0)
    circuit = build.build()
    every = parts(circuit)
    saved = tuple(name for part in every for name in vectors(part))
    deck = transient_deck(circuit, None, Transient(4e-9, 1e-13, 2e-12, saved))
    found = run_transient(deck).vectors
    plain = {name[2:-1] if name.startswith("i(@") else name: v for name, v in found.items()}
    waves = Waveforms(chip(1, 1), Timing(np.zeros((1, 4)), 1e-9, 4e-9), np.ones(1, bool), plain)
    total = {(part.array, kind): e[-1] - e[0] for part in every for kind, e in joules(part, waves)}
    assert total["supply", "delivered"] == pytest.approx(4e-12, rel=0.01)
    assert total["door", "dissipated"] == pytest.approx(2e-12, rel=0.02)
    assert total["store", "stored"] == pytest.approx(2e-12, rel=1e-4)


@needs_ngspice
@needs_cards
def test_a_table_by_block_adds_up_and_has_a_bar_each():
    found = measured(chip(3, 1))
    rows = found.rows()
    assert rows[-1][0] == "all"
    assert {len(row) for row in rows} == {len(found.columns)}
    assert {"inputs", "synapses", "amplifiers", "clamps", "nudge", "update", "writing"} <= {
        r[0] for r in rows
    }
    assert OTHERS not in found.blocks
    figure = figures.energy(found, "a chip")
    axes = figure.axes[0]
    delivered = found.joules["delivered"].mean((0, 1)).nonzero()[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == [found.blocks[k] for k in delivered]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(PHASES)
    drawn = sum(bar.get_width() for bars in axes.containers for bar in bars)
    assert drawn == pytest.approx(found.per_point)


def test_every_array_of_a_chip_belongs_to_a_block():
    network = chip(3, 2, 1)
    task = tasks.sine(0, points=2)
    applied = stimulus.epoch(network, task.x[None], task.y[None], [0], 0, 2)
    arrays = [element.name for element in built(network, applied).elements]
    assert len(arrays) > 50
    assert [name for name in arrays if block_of(name) == OTHERS] == []


def built(network, applied):
    from ebana.onchip.circuit import circuit

    text = ".model nfet nmos level=1\n.model pfet pmos level=1"
    return circuit(network, Cards(text, {"n": "nfet", "p": "pfet"}), applied)


def test_a_part_of_unknown_energy_is_refused_by_name():
    build = CircuitBuilder()
    node = build.nodes("a", 1)
    build.resistors("load", node, build.ground(), 1e-3)
    build.current_sources("pump", node, 1e-6)
    with pytest.raises(NotImplementedError, match=r"the energy of 'pump' is not known.*CurrentSource"):
        [list(vectors(part)) for part in parts(build.build())]
