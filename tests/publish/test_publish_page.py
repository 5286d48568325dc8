"""The examples of docs/publish.md open, and the page names every destination and every metric."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from evalharness import registry
from evalharness.config import Config
from evalharness.publish import open_destinations
from evalharness.publish.prometheus_text import FAMILIES, STATUSES

PAGE = (Path(__file__).parents[2] / "docs/publish.md").read_text(encoding="utf-8")


def tables() -> dict[str, Any]:
    """Every destination on the page, by name."""
    blocks = re.findall(r"^```toml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    found: dict[str, Any] = {}
    for block in blocks:
        found |= tomllib.loads(block)["tool"]["evalharness"]["publish"]
    return found


def test_the_examples_open() -> None:
    """Each table on the page is accepted, and each kind has one."""
    config = Config.model_validate({"publish": tables()})
    assert len(open_destinations(config.publish, config)) == len(config.publish)
    assert set(registry.BUILT_IN["destinations"]) <= config.publish.keys()


def test_every_metric_is_listed() -> None:
    """The table of metrics is complete."""
    missing = [name for name in (*FAMILIES, *STATUSES) if f"`{name}`" not in PAGE]
    assert missing == []
