"""IDX files are read exactly, and whatever is wrong with one is said with its name."""

import gzip
import io
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ebana.datasets import CorruptData, read_idx
from ebana.datasets.idx import read_header
from helpers.idx_files import CODES, idx_bytes, write_idx

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def damaged(path, content):
    path.write_bytes(content)
    with pytest.raises(CorruptData) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["images", "images.gz"])
@pytest.mark.parametrize("dtype", CODES)
def test_every_type_is_read_back_in_the_byte_order_of_the_machine(tmp_path, name, dtype):
    array = (IMAGES.astype(np.int64) - 7).astype(dtype)
    read = read_idx(write_idx(tmp_path / name, array))
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(read, array)


@given(
    array=hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.float64]),
        hnp.array_shapes(max_dims=5, min_side=0),
        elements=st.integers(0, 100),
    ),
    packed=st.booleans(),
)
def test_what_is_written_is_what_is_read(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / f"a{'.gz' * packed}"
    read = read_idx(write_idx(path, array))
    assert read.shape == array.shape
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("shape", [(0, 2**32 - 1, 2**32 - 1), (2**32 - 1, 0), (*[2**31] * 31, 0)])
def test_a_dimension_of_zero_beside_huge_ones_is_said(tmp_path, shape):
    path = tmp_path / "images"
    path.write_bytes(bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes())
    for read in (read_idx, read_header):
        with pytest.raises(CorruptData, match=r"images: it announces .*one of its dimensions is zero"):
            read(path)


def test_content_decides_whether_a_file_is_compressed(tmp_path):
    (tmp_path / "plain.gz").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "packed").write_bytes(gzip.compress(idx_bytes(IMAGES)))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz"), IMAGES)
    np.testing.assert_array_equal(read_idx(str(tmp_path / "packed")), IMAGES)


def test_the_header_is_read_without_the_values(tmp_path):
    header = read_header(write_idx(tmp_path / "images.gz", IMAGES))
    assert header.shape == (3, 4, 5)
    assert header.dtype == np.uint8


def test_an_array_can_be_written_to(tmp_path):
    array = read_idx(write_idx(tmp_path / "images", IMAGES))
    array += 1
    np.testing.assert_array_equal(array, IMAGES + 1)


def test_an_empty_file_is_refused(tmp_path):
    assert "is empty" in damaged(tmp_path / "f", b"")


@pytest.mark.parametrize("length", [1, 3, 4, 7, 15])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_cut_short_within_its_header_is_refused(tmp_path, length, pack):
    assert "within its first bytes" in damaged(tmp_path / "f", pack(idx_bytes(IMAGES)[:length]))


def test_a_plain_file_cut_short_says_both_lengths(tmp_path):
    message = damaged(tmp_path / "f", idx_bytes(IMAGES)[:-1])
    assert "it is cut short: it announces 3x4x5 values of the type uint8, 76 bytes, but has 75" in message
    assert message.endswith("Copy or download the file again.")


def test_a_compressed_content_cut_short_says_both_lengths(tmp_path):
    assert "60 bytes, but holds 59" in damaged(tmp_path / "f.gz", gzip.compress(idx_bytes(IMAGES)[:-1]))


def test_every_truncation_of_a_compressed_file_is_refused(tmp_path):
    content = gzip.compress(idx_bytes(IMAGES))
    for length in range(len(content)):
        damaged(tmp_path / "f.gz", content[:length])


def test_a_flipped_bit_of_a_compressed_file_never_passes_for_other_values(tmp_path):
    """Either it is refused, or the bit plays no role: a date, or padding behind the last code."""
    path, refused = tmp_path / "f.gz", 0
    content = gzip.compress(idx_bytes(IMAGES))
    for bit in range(8 * len(content)):
        wrong = bytearray(content)
        wrong[bit // 8] ^= 1 << bit % 8
        path.write_bytes(wrong)
        try:
            np.testing.assert_array_equal(read_idx(path), IMAGES)
        except CorruptData:
            refused += 1
    assert refused > 8 * (len(content) - 10)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_bytes_after_the_end_are_refused(tmp_path, pack):
    assert "bytes after its end" in damaged(tmp_path / "f", pack(idx_bytes(IMAGES) + b"\0"))


def test_bytes_after_the_compressed_content_are_refused(tmp_path):
    content = gzip.compress(idx_bytes(IMAGES))
    assert "damaged" in damaged(tmp_path / "f.gz", content + b"more")
    assert "after its end" in damaged(tmp_path / "f.gz", content + gzip.compress(b"more"))


def test_another_format_is_refused_with_what_it_begins_with(tmp_path):
    message = damaged(tmp_path / "f", b"<!DOCTYPE html>")
    assert "begins with the bytes 3c 21 44 4f; expected 00 00" in message
    assert "Give the name of an IDX file" in message


@pytest.mark.parametrize("code", [0x00, 0x07, 0x0A, 0x0F, 0xFF])
def test_an_unknown_type_is_refused(tmp_path, code):
    content = bytearray(idx_bytes(IMAGES))
    content[2] = code
    assert f"data type {code:02x}; expected one of 08, 09" in damaged(tmp_path / "f", bytes(content))


@pytest.mark.parametrize("count", [0, 33, 255])
def test_a_number_of_dimensions_that_no_array_has_is_refused(tmp_path, count):
    content = bytes([0, 0, 8, count]) + bytes(4 * count)
    assert f"{count} dimensions; expected 1 to 32" in damaged(tmp_path / "f", content)


@pytest.mark.parametrize("shape", [(2**32 - 1, 28, 28), (2**32 - 1,) * 32, (1, 2**30)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_absurd_dimensions_take_no_memory(tmp_path, shape, pack):
    content = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + bytes(1000)
    tracemalloc.start()
    try:
        message = damaged(tmp_path / "f", pack(content))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert "announces" in message


def test_nothing_is_unpacked_beyond_the_announced_length(tmp_path):
    """A file with much behind what it announces: a small piece of that is unpacked, and no more."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as file:
        file.write(idx_bytes(IMAGES))
        for _ in range(16):
            file.write(bytes(2**24))
    content = buffer.getvalue()
    tracemalloc.start()
    try:
        assert "bytes after its end" in damaged(tmp_path / "f.gz", content)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_missing_file_a_folder_and_a_pipe_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere.*Check the name"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match=r"is a folder. Expected an IDX file"):
        read_idx(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorruptData, match="no regular file"):
        read_idx(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read_says_so(tmp_path):
    path = write_idx(tmp_path / "f", IMAGES)
    path.chmod(0)
    with pytest.raises(PermissionError, match=r"f may not be read.*chmod"):
        read_idx(path)


def test_a_refusal_to_read_says_what_to_do(tmp_path, monkeypatch):
    """As the test before, for the superuser too: the refusal is simulated."""
    path = write_idx(tmp_path / "f", IMAGES)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(PermissionError, match=r"f may not be read.*chmod"):
        read_idx(path)
