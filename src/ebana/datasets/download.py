"""Download of the published files, only where it is asked for.

A file is written once all of it has arrived and its MD5 is the published one: beside its final name, which
it takes when it is on the disk. So whatever has the name is whole, and a failed transfer leaves nothing. Of
an archive the files that are wanted are written in this way; the archive itself is not kept.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pooch
import requests
import urllib3

from ebana.datasets.archives import BadArchive, take_out
from ebana.datasets.files import DownloadFailed
from ebana.datasets.sources import Download, Source
from ebana.progress import Bar, bar, time_left
from ebana.storage.atomic import write_atomically

TIMEOUT = 30.0
"""Seconds without an answer."""

CHUNK = 2**16
LARGEST = 2**28
"""Bytes; the largest published file has 170 million."""


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
    write_atomically(path, _published(url, md5))


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


def _published(url: str, md5: str) -> bytes:
    """What the server answers, if its MD5 is the published one."""
    content = _Content(url)
    with (
        bar(url.rpartition("/")[2], None, count=_megabytes) as progress,
        ExitStack() as answers,
        _network(url),
    ):
        options = {"chunk_size": CHUNK, "timeout": TIMEOUT, "hooks": {"response": _closing(answers)}}
        shown: Any = _Shown(progress)  # the downloader takes any such object, and is annotated for its own
        pooch.HTTPDownloader(progressbar=shown, **options)(url, content, None)
    digest = hashlib.md5(content.getvalue(), usedforsecurity=False).hexdigest()
    if digest != md5:
        raise _failed(url, f"its MD5 is {digest}, not the published {md5}")
    return content.getvalue()


def _closing(answers: ExitStack) -> Callable[..., None]:
    """Makes each answer end with the others: the downloader leaves them open where it fails."""

    def hook(answer: requests.Response, **_: Any) -> None:
        answers.callback(answer.close)

    return hook


class _Content(io.BytesIO):
    """What arrives of a file, up to a size that no published one has."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def write(self, data: Any) -> int:
        """Keep a part.

        Raises:
            DownloadFailed: for a server that does not stop.
        """
        if self.tell() + len(data) > LARGEST:
            raise _failed(self.url, f"it goes on after {LARGEST} bytes")
        return super().write(data)


class _Shown:
    """Our bar, driven as the downloader drives one of tqdm's."""

    def __init__(self, progress: Bar) -> None:
        self.progress, self.done, self.total, self.began = progress, 0, 0, time.monotonic()

    def update(self, more: int) -> None:
        """So many bytes more."""
        self.done += more
        total = self.total or None
        self.progress.show(self.done, time_left(time.monotonic() - self.began, self.done, total))

    def reset(self) -> None:
        """Begin again; the whole follows."""
        self.done = 0

    def close(self) -> None:
        """Nothing is left open: the bar is closed by whoever opened it."""


@contextmanager
def _network(url: str) -> Iterator[None]:
    """Whatever goes wrong on the network is said as :class:`DownloadFailed`."""
    try:
        yield
    except DownloadFailed:
        raise
    except requests.HTTPError as error:  # "503 Server Error: Service Unavailable for url: ..."
        raise _failed(url, f"the server answers {str(error).partition(' for url')[0]}") from None
    except (OSError, http.client.HTTPException) as error:  # those of requests and urllib3 are OSErrors
        raise _failed(url, _reason(error)) from None


def _reason(error: BaseException) -> str:
    """What an error says that others carry about."""
    while True:
        if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
            error = error.reason
        elif error.args and isinstance(error.args[0], BaseException):
            error = error.args[0]
        else:
            break
    if not isinstance(error, urllib3.exceptions.HTTPError):
        return str(error) or type(error).__name__
    parts: list[str] = []
    for part in map(str, error.args):
        if not any(part in before for before in parts):  # they quote each other
            parts.append(part.strip().rstrip("."))
    return ": ".join(parts) or type(error).__name__


def _megabytes(done: float, total: float | None) -> str:
    """Both in megabytes, as far as they are known."""
    return f"{done / 1e6:.1f} MB" if total is None else f"{done / 1e6:.1f}/{total / 1e6:.1f} MB"


def _failed(url: str, what: str) -> DownloadFailed:
    return DownloadFailed(
        f"could not download {url}: {what}. Try again later, or get the files elsewhere and give their folder."
    )
