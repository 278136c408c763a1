"""Links that leave the documentation's folder, as a forge needs them: to examples, whose pages the gallery makes.

Other files beyond it are offered for download.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

GALLERY = "gallery"


def gallery_page(target: str) -> str | None:
    """The page that the gallery makes of a file of the examples; None for other files."""
    path = PurePosixPath(target)
    if path.parent.name != "examples":
        return None
    return f"/{GALLERY}/index" if path.stem == "README" else f"/{GALLERY}/{path.stem}"


class ToGallery(SphinxTransform):
    """Turn links to examples into links to their pages."""

    default_priority = 5

    def apply(self, **kwargs: Any) -> None:
        """Replace references in the page that was read."""
        links = [
            *self.document.findall(addnodes.download_reference),
            *self.document.findall(addnodes.pending_xref),
        ]
        for node in links:
            page = gallery_page(node.get("reftarget", ""))
            if page is None:
                continue
            options = {"refdomain": "std", "reftype": "doc", "reftarget": page, "refexplicit": True}
            link = addnodes.pending_xref("", refdoc=self.env.docname, refwarn=True, **options)
            link += nodes.inline("", node.astext(), classes=["xref", "doc"])
            node.replace_self(link)


def setup(app: Sphinx) -> dict[str, bool]:
    """Work on every page."""
    app.add_transform(ToGallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
