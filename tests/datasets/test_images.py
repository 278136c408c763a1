"""Sets of grey images: where they are looked for, what they hold, what is refused."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ebana.datasets import CorruptData, hold_out, inner_split, load, read_idx
from ebana.datasets import search_paths as places
from ebana.datasets.sources import FILES, SOURCES
from helpers.idx_files import squares, write_idx, write_set

ROOT = Path(__file__).resolve().parents[2]
DEBIAN = places.DEBIAN
SETS = ("mnist", "fashion-mnist", "k-mnist")


def real(name):
    """The folder of a published set, or None."""
    named = os.environ.get("EBANA_DATA")
    folders = [Path(named) / name, Path(named)] if named else []
    folders += [ROOT.parent / "shared" / "data" / name, DEBIAN / name]
    whole = [f for f in folders if len(places.look(SOURCES[name], f)[0]) == len(FILES) and f.name == name]
    return whole[0] if whole else None


REAL = {name: real(name) for name in SETS}


def published(name):
    """The folder of a published set; skips the test where there is none."""
    if REAL[name] is None:
        pytest.skip(f"no {name} files in $EBANA_DATA, ../shared/data or {DEBIAN}")
    return REAL[name]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Neither the user's files nor the system's are seen."""
    monkeypatch.delenv("EBANA_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(places, "DEBIAN", tmp_path / "debian")


@pytest.fixture
def folder(tmp_path):
    return write_set(tmp_path / "set")


def count(folder):
    """Where a split came from, told by its number of training samples."""
    return len(load("fashion-mnist", folder=folder).x_train)


# --- what a set holds


@pytest.mark.parametrize("name", SETS)
def test_pixels_are_volts_from_zero_to_scale(folder, name):
    split = load(name, folder=folder)
    grey = read_idx(folder / "train-images-idx3-ubyte.gz")
    assert split.x_train.shape == (200, 784)
    assert split.x_test.shape == (50, 784)
    assert (
        split.x_train.dtype == split.y_train.dtype == split.x_test.dtype == split.y_test.dtype == np.float32
    )
    np.testing.assert_array_equal(split.x_train, (grey / 255).astype(np.float32).reshape(200, 784))
    assert split.scale == 1.0
    assert split.name == name
    assert split.image_shape == (28, 28, 1)


def test_a_white_pixel_is_exactly_scale(tmp_path):
    folder = write_set(tmp_path / "set", train=10)
    grey = np.repeat(np.arange(256, dtype=np.uint8), 28)[: 9 * 784].reshape(-1, 28, 28)[:9]
    write_idx(folder / "train-images-idx3-ubyte.gz", np.concatenate([grey, np.full((1, 28, 28), 255, "u1")]))
    for scale in (1.0, 0.3, 4.0):
        split = load("mnist", scale=scale, folder=folder)
        assert split.x_train.max() == np.float32(scale)
        assert split.x_train.min() == 0
        assert split.scale == scale


def test_targets_are_one_hot_rows_of_the_labels(folder):
    split = load("mnist", folder=folder)
    labels = read_idx(folder / "t10k-labels-idx1-ubyte.gz")
    np.testing.assert_array_equal(split.y_test.argmax(axis=1), labels)
    np.testing.assert_array_equal(split.y_test.sum(axis=1), 1)
    assert split.y_test.shape == (50, 10)
    assert split.outputs == ("class",)


def test_columns_and_classes_have_names(folder):
    split = load("mnist", folder=folder)
    assert split.features[:2] == ("pixel_0_0", "pixel_0_1")
    assert split.features[-1] == "pixel_27_27"
    assert len(set(split.features)) == 784
    assert split.classes == tuple("0123456789")
    fashion = SOURCES["fashion-mnist"].classes
    assert (fashion[0], fashion[9], len(fashion)) == ("T-shirt/top", "Ankle boot", 10)
    assert " ".join(SOURCES["k-mnist"].classes) == "o ki su tsu na ha ma ya re wo"


def test_the_published_split_is_the_same_for_every_seed(folder):
    a, b = load("mnist", seed=0, folder=folder), load("mnist", seed=1, folder=folder)
    np.testing.assert_array_equal(a.x_train, b.x_train)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dotted", [False, True])
def test_every_spelling_of_the_names_is_found(tmp_path, suffix, dotted):
    folder = write_set(tmp_path / "set", suffix=suffix)
    if dotted:
        for file in list(folder.iterdir()):
            file.rename(file.with_name(file.name.replace("-idx", ".idx")))
    assert load("mnist", folder=str(folder)).x_train.shape == (200, 784)


def test_a_folder_by_the_name_of_a_file_does_not_hide_the_file(tmp_path):
    folder = write_set(tmp_path / "set")
    (folder / "train-images-idx3-ubyte").mkdir()
    assert load("mnist", folder=folder).x_train.shape == (200, 784)


# --- the published sets


@pytest.mark.parametrize("name", SETS)
def test_published_sets_have_their_published_sizes(name):
    split = load(name, folder=published(name))
    assert split.x_train.shape == (60000, 784)
    assert split.x_test.shape == (10000, 784)
    assert split.x_train.min() == 0
    assert split.x_train.max() == 1
    np.testing.assert_array_equal(split.y_test.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "labels", "mean", "std"),
    [
        ("mnist", [5, 0, 4, 1, 9, 2, 1, 3], 0.1307, 0.3081),
        ("fashion-mnist", [9, 0, 0, 3, 0, 2, 7, 2], 0.2860, 0.3530),
    ],
)
def test_published_sets_have_their_known_statistics(name, labels, mean, std):
    """Mean and standard deviation of the training pixels as they are quoted everywhere."""
    split = load(name, folder=published(name))
    assert split.y_train[:8].argmax(axis=1).tolist() == labels
    pixels = split.x_train
    found = pixels.mean(dtype=np.float64)
    square = np.einsum("ij,ij->", pixels, pixels, dtype=np.float64) / pixels.size
    assert found == pytest.approx(mean, abs=5e-5)
    assert np.sqrt(square - found**2) == pytest.approx(std, abs=5e-5)


def test_the_files_of_mnist_are_read_within_a_second():
    """Processor time: how busy the machine is besides is not the reader's."""
    paths = places.find(SOURCES["mnist"], published("mnist")).values()
    start = time.process_time()
    for path in paths:
        read_idx(path)
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize(("held", "asked"), [("mnist", "fashion-mnist"), ("fashion-mnist", "mnist")])
def test_files_of_another_set_are_recognized(held, asked):
    folder = published(held)
    with pytest.raises(CorruptData, match=rf"belongs to '{held}'. Expected a file of '{asked}'"):
        load(asked, folder=folder)


@pytest.mark.parametrize(("held", "asked"), [("mnist", "fashion-mnist"), ("fashion-mnist", "k-mnist")])
def test_test_labels_of_another_set_are_recognized(tmp_path, held, asked):
    name = "t10k-labels-idx1-ubyte.gz"
    labels = read_idx(published(held) / name)
    folder = write_set(tmp_path / "mixed", train=10, test=10)
    write_idx(folder / "t10k-images-idx3-ubyte.gz", np.zeros((len(labels), 28, 28), np.uint8))
    write_idx(folder / name, labels)
    with pytest.raises(CorruptData, match=rf"{name} belongs to '{held}'. Expected a file of '{asked}'"):
        load(asked, folder=folder)
    assert load(held, folder=folder).x_test.shape == (10000, 784)


# --- where it is looked for


def test_places_are_looked_at_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setenv("EBANA_DATA", str(tmp_path / "data"))
    debian = write_set(tmp_path / "debian" / "fashion-mnist", train=10)
    assert count(None) == 10
    cached = write_set(tmp_path / "cache" / "ebana" / "fashion-mnist", train=20)
    assert count(None) == 20
    write_set(tmp_path / "data", train=30)
    assert count(None) == 30
    write_set(tmp_path / "data" / "fashion-mnist", train=40)
    assert count(None) == 40
    assert count(cached) == 20
    assert count(debian) == 10


def test_a_folder_with_another_sets_name_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("EBANA_DATA", str(write_set(tmp_path / "mnist", train=10)))
    write_set(tmp_path / "debian" / "fashion-mnist", train=20)
    assert len(load("mnist").x_train) == 10
    assert count(None) == 20


def test_an_incomplete_folder_is_passed_over(tmp_path, monkeypatch):
    data = write_set(tmp_path / "data", train=10)
    monkeypatch.setenv("EBANA_DATA", str(data))
    (data / "t10k-labels-idx1-ubyte.gz").unlink()
    write_set(tmp_path / "cache" / "ebana" / "mnist", train=20)
    assert len(load("mnist").x_train) == 20


def test_a_named_folder_is_the_only_place(tmp_path):
    write_set(tmp_path / "cache" / "ebana" / "mnist")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load("mnist", folder=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/ada/.cache"),
        ("linux", {}, "/home/ada/.cache"),
        ("darwin", {}, "/home/ada/Library/Caches"),
        ("win32", {}, "/home/ada/AppData/Local"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
    ],
)
def test_the_cache_is_where_the_system_has_it(monkeypatch, platform, variables, expected):
    monkeypatch.setattr(places.sys, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/ada", **variables}.items():
        monkeypatch.setenv(name, value)
    assert places.cache(SOURCES["mnist"]) == Path(expected) / "ebana" / "mnist"


def test_files_that_are_nowhere_list_every_place_and_every_way(tmp_path, monkeypatch):
    data = tmp_path / "data"
    monkeypatch.setenv("EBANA_DATA", str(data))
    write_set(data)
    (data / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        load("fashion-mnist")
    message = str(caught.value)
    for line in (
        f"{data / 'fashion-mnist'}: no such file or directory",
        f"{data}: lacks train-labels-idx1-ubyte[.gz]",
        f"{tmp_path / 'cache' / 'ebana' / 'fashion-mnist'}: no such",
        f"{tmp_path / 'debian' / 'fashion-mnist'}: no such",
        "load('fashion-mnist', folder=...)",
        "set EBANA_DATA to",
        "apt install dataset-fashion-mnist",
        "load('fashion-mnist', download=True) fetches 31 MB from http://fashion-mnist",
    ):
        assert line in message


def test_only_ways_that_there_are_are_named():
    with pytest.raises(FileNotFoundError) as caught:
        load("mnist")
    assert "apt install" not in str(caught.value)
    assert "debian" not in str(caught.value)


def test_a_folder_that_is_none_or_lacks_the_files_is_named(tmp_path):
    (tmp_path / "file").touch()
    for folder, reason in (
        ("file", "not a directory"),
        (".", "lacks train-images-idx3-ubyte"),
        ("no", "no such"),
    ):
        with pytest.raises(FileNotFoundError, match=reason) as caught:
            load("mnist", folder=tmp_path / folder)
        assert str(tmp_path / folder) in str(caught.value)


# --- what is refused


def test_a_directory_in_place_of_a_file_is_named(folder):
    (folder / "train-images-idx3-ubyte.gz").unlink()
    (folder / "train-images-idx3-ubyte.gz").mkdir()
    with pytest.raises(IsADirectoryError, match=r"train-images-idx3-ubyte.gz is a folder"):
        load("mnist", folder=folder)


@pytest.mark.parametrize("shape", [(200, 32, 32), (200, 784), (200, 28, 28, 1), (200, 27, 28)])
def test_images_of_another_size_are_refused(folder, shape):
    write_idx(folder / "train-images-idx3-ubyte.gz", np.zeros(shape, np.uint8))
    received = "x".join(map(str, shape))
    with pytest.raises(
        CorruptData, match=rf"train-images.*holds {received} values.*Expected images of 28x28"
    ):
        load("mnist", folder=folder)


def test_images_of_another_type_are_refused(folder):
    write_idx(folder / "t10k-images-idx3-ubyte.gz", np.zeros((50, 28, 28), np.float32))
    with pytest.raises(CorruptData, match=r"t10k-images.*float32. Expected .* uint8"):
        load("mnist", folder=folder)


@pytest.mark.parametrize("labels", [np.zeros((200, 1), np.uint8), np.zeros(200, np.int32)])
def test_labels_of_another_kind_are_refused(folder, labels):
    write_idx(folder / "train-labels-idx1-ubyte.gz", labels)
    with pytest.raises(CorruptData, match=r"train-labels.*Expected one label of the type uint8 an image"):
        load("mnist", folder=folder)


@pytest.mark.parametrize("wrong", [10, 255])
def test_labels_out_of_range_are_refused(folder, wrong):
    labels = read_idx(folder / "train-labels-idx1-ubyte.gz")
    labels[17] = wrong
    write_idx(folder / "train-labels-idx1-ubyte.gz", labels)
    with pytest.raises(CorruptData, match=rf"label number 17 is {wrong}. Expected 0 to 9"):
        load("mnist", folder=folder)


def test_as_many_labels_as_images_are_asked_for(folder):
    write_idx(folder / "t10k-labels-idx1-ubyte.gz", squares(49)[1])
    with pytest.raises(CorruptData, match=r"t10k-images\S* holds 50 images, but \S*t10k-labels\S* 49 labels"):
        load("mnist", folder=folder)


def test_a_set_without_images_is_refused(tmp_path):
    with pytest.raises(CorruptData, match="holds no images"):
        load("mnist", folder=write_set(tmp_path / "set", test=0))


def test_damage_is_reported_with_the_name_of_the_file(folder):
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz: its compressed content ends too early"):
        load("mnist", folder=folder)


@pytest.mark.parametrize("options", [{"folder": "."}, {"download": True}])
def test_sets_without_files_take_neither_folder_nor_download(options):
    with pytest.raises(ValueError, match=r"'iris' comes with the package.*Leave out folder= and download="):
        load("iris", **options)


# --- digits


@pytest.mark.parametrize("seed", range(2))
def test_digits_are_split_as_scikit_learn_splits_them(seed):
    x, labels = load_digits(return_X_y=True)
    raw, _, l_train, l_test = train_test_split(x, labels, test_size=0.3, stratify=labels, random_state=seed)
    split = load("digits", seed=seed, scale=2.0)
    np.testing.assert_array_equal(split.x_train, (raw / 8).astype(np.float32))
    np.testing.assert_array_equal(split.y_train.argmax(axis=1), l_train)
    np.testing.assert_array_equal(split.y_test.argmax(axis=1), l_test)
    assert split.x_train.dtype == split.y_train.dtype == np.float32
    assert (len(split.x_train), len(split.x_test), split.scale) == (1257, 540, 2.0)
    assert split.image_shape == (8, 8, 1)


# --- validation


def test_held_out_samples_and_the_others_are_the_training_part(folder):
    split = load("mnist", folder=folder)
    inner = hold_out(split, 30, seed=4)
    assert inner.x_train.shape == (170, 784)
    assert inner.x_test.shape == (30, 784)
    assert inner.x_train.dtype == inner.y_test.dtype == np.float32
    both = np.concatenate([np.c_[inner.x_train, inner.y_train], np.c_[inner.x_test, inner.y_test]])
    whole = np.c_[split.x_train, split.y_train]
    np.testing.assert_array_equal(np.unique(both, axis=0), np.unique(whole, axis=0))


def test_the_seed_decides_what_is_held_out(folder):
    split = load("mnist", folder=folder)
    a, b, c = (hold_out(split, 30, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.x_test, b.x_test)
    assert not np.array_equal(a.x_test, c.x_test)


def test_holding_out_never_reads_the_test_part(folder):
    split = load("mnist", folder=folder)
    blind = replace(split, x_test=None, y_test=None)
    np.testing.assert_array_equal(hold_out(blind, 30).x_test, hold_out(split, 30).x_test)


def test_several_outputs_are_held_out_together():
    inner = hold_out(load("gates"), 1)
    assert {name: y.shape for name, y in inner.y_train.items()} == dict.fromkeys(("or", "and", "xor"), (3, 1))


@pytest.mark.parametrize("number", [0, -1, 1257, 10**6, 2.5, True])
def test_a_count_out_of_range_is_refused(number):
    with pytest.raises(ValueError, match="count must be a whole number from 1 to 1256"):
        hold_out(load("digits"), number)


def test_tables_whose_scaling_was_fitted_are_not_held_out():
    with pytest.raises(ValueError, match=r"fitted on its whole training part. Hold out with inner_split"):
        hold_out(load("iris"), 10)


def test_pixels_stay_as_they_are_in_cross_validation():
    split = load("digits")
    inner = inner_split(split, 0)
    assert inner.x_train.min() == 0
    assert inner.x_train.max() == 1
    assert inner.x_train.dtype == np.float32
    assert len(inner.x_train) + len(inner.x_test) == len(split.x_train)
