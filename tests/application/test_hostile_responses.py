"""Hostile values in every place of a response: each is a clear error or text, and nothing else changes."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from hostile import COMMAND

from evalharness.records import Run, Sample
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

SECRET = "sk-live-0123456789abcdefghij"
APP = """\
import os

KEY = os.environ["APP_KEY"]


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def cycle():
    value = {}
    value["self"] = value
    return value


VALUES = [
    lambda: "x" * 5_000_000,
    lambda: "<script>alert(1)</script>",
    lambda: "![x](https://evil.example/p.png)",
    lambda: "\\x1b]52;c;aGk=\\x07\\x1b[2J",
    lambda: "::error::boom\\n##[error]boom",
    lambda: "half \\ud83d pair",
    lambda: "{{ variables.key }}{% raw %}",
    lambda: "../../etc/passwd\\0",
    lambda: f"the key is {KEY}",
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: 10**400,
    lambda: -1,
    lambda: b"bytes",
    lambda: {1, 2},
    lambda: object(),
    lambda: {3: "x"},
    lambda: deep(2_000),
    lambda: [0] * 200_000,
    cycle,
]
PLACES = {
    "text": lambda value: {"text": value},
    "context": lambda value: {"text": "ok", "contexts": [{"text": value}]},
    "context id": lambda value: {"text": "ok", "contexts": [{"text": "c", "id": value}]},
    "score": lambda value: {"text": "ok", "contexts": [{"text": "c", "score": value}]},
    "tool": lambda value: {"text": "ok", "tool_calls": [{"name": value}]},
    "arguments": lambda value: {"text": "ok", "tool_calls": [{"name": "t", "arguments": {"a": value}}]},
    "result": lambda value: {"text": "ok", "tool_calls": [{"name": "t", "result": value}]},
    "data": lambda value: {"text": "ok", "data": {"d": value}},
    "turn": lambda value: {"text": "ok", "turns": [{"role": "user", "content": value}]},
    "citation": lambda value: {"text": "ok", "citations": [{"source": "a", "quote": value}]},
    "refusal": lambda value: {"refusal": value},
    "cost": lambda value: {"text": "ok", "cost_usd": value},
    "exception": lambda value: fail(value),
}


def fail(value):
    raise ValueError(value)


def answer(question):
    if question == "fine":
        return "fine"
    number, _, place = question.partition(" ")
    return PLACES[place](VALUES[int(number)]())
"""
PLACES = re.findall(r'^    "([a-z ]+)": lambda value', APP, re.MULTILINE)
VALUES = 20
QUESTIONS = {f"{place.replace(' ', '-')}-{n}": f"{n} {place}" for place in PLACES for n in range(VALUES)}
FINE = [f"fine-{n}" for n in range(10)]
MOST_CHARS = 2_500
"""Of one error: a cause, and the last lines of the application."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Run]:
    """One run of all of them, with ten harmless cases among them."""
    with pytest.MonkeyPatch.context() as patch:
        leave_ci(patch)
        patch.setenv("APP_KEY", SECRET)
        project = Project(tmp_path_factory.mktemp("hostile"))
        patch.setenv("XDG_CACHE_HOME", str(project.root / "cache"))
        names = list(QUESTIONS)
        for position, name in enumerate(FINE):
            names.insert(25 * position, name)
        cases = [{"id": name, "vars": {"question": QUESTIONS.get(name, "fine")}} for name in names]
        project.write_suite(
            dict.fromkeys(FINE, "fine"),
            cases=cases,
            models=["app"],
            gates=None,
            metrics=[{"contains": {"text": "fine"}}],
        )
        project.write("app.py", APP)
        project.configure(app={"provider": "python", "call": "app:answer", "env": ["APP_KEY"], "concurrency": 2})
        return project, project.evaluate().run


def test_each_is_an_error_or_text(run: tuple[Project, Run]) -> None:
    """No response is lost: each of the 260 is an answer within the bounds, or an error that names the place."""
    _, record = run
    found = {sample.key.case: sample for sample in record.samples}
    assert len(QUESTIONS) == 260
    assert found.keys() == {*QUESTIONS, *FINE}
    unclear = {case: problem for case in QUESTIONS if (problem := _problem(found[case]))}
    assert not unclear
    assert sum(found[case].error is None for case in QUESTIONS) >= 60


def _problem(sample: Sample) -> str:
    """What is wrong with the outcome of a hostile response."""
    error = sample.error
    if error is None:
        return sample.response.problem if sample.response else "no response"
    place = sample.key.case.rpartition("-")[0]
    if len(str(error)) > MOST_CHARS or not error.message:
        return f"an error of {len(error.message)} characters"
    word = {"exception": "ValueError", "context-id": "id", "cost": "cost_usd", "citation": "citations"}.get(
        place, place
    )
    return "" if word in str(error) else f"the error does not name {word}: {error}"


def test_the_others_are_unchanged(run: tuple[Project, Run]) -> None:
    """The harmless cases have their answers."""
    texts = {s.key.case: s.response.text for s in run[1].samples if s.response and s.key.case in FINE}
    assert texts == dict.fromkeys(FINE, "fine")


def test_the_key_is_nowhere(run: tuple[Project, Run]) -> None:
    """Neither the record nor a report contains the key that the application returned and raised."""
    files = [path for path in run[0].root.glob("reports/**/*") if path.is_file()]
    assert len(files) >= 4
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []


def test_text_stays_text(run: tuple[Project, Run]) -> None:
    """No report has markup, a link or a command from a response."""
    folder = run[0].root / "reports" / run[0].suite
    page = Path(folder / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    summary = Path(folder / "summary.md").read_text(encoding="utf-8")
    assert not COMMAND.search(summary)
    assert "\x1b" not in page + summary
    assert "](https://evil.example" not in summary
    assert "alert(1)" in html.unescape(page)


def test_the_record_is_read_again(run: tuple[Project, Run]) -> None:
    """What was stored is what the run returned."""
    project, record = run
    stored: Any = project.record()
    assert [one.response for one in stored.samples] == [one.response for one in record.samples]
