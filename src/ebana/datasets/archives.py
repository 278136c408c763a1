"""Published archives (tar, compressed by gzip): the files that are wanted are taken out, and nothing else.

No name in an archive becomes a path. A member counts only if it is a regular file with exactly the name that
is looked for, so links, devices and names that lead out of a folder are never followed or written.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Collection

LARGEST = 2**28
"""Bytes that an archive may unfold to; the largest published one has 185 million."""


class BadArchive(ValueError):
    """An archive that does not hold what was published in it."""


def take_out(content: bytes | bytearray, names: Collection[str]) -> dict[str, bytes]:
    """The contents of some members.

    Args:
        content: the archive.
        names: names of the members; a leading ``./`` in the archive makes no difference.

    Raises:
        BadArchive: if it is damaged, if one of them is missing, twice there or no regular file, or if it
            unfolds to more than :data:`LARGEST` bytes.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_unfolded(content)), mode="r:") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name in names:
                    if name in found:
                        raise BadArchive(f"it holds {name} twice")
                    found[name] = _content(archive, member)
    except tarfile.TarError as error:
        raise BadArchive(f"it is damaged ({error})") from None
    if missing := [name for name in names if name not in found]:
        raise BadArchive(f"it lacks {', '.join(missing)}")
    return found


def _unfolded(content: bytes | bytearray) -> bytes:
    """All of it, or an error: what is read from this afterwards is bounded, whatever its headers announce."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            plain = file.read(LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadArchive(f"it is damaged ({error})") from None
    if len(plain) > LARGEST:
        raise BadArchive(f"it unfolds to more than {LARGEST} bytes")
    return plain


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if file is None:  # a link, for one; a sparse file may unfold to any length
        raise BadArchive(f"{member.name} is no regular file in it")
    with file:
        return file.read()
