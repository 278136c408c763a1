"""Blocks as they are drawn, the pictures of the documentation, and the page that a training leaves."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ebana.onchip import (
    Amplifier,
    Inputs,
    Layer,
    Network,
    OnChip,
    Process,
    QuasiStatic,
    Synapse,
    TransientEngine,
    drawings,
    tasks,
)
from ebana.onchip.netlists import transient_engine
from ebana.reports import CircuitTooLarge
from helpers.chips import chip, needs_cards
from helpers.simulators import needs_ngspice

ROOT = Path(__file__).parents[2]


def drawn(text: str) -> dict[str, int]:
    """Parts of a drawing by the array that they belong to, and how many of each; it must be well-formed."""
    ElementTree.fromstring(text)
    names = re.findall(r'data-element="(\w+)" data-part', text)
    return {name: names.count(name) for name in names}


def test_each_block_is_drawn_from_its_own_elements():
    network = chip(3, 1)
    synapse = drawn(drawings.draw(network, "synapse"))
    assert synapse == {"x": 1, "xn": 1, "syn0_0": 1, "syn0_1": 1, "cw0": 1}
    amplifier = drawn(drawings.draw(network, "amplifier"))
    assert {"ampp0", "ampn0", "backp0", "backn0", "diode0", "leak0"} <= amplifier.keys()
    assert drawn(drawings.draw(network, "amplifier", 1)).keys() == {
        "leak1",
        "ampp1",
        "rp1",
        "backp1",
        "loadp1",
    }
    assert drawn(drawings.draw(network, "hold")) == {"zbuf0": 1, "hold0": 1, "free": 1, "ch0": 1}
    write = drawn(drawings.draw(network, "write"))
    assert write["writing0"] == write["cw0"] == 2  # two write lines
    assert write["driving0"] == write["sampling0"] == 1  # one bit line
    assert drawn(drawings.draw(network, "nudge", 1)) == {"nudge": 1, "nudging": 1, "y": 1, "target": 1}


@pytest.mark.parametrize(("write", "selector"), [("rows", "pre0_s"), ("columns", "error0_s")])
def test_an_update_is_drawn_by_rows_and_by_columns(write, selector):
    parts = drawn(drawings.draw(chip(3, 1, write=write), "update"))
    assert parts["select0"] == 2
    assert parts[selector] == parts["update0"] == parts["reader0"] == 1


def test_a_block_of_a_deeper_layer_has_the_values_and_names_of_that_layer():
    network = chip(3, 2, 1)
    second = replace(network.layers[1], amplifier=replace(network.layers[1].amplifier, gain=7.5))
    network = replace(network, layers=(network.layers[0], second, network.layers[2]))
    text = drawings.draw(network, "amplifier", 1)
    assert "×7.5" in text
    assert "ampp1" in drawn(text)
    assert "×7.5" not in drawings.draw(network, "amplifier", 0)


def test_a_synapse_of_one_transistor_is_drawn_with_one():
    assert "syn0_1" not in drawn(drawings.draw(chip(2, 1, synapse=Synapse("2t1c")), "synapse"))


def test_a_small_chip_is_drawn_as_a_whole_and_a_large_one_refused(tmp_path):
    small = Network(Inputs(2, complement=False, bias=False), (Layer(2, Amplifier(clamp=0.5)), Layer(1)))
    model = OnChip(small)
    text = model.draw(path=tmp_path / "chip.svg")
    assert (tmp_path / "chip.svg").read_text() == text
    whole = drawings.built(small)
    assert drawn(text) == {element.name: element.units for element in whole.elements}
    large = OnChip(chip(8, 1))
    with pytest.raises(CircuitTooLarge, match=r"3-8-1 is too large.*synapse, amplifier, hold"):
        large.draw()
    with pytest.raises(ValueError, match=r"ends in '\.svg'"):
        model.draw(path=tmp_path / "chip.png")
    with pytest.raises(ValueError, match="block='cell' is unknown"):
        model.draw("cell")
    with pytest.raises(ValueError, match=r"layer=2\. Expected 0 to 1"):
        model.draw("synapse", layer=2)


def test_drawings_of_the_documentation_are_those_that_the_script_makes():
    made = runpy.run_path(str(ROOT / "scripts" / "draw_onchip.py"))["svgs"]()
    assert len(made) == 7
    guide = (ROOT / "docs" / "guide-onchip.md").read_text()
    for name, text in made.items():
        assert (ROOT / "docs" / "img" / name).read_text() == text, f"{name}: run scripts/draw_onchip.py"
        assert f"(img/{name})" in guide


@pytest.fixture(scope="module")
def trained():
    model = OnChip(chip(3, 1), seeds=[0, 1, 2])
    return model, model.fit(tasks.sine(0, points=10), 3, verbose=False)


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_page_has_settings_scores_pictures_and_drawings(trained, tmp_path):
    model, history = trained
    page = model.report(history, tmp_path, transient=False).read_text()
    found = headings(page)
    for wanted in (
        "Training",
        "Answers by epoch",
        "Answers as a film",
        "Weights",
        "Circuit",
        "Configuration",
    ):
        assert wanted in found
    assert sum("of layer 1" in heading or "layer 1" in heading for heading in found) == 5
    assert "Waveforms and energy are not shown, as they were not asked for." in page
    assert page.count("data:image/gif;base64,") == 1
    assert page.count("data:image/svg+xml;base64,") == 7
    for text in ("layer 1.amplifier.gain", "3.86", "synapse.kind", "compact tt, 27 C", "3 × 3", "Median R²"):
        assert text in page
    scores = re.findall(r'<td class="number">(-?[\d.]+)</td>', page)
    assert {f"{score:.4g}" for score in history.final} <= set(scores)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert not re.search(r"https?://(?!www\.w3\.org)|<script|<link", page)


def test_a_page_without_a_film(trained, tmp_path):
    model, history = trained
    page = model.report(history, tmp_path, transient=False, film=False).read_text()
    assert "image/gif" not in page
    assert "Answers as a film" not in headings(page)


def test_a_page_says_why_it_has_no_waveforms(trained, tmp_path, monkeypatch):
    model, history = trained
    monkeypatch.setenv("PATH", str(tmp_path))  # no simulator is found
    monkeypatch.setattr("ebana.onchip.transistors.cards.PACKAGE", "no-such-package")
    page = model.report(history, tmp_path, film=False).read_text()
    assert "Waveforms and energy are not shown. " in page
    assert "Waveforms" not in headings(page)


@needs_ngspice
@needs_cards
def test_a_page_with_waveforms_and_energy(trained, tmp_path):
    model, history = trained
    page = model.report(history, tmp_path, film=False).read_text()
    assert {"Waveforms", "Energy"} <= set(headings(page))
    assert re.search(r"[\d.]+ [pf]J for a training point, [\d.]+ [pf]J for an inference", page)
    assert "without what real amplifiers draw for themselves" in page
    assert "not shown" not in page


@needs_cards
def test_a_netlist_holds_a_whole_training(tmp_path):
    model = OnChip(chip(3, 1), seeds=[5])
    task = tasks.sine(0, points=4)
    deck = model.netlist(task, 2, path=tmp_path / "chip.cir")
    assert (tmp_path / "chip.cir").read_text() == deck
    assert deck.splitlines()[0].endswith("3-3-1, 8 points")
    stated = float(re.search(r"v\(w0_0\)=(\S+)", deck)[1])
    assert stated == pytest.approx(float(model.weights[0][0, 0, 0]), rel=1e-12)
    with pytest.raises(ValueError, match="epochs"):
        model.netlist(task, 0)


def test_the_transient_engine_has_the_transistors_of_the_models_own():
    slow = TransientEngine(Process("sky130", corner="ss"))
    assert transient_engine(OnChip(chip(2, 1), engine=slow)) is slow
    fast = QuasiStatic(Process("compact", corner="ff"))
    assert transient_engine(OnChip(chip(2, 1), engine=fast)).transistors.corner == "ff"


def test_a_history_can_be_told_as_json(trained):
    assert json.dumps(trained[1].to_dict())
