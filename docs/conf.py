"""The documentation's site, built by Sphinx: ``make docs``.

Sphinx rather than another generator, because docstrings name each other by its roles, because it runs the notebooks
and the examples and keeps what did not change, and because a warning can fail the build.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ebana"
author = "The ebana developers"
copyright = author
version = release = installed("ebana")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "api_pages",
    "gallery_sections",
    "inner_links",
    "links",
]
exclude_patterns = [
    "_build",
    "_ext",
    "_templates",
    "Thumbs.db",
    "gallery/*.ipynb",
]  # the gallery's are downloads
templates_path = ["_templates"]

# -- pages -----------------------------------------------------------------------------------------------------

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True

html_theme = "furo"
html_title = f"ebana {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# -- the gallery -----------------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "image_scrapers": ("figures",),
    "within_subsection_order": "gallery_sections.place",
    "reset_argv": "gallery_sections.arguments",
    "capture_repr": (),
    "reset_modules": (),
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "plot_gallery": "True",
}

# -- docstrings ------------------------------------------------------------------------------------------------

napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # an attribute that is a property as well is described once
autodoc_typehints = "none"  # shapes and units stand in the text
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
python_maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"
