"""Download of the published files, only where it is asked for.

A file is written once all of it has arrived and its MD5 is the published one: beside its final name, which
it takes when it is on the disk. So whatever has the name is whole, and a failed transfer leaves nothing. Of
an archive the files that are wanted are written in this way; the archive itself is not kept.
"""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ebana.datasets.archives import BadArchive, take_out
from ebana.datasets.sources import Download, Source
from ebana.progress import bar, time_left
from ebana.storage.atomic import write_atomically

TIMEOUT = 30.0
"""Seconds without an answer."""

CHUNK = 2**16
LARGEST = 2**28
"""Bytes; the largest published file has 170 million."""


class DownloadFailed(OSError):
    """A file could not be fetched, or is not the one that was published. Nothing was left on the disk."""


def download(
    source: Source, folder: Path, present: Mapping[str, Path], damaged: Collection[str] = ()
) -> dict[str, Path]:
    """Fetch the files of a set that are not yet there, or damaged.

    Args:
        source: the set; each of ``source.downloads`` of which something is wanted is fetched once.
        folder: where to; made if it is missing, once a file has arrived.
        present: files that are there already, by name.
        damaged: those of them that are fetched again and replaced where they are.

    Returns:
        All files of the set, by name.

    Raises:
        DownloadFailed: without a network, for an error of the server, a transfer that ends early, a wrong
            checksum, or an archive without the files. Files that arrived whole before stay.
        OSError: if a file cannot be written.
    """
    files = dict(present)
    for item in source.downloads:
        wanted = [file for file in item.files if file not in present or file in damaged]
        if wanted:
            folders = {file: present[file].parent if file in present else folder for file in wanted}
            arrived = _arrived(f"{source.url}{item.name}", item, folders)
            for file in wanted:
                if (old := present.get(file, arrived[file])) != arrived[file]:
                    old.unlink()
            files |= arrived
    return files


def fetch(url: str, md5: str, path: Path) -> None:
    """Fetch one file, all or nothing.

    Raises:
        As :func:`download`.
    """
    write_atomically(path, bytes(_published(url, md5)))


def _arrived(url: str, item: Download, folders: Mapping[str, Path]) -> dict[str, Path]:
    """The files of one download, each written to its folder."""
    if item.folder is None:
        paths = {file: folder / item.name for file, folder in folders.items()}
        for path in paths.values():
            fetch(url, item.md5, path)
        return paths
    members = {f"{item.folder}/{file}": file for file in folders}
    content = _published(url, item.md5)
    try:
        contents = take_out(content, members)
    except BadArchive as error:
        raise _failed(url, str(error)) from None
    return {
        file: write_atomically(folders[file] / file, contents[member]) for member, file in members.items()
    }


def _published(url: str, md5: str) -> bytearray:
    """What the server answers, if its MD5 is the published one."""
    content = _transfer(url, url.rpartition("/")[2])
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != md5:
        raise _failed(url, f"its MD5 is {digest}, not the published {md5}")
    return content


def _transfer(url: str, name: str) -> bytearray:
    """All that the server answers."""
    content = bytearray()
    began = time.monotonic()
    with _network(url):
        answer = urllib.request.urlopen(url, timeout=TIMEOUT)
    announced = answer.length
    with answer, bar(name, announced, count=_megabytes) as progress:
        while chunk := _read(answer, url):
            content += chunk
            progress.show(len(content), time_left(time.monotonic() - began, len(content), announced))
            if len(content) > LARGEST:
                raise _failed(url, f"it goes on after {LARGEST} bytes")
    if announced is not None and len(content) < announced:
        raise _failed(url, f"the transfer ended after {len(content)} of {announced} bytes")
    return content


def _read(answer: http.client.HTTPResponse, url: str) -> bytes:
    with _network(url):
        return answer.read(CHUNK)


@contextmanager
def _network(url: str) -> Iterator[None]:
    """Whatever goes wrong on the network is said as :class:`DownloadFailed`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise _failed(url, f"the server answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _failed(url, str(reason) or type(reason).__name__) from None


def _megabytes(done: float, total: float | None) -> str:
    """Both in megabytes, as far as they are known."""
    return f"{done / 1e6:.1f} MB" if total is None else f"{done / 1e6:.1f}/{total / 1e6:.1f} MB"


def _failed(url: str, what: str) -> DownloadFailed:
    return DownloadFailed(
        f"could not download {url}: {what}. Try again later, or get the files elsewhere and give their folder."
    )
