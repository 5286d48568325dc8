"""The script of the documentation compares two runs of a scripted model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "docs/which_tag_got_slower.py"
SUITE = """\
schema: 1
models: [fake]
prompts: {ask: [{user: "{{ q }}"}]}
metrics: [json_valid]
cases:
"""
TAGS = {"a": ["refunds"], "b": ["refunds", "shipping"], "c": ["shipping"], "d": ["billing"], "e": []}
FAST = dict.fromkeys(TAGS, 0.02)


def a_run(project: pytest.Pytester, name: str, delays: dict[str, float], *arguments: str) -> str:
    """The folder of a run with these seconds for each case."""
    cases = "".join(
        f"  - {json.dumps({'id': case, 'vars': {'q': case}, 'tags': tags})}\n" for case, tags in TAGS.items()
    )
    answers = {case: {"text": "yes", "delay_s": delay} for case, delay in delays.items()}
    project.makefile(
        ".toml", pyproject='[tool.evalharness.models.fake]\nprovider = "scripted"\nanswers = "answers.json"\n'
    )
    (project.path / "answers.json").write_text(json.dumps(answers))
    (project.path / "suites").mkdir(exist_ok=True)
    (project.path / "suites/demo.yaml").write_text(SUITE + cases)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:hypothesispytest",
        "--llm-suite=demo",
        f"--llm-report={name}",
        *arguments,
    ]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    (found,) = project.path.glob(f"{name}/**/run.jsonl")
    return str(found.parent)


def script(*arguments: str) -> Any:
    """Run the script and return its output."""
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)


def test_which_tag_got_slower(pytester: pytest.Pytester) -> None:
    """The slowest tag comes first, with its change; the other tags follow."""
    before = a_run(pytester, "before", FAST)
    after = a_run(pytester, "after", {**FAST, "b": 0.2, "c": 0.3})
    done = script(before, after)
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows, blank, headline = done.stdout.splitlines()
    assert head.split() == ["cases", "before_s", "after_s", "change"]
    assert [row.split()[:2] for row in rows[:2]] == [["'shipping'", "2"], ["'refunds'", "2"]]
    assert (len(rows), blank) == (3, "")
    assert headline.startswith("'shipping' got slower: +")
    assert float(headline.split("+")[1].rstrip("%.")) > 100
    *_, last, _, _ = script(after, before).stdout.splitlines()
    assert (last.split()[0], last.split()[-1][0]) == ("'shipping'", "-")


def test_missing_records() -> None:
    """Without two records the script prints its usage or the missing file."""
    assert "BEFORE AFTER" in script().stderr
    assert "run.jsonl: cannot be read" in script("none", "none").stderr
