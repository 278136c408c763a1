"""Every link within the built site leads to a file that is there, and to an anchor of it.

Sphinx warns of references that it cannot resolve; this holds what was written instead, raw HTML and images included.
Links to other sites are left alone, since they fail when other people's servers do. So are the anchors in links back
from source code: viewcode knows one package of each module, and where names come from two, some lead to the head of
their page.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

MOST = 20
"""Links that are listed."""

SOURCES = "_modules"
"""Folder of the pages of source code."""

_TARGET = re.compile(r"<(?:a|img|link|script|source|object)\b[^>]*?\b(?:href|src|data)=\"([^\"]+)\"")
_ANCHOR = re.compile(r"\b(?:id|name)=\"([^\"]+)\"")


@cache
def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def _anchors(page: Path) -> frozenset[str]:
    return frozenset(_ANCHOR.findall(_text(page)))


def leads_somewhere(page: Path, target: str) -> bool:
    """Whether a link of a page is another site's, or that of a file, and of an anchor in it."""
    link = urlsplit(target.replace("&amp;", "&"))
    if link.scheme or link.netloc:
        return True
    file = (page.parent / unquote(link.path)).resolve() if link.path else page
    if file.is_dir():
        file = file / "index.html"
    if not file.is_file():
        return False
    if not link.fragment or file.suffix != ".html" or SOURCES in page.parts:
        return True
    return unquote(link.fragment) in _anchors(file)


def broken(site: Path) -> list[str]:
    """Links of a site's pages that lead nowhere, as ``page: link``."""
    found = []
    for page in sorted(site.rglob("*.html")):
        targets = sorted(set(_TARGET.findall(_text(page))) - {"#"})
        found += [
            f"{page.relative_to(site)}: {target}" for target in targets if not leads_somewhere(page, target)
        ]
    return found


def check(app: Sphinx, exception: Exception | None) -> None:
    """Refuse a site with broken links.

    Raises:
        ExtensionError: with the first of them.
    """
    if exception is not None or app.builder.name != "html":
        return
    found = broken(Path(app.outdir))
    _text.cache_clear()
    _anchors.cache_clear()
    if found:
        listed = "\n    ".join(found[:MOST])
        raise ExtensionError(f"{len(found)} links within the site lead nowhere:\n    {listed}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at the site when it is written."""
    app.connect("build-finished", check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
