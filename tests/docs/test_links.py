"""Every relative link of the documentation points to a file that is there, and to a heading of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^\[[^\]]+\]:\s*<?([^\s>]+)", re.MULTILINE)
_TAG = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def targets(text: str) -> list[str]:
    """Targets of a page's relative links, without those in code."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCED.sub("", text))
    found = [target for pattern in (_LINK, _REFERENCE, _TAG) for target in pattern.findall(prose)]
    return [target for target in found if not _ABSOLUTE.match(target)]


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+\s+(.*?)\s*#*$", _FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Relative links of a page that lead nowhere."""
    wrong = []
    for target in targets(page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        known = file.suffix != ".md" or not anchor
        if not file.exists() or not (known or anchor in anchors(file.read_text(encoding="utf-8"))):
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("page", FILES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_some_links_are_found() -> None:
    assert sum(len(targets(page.read_text(encoding="utf-8"))) for page in FILES) > 20


def test_what_leads_nowhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# One, two\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](gone.md) [c](there.md#one-two) [d](there.md#three) `[e](code.md)` [f](https://x.y)\n"
        '![g](gone.png) <img src="gone.svg"> [h](#here)\n\n[i]: gone.txt\n\n```\n[j](fenced.md)\n```\n\n## Here\n'
    )
    assert broken(page) == ["gone.md", "there.md#three", "gone.png", "gone.txt", "gone.svg"]
