"""The gallery: every example has a title, one figure and a section, and its page loses no thumbnail."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def sections(monkeypatch):
    """The module that orders the gallery, where what builds the site is installed."""
    pytest.importorskip("sphinx", reason="pip install 'ebana[docs]'")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import gallery_sections

    yield gallery_sections
    sys.modules.pop("gallery_sections")


def title_of(path):
    """First line of a docstring, where a line of ``=`` of its length follows."""
    title, line, *_ = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()
    return title if line == "=" * len(title) else None


def test_titles_are_there_and_differ():
    titles = [title_of(path) for path in EXAMPLES]
    assert None not in titles
    assert len(set(titles)) == len(titles) >= 24


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda f: f.stem)
def test_an_example_has_one_figure_and_draws_on_no_screen(path):
    text = path.read_text(encoding="utf-8")
    assigned = [
        name.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign)
        for name in node.targets
        if isinstance(name, ast.Name)
    ]
    assert assigned.count("figure") == 1
    assert "pyplot" not in text


def test_every_example_has_a_place(sections):
    places = [sections.place(path.name) for path in EXAMPLES]
    assert sorted(places) == list(range(len(EXAMPLES)))
    with pytest.raises(ValueError, match=r"does not list 'gone\.py'"):
        sections.place("gone.py")


def test_thumbnails_stand_under_their_headings(sections):
    def thumbnail(name):
        return (
            '.. raw:: html\n\n    <div class="sphx-glr-thumbcontainer" tooltip="">\n\n'
            f".. only:: html\n\n  :doc:`/gallery/{name}`\n\n.. raw:: html\n\n    </div>\n\n"
        )

    shown = ["iris", "gates", "doctor"]
    page = (
        'Gallery\n=======\n\n.. raw:: html\n\n    <div class="sphx-glr-thumbnails">\n\n'
        ".. thumbnail-parent-div-open\n\n"
        + "".join(thumbnail(name) for name in shown)
        + ".. thumbnail-parent-div-close\n\n.. raw:: html\n\n    </div>\n\n.. toctree::\n   :hidden:\n"
    )
    made = sections.with_headings(page)
    assert re.findall(r"^(.+)\n-+$|:doc:`/gallery/(\w+)`", made, re.MULTILINE) == [
        ("First circuits", ""), ("", "iris"), ("", "gates"), ("What a chip does", ""), ("", "doctor"),
    ]  # fmt: skip
    assert made.count("<div") == made.count("</div>")
    assert made.endswith(".. toctree::\n   :hidden:\n")


def test_links_within_the_site_that_lead_nowhere_are_found(tmp_path, monkeypatch):
    pytest.importorskip("sphinx", reason="pip install 'ebana[docs]'")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import inner_links

    (tmp_path / "there.html").write_text('<h1 id="one">One</h1><img src="gone.png">')
    (tmp_path / "page.html").write_text(
        '<a href="there.html#one">a</a><a href="there.html#two">b</a><a href="gone.html">c</a>'
        '<a href="https://elsewhere.org/x">d</a><a href="#">e</a><a href="?x=1#here">f</a>'
    )
    assert inner_links.broken(tmp_path) == [
        "page.html: ?x=1#here", "page.html: gone.html", "page.html: there.html#two", "there.html: gone.png",
    ]  # fmt: skip
