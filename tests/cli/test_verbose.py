"""`evalharness -v` logs to standard error what a command does; without it nothing is logged."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalharness.cli import main

SUITE = """\
schema: 1
models: [fake]
prompts: {ask: [{user: "{{ q }}"}]}
metrics: [json_valid]
cases: [{id: a, vars: {q: x}}]
"""
CONFIG = '[tool.evalharness.models.fake]\nprovider = "scripted"\nanswers = {"*" = "Yes."}\n'
SENT = "INFO  evalharness.execution.model_queue: a[fake-ask] #0 sent, attempt 1"
RESPONSE = "a[fake-ask] #0: Yes."


@pytest.mark.parametrize(
    ("options", "shown"), [([], []), (["-v"], [SENT]), (["--verbose"], [SENT]), (["-vv"], [SENT, RESPONSE])]
)
def test_verbose(tmp_path: Path, options: list[str], shown: list[str]) -> None:
    """`-v` shows requests, `-vv` also responses, and the log ends with the command."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/one.yaml").write_text(SUITE)
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    result = CliRunner().invoke(main, [*options, "--root", str(tmp_path), "run", "one"])
    assert [line for line in (SENT, RESPONSE) if line in result.stderr] == shown
    assert bool(result.stderr) == bool(shown)
    assert SENT not in result.stdout
    assert logging.getLogger("evalharness").level == logging.NOTSET
