"""Files of SPICE text: encodings are found in their bytes."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.spice.language.files import decoded, encoding_of, read_text

CARD = ".model DX D(IS=1n N=2)\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", ("utf-8", 0)),
        (CARD.encode(), ("utf-8", 0)),
        (CARD.encode("utf-8-sig"), ("utf-8", 3)),
        (CARD.encode("utf-16-le"), ("utf-16-le", 0)),
        (CARD.encode("utf-16-be"), ("utf-16-be", 0)),
        (b"\xff\xfe" + CARD.encode("utf-16-le"), ("utf-16-le", 2)),
        (b"\xfe\xff" + CARD.encode("utf-16-be"), ("utf-16-be", 2)),
        (CARD.encode("utf-32"), ("utf-32-le", 4)),
        ("* ©".encode("latin-1"), ("cp1252", 0)),
        ("* ©".encode(), ("utf-8", 0)),
        (b"* a \x00 in a comment\n" + CARD.encode(), ("utf-8", 0)),
    ],
)
def test_encodings(content: bytes, found: tuple[str, int]) -> None:
    assert encoding_of(content) == found


@given(st.binary(max_size=80))
def test_any_bytes_are_text_or_refused_with_their_encoding(content: bytes) -> None:
    try:
        assert isinstance(decoded(content, "x.lib"), str)
    except ValueError as error:
        assert "x.lib looks like UTF-" in str(error)  # noqa: PT017


def test_what_is_no_regular_file_is_refused(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="is not a regular file"):
            read_text(path)
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "missing")
