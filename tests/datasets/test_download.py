"""Downloads come whole or not at all. The server is a small one of our own."""

import errno
import hashlib
import http.client
import os
import ssl
from dataclasses import replace

import pytest

from ebana.datasets import CorruptData, DownloadFailed, load, read_idx, search_paths
from ebana.datasets import download as downloads
from ebana.datasets.sources import FILES, MNIST, SOURCES
from ebana.progress import Silent
from helpers.file_server import serving
from helpers.idx_files import write_idx, write_set


@pytest.fixture
def server(tmp_path):
    with serving(write_set(tmp_path / "published")) as server:
        yield server


@pytest.fixture
def cached(server, tmp_path, monkeypatch):
    """The folder that downloads go to, with ``mnist`` published by the server."""
    monkeypatch.delenv("EBANA_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    downloads = tuple(
        replace(item, md5=hashlib.md5((server.folder / item.name).read_bytes()).hexdigest())
        for item in MNIST.downloads
    )
    source = replace(MNIST, url=f"http://127.0.0.1:{server.server_port}/", downloads=downloads)
    monkeypatch.setitem(SOURCES, "mnist", source)
    return search_paths.cache(source)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_download_is_read_and_kept(server, cached):
    assert load("mnist", download=True).x_train.shape == (200, 784)
    assert files(cached) == sorted(f"{file}.gz" for file in FILES)
    for name in files(cached):
        assert (cached / name).read_bytes() == (server.folder / name).read_bytes()
    load("mnist", download=True)
    load("mnist")
    assert len(server.asked) == 4


def test_nothing_is_downloaded_unasked(server, cached):
    with pytest.raises(FileNotFoundError, match="download=True"):
        load("mnist")
    assert server.asked == []
    assert not cached.exists()


def test_a_named_folder_is_where_it_goes(server, cached, tmp_path):
    load("mnist", folder=tmp_path / "new" / "folder", download=True)
    assert len(files(tmp_path / "new" / "folder")) == 4
    assert not cached.exists()


def test_files_that_are_there_are_not_fetched_again(server, cached):
    cached.mkdir(parents=True)
    name = f"{FILES[0]}.gz"
    (cached / name).write_bytes((server.folder / name).read_bytes())
    load("mnist", download=True)
    assert server.asked == [f"/{file}.gz" for file in FILES[1:]]


def test_an_answer_without_a_length_is_as_good(server, cached):
    server.manner = "without length"
    assert load("mnist", download=True).x_train.shape == (200, 784)


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("other", "its MD5 is .*, not the published"),
        ("cut", "IncompleteRead.*bytes read, 10 more expected"),
        ("chunked and cut", "IncompleteRead"),
        ("unavailable", "the server answers 503 Server Error: Service Unavailable"),
        ("rude", "what"),
    ],
)
def test_a_failed_download_leaves_no_file(server, cached, manner, reason):
    server.manner = manner
    with pytest.raises(DownloadFailed, match=rf"could not download http://.*{reason}(.|\n)*Try again later"):
        load("mnist", download=True)
    assert not cached.parent.exists()


def test_a_server_that_does_not_stop_is_stopped(server, cached, monkeypatch):
    server.manner = "without length"
    monkeypatch.setattr(downloads, "LARGEST", 1000)
    with pytest.raises(DownloadFailed, match="it goes on after 1000 bytes"):
        load("mnist", download=True)
    assert not cached.parent.exists()


def test_a_server_that_is_not_there_is_named(cached, monkeypatch):
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], url="http://127.0.0.1:1/"))
    with pytest.raises(DownloadFailed, match=r"http://127.0.0.1:1/train-images.*refused"):
        load("mnist", download=True)
    assert not cached.parent.exists()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"),
        (ssl.SSLError("bad record mac"), "bad record mac"),
        (http.client.IncompleteRead(b"1234"), "IncompleteRead"),
        (TimeoutError(), "Read timed out"),
    ],
)
def test_a_network_that_breaks_in_mid_transfer_is_a_failed_download(cached, monkeypatch, error, reason):
    read, calls = http.client.HTTPResponse.read, []

    def breaks(answer, amount=None):
        calls.append(amount)
        if len(calls) > 1:
            raise error
        return read(answer, 100)

    monkeypatch.setattr(http.client.HTTPResponse, "read", breaks)
    with pytest.raises(DownloadFailed, match=rf"could not download http://.*{reason}(.|\n)*Try again later"):
        load("mnist", download=True)
    assert not cached.parent.exists()


def test_a_full_disk_is_said_of_the_file_not_of_the_network(cached, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ebana.storage.atomic.os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*train-images-idx3-ubyte.gz'") as caught:
        load("mnist", download=True)
    assert not isinstance(caught.value, DownloadFailed)
    assert files(cached) == []


def test_an_interruption_leaves_no_file(server, cached, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Silent, "show", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load("mnist", download=True)
    assert not cached.parent.exists()


def test_a_failure_keeps_the_file_that_was_there(server, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    server.manner = "other"
    url = f"http://127.0.0.1:{server.server_port}/{FILES[1]}.gz"
    with pytest.raises(DownloadFailed):
        downloads.fetch(url, "0" * 32, path)
    assert path.read_text() == "old"
    assert not list(tmp_path.glob(".file*"))


# --- repair of damaged files


def cut(path, content):
    path.write_bytes(content[:-20])


def flipped(path, content):
    at = len(content) - 6  # in the checksum
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def another_format(path, _):
    path.write_bytes(b"<!DOCTYPE html>")


def empty(path, _):
    path.write_bytes(b"")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", [cut, flipped, another_format, empty])
def test_a_damaged_file_alone_is_fetched_again(server, cached, damage, file):
    load("mnist", download=True)
    server.asked.clear()
    damage(cached / f"{file}.gz", (cached / f"{file}.gz").read_bytes())
    with pytest.raises(CorruptData, match=rf"{file}.gz.* load\('mnist', download=True\) fetches") as caught:
        load("mnist")
    assert "folder=" not in str(caught.value)
    assert server.asked == []
    assert load("mnist", download=True).x_train.shape == (200, 784)
    assert server.asked == [f"/{file}.gz"]
    assert files(cached) == sorted(f"{file}.gz" for file in FILES)
    load("mnist")


def test_an_unpacked_file_that_is_damaged_gives_way_to_the_published_one(server, cached, tmp_path):
    folder = write_set(tmp_path / "own", suffix="")
    labels = folder / FILES[1]
    cut(labels, labels.read_bytes())
    with pytest.raises(
        CorruptData, match=r"load\('mnist', folder=..., download=True\) fetches damaged files"
    ):
        load("mnist", folder=folder)
    assert load("mnist", folder=folder, download=True).x_train.shape == (200, 784)
    assert server.asked == [f"/{FILES[1]}.gz"]
    assert files(folder) == sorted([FILES[0], f"{FILES[1]}.gz", *FILES[2:]])
    assert not cached.exists()


def test_damage_in_a_set_that_lacks_a_file_is_repaired_too(server, cached):
    load("mnist", download=True)
    (cached / f"{FILES[2]}.gz").unlink()
    cut(cached / f"{FILES[0]}.gz", (cached / f"{FILES[0]}.gz").read_bytes())
    assert load("mnist", download=True).x_train.shape == (200, 784)


def test_damage_where_nothing_may_be_written_is_repaired_in_the_cache(server, cached, tmp_path, monkeypatch):
    folder = write_set(tmp_path / "data" / "mnist")
    monkeypatch.setenv("EBANA_DATA", str(folder.parent))
    monkeypatch.setattr(os, "access", lambda path, _: path != folder)
    empty(folder / f"{FILES[3]}.gz", b"")
    assert load("mnist", download=True).x_test.shape == (50, 784)
    assert len(files(cached)) == 4
    assert (folder / f"{FILES[3]}.gz").read_bytes() == b""
    server.asked.clear()
    load("mnist", download=True)
    assert server.asked == []


def test_a_repair_that_fails_keeps_the_damaged_file(server, cached):
    load("mnist", download=True)
    labels = cached / f"{FILES[1]}.gz"
    cut(labels, labels.read_bytes())
    server.manner, before = "cut", labels.read_bytes()
    with pytest.raises(DownloadFailed):
        load("mnist", download=True)
    assert labels.read_bytes() == before
    assert len(files(cached)) == 4


def test_whole_files_that_do_not_fit_are_left_alone(server, cached, tmp_path):
    """They may be the user's own."""
    folder = write_set(tmp_path / "own", test=50)
    write_idx(folder / f"{FILES[3]}.gz", read_idx(folder / f"{FILES[3]}.gz")[:-1])
    for download in (False, True):
        with pytest.raises(CorruptData, match=r"50 images, but .* 49 labels") as caught:
            load("mnist", folder=folder, download=download)
        assert "download=True" not in str(caught.value)
    assert server.asked == []


def test_published_checksums_are_written_as_such():
    sums = [item.md5 for source in SOURCES.values() for item in source.downloads]
    assert len(set(sums)) == 14
    assert all(len(md5) == 32 and int(md5, 16) for md5 in sums)


def test_progress_is_shown_on_a_terminal(server, cached, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    load("mnist", download=True)
    shown = capsys.readouterr()
    assert "train-images-idx3-ubyte.gz" in shown.err
    assert shown.out == ""


def test_progress_is_silent_elsewhere(server, cached, capsys):
    load("mnist", download=True)
    assert capsys.readouterr() == ("", "")
