"""The report: self-contained, escaped, in the order a reader needs, complete or absent."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from ebana.reports import Image, Section, Table, write_report
from ebana.reports.formatting import plain, rows, value

EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Tags with their attributes, and the text in between."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if "style" not in self.open else ""


def report(folder, **changes):
    parts = {
        "title": "Iris",
        "summary": {
            "dataset": "iris",
            "test_accuracy": 43 / 45,
            "train_accuracy": 1.0,
            "epochs": 400,
            "wall_seconds": 5.8123,
            "unconverged": 0,
            "samples_per_second": 92_311.2,
        },
        "configuration": {"beta": 1e-6, "optimizer": {"name": "Adam", "lr": [4e-8, 5e-7]}},
        "layers_table": [{"layer": "d1", "kind": "dense", "nodes": 10}, {"layer": "c1", "kind": "current"}],
        "figures": {"model": Figure((12, 2)), "extra_curve": Figure(), "loss_and_accuracy": Figure()},
        "netlist_text": "* deck\nR1 a b 1k\n.end\n",
        "notes": ["One remark."],
    }
    path = write_report(folder, **{**parts, **changes})
    return path, path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_needs_nothing_else(tmp_path):
    path, text = report(tmp_path)
    page = Page(text)
    assert path == tmp_path / "report.html"
    assert page.open == []
    assert not re.search(r"https?://|url\(|@import|<script|<link|<iframe", text)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_headlines_come_first_then_curves_circuit_settings_drawing_netlist(tmp_path):
    _, text = report(tmp_path)
    wanted = ["Test accuracy", "95.6 %", "Train accuracy", "100.0 %", "400", "5.81 s", "none", "One remark.",
              "Loss and accuracy", "Extra curve", "Circuit", "Results", "Configuration", "optimizer.lr",
              "The model", "SPICE netlist", "R1 a b 1k"]  # fmt: skip
    places = [Page(text).text.index(word, 10) for word in wanted]
    assert places == sorted(places)


def test_unconverged_operating_points_stand_out(tmp_path):
    summary = {"test_accuracy": 1.0, "unconverged": 3}
    page = Page(report(tmp_path, summary=summary)[1])
    assert any("warning" in (attrs.get("class") or "") for _, attrs in page.tags)
    page = Page(report(tmp_path)[1])
    assert not any("warning" in (attrs.get("class") or "") for _, attrs in page.tags)


def test_everything_supplied_is_escaped(tmp_path):
    quoted = EVIL + "\" onerror='x'"
    _, text = report(
        tmp_path,
        title=quoted,
        summary={"test_accuracy": quoted, quoted: quoted},
        configuration={quoted: {quoted: quoted}},
        layers_table=[{quoted: quoted}],
        figures={quoted: Figure()},
        netlist_text=quoted,
        notes=[quoted],
    )
    assert "<script" not in text
    page = Page(text)
    assert not any("onerror" in attrs for _, attrs in page.tags)
    assert page.text.lower().count(EVIL) >= 9


def test_a_report_of_almost_nothing_is_written(tmp_path):
    _, text = report(
        tmp_path, summary={}, configuration={}, layers_table=[], figures={}, netlist_text=None, notes=()
    )
    assert "netlist" not in Page(text).text.lower()
    assert Page(text).open == []


def test_a_long_netlist_is_cut_and_says_so(tmp_path):
    deck = "\n".join(f"R{i} a b 1k" for i in range(1000))
    _, text = report(tmp_path, netlist_text=deck)
    assert re.search(r"the first \d+ of 1000 lines", text)
    assert "R999 " not in text


def test_columns_of_numbers_are_set_to_the_right(tmp_path):
    _, text = report(tmp_path)
    assert re.search(r'<th scope="col" class="number">Nodes</th>', text)
    assert re.search(r'<th scope="col">Layer</th>', text)


def test_only_a_wide_figure_may_be_wider_than_the_page(tmp_path):
    images = [attrs for tag, attrs in Page(report(tmp_path)[1]).tags if tag == "img"]
    assert [attrs.get("class") for attrs in images] == [None, None, "wide"]
    assert images[-1]["style"] == "--inches: 12.00in"


def test_the_folder_is_made_and_holds_the_page_alone(tmp_path):
    path, _ = report(tmp_path / "runs" / "1")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_the_same_run_gives_the_same_page(tmp_path):
    assert report(tmp_path / "a")[1] == report(tmp_path / "b")[1]


def test_a_failed_report_keeps_the_old_one_and_leaves_nothing_else(tmp_path, monkeypatch):
    path, old = report(tmp_path)

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr("ebana.storage.atomic.os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        report(tmp_path, title="Another")
    assert path.read_text(encoding="utf-8") == old
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("key", "x", "text"),
    [
        ("test_accuracy", 0.9777, "97.8 %"),
        ("train_accuracy", np.float64(1), "100.0 %"),
        ("test_accuracy", None, "–"),
        ("test_accuracy", float("nan"), "–"),
        ("wall_seconds", 5.8123, "5.81 s"),
        ("wall_seconds", 1234.5, "1,234 s"),
        ("samples_per_second", 92311.2, "92,311"),
        ("seed", 0, "0"),
        ("out", "runs/1", "runs/1"),
        ("test_accuracy", "good", "good"),
    ],
)
def test_values_read_with_their_units(key, x, text):
    assert value(key, x) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (True, "yes"),
        (np.bool_(False), "no"),
        (np.array([1.0, 2.5]), "1, 2.5"),
        ((), "–"),
        ({"a": 1}, "a: 1"),
        (1e-7, "1e-07"),
        (123456, "123,456"),
    ],
)
def test_settings_read_as_one_line(x, text):
    assert plain(x) == text


def test_nested_settings_become_dotted_keys():
    assert rows({"a": {"b": {"c": 1}, "d": None}, "e": {}}) == [("a.b.c", "1"), ("a.d", "–"), ("e", "–")]


def test_sections_stand_in_their_order_before_the_circuit_and_are_escaped(tmp_path):
    sections = [
        Section(
            "Second thoughts", EVIL, Figure((3, 2)), Table(("name", EVIL), (("a", "1 V"), (EVIL, "2 V")))
        ),
        Section("A film", picture=Image(b"GIF89a", "image/gif", 4.0)),
        Section("Words alone", "and nothing else"),
    ]
    _, text = report(tmp_path, sections=sections)
    page = Page(text)
    assert page.open == []
    assert "<script" not in text
    places = [
        page.text.index(word)
        for word in ("Second thoughts", "1 V", "A film", "Words alone", "Circuit", "Results")
    ]
    assert places == sorted(places)
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert [attrs["src"] == "data:image/gif;base64,R0lGODlh" for attrs in images].count(True) == 1
    assert [attrs.get("style") for attrs in images].count("--inches: 4.00in") == 1


def test_other_results_can_stand_first(tmp_path):
    summary = {"seed": 3, "median_r2": 0.5, "test_accuracy": 0.25}
    _, text = report(tmp_path, summary=summary, headlines=("median_r2",))
    page = Page(text)
    assert page.text.index("Median R²") < page.text.index("Results") < page.text.index("25.0 %")
