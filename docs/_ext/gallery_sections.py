"""Order and headings of the gallery, and the arguments of its longest scripts: as ``examples/README.md`` has them.

Scripts stay in one folder, so that their paths do not change when a section does.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jax
from sphinx.application import Sphinx

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

ARGUMENTS = {
    "hybrid_mnist.py": ("--data", "digits", "--epochs", "20"),
    "in_the_loop.py": ("--epochs", "2", "--spice-epochs", "8"),
}
"""Shorter runs of the longest."""

_PART = re.compile(r"^## (.+)$|^\| \[(\w+\.py)\]", re.MULTILINE)
_THUMBNAIL = re.compile(r"(?=^\.\. raw:: html\n\n    <div class=\"sphx-glr-thumbcontainer\")", re.MULTILINE)
_OPEN = '.. raw:: html\n\n    <div class="sphx-glr-thumbnails">\n\n'
_CLOSE = "\n.. raw:: html\n\n    </div>\n\n"


@cache
def sections() -> dict[str, tuple[str, ...]]:
    """Names of the scripts by section."""
    found: dict[str, tuple[str, ...]] = {}
    for heading, script in _PART.findall((EXAMPLES / "README.md").read_text(encoding="utf-8")):
        if heading:
            found[heading] = ()
        else:
            last = next(reversed(found))
            found[last] = (*found[last], script)
    return found


def place(name: str) -> int:
    """Place of a script in the gallery.

    Raises:
        ValueError: for a script that the list of examples lacks.
    """
    listed = [script for scripts in sections().values() for script in scripts]
    name = Path(name).name
    if name not in listed:
        raise ValueError(f"examples/README.md does not list {name!r}. Add a row to one of its tables.")
    return listed.index(name)


def arguments(conf: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
    """Arguments of a script in the gallery; programs of others are forgotten, as all take gigabytes."""
    jax.clear_caches()
    gc.collect()
    return list(ARGUMENTS.get(Path(variables["src_file"]).name, ()))


def with_headings(text: str) -> str:
    """The gallery's page with its thumbnails under the headings of their sections."""
    head, _, rest = text.partition(_OPEN.rstrip("\n"))
    body, _, tail = rest.partition(".. thumbnail-parent-div-close")
    thumbnails = {_script(block): block for block in _THUMBNAIL.split(body)[1:]}
    for heading, scripts in sections().items():
        shown = [thumbnails[script] for script in scripts if script in thumbnails]
        if shown:
            head += f"\n{heading}\n{'-' * len(heading)}\n\n{_OPEN}{''.join(shown)}{_CLOSE}"
    return head + tail.partition("    </div>")[2]


def _script(thumbnail: str) -> str:
    named = re.search(r":doc:`[\w/]*?(\w+)`", thumbnail)
    if named is None:
        raise ValueError(f"a thumbnail names no page: {thumbnail!r}. Is sphinx-gallery another version?")
    return f"{named[1]}.py"


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    if page == "gallery/index":
        source[0] = with_headings(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Work on the gallery's page as it is read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
