"""Whatever is written into a deck is read back: numbers to the last bit, names in lower case."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.spice.language.deck import CurrentSource, Resistor, VoltageControlled, VoltageSource, read_deck

_NAMES = st.from_regex(r"[A-Za-z0-9_/+#.-]{1,8}", fullmatch=True).filter(
    lambda name: not name.startswith(("+", "#", "//")) and "//" not in name
)
_NODES = _NAMES | st.sampled_from(["0", "gnd", "GND", "Net-(D1-A)"])
_NUMBERS = st.floats(1e-200, 1e200) | st.floats(-1e200, -1e-200)
_LETTERS = {
    "R": Resistor,
    "V": VoltageSource,
    "I": CurrentSource,
    "E": VoltageControlled,
    "G": VoltageControlled,
}
_FIELDS = {"R": "ohms", "V": "volts", "I": "amperes", "E": "gain", "G": "gain"}

_LINES = st.lists(
    st.tuples(
        st.sampled_from(sorted(_LETTERS)),
        st.from_regex(r"[A-Za-z0-9_]{1,6}", fullmatch=True),
        st.tuples(_NODES, _NODES, _NODES, _NODES),
        _NUMBERS,
        st.integers(0, 5),
    ),
    max_size=8,
    unique_by=lambda line: (line[0] + line[1]).lower(),
)


def _written(style: int, index: int, value: float) -> tuple[str, str]:
    """A number as it is, in braces or quotes, or as a parameter; and the lines that define it."""
    text = repr(value)
    forms = (text, f"{{{text}}}", f"'{text}'", f"{{p{index}}}", f"{{-n{index}}}", f"{{f{index}(2)}}")
    lines = (
        "",
        "",
        "",
        f".param p{index}={text}",
        f".PARAM N{index} = {-value!r}",
        f".func f{index}(x) {{{text}}}",
    )
    return forms[style], lines[style]


def _node(name: str) -> str:
    return "0" if name.lower() in ("0", "gnd") else name.lower()


@settings(max_examples=60, deadline=None)
@given(_LINES, st.booleans())
def test_numbers_and_names_come_back(lines: list[tuple], inside: bool) -> None:
    elements, others = [], []
    for k, (letter, name, nodes, value, style) in enumerate(lines):
        text, definition = _written(style, k, value)
        ends = nodes if letter in "EG" else nodes[:2]
        elements.append(f"{letter}{name} {' '.join(ends)} {text}")
        others.append(definition)
    body = "\n".join([*elements, *others])
    if inside:
        body = f".subckt block\n{body}\n.ends\nXtop block"
    deck = read_deck(f"title\n{body}\n.end\n")
    prefix = "xtop." if inside else ""
    assert len(deck.elements) == len(lines)
    for element, (letter, name, nodes, value, _) in zip(deck.elements, lines, strict=True):
        assert isinstance(element, _LETTERS[letter])
        assert element.name == prefix + (letter + name).lower()
        full = [node if (node := _node(end)) == "0" else prefix + node for end in nodes]
        assert element.nodes == tuple(full[:2])
        assert getattr(element, _FIELDS[letter]) == value
        if isinstance(element, VoltageControlled):
            assert element.controls == tuple(full[2:])
