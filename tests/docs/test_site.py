"""The site of the documentation builds without a warning, and its reference is whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import ROOT

import evalharness

API = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_site_builds(tmp_path: Path) -> None:
    """A broken link, a page that no menu names or a docstring that is not valid fails the build. No network is used."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-d", str(tmp_path / "doctrees")]
    done = subprocess.run([*command, "docs", str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    site = tmp_path / "site"
    assert "evalharness run" in (site / "reference/help.html").read_text()
    assert "--llm-suite" in (site / "reference/pytest.html").read_text()
    assert "template_steps" in (site / "reference/configuration.html").read_text()
    for page in site.rglob("*.html"):
        assert "{{ " not in re.sub(r"<(code|pre).*?</\1>", "", page.read_text(), flags=re.DOTALL), page


def test_every_public_name_is_documented() -> None:
    """The API page has each name that `evalharness` exports, and no other."""
    documented = re.findall(r"^\.\. auto(?:function|class|exception):: (\w+)", API.partition("## Statistics")[0], re.M)
    assert sorted(documented) == sorted(set(evalharness.__all__) - {"__version__"})
