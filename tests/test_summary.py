"""The table of a summary fits 80 columns, whatever it holds, and cuts words only where nothing else helps."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model
from ebana.summary import filled, widths


def test_long_names_of_layers_are_folded() -> None:
    x = InputVoltageLayer(units=2, name="input_" + "x" * 60)
    model = Model(x, CurrentLayer("current_" + "y" * 60)(DenseLayer(units=2, name="dense_" + "d" * 60)(x)))
    text = model.summary(lambda _: None, unit="S")
    assert max(map(len, text.splitlines())) <= 80
    first = [line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│")]
    assert "dense_" + "d" * 60 in "".join(first)
    assert "trainable conductances: 4" in text


_CELLS = st.text("abc ", min_size=1, max_size=90).filter(str.strip)


@given(
    st.integers(1, 9).flatmap(
        lambda n: st.lists(st.lists(_CELLS, min_size=1, max_size=3), min_size=n, max_size=n)
    )
)
def test_columns_take_the_room_there_is(columns: list[list[str]]) -> None:
    found = widths(columns)
    room = 80 - 3 * len(columns) - 1
    words = [max(map(len, re.findall(r"\S+", " ".join(column)))) for column in columns]
    full = [max(map(len, column)) for column in columns]
    assert sum(found) == min(room, sum(full))
    if sum(words) <= room:
        assert all(width >= word for width, word in zip(found, words, strict=True))


def test_items_are_not_cut() -> None:
    items = [f"item {k}: {'x' * k}" for k in range(30)]
    lines = filled(items).splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(lines).split(", ") == items
