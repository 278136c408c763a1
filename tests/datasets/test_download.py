"""Downloads come whole or not at all. The server is a small one of our own."""

import hashlib
import threading
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rich.progress import Progress

from ebana.datasets import DownloadFailed, load, places
from ebana.datasets import download as downloads
from ebana.datasets.sources import FILES, MNIST, SOURCES
from idx_files import write_set


class Answers(BaseHTTPRequestHandler):
    """Serves the files of a folder, in the way that ``server.manner`` says."""

    def do_GET(self):
        self.server.asked.append(self.path)
        content = (self.server.folder / self.path.lstrip("/")).read_bytes()
        manner = self.server.manner
        if manner == "unavailable":
            self.send_error(503)
            return
        if manner == "rude":
            self.wfile.write(b"what?\r\n")
            return
        self.send_response(200)
        if manner == "chunked and cut":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"ffff\r\n" + content[:100])
            return
        if manner != "without length":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write({"cut": content[:-10], "other": content[::-1]}.get(manner, content))

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.folder, server.manner, server.asked = write_set(tmp_path / "published"), "", []
        thread = threading.Thread(target=partial(server.serve_forever, 0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cached(server, tmp_path, monkeypatch):
    """The folder that downloads go to, with ``mnist`` published by the server."""
    monkeypatch.delenv("EBANA_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    md5 = tuple(hashlib.md5((server.folder / f"{file}.gz").read_bytes()).hexdigest() for file in FILES)
    source = replace(MNIST, url=f"http://127.0.0.1:{server.server_port}/", md5=md5)
    monkeypatch.setitem(SOURCES, "mnist", source)
    return places.cache(source)


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
        ("cut", "the transfer ended after .* of .* bytes"),
        ("chunked and cut", "IncompleteRead"),
        ("unavailable", "the server answers 503 Service Unavailable"),
        ("rude", "what"),
    ],
)
def test_a_failed_download_leaves_no_file(server, cached, manner, reason):
    server.manner = manner
    with pytest.raises(DownloadFailed, match=rf"could not download http://.*{reason}(.|\n)*Try again later"):
        load("mnist", download=True)
    assert files(cached) == []


def test_a_server_that_does_not_stop_is_stopped(server, cached, monkeypatch):
    server.manner = "without length"
    monkeypatch.setattr(downloads, "LARGEST", 1000)
    with pytest.raises(DownloadFailed, match="it goes on after 1000 bytes"):
        load("mnist", download=True)
    assert files(cached) == []


def test_a_server_that_is_not_there_is_named(cached, monkeypatch):
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], url="http://127.0.0.1:1/"))
    with pytest.raises(DownloadFailed, match=r"http://127.0.0.1:1/train-images.*refused"):
        load("mnist", download=True)
    assert files(cached) == []


def test_an_interruption_leaves_no_file(server, cached, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load("mnist", download=True)
    assert files(cached) == []


def test_a_failure_keeps_the_file_that_was_there(server, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    server.manner = "other"
    url = f"http://127.0.0.1:{server.server_port}/{FILES[1]}.gz"
    with Progress(disable=True) as progress, pytest.raises(DownloadFailed):
        downloads.fetch(url, "0" * 32, path, progress)
    assert path.read_text() == "old"
    assert not list(tmp_path.glob(".file*"))


def test_published_checksums_are_written_as_such():
    sums = [md5 for source in SOURCES.values() for md5 in source.md5]
    assert len(set(sums)) == 12
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
