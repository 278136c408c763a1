"""Users' text as statements: what is read of it, and what stays as it is."""

import pytest

from ebana.spice.language.cards import ModelCard
from ebana.spice.language.reader import read
from ebana.spice.language.statements import Behavioural, Comment, DeviceLine, Statement, Text


def one(text: str) -> Statement:
    (statement,) = read(text)
    return statement


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("D1 a 0 dio", ()),
        ("D1 a 0 dio 2", (("area", "2"),)),
        ("D1 a 0 dio 2.5u OFF IC=0.5", (("area", "2.5u"), ("ic", "0.5"))),
        ("D1 a 0 dio OFF area = 3", (("area", "3"),)),
        ("D1 a 0 dio {2 * k} m = '1 + 1'", (("area", "{2 * k}"), ("m", "'1 + 1'"))),
        ("D1 a 0 dio ; 2", ()),
        ("D1 a 0 dio $ 2", ()),
        ("D1 a 0\n* between\n+ dio $ more\n\n  + m=2", (("m", "2"),)),
        ("M1 d g s b nch W=1u L = 2u OFF", (("w", "1u"), ("l", "2u"))),
    ],
)
def test_lines_of_devices(text: str, parameters: tuple) -> None:
    statement = next(iter(s for s in read(text) if not isinstance(s, Comment)))
    assert isinstance(statement, DeviceLine)
    assert statement.model in ("dio", "nch")
    assert statement.parameters == parameters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("D1 a 0", "'D1 a 0' has 2 words after its name. Expected 2 nodes and a model"),
        ("D1 a 0 dio 2 3", "'3' where KEY=value was expected, or one area"),
        ("D1 a 0 dio area=2 3", "'3' where KEY=value"),
        ("D1 a 0 dio on", "'on' where KEY=value"),
        ("M1 d g s b nch 2", "'2' where KEY=value was expected"),
        (
            ".modelx DX D(IS=1n)",
            r"line 1: the line '\.modelx DX D\(IS=1n\)' begins with '\.modelx'. Expected \.model",
        ),
        (".model", "cannot read the card"),
        (".model DX D(IS=1n", "does not close"),
        ("B1 a 0", "not of the form"),
        ("D1 a 0 dio\n; note\n+ m=2", "over a comment that begins with ';'"),
    ],
)
def test_what_is_malformed_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(read(text))


def test_sources_cards_and_the_rest() -> None:
    found = list(
        read("* head\nB1 a 0 I={V(a)\n+ *2} ; c\n.MODEL d1 D IS 1n\n\nR1 a b 1k $ c\n+ tc=1m\nC1 a 0 1p")
    )
    assert [type(s) for s in found] == [Comment, Behavioural, ModelCard, Comment, Text, Text, Text]
    assert found[1].expression == "V(a) *2"
    assert found[2].parameters == {"is": "1n"}
    assert [str(s) for s in found[4:]] == ["R1 a b 1k", "+ tc=1m", "C1 a 0 1p"]
    assert str(one("# all simulators read this")) == "* all simulators read this"
