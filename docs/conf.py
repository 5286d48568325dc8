"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import generated  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402
from sphinx.ext.napoleon import Config, GoogleDocstring  # noqa: E402

import evalharness  # noqa: E402

project = "evalharness"
copyright = "the evalharness authors"  # noqa: A001 - Sphinx's name
version = release = evalharness.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["ci/*", "deploy/*", "examples/*"]

html_theme = "furo"
html_title = f"evalharness {version}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False

myst_heading_anchors = 3
myst_url_schemes = ["http", "https", "mailto"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"


def insert_generated(app: Sphinx, name: str, source: list[str]) -> None:
    """Put the parts that are made from the code where a page names them."""
    for part, text in generated.parts().items():
        source[0] = source[0].replace(f"{{{{ {part} }}}}", text)


def prepare_docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Write code and sections as reStructuredText does: docstrings have single backticks and `Args:`."""
    lines[:] = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", "\n".join(lines)).split("\n")
    if what not in ("attribute", "property"):  # where a colon in the first line would end a type
        lines[:] = GoogleDocstring(lines, Config(), app, what, name, obj, options).lines()


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", insert_generated)
    app.connect("autodoc-process-docstring", prepare_docstring)
