"""The six files of the reading path in docs/architecture.md exist, and each leads to the next."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

import evalharness

PACKAGE = Path(evalharness.__file__).parent
PAGE = (Path(__file__).parents[2] / "docs/architecture.md").read_text(encoding="utf-8")
FILES = re.findall(r"^\d\. `(\S+\.py)`:", PAGE, flags=re.MULTILINE)


def test_the_page_lists_six_files() -> None:
    """Six files of the package, from the public function to the reports."""
    assert len(FILES) == 6
    assert (FILES[0], FILES[-1]) == ("evaluation/api.py", "report/__init__.py")
    assert [name for name in FILES if not (PACKAGE / name).is_file()] == []


@pytest.mark.parametrize(("file", "following"), [*pairwise(FILES)])
def test_a_file_leads_to_the_next(file: str, following: str) -> None:
    """Each file leads to the next: its docstring or comments contain the path, or it imports the module."""
    text = (PACKAGE / file).read_text(encoding="utf-8")
    module = "evalharness." + following.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    imports = re.search(rf"^(from|import) {re.escape(module)}\b", text, flags=re.MULTILINE)
    assert imports or f"`{following}`" in text, f"{file} names {following} nowhere"
