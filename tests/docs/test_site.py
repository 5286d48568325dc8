"""The documentation site builds without a warning, and its reference is complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import ROOT

import evalharness


@pytest.mark.slow
def test_the_site_builds(tmp_path: Path) -> None:
    """A broken link, a page without a menu entry or an invalid docstring fails the build. The build uses no network."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-d", str(tmp_path / "doctrees")]
    done = subprocess.run([*command, "docs", str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    site = tmp_path / "site"
    assert "evalharness run" in (site / "reference/help.html").read_text()
    assert "--llm-suite" in (site / "reference/pytest.html").read_text()
    assert "template_steps" in (site / "reference/configuration.html").read_text()
    reference = (site / "reference/api.html").read_text()
    assert [name for name in evalharness._PUBLIC if f'id="evalharness.{name}"' not in reference] == []
    for page in site.rglob("*.html"):
        assert "{{ " not in re.sub(r"<(code|pre).*?</\1>", "", page.read_text(), flags=re.DOTALL), page
