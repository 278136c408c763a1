"""The one file format: a zip of ``manifest.json`` and ``<group>.safetensors`` files.

Reading a file runs no code. Members are stored as they are, not compressed, so a file cannot unfold into
more than its own size. Writing is atomic: the file appears complete, or the old one stays. Equal content
gives equal bytes.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ebana.storage.atomic import replacing
from ebana.storage.described import CorruptFile, corrupt
from ebana.storage.files import NotRegular, read_regular

FORMAT = "ebana"
VERSION = 1
MANIFEST = "manifest.json"
SUFFIX = ".safetensors"
LARGEST_MANIFEST = 64 * 1024**2
"""Bytes; a longer description is refused."""

DEEPEST = 64
"""Levels of lists and names within each other; a deeper description is refused, so that walking it ends."""

DTYPES = frozenset(
    [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    + ["bool", "float16", "float32", "float64"]
)

Arrays = dict[str, dict[str, np.ndarray]]
PathLike = str | os.PathLike[str]


def write(
    path: PathLike, kind: str, metadata: Mapping[str, Any], arrays: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write a file, all or nothing.

    Args:
        path: name of the file, used exactly as given; missing folders are made.
        kind: what the file holds, such as ``"model"``; :func:`read` asks for it.
        metadata: anything that JSON can hold; NumPy numbers are turned into plain ones.
        arrays: groups of arrays by name, kept bit for bit with their dtypes and shapes.

    Raises:
        TypeError, ValueError: for metadata or arrays that cannot be kept.
        OSError: if the disk is full or the folder cannot be written; the old file stays.
    """
    content = pack(kind, metadata, arrays)
    with replacing(path) as file:
        file.write(content)


def read(path: PathLike, kind: str) -> tuple[dict[str, Any], Arrays]:
    """Read a file written by :func:`write`.

    Args:
        path: name of the file.
        kind: the kind that is expected.

    Returns:
        The metadata, and the groups of arrays by name, names in alphabetical order.

    Raises:
        FileNotFoundError: if there is no such file.
        IsADirectoryError: for a folder.
        CorruptFile: if it is damaged, no regular file, of another kind or of a newer version; the message tells
            which.
    """
    return unpack(read_content(path, kind), kind, str(Path(path)))


def read_content(path: PathLike, kind: str) -> bytes:
    """The bytes of a file, for :func:`unpack`.

    Raises:
        As :func:`read`.
    """
    where = Path(path)
    try:
        return read_regular(where)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no {kind} file {where}. Check the name and the folder.") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{where} is a folder. Expected a {kind} file.") from None
    except NotRegular as error:
        raise CorruptFile(f"{error} Give the name of a {kind} file.") from None


def pack(kind: str, metadata: Mapping[str, Any], arrays: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The bytes of a file."""
    members = {f"{group}{SUFFIX}": _tensors(group, named) for group, named in sorted(arrays.items())}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "groups": sorted(arrays),
        "metadata": dict(metadata),
    }
    text = json.dumps(manifest, indent=1, allow_nan=False, default=_plain).encode()
    decode(text)  # what cannot be read again is not written
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {MANIFEST: text, **members}.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's own date, 1980: equal bytes
    return buffer.getvalue()


def unpack(content: bytes, kind: str, source: str) -> tuple[dict[str, Any], Arrays]:
    """The inverse of :func:`pack`; ``source`` names the file in messages."""
    members = _members(content, source)
    try:
        manifest = decode(members.pop(MANIFEST, b"null"))
    except ValueError as error:
        raise _damaged(source, str(error)) from error
    _check_manifest(manifest, kind, source)
    wanted = {f"{group}{SUFFIX}": group for group in manifest["groups"]}
    if set(wanted) != set(members):
        raise corrupt(source, f"it holds the parts {sorted(members)} but should hold {sorted(wanted)}")
    return manifest["metadata"], {group: _arrays(members[name], source) for name, group in wanted.items()}


def decode(text: bytes) -> Any:
    """A description out of its bytes, in time and memory bounded by their number.

    Raises:
        ValueError: for text that is no JSON, too deep, with a name twice, NaN, infinity or half a character.
    """
    if len(text) > LARGEST_MANIFEST:
        raise ValueError("its description is too long")
    if _nesting(text) > DEEPEST:
        raise ValueError(f"its description is nested deeper than {DEEPEST} levels")
    value = json.loads(text.decode("utf-8"), object_pairs_hook=_no_name_twice, parse_constant=_no_constant)
    _check_leaves(value)
    return value


_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_HALVES = re.compile("[\ud800-\udfff]")


def _nesting(text: bytes) -> int:
    """Levels of brackets outside of strings."""
    codes = np.frombuffer(_STRINGS.sub(b"", text), np.uint8)
    steps = np.isin(codes, (ord("["), ord("{"))).astype(np.int32) - np.isin(codes, (ord("]"), ord("}")))
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice in its description")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"its description holds {text}, which is no JSON")


def _check_leaves(value: Any) -> None:
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting.extend(found)
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, str) and _HALVES.search(found):
            raise ValueError(f"its description holds half a character in {found[:40]!a}")
        elif isinstance(found, float) and not np.isfinite(found):
            raise ValueError("its description holds a number beyond float64")


def _arrays(content: bytes, source: str) -> dict[str, np.ndarray]:
    with _library(source, "its arrays cannot be read"):
        found = load_tensors(content)
    for name, array in found.items():
        if array.dtype.name not in DTYPES:
            raise corrupt(source, f"array {name!r} has the dtype {array.dtype}")
    return dict(sorted(found.items()))


def _tensors(group: str, named: Mapping[str, Any]) -> bytes:
    if not group or "/" in group or "\\" in group:
        raise ValueError(f"group {group!r} of arrays. Expected a name without slashes.")
    return save_tensors({name: _plain_array(f"{group}/{name}", named[name]) for name in sorted(named)})


def _plain_array(name: str, value: object) -> np.ndarray:
    """Contiguous and in the machine's byte order: safetensors takes the bytes as they lie."""
    array = np.asarray(value)
    if array.dtype.name not in DTYPES:
        raise TypeError(f"array {name!r} has the dtype {array.dtype}. Expected one of {sorted(DTYPES)}.")
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C", ndmin=array.ndim)


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"metadata holds {value!r} ({type(value).__name__}). Expected values that JSON can hold.")


def _members(content: bytes, source: str) -> dict[str, bytes]:
    if not content.startswith(b"PK\x03\x04"):
        raise _damaged(source, "it is no zip file" if content else "it is empty")
    with _library(source, "it is damaged or cut short"):
        archive = zipfile.ZipFile(io.BytesIO(content))
    infos = archive.infolist()
    if len({info.filename for info in infos}) < len(infos):
        raise _damaged(source, "a part occurs twice")
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise _damaged(source, f"part {info.filename!r} is compressed")
    if sum(info.file_size for info in infos) > len(content):
        raise _damaged(source, "its parts are longer than the file")
    with _library(source, "it is damaged or cut short"):
        return {info.filename: archive.read(info) for info in infos}


def _check_manifest(manifest: object, kind: str, source: str) -> None:
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise corrupt(source, "it is not a file of ebana")
    version = manifest.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise corrupt(source, f"it has the version {version!r}, which is none")
    if version > VERSION:
        raise corrupt(source, f"it has the version {version!r}, newer than {VERSION}", "Upgrade ebana.")
    if manifest.get("kind") != kind:
        raise corrupt(source, f"it holds a {_kind(manifest)}", f"Give the name of a {kind} file.")
    groups = manifest.get("groups")
    if (
        not isinstance(groups, list)
        or not all(isinstance(group, str) for group in groups)
        or len(set(groups)) < len(groups)
    ):
        raise corrupt(source, "its list of parts is damaged")
    if not isinstance(manifest.get("metadata"), dict):
        raise corrupt(source, "its description is damaged")


def _kind(manifest: dict[str, Any]) -> str:
    kind = manifest.get("kind")
    return kind if isinstance(kind, str) and kind.isalpha() else repr(kind)[:100]


@contextmanager
def _library(source: str, found: str) -> Iterator[None]:
    """Around calls of other projects' readers alone: what they raise for damaged bytes is not stated anywhere."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise corrupt(source, f"{found} ({_short(error)})") from error


def _damaged(source: str, how: str) -> CorruptFile:
    return corrupt(source, f"it is damaged or cut short ({how})")


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
