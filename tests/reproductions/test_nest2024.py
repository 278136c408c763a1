"""The networks of Nest and Ernoult: one network in blocks of any size; a table that resumes; gradients at rest."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from ebana.hybrid import Relaxation
from ebana.reproductions import nest2024
from ebana.reproductions.nest2024 import MODELS, Network, data, gradients, network, settings, table
from ebana.reproductions.request import Request
from ebana.storage.parts import Parts

TINY = Network((("conv", 3, 2), ("conv", 4, 2), ("conv", 4, 1), ("dense", 5, 1)), (8, 8, 1))


def test_a_split_keeps_layers_and_weights():
    """Blocks of any size hold as many weights in layers; batch normalisation takes the b of digital ones."""
    sizes = {}
    for size in (1, 2, 4):
        net = network(TINY, size)
        sizes[size] = sum(p.initial.size for n, p in net.system.parameters.items() if n.endswith("/weight"))
        assert len(net.blocks) == (4 // size if size > 1 else 0)
    assert len(set(sizes.values())) == 1
    with pytest.raises(
        ValueError, match=r"blocks of 3 layers do not divide the 4 layers. Expected one of \[1, 2, 4\]"
    ):
        network(TINY, 3)


@pytest.mark.parametrize(("name", "count"), [("l6", 6), ("l12", 12), ("narrow", 6), ("small", 6)])
def test_published_networks_have_their_layers(name, count):
    spec = MODELS[name]
    assert len(spec.layers) == count
    if name == "l6":
        assert [units for _, units, _ in spec.layers] == [128, 256, 256, 512, 512, 256]
        net = network(spec, 6, published=True, coupling=None, relaxation=Relaxation(2, 1), augment=True)
        assert net.system.blocks["hopfield_1"].block.system.order == "even-odd"
        total = sum(p.initial.size for p in net.system.parameters.values() if p.trainable)
        assert 4.9e6 < total < 5.0e6  # 4.96 million: hybrid.md


def test_published_settings_are_complete():
    for name, found in settings.PUBLISHED.items():
        assert name in MODELS
        assert found.published
        assert found.augment
        assert all(split.coupling is None for split in found.splits.values())


def test_images_are_normalised_by_fixed_numbers():
    pixels = np.arange(2 * 784, dtype=np.float32).reshape(2, 784) / 1568
    found = data.prepare("mnist", pixels, (14, 14, 1))
    means = pixels.reshape(2, 14, 2, 14, 2).mean((2, 4)).reshape(2, -1)
    np.testing.assert_allclose(found, (means - 0.1307) / 0.3081, rtol=1e-5)
    padded = data.prepare("mnist", pixels, (32, 32, 1)).reshape(2, 32, 32)
    np.testing.assert_allclose(padded[:, 0], -0.1307 / 0.3081, rtol=1e-5)
    with pytest.raises(ValueError, match="has 1 colours, and the network takes 3"):
        data.prepare("mnist", pixels, (32, 32, 3))


@pytest.fixture
def tiny(monkeypatch):
    """A network and images that train in a moment, in the place of ``small``."""
    rng = np.random.default_rng(0)
    from ebana.datasets import load

    digits = load("digits", seed=0)
    split = digits.__class__(**digits.__dict__)

    def found(name, shape, request):
        return split

    monkeypatch.setitem(MODELS, "tiny", TINY)
    chosen = settings.Settings("tiny", {1: settings.Split((1, 1)), 2: settings.Split((3, 2))}, epochs=1)
    monkeypatch.setitem(settings.OURS, "tiny", chosen)
    monkeypatch.setattr(table, "load", found)
    monkeypatch.setattr("ebana.reproductions.nest2024.at_rest.load", found)
    return rng


def test_a_table_is_made_and_goes_on_where_it_was_stopped(tiny, tmp_path):
    ask = partial(Request, quick=True, epochs=1)
    said = []
    parts = Parts(tmp_path / "r")
    whole = nest2024.run(ask(parts=parts, say=said.append), "tiny", "mnist", (2, 1))
    parts.close()
    assert [(r["layers a block"], r["trained by"]) for r in whole.rows] == [
        ("2", "equilibrium propagation"),
        ("2", "backpropagation"),
        ("1", "backpropagation"),
    ]
    assert len([text for text in said if text.startswith("training")]) == 3
    said.clear()
    again = nest2024.run(
        ask(parts=Parts(tmp_path / "r", resume=True), say=said.append), "tiny", "mnist", (2, 1)
    )
    assert not any(text.startswith("training") for text in said)
    assert again.ours["medians"] == whole.ours["medians"]
    assert whole.to_dict()["shortened"]


def test_gradients_are_compared_layer_by_layer_with_a_figure(tiny, tmp_path):
    found = nest2024.gradients(Request(quick=True), "tiny", "mnist", 2)
    assert {"conv2d_1", "hopfield_1/conv2d_1", "conv2d_2", "hopfield_2/dense_1"} <= {
        r["layer"] for r in found.rows
    }
    cosines = found.ours["analysis"]["cosines"]
    assert all(values[-1] > 0.98 for values in cosines.values())
    assert cosines["conv2d_1"][-1] > cosines["conv2d_1"][0]
    assert found.figures["cosines"].axes[0].get_xlabel() == "nudged sweeps"


def test_splits_that_are_too_far_apart_are_told():
    close = table._missed({(2, "EP"): 10.2, (2, "BP"): 10.0, (1, "BP"): 10.9})
    far = table._missed({(6, "EP"): 14.0, (1, "BP"): 10.0})
    assert close == []
    assert far == ["blocks of 6 by EP (14.00%) and blocks of 1 by BP (10.00%) are 4.00% apart, more than 1%"]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="unknown model 'l7'"):
        nest2024.run(Request(), "l7")
    with pytest.raises(ValueError, match="unknown model 'l7'"):
        gradients(Request(), "l7")
    with pytest.raises(ValueError, match="--blocks 5 of model 'small' is unknown"):
        nest2024.run(Request(), "small", "mnist", (5,))
