"""Download of the published files, only where it is asked for.

A file is written beside its final name and takes that name once its length and its MD5 are the published
ones, so whatever has the name is whole.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ebana.datasets.sources import FILES, Source

TIMEOUT = 30.0
"""Seconds without an answer."""

CHUNK = 2**16
LARGEST = 100 * 2**20
"""Bytes; the largest published file has 26 million."""


class DownloadFailed(OSError):
    """A file could not be fetched, or is not the one that was published. Nothing was left on the disk."""


def download(source: Source, folder: Path, present: Mapping[str, Path]) -> None:
    """Fetch the files of a set that are not yet in a folder.

    Args:
        source: the set; each file is fetched from ``source.url`` and compared with ``source.md5``.
        folder: where to; made if it is missing.
        present: files that are there already, by name.

    Raises:
        DownloadFailed: without a network, for an error of the server, a transfer that ends early, or a wrong
            checksum. Files that arrived whole before stay.
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _progress() as progress:
        for file, md5 in zip(FILES, source.md5, strict=True):
            if file not in present:
                fetch(f"{source.url}{file}.gz", md5, folder / f"{file}.gz", progress)


def fetch(url: str, md5: str, path: Path, progress: Any) -> None:
    """Fetch one file, all or nothing; ``progress`` is a :class:`rich.progress.Progress`.

    Raises:
        As :func:`download`.
    """
    with _beside(path) as file:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                digest = _transfer(answer, file, progress.add_task(path.name, total=answer.length), progress)
        except urllib.error.HTTPError as error:
            error.close()
            raise _failed(url, f"the server answers {error.code} {error.reason}") from None
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            raise _failed(url, str(getattr(error, "reason", error)) or type(error).__name__) from None
        if digest != md5:
            raise _failed(url, f"its MD5 is {digest}, not the published {md5}")


def _transfer(answer: http.client.HTTPResponse, file: IO[bytes], task: Any, progress: Any) -> str:
    """Copy an answer into a file; its MD5."""
    digest, done, announced = hashlib.md5(usedforsecurity=False), 0, answer.length
    while chunk := answer.read(CHUNK):
        file.write(chunk)
        digest.update(chunk)
        done += len(chunk)
        progress.update(task, completed=done)
        if done > LARGEST:
            raise _failed(answer.url, f"it goes on after {LARGEST} bytes")
    if announced is not None and done < announced:
        raise _failed(answer.url, f"the transfer ended after {done} of {announced} bytes")
    return digest.hexdigest()


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    """A file to write in the same folder, renamed to ``path`` at the end and removed on any failure."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _progress() -> Any:
    """A bar for each file where standard error is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _failed(url: str | None, what: str) -> DownloadFailed:
    return DownloadFailed(
        f"could not download {url}: {what}. Try again later, or get the files elsewhere and give their folder."
    )
