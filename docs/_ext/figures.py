"""Pictures of the gallery: the figures that an example makes, which no window shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

DOTS_PER_INCH = 120


def scrape(block: Any, variables: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Save the figures among an example's variables that no block before had, and return the text that shows them."""
    shown: set[int] = variables.setdefault("ebana_figures_shown", set())  # type: ignore[attr-defined]
    paths = []
    for value in list(variables["example_globals"].values()):
        if isinstance(value, Figure) and id(value) not in shown:
            shown.add(id(value))
            paths.append(next(variables["image_path_iterator"]))
            value.savefig(paths[-1], dpi=DOTS_PER_INCH, bbox_inches="tight")
    return figure_rst(paths, config["src_dir"])


def _get_sg_image_scraper() -> Callable[..., str]:
    """What the gallery asks a module of scrapers for."""
    return scrape
