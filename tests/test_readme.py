"""What the README shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROJECT = """
[tool.evalharness.models.loud]
provider = "shout"
suffix = "?!"
"""
SUITE = """
schema: 1
models: [loud]
prompts: {plain: [{user: "{{ word }}"}]}
metrics: [exact]
cases: [{id: one, vars: {word: hello}}]
"""


def test_a_provider_in_ten_lines(pytester: pytest.Pytester) -> None:
    """The README's provider, installed by its entry point, answers a suite; it is ten lines long."""
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10
    pytester.makepyfile(shout=code)
    info = pytester.mkdir("shout-1.0.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[evalharness.providers]\nshout = shout:Shout\n")
    pytester.makefile(".toml", pyproject=PROJECT)
    for folder, text in (("suites", SUITE), ("golden", "one: ['HELLO?!']\n")):
        pytester.mkdir(folder).joinpath("loud.yaml").write_text(text)
    pytester.syspathinsert()
    done = pytester.runpytest_subprocess("--llm-suite=loud", "-p", "evalharness.plugin", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)
    assert '"value": 1.0' in (pytester.path / "reports/loud/run.jsonl").read_text()
