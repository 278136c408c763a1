"""The networks of Nest and Ernoult: one network in blocks of any size; a table that resumes; gradients at rest."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from ebana.engines.base import NotConverged
from ebana.hybrid import Dense, Hopfield, HopfieldDense, HopfieldStates, HybridModel, Relaxation, Uniform
from ebana.reproductions import nest2024
from ebana.reproductions.nest2024 import (
    MODELS,
    PUBLISHED,
    Network,
    at_rest,
    data,
    gradients,
    network,
    table,
)
from ebana.reproductions.nest2024.networks import sizes_of
from ebana.reproductions.nest2024.pictures import picture
from ebana.reproductions.nest2024.settings import OURS
from ebana.reproductions.request import Request
from ebana.storage.parts import Parts
from ebana.training.data import Dataset
from helpers import colour_files, idx_files

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


@pytest.mark.parametrize("name", MODELS)
def test_networks_have_their_layers(name):
    assert len(MODELS[name].layers) == 6


@pytest.mark.parametrize("settings", [*OURS.values(), *PUBLISHED.values()], ids=lambda s: s.model)
def test_blocks_of_all_settings_are_those_that_there_are_settings_for(settings):
    """Without ``--blocks`` a model is trained in all of its splits, large to small."""
    assert settings.blocks == tuple(sorted(settings.splits, reverse=True))
    for size, split in settings.splits.items():
        assert sum(sizes_of(len(settings.network.layers), split.sizes or size)) == len(
            settings.network.layers
        )


@pytest.mark.parametrize("settings", OURS.values(), ids=lambda s: s.model)
def test_our_splits_of_a_network_differ_in_the_split_and_in_how_it_settles(settings):
    assert {settings.network_of(size) for size in settings.blocks} == {settings.network}
    alike = [replace(split, sweeps=(0, 0), factor=0.0, coupling=0.0) for split in settings.splits.values()]
    assert len(set(alike)) == 1
    for size, split in settings.splits.items():  # docs/results/hybrid.md: what it takes for blocks of 6
        assert split.coupling <= (1.3 if size > 2 else 0.9)
    assert settings.network.normalised_readout


@pytest.mark.parametrize("name", MODELS)
def test_the_layers_of_our_splits_are_alike_whichever_of_them_are_digital(name):
    spec = narrowed(MODELS[name])
    shapes, slopes, readouts = set(), set(), set()
    for size in (6, 3, 2, 1):
        net = network(spec, size)
        weights = [p.shape for n, p in net.system.parameters.items() if n.endswith("/weight")]
        shapes.add(tuple(weights))
        slopes.add(
            tuple(a for block in net.blocks.values() for a in block.block.system.slopes) or (spec.slope,) * 6
        )
        readouts.add(tuple(type(part).__name__ for part in list(net.parts.values())[-2:]))
    assert len(shapes) == len(slopes) == len(readouts) == 1


def narrowed(spec):
    """The network with few channels."""
    layers = tuple((kind, max(2, units // 32), pool) for kind, units, pool in spec.layers)
    return replace(spec, layers=layers)


def test_images_are_normalised_by_fixed_numbers():
    pixels = np.arange(2 * 784, dtype=np.float32).reshape(2, 784) / 1568
    found = data.prepare("mnist", pixels, (14, 14, 1))
    means = pixels.reshape(2, 14, 2, 14, 2).mean((2, 4)).reshape(2, -1)
    np.testing.assert_allclose(found, (means - 0.1307) / 0.3081, rtol=1e-5)
    padded = data.prepare("mnist", pixels, (32, 32, 1)).reshape(2, 32, 32)
    np.testing.assert_allclose(padded[:, 0], -0.1307 / 0.3081, rtol=1e-5)
    with pytest.raises(ValueError, match="has 1 colours, and the network takes 3"):
        data.prepare("mnist", pixels, (32, 32, 3))


@pytest.mark.parametrize(
    ("name", "mean", "deviation"),
    [
        ("cifar10", (0.4914, 0.4822, 0.4465), (0.6069, 0.5982, 0.6030)),
        ("cifar100", (0.4914, 0.4822, 0.4465), (0.6069, 0.5982, 0.6030)),
        ("imagenet32", (0.485, 0.456, 0.406), (0.3435, 0.3360, 0.3375)),
    ],
)
def test_colours_are_normalised_by_the_published_numbers(name, mean, deviation):
    pixels = np.random.default_rng(0).random((2, 3072), np.float32)
    expected = (pixels.reshape(2, 32, 32, 3) - mean) / deviation
    found = data.prepare(name, pixels, (32, 32, 3))
    np.testing.assert_allclose(found.reshape(2, 32, 32, 3), expected, rtol=1e-4, atol=1e-5)
    assert found.dtype == np.float32
    assert np.shares_memory(found, pixels)  # the largest sets are in memory once


# -- on images in the published files --------------------------------------------------------------------


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """A folder with images in MNIST's format that a network can tell apart."""
    return idx_files.write_set(tmp_path_factory.mktemp("squares"), train=200, test=60)


@pytest.fixture
def ask(squares):
    return partial(Request, quick=True, epochs=2, data_folder=squares)


def figures(outcome):
    """What a resumed run has to find again."""
    return [
        {n: v for n, v in seed.items() if n not in ("seconds", "samples_per_second")}
        for seed in outcome.ours["seeds"]
    ]


def test_a_run_that_is_stopped_goes_on_and_finds_the_same(ask, tmp_path):
    said = []

    def stop(text):
        said.append(text)
        if text.startswith("training") and "by BP" in text:
            raise KeyboardInterrupt

    run = partial(nest2024.run, model="small", data="mnist", blocks=(2,))
    whole = run(ask(say=said.append))
    assert [text.split(",")[0] for text in said] == [
        "loading mnist",
        "training blocks of 2 by EP",
        "training blocks of 2 by BP",
    ]
    assert [(r["layers a block"], r["trained by"]) for r in whole.rows] == [
        ("2", "equilibrium propagation"),
        ("2", "backpropagation"),
    ]
    assert whole.to_dict()["shortened"] == "200 training and 60 test images, 2 epochs"

    parts = Parts(tmp_path / "r")
    with pytest.raises(KeyboardInterrupt):
        run(ask(parts=parts, say=stop))
    parts.close()
    said.clear()
    again = run(ask(parts=Parts(tmp_path / "r", resume=True), say=said.append))
    assert [text for text in said if text.startswith("training")] == [
        "training blocks of 2 by BP, seed 0, 2 epochs"
    ]
    assert figures(again) == figures(whole)


def test_many_classes_tell_the_five_likeliest_and_a_copy_is_named(tmp_path, capsys):
    """Colour images by the command line: a network of ours with as many classes as the data have."""
    from ebana.cli.app import main

    for name in ("cifar10", "cifar100"):
        colour_files.write_set(tmp_path / name, name)
    model = ("--model", "narrow", "--blocks", "1")
    command = ("reproduce", "nest2024", *model, "--quick", "--epochs", "1", "--json")

    def told(*options):
        assert main([*command, *options]) == 0
        return capsys.readouterr()

    out = tmp_path / "out"
    shown = told("--data", "cifar100", "--data-folder", str(tmp_path / "cifar100"), "--out", str(out))
    assert "top-5" in shown.err
    assert "Files of cifar100: SHA-256" in shown.err
    assert {p.name for p in out.iterdir()} == {"accuracy.png", "result.json"}

    shown = told("--data-folder", str(tmp_path / "cifar10"), "--out", str(out))  # the first that narrow takes
    result = json.loads(shown.out)
    assert result["name"] == "nest2024-narrow-cifar10-blocks-1"
    assert {f"{result['name']}-{own}" for own in ("accuracy.png", "result.json")} < {
        p.name for p in out.iterdir()
    }
    assert "lossy" in shown.err
    assert "Not the published files of cifar10" in shown.err
    assert result["ours"]["data"]["published"] is False
    files = colour_files.LAYOUTS["cifar10"][0] + colour_files.LAYOUTS["cifar10"][1]
    content = b"".join((tmp_path / "cifar10" / file).read_bytes() for file in files)
    assert result["ours"]["data"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_tables_of_other_settings_or_splits_have_names_of_their_own():
    names = []
    for settings in (OURS["l6"], PUBLISHED["l6", "cifar10"]):
        for sizes in (settings.blocks, (6,), (2,)):
            jobs = [(size, method) for size in sizes for method in (("EP", "BP") if size > 1 else ("BP",))]
            trained = [table.Trained(*job, 0, 10.0, 10.0, None, 1.0, 1.0, 0) for job in jobs]
            origin = data.Origin("0", None)
            names.append(table._outcome(settings, "cifar10", origin, jobs, trained, "", Request()).name)
    assert len(set(names)) == 6
    assert names[0] == "nest2024-l6-cifar10"


def test_the_published_bytes_are_known():
    """Images with the first and last bytes of the published ones are taken for them, but not with one other byte."""
    pixels = np.zeros((10000, 3, 1024), np.uint8)
    for number, (first, last) in data.KNOWN["cifar10"].items():
        pixels[number, 0, :3], pixels[number, 2, -3:] = first, last
    rows = pixels.transpose(0, 2, 1).reshape(len(pixels), -1)
    split = SimpleNamespace(x_train=rows / np.float32(255), scale=1.0, image_shape=(32, 32, 3))
    assert data._is_published("cifar10", split) is True
    rows[9999, -1] += 1
    split.x_train = rows / np.float32(255)
    assert data._is_published("cifar10", split) is False
    assert data._is_published("mnist", split) is None


def test_gradients_are_compared_layer_by_layer_with_a_figure(ask):
    found = gradients(ask(), "small", "mnist", 2)
    assert {"conv2d_1", "hopfield_1/conv2d_1", "conv2d_2", "hopfield_3/dense_1"} <= {
        r["layer"] for r in found.rows
    }
    cosines = found.ours["analysis"]["cosines"]
    assert all(values[-1] > 0.98 for values in cosines.values())
    assert cosines["conv2d_1"][-1] > cosines["conv2d_1"][0]
    assert found.figures["cosines"].axes[0].get_xlabel() == "nudged sweeps"


def test_a_comparison_that_is_done_is_not_made_again(ask, tmp_path, monkeypatch):
    found = gradients(ask(parts=(parts := Parts(tmp_path / "r"))), "small", "mnist", 2)
    parts.close()
    monkeypatch.setattr(at_rest, "analyse", None)
    again = gradients(ask(parts=Parts(tmp_path / "r", resume=True)), "small", "mnist", 2)
    assert again.ours["analysis"] == found.ours["analysis"]


def test_images_that_do_not_settle_are_counted_and_left_out():
    """Those that have no gradient alone are those that are lost among others; the others' gradients stay."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 8)), np.eye(3)[rng.integers(0, 3, 6)]

    def compare(tolerance, images):
        relaxation = Relaxation(2, 40, tolerance, nudged_tolerance=0)
        states = [
            HopfieldStates(),
            HopfieldDense(8, start=Uniform(1.6)),
            HopfieldDense(8, start=Uniform(1.6)),
        ]
        net = HybridModel([Hopfield(states, relaxation=relaxation, name="deep"), Dense(3)], 8, name="net")
        return at_rest.analyse(net, x[images], y[images], (1, 4))

    def settles(tolerance, image):
        try:
            return compare(tolerance, [image]).reference_lost == 0
        except NotConverged:
            return False

    settled = ((t, [image for image in range(6) if settles(t, image)]) for t in np.geomspace(1e-3, 1.0, 7))
    tolerance, images = next((t, images) for t, images in settled if 0 < len(images) < 6)
    found, alone = compare(tolerance, range(6)), compare(tolerance, images)
    lost = 6 - len(images)
    assert (found.reference_lost, found.lost) == (lost, (lost, lost))
    assert found.notes[0].startswith(
        f"States that were not found, and whose images are left out: {lost} of the exact"
    )
    assert (alone.reference_lost, alone.lost, alone.notes) == (0, (0, 0), ())
    for layer, cosines in alone.cosines.items():
        assert found.cosines[layer] == pytest.approx(cosines, abs=1e-5)
    with pytest.raises(
        NotConverged, match=r"'net' has no exact gradient .*0 of 6 images settled.* 6 in block 'deep'"
    ):
        compare(1e-9, range(6))


def test_gradients_of_another_seed_or_of_other_images_are_not_gone_on_with(ask, squares, tmp_path):
    """What a comparison depends on: seed, version, coupling and images among it."""
    task = at_rest.task_of("small", "mnist", 2, ask())
    split, _ = data.load("mnist", task.settings.network.input_shape, ask())
    images = Dataset({"x": split.x_train[:10]}, {"y": split.y_train[:10]})
    kept = at_rest._depends_on(task, images, ask())
    assert {"version", "seed", "coupling", "train", "sweeps", "relaxation"} <= kept.keys()
    parts = Parts(tmp_path / "r")
    parts.open(kept)
    parts.close()
    with pytest.raises(ValueError, match=r"seed: saved 0, now 1"):
        gradients(ask(parts=Parts(tmp_path / "r", resume=True), seed=1), "small", "mnist", 2)
    others = idx_files.write_set(tmp_path / "others", seed=1)
    with pytest.raises(ValueError, match=r"train\.checksums\.x: saved \d+, now \d+"):
        gradients(ask(parts=Parts(tmp_path / "r", resume=True), data_folder=others), "small", "mnist", 2)


def test_the_figure_shows_every_seed_beside_the_time():
    trained = [
        (size, method, error + seed, 90.0 * size) for size in (6, 2) for method, error in (("EP", 12.0), ("BP", 11.0))
        for seed in range(3)
    ]  # fmt: skip
    figure = picture(trained)
    accuracy, time = figure.axes
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(80)
    assert accuracy.get_ylabel() == "test accuracy (%)"
    assert time.get_ylabel() == "time of a training (min)"
    assert [label.get_text() for label in accuracy.get_xticklabels()] == ["6", "2"]
    points = [
        line
        for line in accuracy.get_lines()
        if line.get_label() in ("equilibrium propagation", "backpropagation")
    ]
    assert sorted(points[0].get_ydata()) == [86, 86, 87, 87, 88, 88]
    assert len({line.get_marker() for line in points}) == len({line.get_color() for line in points}) == 2
    texts = [*figure.legends[0].get_texts(), accuracy.xaxis.label, *time.get_yticklabels()]
    assert min(text.get_fontsize() for text in texts) >= 7


def test_lines_of_many_layers_differ():
    names = [f"layer_{k}" for k in range(16)]
    figure = at_rest.picture(at_rest.Analysis((1, 2), {name: [0.9, 0.99] for name in names}))
    looks = [
        (line.get_color(), line.get_marker(), line.get_linestyle(), line.get_markerfacecolor())
        for line in figure.axes[0].get_lines()
    ]
    assert len(set(looks)) == len(names)


def test_splits_that_are_too_far_apart_are_told():
    close = table._missed({(2, "EP"): 10.2, (2, "BP"): 10.0, (1, "BP"): 10.9})
    far = table._missed({(6, "EP"): 14.0, (1, "BP"): 10.0})
    assert close == []
    assert far == ["blocks of 6 by EP (14.00%) and blocks of 1 by BP (10.00%) are 4.00% apart, more than 1%"]


@pytest.mark.parametrize(
    ("options", "arguments", "told"),
    [
        ({}, ("l7",), "unknown model 'l7' of nest2024. Expected one of small, narrow, l6"),
        ({}, ("l12",), "with --published-settings also l12"),
        ({}, ("small", "cifar"), "unknown data set 'cifar' of nest2024. Expected one of fashion-mnist, mnist, cifar10"),
        ({}, ("small", "mnist", (5,)), "--blocks 5 of model 'small' is unknown. Expected 6, 3, 2"),
        ({}, ("narrow", "mnist"), "Data that fit narrow: cifar10, cifar100, imagenet32; models that fit mnist: small"),
        ({}, ("small", "cifar10"), "cifar10 has images of 32 x 32 pixels in colour, and model 'small' takes 14 x 14"),
        ({"published_settings": True}, ("narrow",), "Expected l6 on cifar10; l6-tol on cifar10; l12 on cifar10, cif"),
        ({"published_settings": True}, ("l15", "cifar10"), "no settings for model 'l15' on 'cifar10'"),
        ({"published_settings": True}, ("l6", "cifar10", (1,)), "--blocks 1 of model 'l6' is unknown. Expected 6, 3"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_loaded(options, arguments, told, tmp_path):
    """The folder of the data is empty: whoever looked there first would say so."""
    with pytest.raises(ValueError, match=re.escape(told)):
        nest2024.run(Request(data_folder=tmp_path, **options), *arguments)
    if len(arguments) < 3:
        with pytest.raises(ValueError, match=re.escape(told)):
            gradients(Request(data_folder=tmp_path, **options), *arguments)


def test_gradients_are_of_splits_that_there_are(tmp_path):
    with pytest.raises(ValueError, match="blocks of 4 layers do not divide the 6 layers"):
        gradients(Request(data_folder=tmp_path), "small", "mnist", 4)
    with pytest.raises(ValueError, match=r"--blocks 2 of model 'static' is unknown\. Expected 3"):
        gradients(Request(data_folder=tmp_path, published_settings=True), size=2)
    with pytest.raises(ValueError, match="Data that fit static: cifar10, cifar100, imagenet32"):
        gradients(Request(data_folder=tmp_path, published_settings=True), data="mnist")
