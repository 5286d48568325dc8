"""Hostile texts of a project stay text in everything that pytest prints for the plugin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hostile import COMMAND, invisible

TEXT = "x\x1b]52;c;aGk=\x07\r\n::error::boom\n ##[error]boom\u202e\u200b"


def acts(result: pytest.RunResult) -> set[str]:
    """What acts in the output of pytest; it ends its own lines with a line end alone."""
    printed = result.stdout.str() + result.stderr.str()
    return invisible(printed) | {found[0] for found in COMMAND.finditer(printed)}


@pytest.mark.parametrize(
    "option",
    [
        *(f"--llm-suite={TEXT}", f"--llm-model={TEXT}", f"--llm-prompt={TEXT}", f"--llm-baseline=golden/{TEXT}"),
        *(f"--llm-baseline=git:{TEXT}", f"--llm-log=/dev/null/{TEXT}"),
    ],
    ids=lambda option: option.partition("x\x1b")[0],
)
def test_options(project: Any, option: str) -> None:
    """An error about an option shows its value as text."""
    result = project.run(option)
    assert result.ret not in (0, 1)
    assert not acts(result)


def test_an_invalid_suite(project: Any) -> None:
    """The problems of a suite are shown as text."""
    project.write("suites/demo.yaml", json.dumps({"schema": 1, TEXT: TEXT, "models": [TEXT]}))
    result = project.run()
    assert result.ret not in (0, 1)
    assert not acts(result)
    assert "⟨U+001B⟩" in result.stdout.str()


def test_an_invalid_configuration(project: Any) -> None:
    """A problem of the configuration is shown as text."""
    project.write("pyproject.toml", f"[tool.evalharness]\n{json.dumps(TEXT)} = 1\n")
    result = project.run()
    assert result.ret not in (0, 1)
    assert not acts(result)


def test_a_run(accepted: Any) -> None:
    """Answers, goldens and errors are text in failures, reasons and the summary, for every verbosity."""
    answers: dict[str, Any] = dict.fromkeys(accepted.ids, TEXT)
    accepted.answer(answers | {"case-3": {"error": TEXT}})
    accepted.write("golden/demo.yaml", json.dumps(dict.fromkeys(accepted.ids, TEXT)))
    for verbose in ("-q", "-vv", "-rA"):
        result = accepted.run(verbose)
        assert result.ret == 1
        assert not acts(result)


def test_a_command_in_a_name(project: Any) -> None:
    """A case, a model and a prompt whose names make a command together are shown as text."""
    line = json.dumps({**project.case("case-1"), "id": "secret##"})
    project.write("suites/cases.jsonl", f"{line}\n")
    project.write("golden/demo.yaml", "secret##: Yes.\n")
    project.write("suites/demo.yaml", project.read("suites/demo.yaml").replace("fake", "add").replace("plain", "mask"))
    project.write("pyproject.toml", project.read("pyproject.toml").replace("fake", "add"))
    project.answer({"secret##": "Yes."})
    result = project.run("-v")
    result.assert_outcomes(passed=1, skipped=3)
    assert "##[" not in result.stdout.str()
    assert "secret##⟨U+005B⟩add-mask]" in result.stdout.str()
