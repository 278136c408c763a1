"""Where the files of an image set are looked for.

In this order: the folder that the user names; ``$EBANA_DATA``, a folder of data sets or of this one; the
user's cache; the folder of Debian's package. A folder counts if all files are in it, or in a folder in it
that has its published name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ebana.datasets.files import PathLike
from ebana.datasets.sources import SOURCES, Source

VARIABLE = "EBANA_DATA"
DEBIAN = Path("/usr/share/datasets")


def find(source: Source, folder: PathLike | None = None) -> dict[str, Path]:
    """The files of a set, by their published names (``source.files``).

    Args:
        source: the set.
        folder: the folder that holds them; None to look in the usual places.

    Raises:
        FileNotFoundError: if they are in none of the places; the message lists these, says what each
            lacks, and how to get the files.
    """
    reasons = []
    for place in places(source, folder):
        found, reason = look(source, place)
        if len(found) == len(source.files):
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


def look(source: Source, place: Path) -> tuple[dict[str, Path], str]:
    """The files of a set that a folder holds, and what keeps it from being the whole set."""
    try:
        folders = {place: _kinds(place)}
    except OSError as error:
        return {}, (error.strerror or str(error)).lower()
    for name in source.folders:
        with suppress(OSError):
            folders[place / name] = _kinds(place / name)
    found = {}
    for file in source.files:
        names = source.format.spellings(file)
        there = [folder / name for folder, kinds in folders.items() for name in names if name in kinds]
        if there:  # a file if there is one, and otherwise a folder for the reader to complain of
            found[file] = min(there, key=lambda path: folders[path.parent][path.name])
    lacking = [_shown(source, file) for file in source.files if file not in found]
    return found, f"lacks {', '.join(lacking)}" if lacking else "complete"


def _kinds(folder: Path) -> dict[str, bool]:
    """What a folder holds, by name: whether it is a folder."""
    with os.scandir(folder) as entries:
        return {entry.name: entry.is_dir() for entry in entries}


def _shown(source: Source, file: str) -> str:
    return f"{file}[.gz]" if f"{file}.gz" in source.format.spellings(file) else file


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
    if source.downloads:
        ways += [f"load({source.name!r}, download=True) fetches {source.megabytes} MB from {source.url}"]
    else:
        ways += [source.by_hand]
    return "\n".join(
        [
            f"the files of data set {source.name!r} are not here. Looked in:",
            *reasons,
            "To get them:",
            *(f"  - {way}" for way in ways),
        ]
    )
