"""The page writes changes, means and bounds like Python: both are tested against tests/amounts.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pages import a_page

from evalharness.report.html import render_html

EXAMPLES = json.loads((Path(__file__).parents[1] / "amounts.json").read_text("utf-8"))
NAMES = {"size": "margin", "score": "score100", "scores": "scorePair"}
"""Names on the page that differ from those in Python."""


def test_written(opened: Callable[..., Any]) -> None:
    """Each function of the page writes the examples."""
    page = opened(render_html(a_page())).page
    page.wait_for_selector("body[data-ready]")
    for name, examples in EXAMPLES.items():
        call = f"(all) => all.map((values) => {NAMES.get(name, name)}(...values))"
        assert page.evaluate(call, [values for values, _ in examples]) == [text for _, text in examples], name
