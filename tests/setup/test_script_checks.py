"""`make lint-js` checks each script of the pages, together with those it is one script with."""

from __future__ import annotations

import json
from pathlib import Path

from evalharness.report.html import _SCRIPTS

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "evalharness/report/templates"


def checked(page: str) -> list[str]:
    """The scripts of a page that tsc checks, in order."""
    files = json.loads((ROOT / f"setup/js/tsconfig.{page}.json").read_text("utf-8"))["files"]
    return [Path(file).name for file in files if (ROOT / "setup/js" / file).resolve().parent == TEMPLATES]


def test_every_script_is_checked() -> None:
    """The pages have all scripts, and the report's are in the order of the page."""
    pages = ("report", "live", "view", "blind", "label", "history", "load")
    assert {name for page in pages for name in checked(page)} == {path.name for path in TEMPLATES.glob("*.js")}
    assert tuple(checked("report")) == _SCRIPTS
    assert all(page in (ROOT / "Makefile").read_text("utf-8") for page in pages)


def test_the_tools_are_pinned() -> None:
    """The versions that npm installs are exact, and the lock names no host."""
    package = json.loads((ROOT / "setup/js/package.json").read_text("utf-8"))
    assert all(version[0].isdigit() for version in package["devDependencies"].values())
    lock = (ROOT / "setup/js/package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 50
