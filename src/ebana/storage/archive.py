"""The one file format: a zip of ``manifest.json`` and ``<group>.safetensors`` files.

Reading a file runs no code. Members are stored as they are, not compressed, so a file cannot unfold into
more than its own size. Writing is atomic: the file appears complete, or the old one stays. Equal content
gives equal bytes.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ebana.storage.atomic import replacing

FORMAT = "ebana"
VERSION = 1
MANIFEST = "manifest.json"
SUFFIX = ".safetensors"
LARGEST_MANIFEST = 64 * 1024**2
"""Bytes; a longer description is refused."""

DTYPES = frozenset(
    [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    + ["bool", "float16", "float32", "float64"]
)

Arrays = dict[str, dict[str, np.ndarray]]
PathLike = str | os.PathLike[str]


class CorruptFile(ValueError):
    """A file that is damaged, cut short, of another kind or of a newer version."""


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
        CorruptFile: if it is damaged, of another kind or of a newer version; the message tells which.
    """
    where = Path(path)
    if where.is_dir():
        raise IsADirectoryError(f"{where} is a folder. Expected a {kind} file.")
    try:
        content = where.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no {kind} file {where}. Check the name and the folder.") from None
    return unpack(content, kind, str(where))


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
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {MANIFEST: text, **members}.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's own date, 1980: equal bytes
    return buffer.getvalue()


def unpack(content: bytes, kind: str, source: str) -> tuple[dict[str, Any], Arrays]:
    """The inverse of :func:`pack`; ``source`` names the file in messages."""
    try:
        members = _members(content)
        manifest = json.loads(members.pop(MANIFEST, b"null"))
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes the readers say
        raise _corrupt(source, f"it is damaged or cut short ({_short(error)})") from error
    _check_manifest(manifest, kind, source)
    wanted = {f"{group}{SUFFIX}": group for group in manifest["groups"]}
    if set(wanted) != set(members):
        raise _corrupt(source, f"it holds the parts {sorted(members)} but should hold {sorted(wanted)}")
    try:
        arrays = {group: dict(sorted(load_tensors(members[name]).items())) for name, group in wanted.items()}
    except MemoryError:
        raise
    except Exception as error:
        raise _corrupt(source, f"its arrays cannot be read ({_short(error)})") from error
    return manifest["metadata"], arrays


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


def _members(content: bytes) -> dict[str, bytes]:
    if not content.startswith(b"PK\x03\x04"):
        raise ValueError("it is no zip file" if content else "it is empty")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        if len({info.filename for info in infos}) < len(infos):
            raise ValueError("a part occurs twice")
        for info in infos:
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError(f"part {info.filename!r} is compressed")
        if sum(info.file_size for info in infos) > len(content):
            raise ValueError("its parts are longer than the file")
        if any(info.filename == MANIFEST and info.file_size > LARGEST_MANIFEST for info in infos):
            raise ValueError("its description is too long")
        return {info.filename: archive.read(info) for info in infos}


def _check_manifest(manifest: object, kind: str, source: str) -> None:
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _corrupt(source, "it is not a file of ebana")
    version = manifest.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise _corrupt(source, f"it has the version {version!r}, newer than {VERSION}", "Upgrade ebana.")
    if manifest.get("kind") != kind:
        raise _corrupt(source, f"it holds a {manifest.get('kind')}", f"Give the name of a {kind} file.")
    groups = manifest.get("groups")
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise _corrupt(source, "its list of parts is damaged")
    if not isinstance(manifest.get("metadata"), dict):
        raise _corrupt(source, "its description is damaged")


def _corrupt(source: str, found: str, advice: str = "Use another copy, or make it again.") -> CorruptFile:
    return CorruptFile(f"cannot use {source}: {found}. {advice}")


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
