"""Commands overwrite only files that they wrote themselves, unless `--force` is given."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import Result

_BASELINE = "golden/baselines/demo/fake.plain.jsonl"
_SUITE, _RUN = "suites/demo.yaml", "reports/demo/run.jsonl"


def call(project: Any, *arguments: str) -> Result:
    """Run `evalharness ...` in this process; the name of a project file stands for its path."""
    result: Result = project.command(*(project.root / name if "/" in name else name for name in arguments))
    return result


PAGES = {
    "report": ("report", "reports/demo", "--format", "html", "-o"),
    "compare": ("compare", "golden/baselines/demo", "reports/demo", "-o"),
    "review": ("review", _BASELINE, "reports/demo", "--html"),
}


@pytest.mark.parametrize("command", PAGES)
def test_a_page(changed, command):
    """A page replaces an empty file and pages below reports/; other files only with --force."""
    changed.write("out/page.html", "")
    assert call(changed, *PAGES[command], "out/page.html").exit_code == 0
    for _ in range(2):
        assert call(changed, *PAGES[command], "reports/page.html").exit_code == 0
    changed.write("out/own.html", "<!doctype html>\n<title>Mine</title>")
    for file in (_SUITE, "golden/demo.yaml", _RUN, _BASELINE, "out/own.html", "out/page.html"):
        before = changed.read(file)
        result = call(changed, *PAGES[command], file)
        assert result.exit_code == 1
        assert "choose another file, or" in result.output
        assert "with --force" in result.output
        assert changed.read(file) == before
    assert call(changed, *PAGES[command], "out/own.html", "--force").exit_code == 0
    assert changed.read("out/own.html") == changed.read("out/page.html") or command == "review"  # sides are random


@pytest.mark.parametrize("form", ["markdown", "json", "github-annotations", "gitlab-metrics", "gitlab-codequality"])
def test_a_text(changed, form):
    """A text replaces texts below reports/, other files only with --force, and no file in suites/ or golden/."""
    arguments = ("report", "reports/demo", "--format", form, "-o")
    changed.write("out/tool.py", "print()")
    for file in (_SUITE, _BASELINE, _RUN, "out/tool.py", f"{changed.root}/pyproject.toml"):
        before = changed.read(file)
        assert call(changed, *arguments, file).exit_code == 1
        assert changed.read(file) == before
    assert "golden/ holds your own files" in call(changed, *arguments, "golden/new.txt").output
    assert not (changed.root / "golden/new.txt").exists()
    for _ in range(2):
        assert call(changed, *arguments, "reports/report.txt").exit_code == 0
    assert call(changed, *arguments, "out/tool.py", "--force").exit_code == 0
    assert changed.read("out/tool.py") == changed.read("reports/report.txt")
