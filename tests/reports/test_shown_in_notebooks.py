"""What a notebook shows of models and results: well-formed tables, nothing unescaped, and short texts elsewhere."""

from __future__ import annotations

import importlib
import pkgutil
from html.parser import HTMLParser

import numpy as np
import pytest
from IPython.lib.pretty import pretty

import ebana
from ebana import (
    BiasVoltageLayer,
    CircuitBuilder,
    ConcatenateLayer,
    CurrentLayer,
    Dataset,
    DenseLayer,
    DiodeLayer,
    HopfieldNetwork,
    InputVoltageLayer,
    Model,
)
from ebana.analysis.decks import solve_deck
from ebana.analysis.settling import Settling
from ebana.datasets.split import Split
from ebana.hardware import Hardware, Spread
from ebana.hardware.costs import Cost, CostReport
from ebana.hardware.doctor.diagnosis import Diagnosis, Finding, LayerHealth
from ebana.hardware.transfer import Score, Transfer
from ebana.hybrid import Dense, HybridModel
from ebana.onchip.energy import Energy
from ebana.onchip.history import History as OnChipHistory
from ebana.onchip.twin.history import TwinHistory
from ebana.shown import MOST_ROWS, Shown, Table
from ebana.training.evaluation import Evaluation
from ebana.training.history import History

NASTY = '<img src=x onerror="alert(1)">&amp;'
"""A name that a page would take for its own, and that is no entity of HTML."""

KNOWN = {"div", "p", "code", "table", "caption", "thead", "tbody", "tr", "th", "td"}


class Read(HTMLParser):
    """Reads a piece of HTML strictly: known elements, each closed in its place."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        assert tag in KNOWN, f"element {tag!r}"
        assert {name for name, _ in attrs} <= {"style", "scope", "colspan"}
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(page: str) -> Read:
    reader = Read()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def model(name=NASTY) -> Model:
    x, b = InputVoltageLayer(2, f"x{name}"), BiasVoltageLayer(1, f"b{name}", 1.0)
    d = DenseLayer(2, f"d{name}")(ConcatenateLayer(f"j{name}")([x, b]))
    return Model([x, b], CurrentLayer(f"y{name}")(DiodeLayer(f"a{name}")(d)), name=name)


def divider() -> Model:
    build = CircuitBuilder()
    x, middle = build.input("x", 1), build.nodes("middle", 1)
    build.resistors(f"upper{NASTY}", x, middle, 1e-3)
    build.resistors("lower", middle, build.ground(), 1e-3)
    build.output("y", middle, folded=False)
    return Model.from_circuit(build.build(), name=NASTY)


def history() -> History:
    record = History({"seed": 3, NASTY: NASTY, "nested": {"a": 1}})
    record.append(1, {f"c{k}{NASTY}": 0.5 for k in range(40)} | {"loss": np.nan})
    return record


def diagnosis() -> Diagnosis:
    layer = LayerHealth(NASTY, 3, 0.1, 0.2, 0.3, 0.4, 1e-3, 1e-6, 10.0, np.nan, 0.0)
    finding = Finding(NASTY, NASTY, NASTY)
    return Diagnosis(NASTY, (finding,), (layer,), (1e-6,), {NASTY: (1.0,)}, 1e-6, 4)


def transfer() -> Transfer:
    scores = {NASTY: (Score(0.5, 0.1), Score(0.75, 0.1))}
    return Transfer(NASTY, Hardware(Spread(0.1)), (0, 1), Score(0.9, 0.1), scores, (1, 0))


def costs() -> CostReport:
    cost = Cost(1e-9, 1e-12, 0.0, 0.0)
    return CostReport(NASTY, cost, cost, 1e-6, {}, 4, 4, None, None, 1e-20, 27.0)


def evaluation() -> Evaluation:
    names = [f"{k}{NASTY}" for k in range(30)]
    return Evaluation(0.5, 0.5, dict.fromkeys(names, 0.5), dict.fromkeys(names, 0.5), {}, 2)


def split() -> Split:
    x, names = np.ones((4, 30)), tuple(f"{k}{NASTY}" for k in range(30))
    return Split(NASTY, x, x, x, x, names, names, names, 1.0)


X, Y = np.array([[2.0], [-1.0]]), np.array([[1.0], [-0.5]])

DECK = "divider\nV1 in 0 1\nR1 in out 1k\nR2 out 0 1k"

MADE = {
    "model": model,
    "layer": lambda: model().layers[1],
    "circuit": lambda: divider().circuit,
    "model of a circuit": divider,
    "hopfield": lambda: HopfieldNetwork([2, 30, 1], name=NASTY),
    "hybrid": lambda: HybridModel([Dense(3), Dense(2)], input_shape=2, name=NASTY),
    "chip": lambda: divider().on(Hardware(Spread(0.1)), chip=3),
    "history": history,
    "operating point": lambda: divider().operating_point(X),
    "state": lambda: divider()._solve({"x": X}, True).solution,
    "evaluation": evaluation,
    "evaluated": lambda: divider().evaluate(X, Y),
    "power": lambda: divider().power(X, Y),
    "noise": lambda: divider().noise(X, bandwidth=1e6, capacitance=1e-12),
    "settling": lambda: Settling(
        1e-6, 1e-12, 0.0, 1e-6, 1e-3, 1e-9, np.zeros(1), {}, np.zeros((1, 0)), np.zeros(1), np.zeros(1)
    ),
    "sweep": lambda: divider().sweep("x", -1, 1, points=50),
    "variation": lambda: divider().vary(X, Y, {NASTY: Hardware(Spread(0.1))}, chips=2, quantity=NASTY),
    "transfer": transfer,
    "diagnosis": diagnosis,
    "costs": costs,
    "training on a chip": lambda: OnChipHistory("r2", tuple(range(40)), 3),
    "training of twins": lambda: TwinHistory("r2", (0, 1), 3),
    "energy": lambda: Energy(
        (NASTY,), ("free",), {kind: np.ones((2, 1, 1)) for kind in ("delivered", "dissipated", "stored")}
    ),
    "deck": lambda: solve_deck(DECK)[0],
    "deck's sweep": lambda: solve_deck(DECK + "\n.dc V1 0 4 0.1")[0],
    "split": split,
    "dataset": lambda: Dataset({f"{k}{NASTY}": X for k in range(30)}, {"y": Y}),
}
"""One of each class that a notebook shows."""


@pytest.fixture(scope="module")
def made():
    return {name: make() for name, make in MADE.items()}


def every(cls):
    return {cls, *(one for child in cls.__subclasses__() for one in every(child))}


def test_every_class_that_is_shown_is_here(made):
    """Classes that say what they show: none is left out of these tests."""
    known = {type(one) for one in made.values()}
    stating = {
        one for one in every(Shown) if "_tables" in vars(one) and one.__module__.startswith("ebana.")
    } - {Shown}
    missing = {one.__name__ for one in stating if not any(issubclass(each, one) for each in known)}
    assert not missing


def test_every_result_with_a_table_is_shown():
    """Whatever public class of the package has a table of pandas is shown as a table."""
    guests = ("ebana.keras", "ebana.torch")  # their libraries need not be there
    names = [m.name for m in pkgutil.walk_packages(ebana.__path__, "ebana.") if not m.name.startswith(guests)]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    classes = {
        c for m in modules for c in vars(m).values() if isinstance(c, type) and c.__module__ == m.__name__
    }
    held = {c for c in classes if "to_frame" in vars(c)}
    assert len(held) > 10
    assert not {c.__qualname__ for c in held if not issubclass(c, Shown)}


@pytest.mark.parametrize("name", MADE)
def test_the_page_is_well_formed_and_nothing_in_it_is_unescaped(made, name):
    page = made[name]._repr_html_()
    read(page)
    assert "<img" not in page
    assert 'onerror="' not in page


@pytest.mark.parametrize("name", MADE)
def test_texts_are_short(made, name):
    text = repr(made[name])
    assert len(text) < 200
    assert "\n" not in text


@pytest.mark.parametrize("name", MADE)
def test_tables_can_be_listened_to(made, name):
    page = read(made[name]._repr_html_())
    tables = [k for k, (tag, _) in enumerate(page.seen) if tag == "table"]
    assert tables
    for k in tables:
        assert page.seen[k + 1][0] == "caption"
    assert all(attrs.get("scope") in ("row", "col") for tag, attrs in page.seen if tag == "th")


@pytest.mark.parametrize("name", MADE)
def test_pages_bring_nothing_along(made, name):
    """No scripts, no addresses, no colours that another theme would not bear."""
    page = made[name]._repr_html_()
    read(page)
    for attribute in ("src=", "href=", "class=", "background"):
        assert attribute not in page.replace("src=x", "")


def test_names_are_read_as_they_were_given(made):
    texts = read(made["model"]._repr_html_()).texts
    assert f"d{NASTY}" in texts
    assert "dense" in texts


def test_long_tables_say_how_many_more():
    table = Table("numbers", ("n", "square"), [(n, n * n) for n in range(MOST_ROWS + 7)])
    page = read(table.html())
    assert page.texts[-1] == "and 7 more"
    assert sum(tag == "tr" for tag, _ in page.seen) == MOST_ROWS + 2
    assert "more" not in "".join(read(Table("n", ("n",), [(1,)] * MOST_ROWS).html()).texts)


def test_control_characters_are_written_out():
    page = Table("a\u202eb", ("c\x1b",), [("d\x00",)]).html()
    assert not set("\u202e\x1b\x00") & set(page)
    assert read(page).texts == ["a\\u202eb", "c\\x1b", "d\\x00"]


def test_numbers_are_flush_right_and_have_four_digits():
    page = Table(
        "n", ("name", "value"), [("a", 0.123456), ("b", np.nan), ("c", None), ("d", np.int64(3))]
    ).html()
    assert page.count("text-align:right") == 5
    assert read(page).texts[-7:] == ["0.1235", "b", "–", "c", "–", "d", "3"]


@pytest.mark.parametrize("name", MADE)
def test_what_is_printed_is_shown_where_a_notebook_shows_texts(made, name):
    assert pretty(made[name]) == str(made[name])


def test_results_have_a_text_that_is_longer_than_their_name(made):
    for name in ("evaluated", "power", "noise", "variation", "transfer", "diagnosis", "costs"):
        assert str(made[name]) != repr(made[name])


def test_a_class_states_its_tables():
    class Own(Shown):
        pass

    with pytest.raises(NotImplementedError, match="class Own does not define _tables"):
        Own()._repr_html_()
