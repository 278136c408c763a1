"""The safe file: bit-exact, atomic, deterministic, and hard to break."""

import builtins
import io
import json
import os
import stat
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ebana.storage import archive as storage
from ebana.storage.archive import CorruptFile, pack, unpack

DTYPES = ["float64", "float32", "int64", "int32", "uint8", "uint32", "bool"]
ARRAYS = {
    "values": {"d1/conductance": np.linspace(1e-7, 1e-3, 12).reshape(3, 4)},
    "state": {"count": np.array(3)},
}

arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def assert_identical(a, b):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()


@given(
    named=st.dictionaries(texts.filter(bool).filter(lambda n: n != "__metadata__"), arrays, max_size=4),
    metadata=st.dictionaries(texts, json_values, max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_round_trip_is_bit_exact(named, metadata):
    found, groups = unpack(pack("model", metadata, {"values": named, "empty": {}}), "model", "memory")
    assert found == metadata
    assert groups["empty"] == {}
    assert groups["values"].keys() == named.keys()
    for name, array in named.items():
        assert_identical(groups["values"][name], array)


@pytest.mark.parametrize(
    "array",
    [
        np.array([np.nan, -0.0, np.inf, 5e-324]),
        np.arange(6.0).reshape(2, 3).T,
        np.arange(12.0).reshape(3, 4)[:, ::2],
        np.arange(5, dtype=">f8"),
        np.zeros((0, 3)),
        np.array(2.5),
        np.float64(2.5),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ],
    ids=["special", "transposed", "strided", "big-endian", "empty", "0-d", "scalar", "fortran"],
)
def test_memory_layout_does_not_matter(tmp_path, array):
    storage.write(tmp_path / "f", "model", {}, {"values": {"a": array}})
    found = storage.read(tmp_path / "f", "model")[1]["values"]["a"]
    assert found.shape == np.shape(array)
    assert found.tobytes() == np.asarray(array).astype(found.dtype).tobytes()


def test_arrays_that_were_read_can_be_written_to(tmp_path):
    storage.write(tmp_path / "f", "model", {}, ARRAYS)
    storage.read(tmp_path / "f", "model")[1]["values"]["d1/conductance"][0, 0] = 1.0


def test_equal_content_gives_equal_bytes():
    turned = {name: dict(reversed(named.items())) for name, named in reversed(ARRAYS.items())}
    assert pack("model", {"a": 1}, ARRAYS) == pack("model", {"a": 1}, turned)


def test_the_file_is_a_zip_of_json_and_safetensors(tmp_path):
    storage.write(tmp_path / "f", "model", {"seed": np.int64(3)}, ARRAYS)
    with zipfile.ZipFile(tmp_path / "f") as archive:
        assert sorted(archive.namelist()) == ["manifest.json", "state.safetensors", "values.safetensors"]
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["format"] == "ebana"
    assert manifest["metadata"] == {"seed": 3}


# -- damage --------------------------------------------------------------------------------------------


def test_every_truncation_is_told():
    content = pack("model", {"a": 1}, ARRAYS)
    for length in range(len(content)):
        with pytest.raises(CorruptFile, match=r"cannot use some\.file"):
            unpack(content[:length], "model", "some.file")


@given(at=st.integers(0, 10**6), value=st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_is_told_or_harmless(at, value):
    content = bytearray(pack("model", {"a": 1}, ARRAYS))
    content[at % len(content)] ^= value
    try:
        metadata, groups = unpack(bytes(content), "model", "f")
    except CorruptFile:
        return
    assert metadata == {"a": 1}
    assert_identical(groups["values"]["d1/conductance"], ARRAYS["values"]["d1/conductance"])


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_noise_is_told(content):
    with pytest.raises(CorruptFile):
        unpack(content, "model", "f")
    with pytest.raises(CorruptFile):
        unpack(b"PK\x03\x04" + content, "model", "f")


def archive(compression=zipfile.ZIP_STORED, **members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def manifest(**changes):
    whole = {"format": "ebana", "version": 1, "kind": "model", "groups": [], "metadata": {}} | changes
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x80\x04\x95 a pickle", "no zip file"),
        (archive(other__txt="x"), "not a file of ebana"),
        (archive(manifest__json="{"), "damaged or cut short"),
        (archive(manifest__json="[1]"), "not a file of ebana"),
        (archive(manifest__json=manifest(format="zip")), "not a file of ebana"),
        (archive(manifest__json=manifest(version=99)), r"version 99, newer than 1. Upgrade ebana"),
        (archive(manifest__json=manifest(kind="history")), r"holds a history. Give the name of a model file"),
        (archive(manifest__json=manifest(groups=["values"])), r"should hold \['values.safetensors'\]"),
        (
            archive(manifest__json=manifest(), extra__safetensors="x"),
            r"holds the parts \['extra.safetensors'\]",
        ),
        (archive(manifest__json=manifest(groups=["v"]), v__safetensors="x"), "arrays cannot be read"),
        (archive(manifest__json=manifest(groups="v")), "list of parts"),
        (archive(manifest__json=manifest(metadata=[])), "description"),
        (archive(zipfile.ZIP_DEFLATED, manifest__json=manifest(), bomb=b"0" * 10**6), "is compressed"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, message):
    path = tmp_path / "model.ebana"
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match=message) as error:
        storage.read(path, "model")
    assert str(path) in str(error.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_occurs_twice_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("manifest.json", manifest())
        file.writestr("manifest.json", manifest(kind="history"))
    with pytest.raises(CorruptFile, match="twice"):
        unpack(buffer.getvalue(), "model", "f")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model file .*nothing"):
        storage.read(tmp_path / "nothing", "model")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        storage.read(tmp_path, "model")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        storage.write(tmp_path, "model", {}, {})


# -- writing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "named", "message"),
    [
        ({}, {"g": {"a": np.array(["x"])}}, r"'g/a' has the dtype"),
        ({}, {"g": {"a": np.array([object()])}}, r"'g/a' has the dtype object"),
        ({}, {"g": {"a": np.array([1j])}}, r"'g/a' has the dtype complex128"),
        ({"f": print}, {}, r"metadata holds <built-in function print>"),
        ({"x": float("nan")}, {}, r"JSON"),
        ({}, {"a/b": {}}, r"group 'a/b'"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_the_old_file_stays(tmp_path, metadata, named, message):
    path = tmp_path / "f"
    storage.write(path, "model", {}, ARRAYS)
    before = path.read_bytes()
    with pytest.raises((TypeError, ValueError), match=message):
        storage.write(path, "model", metadata, named)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("culprit", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, culprit):
    path = tmp_path / "f"
    storage.write(path, "model", {"old": True}, ARRAYS)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, culprit, full)
    with pytest.raises(OSError, match="No space left"):
        storage.write(path, "model", {"new": True}, ARRAYS)
    monkeypatch.undo()
    assert storage.read(path, "model")[0] == {"old": True}
    assert os.listdir(tmp_path) == ["f"]


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    opened = builtins.open

    def half(*args, **options):
        file = opened(*args, **options)
        if "x" in str(args[1:]):
            file = _Full(file)
        return file

    class _Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, content):
            self.file.write(content[:10])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(builtins, "open", half)
    with pytest.raises(OSError, match="No space left"):
        storage.write(tmp_path / "f", "model", {}, ARRAYS)
    assert not os.listdir(tmp_path)


def test_interruption_leaves_the_old_file(tmp_path):
    path = tmp_path / "f"
    storage.write(path, "model", {}, ARRAYS)
    before = path.read_bytes()

    def interrupted():
        with storage.replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["f"]


def test_links_are_followed_and_folders_made(tmp_path):
    target = tmp_path / "deep" / "folder" / "f"
    storage.write(target, "model", {}, {})
    (tmp_path / "link").symlink_to(target)
    storage.write(tmp_path / "link", "model", {"new": 1}, {})
    assert (tmp_path / "link").is_symlink()
    assert storage.read(target, "model")[0] == {"new": 1}


def test_the_users_mask_decides_who_may_read(tmp_path):
    old = os.umask(0o022)
    try:
        storage.write(tmp_path / "f", "model", {}, {})
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o644
