"""Output for other programs is JSON, whatever text it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from store.stored_records import HOSTILE, a_run, a_sample, write

from evalharness.cli import main
from evalharness.cli._output import print_json


@pytest.mark.parametrize("command", ["review", "compare"])
def test_answers(tmp_path: Path, command: str) -> None:
    """Half a surrogate pair in an answer or a tag is valid JSON."""
    (tmp_path / "pyproject.toml").write_text('[tool.evalharness.models.m]\nprovider = "scripted"\n')
    path = write(tmp_path / "reports/demo/run.jsonl", a_run([a_sample(text=text) for text in HOSTILE[6:7]]))
    result = CliRunner().invoke(main, ["--root", str(tmp_path), command, str(path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)


def test_any_value(capfd: pytest.CaptureFixture[str]) -> None:
    """Printed JSON can be parsed to the same value."""
    value: list[Any] = [*HOSTILE, {"n": 1}]
    print_json(value)
    assert json.loads(capfd.readouterr().out) == value
