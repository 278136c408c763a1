"""Colour images: what the sets hold, where they are looked for, what is refused, and how they are fetched."""

import gzip
import hashlib
import io
import os
import tarfile
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebana.datasets import CorruptData, DownloadFailed, archives, hold_out, load, search_paths
from ebana.datasets.records import Records
from ebana.datasets.sources import SOURCES
from ebana.training import memory
from helpers.colour_files import ARCHIVES, FOLDERS, LAYOUTS, content, npz, pack, write_set
from helpers.file_server import serving

CIFAR = ("cifar10", "cifar100")
LABELS = {"cifar10": 1, "cifar100": 2}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """The user's files are not seen."""
    monkeypatch.delenv("EBANA_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def images(written, files):
    """What was written into some files, one after the other."""
    pixels = np.concatenate([written[file][0] for file in files])
    return pixels, [label for file in files for label in written[file][1]]


def refused(name, folder, error=CorruptData, **options):
    """What is said of a set that is not read."""
    with pytest.raises(error) as caught:
        load(name, folder=folder, **options)
    return str(caught.value)


# --- what a set holds


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_what_is_written_is_what_is_read(tmp_path_factory, name, data, seed):
    train, test, labels = LAYOUTS[name]
    files = len(train + test)
    counts = data.draw(st.lists(st.integers(1, 3), min_size=files, max_size=files))
    folder = tmp_path_factory.mktemp(name)
    written = write_set(folder, name, counts, seed)
    split = load(name, folder=folder)
    for files, x, y in ((train, split.x_train, split.y_train), (test, split.x_test, split.y_test)):
        pixels, numbers = images(written, files)
        assert x.dtype == y.dtype == np.float32
        assert x.shape == (len(pixels), 3072)
        assert y.shape == (len(pixels), len(labels))
        np.testing.assert_array_equal(
            x.reshape(-1, *split.image_shape), pixels.astype(np.float32) / np.float32(255)
        )
        np.testing.assert_array_equal(y.argmax(axis=1) + labels[0], numbers)
        np.testing.assert_array_equal(np.sort(y)[:, -2:], [[0, 1]] * len(pixels))


@pytest.mark.parametrize("name", LAYOUTS)
def test_planes_become_channels(tmp_path, name):
    """Three bytes of one image, by their places in the published format."""
    write_set(tmp_path, name)
    planes = np.zeros(3072, np.uint8)
    planes[0 + 2 * 32 + 5] = 51
    planes[1024 + 1] = 255
    planes[2048 + 1023] = 102
    train, test, _ = LAYOUTS[name]
    one = npz(data=planes[None], labels=[7]) if name == "imagenet32" else b"\7" * LABELS[name] + bytes(planes)
    for file in (train[0], test[0]):
        (tmp_path / file).write_bytes(one)
    split = load(name, folder=tmp_path)
    for x in (split.x_train, split.x_test):
        image = x[0].reshape(32, 32, 3)
        assert image[2, 5, 0] == np.float32(0.2)
        assert image[0, 1, 1] == 1
        assert image[31, 31, 2] == np.float32(0.4)
        lit = [split.features[k] for k in np.flatnonzero(x[0])]
        assert lit == ["pixel_0_1_green", "pixel_2_5_red", "pixel_31_31_blue"]
    assert len(set(split.features)) == 3072


@pytest.mark.parametrize("scale", [1.0, 0.3, 4.0])
def test_a_white_pixel_is_exactly_scale(tmp_path, scale):
    write_set(tmp_path, "cifar10")
    (tmp_path / "test_batch.bin").write_bytes(b"\0" + b"\xff" * 1536 + b"\0" * 1536)
    split = load("cifar10", scale=scale, folder=tmp_path)
    assert set(np.unique(split.x_test)) == {np.float32(0), np.float32(scale)}
    assert split.scale == scale


def test_fine_labels_are_the_classes_of_cifar_100(tmp_path):
    write_set(tmp_path, "cifar100")
    (tmp_path / "test.bin").write_bytes(bytes([11, 98]) + bytes(3072) + bytes([98, 11]) + bytes(3072))
    split = load("cifar100", folder=tmp_path)
    assert [split.classes[k] for k in split.y_test.argmax(axis=1)] == ["woman", "boy"]


def test_labels_of_imagenet_begin_at_one(tmp_path):
    write_set(tmp_path, "imagenet32")
    (tmp_path / "val_data.npz").write_bytes(npz(data=np.zeros((2, 3072), np.uint8), labels=[1, 1000]))
    split = load("imagenet32", folder=tmp_path)
    assert split.y_test.argmax(axis=1).tolist() == [0, 999]
    assert [split.classes[k] for k in (0, 999)] == ["1", "1000"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_classes_have_names_of_their_own(name):
    classes = SOURCES[name].classes
    assert len(classes) == len(set(classes)) == len(LAYOUTS[name][2])


def test_the_classes_of_cifar_are_the_published_ones():
    assert SOURCES["cifar10"].classes[::3] == ("airplane", "cat", "frog", "truck")
    fine = SOURCES["cifar100"].classes
    assert fine == tuple(sorted(fine))  # the published list is alphabetical
    assert (fine[0], fine[23], fine[58], fine[99]) == ("apple", "cloud", "pickup_truck", "worm")


def test_held_out_images_are_still_images(tmp_path):
    write_set(tmp_path, "cifar10")
    split = load("cifar10", folder=tmp_path)
    assert split.image_shape == (32, 32, 3)
    assert hold_out(split, 3).image_shape == (32, 32, 3)


def test_pixels_are_held_as_float32_once(tmp_path):
    """Beside the result there is at most one file as it was read."""
    write_set(tmp_path, "cifar10", [200] * 6)
    load("cifar10", folder=tmp_path)  # what is imported and kept
    tracemalloc.start()
    try:
        split = load("cifar10", folder=tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    result = sum(array.nbytes for array in (split.x_train, split.y_train, split.x_test, split.y_test))
    assert result == 1200 * (3072 + 10) * 4
    assert peak < result + 200 * 3073 + 2**19


# --- where it is looked for


@pytest.mark.parametrize("name", CIFAR)
@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("", "cache/ebana/{name}"),
        ("data", "data/{name}"),
        ("data", "data/{name}/{published}"),
        ("data", "data/{published}"),
        ("data/{name}", "data/{name}"),
        ("data/{published}", "data/{published}"),
    ],
)
def test_every_usual_place_is_looked_at(tmp_path, monkeypatch, name, variable, place):
    names = {"name": name, "published": FOLDERS[name]}
    if variable:
        monkeypatch.setenv("EBANA_DATA", str(tmp_path / variable.format(**names)))
    write_set(tmp_path / place.format(**names), name)
    assert len(load(name).x_test) == 2


@pytest.mark.parametrize("name", CIFAR)
def test_the_folder_above_the_published_one_may_be_named(tmp_path, name):
    write_set(tmp_path / FOLDERS[name], name, [3] * len(LAYOUTS[name][0] + LAYOUTS[name][1]))
    assert len(load(name, folder=tmp_path).x_test) == 3
    assert len(load(name, folder=str(tmp_path / FOLDERS[name])).x_test) == 3
    write_set(tmp_path, name)
    assert len(load(name, folder=tmp_path).x_test) == 2


def test_the_two_folders_of_imagenet_may_stay_as_they_were_unpacked(tmp_path):
    write_set(tmp_path / "Imagenet32_train_npz", "imagenet32")
    (tmp_path / "Imagenet32_val_npz").mkdir()
    file = tmp_path / "Imagenet32_train_npz" / "val_data.npz"
    file.rename(tmp_path / "Imagenet32_val_npz" / "val_data.npz")
    assert load("imagenet32", folder=tmp_path).x_train.shape == (20, 3072)


def test_files_that_are_nowhere_list_every_place_and_every_way(tmp_path, monkeypatch):
    data = tmp_path / "data"
    monkeypatch.setenv("EBANA_DATA", str(data))
    write_set(data / "cifar10", "cifar10")
    for file in ("data_batch_2.bin", "test_batch.bin"):
        (data / "cifar10" / file).unlink()
    message = refused("cifar10", None, FileNotFoundError)
    for line in (
        f"{data / 'cifar10'}: lacks data_batch_2.bin, test_batch.bin\n",
        f"{tmp_path / 'cache' / 'ebana' / 'cifar10'}: no such",
        "load('cifar10', folder=...)",
        "set EBANA_DATA to",
        "load('cifar10', download=True) fetches 170 MB from https://www.cs.toronto.edu/~kriz/",
    ):
        assert line in message
    assert "apt install" not in message


def test_all_ten_batches_of_imagenet_are_asked_for(tmp_path):
    write_set(tmp_path, "imagenet32")
    (tmp_path / "train_data_batch_7.npz").unlink()
    message = refused("imagenet32", tmp_path, FileNotFoundError)
    assert "lacks train_data_batch_7.npz\n" in message
    assert "sign in at https://image-net.org/download-images" in message
    assert "download=True" not in message


@pytest.mark.parametrize("complete", [True, False])
def test_imagenet_cannot_be_fetched(tmp_path, complete):
    if complete:
        write_set(tmp_path, "imagenet32")
    message = refused("imagenet32", tmp_path, ValueError, download=True)
    assert "'imagenet32' cannot be fetched by a program. Leave out download=" in message
    assert "https://image-net.org/download-images" in message


# --- what is refused


@pytest.mark.parametrize("name", CIFAR)
@pytest.mark.parametrize("change", [-3000, -1, 1, 3072])
def test_files_that_are_no_whole_records_are_refused(tmp_path, name, change):
    write_set(tmp_path, name)
    train, _, _ = LAYOUTS[name]
    length = 3072 + LABELS[name]
    os.truncate(tmp_path / train[-1], 2 * length + change)
    message = refused(name, tmp_path)
    assert f"{train[-1]}: it has {2 * length + change} bytes; expected a multiple of {length}" in message


def test_every_length_is_looked_at_before_anything_is_read(tmp_path, monkeypatch):
    write_set(tmp_path, "cifar10")
    os.truncate(tmp_path / "test_batch.bin", 4000)
    monkeypatch.setattr(np, "fromfile", None)
    assert "test_batch.bin: it has 4000 bytes" in refused("cifar10", tmp_path)


def test_an_empty_file_and_a_folder_are_told_apart(tmp_path):
    write_set(tmp_path, "cifar10")
    file = tmp_path / "data_batch_4.bin"
    file.write_bytes(b"")
    assert "data_batch_4.bin: it is empty" in refused("cifar10", tmp_path)
    file.unlink()
    file.mkdir()
    message = refused("cifar10", tmp_path, IsADirectoryError)
    assert "data_batch_4.bin is a folder. Expected a file of CIFAR's binary version" in message


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("cifar10", 10, "0 to 9"),
        ("cifar10", 255, "0 to 9"),
        ("cifar100", 100, "0 to 99"),
        ("imagenet32", 0, "1 to 1000"),
        ("imagenet32", 1001, "1 to 1000"),
        ("imagenet32", -1, "1 to 1000"),
    ],
)
def test_labels_out_of_range_are_refused(tmp_path, name, wrong, expected):
    written = write_set(tmp_path, name)
    file = LAYOUTS[name][0][-1]
    pixels, labels = written[file]
    (tmp_path / file).write_bytes(content(name, pixels, [labels[0], wrong]))
    assert f"{file}: label number 1 is {wrong}. Expected {expected}" in refused(name, tmp_path)


@pytest.mark.parametrize("count", [9, 11])
def test_files_that_change_in_between_are_refused(tmp_path, monkeypatch, count):
    write_set(tmp_path, "cifar10")
    monkeypatch.setattr(Records, "count", lambda self, paths: count)
    assert f"changed while they were read, from {count} images to 10" in refused("cifar10", tmp_path)


def test_a_file_that_is_cut_while_it_is_read_is_refused(tmp_path, monkeypatch):
    write_set(tmp_path, "cifar10")
    whole = np.fromfile
    monkeypatch.setattr(np, "fromfile", lambda *arguments: whole(*arguments)[:5000])
    assert "data_batch_1.bin: it was cut short, to 5000 bytes" in refused("cifar10", tmp_path)


def test_a_set_beyond_the_memory_is_refused_before_memory_is_taken(tmp_path):
    """A file with a hole, of 307 GB."""
    write_set(tmp_path, "cifar10")
    os.truncate(tmp_path / "data_batch_1.bin", 3073 * 10**8)
    tracemalloc.start()
    try:
        message = refused("cifar10", tmp_path, memory.NotEnoughMemory)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert "'cifar10' takes 1232.8 GB for its 100000010 images" in message


def test_the_published_imagenet_asks_for_what_the_guide_says(monkeypatch, tmp_path):
    write_set(tmp_path, "imagenet32")
    kind = type(SOURCES["imagenet32"].format)
    monkeypatch.setattr(kind, "count", lambda self, paths: 1281167 if len(paths) == 10 else 50000)
    monkeypatch.setattr(memory, "available", lambda: 16e9)
    message = refused("imagenet32", tmp_path, MemoryError)
    assert "takes 21.7 GB for its 1331167 images and their targets, but 16.0 GB" in message


# --- npz files


PIXELS = np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8)


@pytest.fixture
def validation(tmp_path):
    """Sets the validation file of a set of ImageNet, and reads that."""
    write_set(tmp_path, "imagenet32")

    def read(content):
        (tmp_path / "val_data.npz").write_bytes(content)
        return load("imagenet32", folder=tmp_path)

    return read


@pytest.mark.parametrize("labels", [np.array([3, 9], np.uint16), np.array([3, 9], ">i8"), [3, 9]])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressed", [True, False])
def test_every_way_to_save_the_arrays_is_read(validation, labels, order, compressed):
    split = validation(npz(compressed, data=np.array(PIXELS, order=order), labels=labels))
    planes = split.x_test.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2).reshape(2, 3072)
    np.testing.assert_array_equal(np.rint(255 * planes), PIXELS)
    assert split.y_test.argmax(axis=1).tolist() == [2, 8]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"data": PIXELS.astype(np.float32), "labels": [1, 2]}, "2x3072 values of the type float32"),
        ({"data": PIXELS.reshape(2, 3, 32, 32), "labels": [1, 2]}, "'data' holds 2x3x32x32 values"),
        ({"data": PIXELS[:, 1:], "labels": [1, 2]}, "'data' holds 2x3071 values"),
        ({"data": PIXELS, "labels": [1, 2, 3]}, "'labels' holds 3 values"),
        ({"data": PIXELS, "labels": [[1], [2]]}, "'labels' holds 2x1 values"),
        ({"data": PIXELS, "labels": [1.0, 2.0]}, "'labels' holds 2 values of the type float64"),
        ({"data": PIXELS, "labels": [True, False]}, "'labels' holds 2 values of the type bool"),
        ({"data": PIXELS[:, None], "labels": [[1], [2]]}, "'labels' holds 2x1 values"),
        ({"data": PIXELS[0], "labels": 1}, "'data' holds 3072 values"),
        ({"data": PIXELS[:0], "labels": np.zeros(0, int)}, "it holds no images"),
        ({"data": PIXELS}, "it holds no array 'labels'"),
        ({"labels": [1, 2]}, "it holds no array 'data'"),
    ],
)
def test_arrays_of_another_kind_are_refused(validation, arrays, said):
    with pytest.raises(CorruptData, match=rf"val_data.npz: .*{said}"):
        validation(npz(**arrays))


class Malice:
    """Writes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("key", ["labels", "data"])
def test_nothing_is_unpickled(validation, tmp_path, key):
    arrays = {"data": PIXELS, "labels": np.array([1, 2])}
    evil = np.empty(arrays[key].shape, object)
    evil[...] = Malice(tmp_path / "evil")
    with pytest.raises(CorruptData, match=r"val_data.npz: .*"):
        validation(npz(**{**arrays, key: evil}))
    assert not (tmp_path / "evil").exists()


def member(name, content, packing=zipfile.ZIP_STORED):
    """A zip archive with one member."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def announcing(images):
    """An array of one image as an npy file that announces more."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 3072), }" % images
    return b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117) + b"\n" + bytes(3072)


def lying(archive, real, announced):
    """An archive in which a length stands in place of the real one."""
    return archive.replace(real.to_bytes(4, "little"), announced.to_bytes(4, "little"))


MILLION = 128 + 3072 * 10**6


@pytest.mark.parametrize(
    "archive",
    [
        member("data.npy", announcing(10**6)),
        lying(member("data.npy", announcing(10**6), zipfile.ZIP_DEFLATED), 128 + 3072, MILLION),
    ],
)
def test_an_announced_size_takes_no_memory(validation, archive):
    tracemalloc.start()
    try:
        with pytest.raises(CorruptData, match=r"'data' announces 1000000x3072 values"):
            validation(archive)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "no npz file"),
        (npz(data=PIXELS, labels=[1, 2])[:3000], "no npz file"),
        (member("data.npy", b"\x93NUMPY\x01\x00\xff\xff{"), "no npz file"),
        (member("data.npy", b"\x93NUMPY\x03\x00" + bytes(100)), r"npy version \(3, 0\); expected 1.0 or 2.0"),
        (member("data.npy", bytes(9999), zipfile.ZIP_BZIP2), "compressed in a way that NumPy does not"),
    ],
)
def test_damaged_archives_are_refused(validation, content, said):
    with pytest.raises(CorruptData, match=rf"val_data.npz: .*{said}") as caught:
        validation(content)
    assert "download=True" not in str(caught.value)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_flipped_bit_of_the_pixels_is_noticed(validation, compressed):
    whole = bytearray(npz(compressed, data=PIXELS, labels=[1, 2]))
    whole[300] ^= 1
    with pytest.raises(CorruptData, match=r"val_data.npz: it is damaged"):
        validation(bytes(whole))


# --- download


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path / "published") as server:
        yield server


@pytest.fixture
def publish(server, tmp_path, monkeypatch):
    """Has the server publish an archive, that of a small set unless another is given; returns the cache."""
    monkeypatch.setenv("no_proxy", "*")

    def published(name, archive=None):
        if archive is None:
            write_set(tmp_path / "set", name)
            archive = pack(
                (FOLDERS[name], tarfile.DIRTYPE, {}),
                *(
                    (f"{FOLDERS[name]}/{file.name}", file.read_bytes(), {})
                    for file in (tmp_path / "set").iterdir()
                ),
                (f"{FOLDERS[name]}/readme.html", b"<html>", {}),
            )
        server.folder.mkdir(exist_ok=True)
        (server.folder / ARCHIVES[name]).write_bytes(archive)
        real = SOURCES[name]
        item = replace(real.downloads[0], md5=hashlib.md5(archive).hexdigest())
        url = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setitem(SOURCES, name, replace(real, url=url, downloads=(item,)))
        return search_paths.cache(real)

    return published


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", CIFAR)
def test_a_download_is_unpacked_read_and_kept(server, publish, tmp_path, name):
    cache = publish(name)
    assert len(load(name, download=True).x_test) == 2
    assert contents(cache) == contents(tmp_path / "set")
    load(name, download=True)
    load(name)
    assert server.asked == [f"/{ARCHIVES[name]}"]


def test_nothing_is_downloaded_unasked(server, publish):
    cache = publish("cifar10")
    assert "download=True" in refused("cifar10", None, FileNotFoundError)
    assert server.asked == []
    assert not cache.exists()


def test_a_named_folder_is_where_the_files_go(publish, tmp_path):
    cache = publish("cifar10")
    load("cifar10", folder=tmp_path / "new" / "folder", download=True)
    assert contents(tmp_path / "new" / "folder") == contents(tmp_path / "set")
    assert not cache.exists()


def test_files_that_are_there_are_kept(server, publish, tmp_path):
    publish("cifar10")
    own = tmp_path / "own"
    write_set(own / FOLDERS["cifar10"], "cifar10", [4] * 6)
    (own / FOLDERS["cifar10"] / "data_batch_2.bin").unlink()
    assert len(load("cifar10", folder=own, download=True).x_train) == 4 + 2 + 4 + 4 + 4
    assert {path.name for path in own.iterdir()} == {"data_batch_2.bin", FOLDERS["cifar10"]}
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", CIFAR)
@pytest.mark.parametrize("damage", [lambda path: os.truncate(path, 3000), lambda path: path.write_bytes(b"")])
def test_a_damaged_file_alone_is_replaced_where_it_is(server, publish, tmp_path, name, damage):
    publish(name)
    own = tmp_path / "own" / FOLDERS[name]
    files = LAYOUTS[name][0] + LAYOUTS[name][1]
    write_set(own, name, [3] * len(files), seed=1)
    before = contents(own)
    damage(own / files[-1])
    message = refused(name, own.parent)
    assert f"{files[-1]}: " in message
    assert (
        f"load({name!r}, folder=..., download=True) fetches damaged files from {SOURCES[name].url}" in message
    )
    assert server.asked == []
    assert len(load(name, folder=own.parent, download=True).x_test) == 2
    assert contents(own) == {**before, files[-1]: (tmp_path / "set" / files[-1]).read_bytes()}
    assert list(own.parent.iterdir()) == [own]
    assert server.asked == [f"/{ARCHIVES[name]}"]


def test_damage_where_nothing_may_be_written_is_repaired_in_the_cache(publish, tmp_path, monkeypatch):
    cache = publish("cifar10")
    folder = tmp_path / "data" / "cifar10"
    write_set(folder, "cifar10")
    os.truncate(folder / "test_batch.bin", 100)
    monkeypatch.setenv("EBANA_DATA", str(folder.parent))
    monkeypatch.setattr(os, "access", lambda path, _: path != folder)
    assert len(load("cifar10", download=True).x_test) == 2
    assert len(contents(cache)) == 6
    assert (folder / "test_batch.bin").stat().st_size == 100


def test_whole_files_with_wrong_labels_are_left_alone(server, publish, tmp_path):
    """They may be the user's own."""
    publish("cifar10")
    write_set(tmp_path / "own", "cifar10")
    (tmp_path / "own" / "test_batch.bin").write_bytes(bytes([77]) + bytes(3072))
    message = refused("cifar10", tmp_path / "own", download=True)
    assert "label number 0 is 77" in message
    assert "download=True" not in message
    assert server.asked == []


@pytest.mark.parametrize(
    ("manner", "reason"),
    [("other", "its MD5 is"), ("cut", "bytes read, 10 more expected"), ("unavailable", "answers 503")],
)
def test_a_failed_download_leaves_nothing(server, publish, manner, reason):
    cache = publish("cifar100")
    server.manner = manner
    message = refused("cifar100", None, DownloadFailed, download=True)
    assert f"could not download {SOURCES['cifar100'].url}cifar-100-binary.tar.gz: " in message
    assert reason in message
    assert not cache.parent.exists()


RECORD = bytes(3074)
TRAIN, TEST = (f"cifar-100-binary/{file}.bin" for file in ("train", "test"))
WHOLE = ((TRAIN, RECORD, {}), (TEST, RECORD, {}))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (((TRAIN, RECORD, {}),), f"it lacks {TEST}"),
        (((f"{TRAIN}/../train.bin", RECORD, {}), WHOLE[1]), f"it lacks {TRAIN}"),
        (((f"/{TRAIN}", RECORD, {}), WHOLE[1]), f"it lacks {TRAIN}"),
        (((f"../{TRAIN}", RECORD, {}), WHOLE[1]), f"it lacks {TRAIN}"),
        (((TRAIN, tarfile.SYMTYPE, {"linkname": "/etc/passwd"}), WHOLE[1]), f"{TRAIN} is no regular file"),
        (((TRAIN, tarfile.LNKTYPE, {"linkname": TEST}), WHOLE[1]), f"{TRAIN} is no regular file"),
        (((TRAIN, tarfile.DIRTYPE, {}), WHOLE[1]), f"{TRAIN} is no regular file"),
        (((TRAIN, tarfile.CHRTYPE, {}), WHOLE[1]), f"{TRAIN} is no regular file"),
        (((TRAIN, tarfile.FIFOTYPE, {}), WHOLE[1]), f"{TRAIN} is no regular file"),
        ((*WHOLE, WHOLE[0]), f"it holds {TRAIN} twice"),
    ],
)
def test_members_that_are_not_as_published_are_refused(publish, tmp_path, members, reason):
    cache = publish("cifar100", pack(*members))
    message = refused("cifar100", None, DownloadFailed, download=True)
    assert reason in message
    assert not cache.parent.exists()


@pytest.mark.parametrize(
    "unwanted",
    [
        ("../../evil", b"evil", {}),
        ("/tmp/evil", b"evil", {}),
        ("cifar-100-binary", tarfile.SYMTYPE, {"linkname": ".."}),
        ("cifar-100-binary/../../evil", tarfile.LNKTYPE, {"linkname": "/etc/passwd"}),
    ],
)
def test_members_that_are_not_wanted_are_never_written(publish, tmp_path, unwanted):
    cache = publish("cifar100", pack(unwanted, *WHOLE))
    before = {*tmp_path.iterdir(), tmp_path / "cache"}
    assert len(load("cifar100", download=True).x_train) == 1
    assert contents(cache) == {"train.bin": RECORD, "test.bin": RECORD}
    assert set(tmp_path.iterdir()) == before
    assert not any(path.is_symlink() for path in cache.parent.rglob("*"))


def test_names_may_begin_at_the_folder_itself(publish):
    publish("cifar100", pack(*((f"./{name}", *rest) for name, *rest in WHOLE)))
    assert len(load("cifar100", download=True).x_train) == 1


def test_a_sparse_member_takes_no_memory(publish):
    """A member that announces a terabyte of nothing, as GNU tar stores holes."""
    header = tarfile.TarInfo(TRAIN)
    header.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[386:482] = bytes(96)
    block[483:495] = b"%011o\0" % 2**32
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    archive = gzip.compress(bytes(block) + bytes(1024))
    publish("cifar100", archive)
    assert f"{TRAIN} is no regular file" in refused("cifar100", None, DownloadFailed, download=True)


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"<!DOCTYPE html>", "it is damaged"),
        (pack(*WHOLE)[:-20], "it is damaged"),
        (gzip.compress(bytes([7]) * 2000), "it is damaged"),
        (gzip.compress(gzip.decompress(pack(*WHOLE))[:1000]), "it is damaged"),
        (gzip.compress(b""), "it is damaged"),
    ],
    ids=["a page", "cut short", "no archive", "cut short inside", "nothing"],
)
def test_other_content_is_refused(publish, archive, reason):
    cache = publish("cifar100", archive)
    assert reason in refused("cifar100", None, DownloadFailed, download=True)
    assert not cache.parent.exists()


def test_an_archive_is_unfolded_up_to_a_limit(publish, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 2**20)
    publish("cifar100", gzip.compress(bytes(2**26), 1))
    tracemalloc.start()
    try:
        message = refused("cifar100", None, DownloadFailed, download=True)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert f"it unfolds to more than {2**20} bytes" in message
