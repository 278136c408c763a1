"""Where the files of an image set are looked for.

In this order: the folder that the user names; ``$EBANA_DATA``, a folder of data sets or of this one; the
user's cache; the folder of Debian's package. A folder counts if all four files are in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ebana.datasets.idx import PathLike
from ebana.datasets.sources import FILES, SOURCES, Source

VARIABLE = "EBANA_DATA"
DEBIAN = Path("/usr/share/datasets")


def spellings(file: str) -> tuple[str, ...]:
    """The names that one of the published files goes by: plain, plain with a dot, compressed."""
    dotted = file.replace("-idx", ".idx")
    return file, dotted, f"{file}.gz", f"{dotted}.gz"


def find(source: Source, folder: PathLike | None = None) -> dict[str, Path]:
    """The four files of a set, by their names in :data:`~ebana.datasets.sources.FILES`.

    Args:
        source: the set.
        folder: the folder that holds them; None to look in the usual places.

    Raises:
        FileNotFoundError: if they are in none of the places; the message lists these, says what each
            lacks, and how to get the files.
    """
    reasons = []
    for place in places(source, folder):
        found, reason = look(place)
        if len(found) == len(FILES):
            return found
        reasons.append(f"  {place}: {reason}")
    raise FileNotFoundError(_nowhere(source, reasons, folder))


def places(source: Source, folder: PathLike | None = None) -> Iterator[Path]:
    """The folders to look in, one after the other; only ``folder`` where that is given."""
    if folder is not None:
        yield Path(folder).expanduser()
        return
    if named := os.environ.get(VARIABLE):
        yield from _of_variable(Path(named).expanduser(), source)
    yield cache(source)
    if source.package:
        yield DEBIAN / source.name


def cache(source: Source) -> Path:
    """The user's folder for a set that was downloaded."""
    return _cache_folder() / "ebana" / source.name


def look(place: Path) -> tuple[dict[str, Path], str]:
    """The files of a set that a folder holds, and what keeps it from being the whole set."""
    try:
        with os.scandir(place) as entries:
            kinds = {entry.name: entry.is_dir() for entry in entries}
    except OSError as error:
        return {}, (error.strerror or str(error)).lower()
    found = {}
    for file in FILES:
        there = [name for name in spellings(file) if name in kinds]
        if there:  # a file if there is one, and otherwise a folder for the reader to complain of
            found[file] = place / min(there, key=lambda name: kinds[name])
    lacking = [f"{file}[.gz]" for file in FILES if file not in found]
    return found, f"lacks {', '.join(lacking)}" if lacking else "complete"


def _of_variable(folder: Path, source: Source) -> Iterator[Path]:
    """Below ``$EBANA_DATA``, or that folder itself unless its name says that it holds another set."""
    yield folder / source.name
    if folder.name == source.name or folder.name not in SOURCES:
        yield folder


def _cache_folder() -> Path:
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():  # the specification has relative ones ignored
        return chosen
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path.home() / ".cache"


def _nowhere(source: Source, reasons: list[str], folder: PathLike | None) -> str:
    ways = [f"give their folder, as in load({source.name!r}, folder=...)"]
    ways += [f"set {VARIABLE} to their folder, or to one with a folder {source.name!r} in it"] * (not folder)
    ways += [f"on Debian and Ubuntu: apt install {source.package}"] * bool(source.package)
    ways += [f"load({source.name!r}, download=True) fetches {source.megabytes} MB from {source.url}"]
    return "\n".join(
        [
            f"the four files of data set {source.name!r} are not here. Looked in:",
            *reasons,
            "To get them:",
            *(f"  - {way}" for way in ways),
        ]
    )
