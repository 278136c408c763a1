"""Files of SPICE text: which encoding they have, from their bytes.

LTspice writes UTF-16 and Windows-1252, editors put a mark (BOM) before UTF-8, and old libraries are Latin-1. What is
no UTF-8 or UTF-16 is taken as Windows-1252, in which the micro sign is what it is in Latin-1; any other of its
letters beyond ASCII stays outside of what is read (see :mod:`ebana.spice.language.card_reader`), so that a wrong
guess can only change comments.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from ebana.storage.files import NotRegular, read_regular

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def encoding_of(content: bytes) -> tuple[str, int]:
    """The encoding of a text and the length of its mark, from its bytes.

    Example:
        >>> encoding_of(b".model dx D(IS=0.004\\xb5)")
        ('cp1252', 0)
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, len(mark)
    even, odd = content[0::2].count(0), content[1::2].count(0)
    if even + odd > len(content) // 4:  # ASCII in UTF-16 is every second byte zero
        return ("utf-16-le" if odd > even else "utf-16-be"), 0
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252", 0
    return "utf-8", 0


def decoded(content: bytes, where: object = "the text") -> str:
    """The text of these bytes.

    Args:
        content: a file's content.
        where: what errors call it.

    Raises:
        ValueError: for bytes that do not decode, with the encoding that was found.
    """
    encoding, mark = encoding_of(content)
    # Windows-1252 leaves five bytes undefined: they can only be part of comments
    errors = "replace" if encoding == "cp1252" else "strict"
    try:
        return content[mark:].decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where} looks like {encoding.upper()} and does not decode: {error}. "
            "Expected SPICE text in UTF-8, UTF-16 or Windows-1252; save it as UTF-8."
        ) from error


def read_text(path: str | Path) -> str:
    """The text of a file of SPICE models or subcircuits, whatever its encoding.

    Args:
        path: the file.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: for what is no regular file, and for content that is no text, with the encoding that was found.
    """
    try:
        content = read_regular(path)
    except (IsADirectoryError, NotRegular) as error:
        raise ValueError(f"{path} is not a regular file. Expected a file of SPICE text.") from error
    return decoded(content, path)
