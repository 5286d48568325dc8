"""`at: $.data.answer`: checks and metrics that look at a part of the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalharness.answer_part import AnswerPart, NoPartError, answer_part
from evalharness.criteria.changes import changes
from evalharness.criteria.criteria import criteria_of
from evalharness.errors import ConfigError
from evalharness.records import Citation, Context, Message, Response, ToolCall
from evalharness.suites import load_suite
from evalharness.testing import Project, response

APP = """\
ANSWERS = {
    "good": {"text": "See data.", "data": {"answer": "Within 30 days.", "tags": ["a", "b"]}},
    "wrong": {"text": "Within 30 days.", "data": {"answer": "Never.", "tags": []}},
    "bare": {"text": "Within 30 days.", "data": {"answr": "Within 30 days."}},
}

def answer(text):
    return ANSWERS[text]
"""
FULL = response(
    "Text.",
    data={"answer": "A", "list": [1, 2.5], "null": None, "deep": {"b": 1, "a": "ü"}},
    contexts=(Context("one", "1"), Context("two", "2")),
    tool_calls=(ToolCall("find", {"q": "x"}, id="1"),),
    turns=(Message("user", "Hi"),),
    reasoning="Hm.",
    refusal="No.",
    citations=(Citation("https://a.example"),),
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("$.text", "Text."),
        ("$.data.answer", "A"),
        ("$.data.deep", '{"a": "ü", "b": 1}'),
        ("$.data.list[1]", "2.5"),
        ("$.data.list[*]", "[1, 2.5]"),
        ("$.contexts[*].text", "one\ntwo"),
        ("$.contexts[-1].id", "2"),
        ("$.tool_calls[0].arguments.q", "x"),
        ("$.turns[0].content", "Hi"),
        ("$.reasoning", "Hm."),
        ("$.refusal", "No."),
        ("$['citations'][0]['source']", "https://a.example"),
    ],
)
def test_parts(path: str, text: str) -> None:
    """A path finds a text, the JSON of another value, or the lines of several texts."""
    assert answer_part(path).of(FULL) == text


@pytest.mark.parametrize(
    ("path", "given", "message"),
    [
        ("$.data.answr", FULL, "$.data.answr finds nothing: $.data is an object with the keys 'answer', 'list'"),
        ("$.data.null", FULL, "$.data.null finds nothing: it is null"),
        ("$.data.answer", response("x"), "$ is an object with the keys 'text'"),
        ("$.contexts[*].text", response("x", contexts=()), "finds nothing"),
        ("$.data.list[9]", FULL, "$.data.list is a list of 2"),
        ("$.data", response("x", data="y" * 200_001), "has 200,001 characters, expected at most 200,000"),
    ],
)
def test_nothing_there(path: str, given: Response, message: str) -> None:
    """An answer without the part has a message that names what is there."""
    with pytest.raises(NoPartError) as caught:
        answer_part(path).of(given)
    assert message in str(caught.value)


def test_what_a_baseline_keeps() -> None:
    """Only the text of an accepted answer is known later."""
    assert [answer_part(path).beyond for path in ("$.text", "$.data.a", "$['text']")] == [(), ("data",), ()]
    assert isinstance(answer_part("$.text"), AnswerPart)


@pytest.fixture
def app(tmp_path: Path) -> Project:
    """A suite with an application that gives structured answers."""
    project = Project(tmp_path)
    project.write("app.py", APP)
    return project


def written(project: Project, *checks: Any, metrics: Any = ("exact",), **keys: Any) -> Project:
    """The suite with these checks and metrics."""
    goldens = dict.fromkeys(("good", "wrong", "bare"), "Within 30 days.")
    cases = [{"id": one, "vars": {"question": one}} for one in goldens]
    given = {"cases": cases, "models": ["app"], "metrics": list(metrics), "assert": list(checks), "gates": None, **keys}
    project.write_suite(goldens, **given)
    project.configure(app={"provider": "python", "call": "app:answer"})
    return project


def failed(project: Project) -> dict[str, tuple[str, ...]]:
    """The failed checks by case."""
    return {one.key.case: one.failed_checks for one in project.evaluate().run.samples}


def test_checks(app: Project) -> None:
    """A check at a path looks at that part alone; where it is missing, the check fails, negated or not."""
    found = failed(
        written(app, {"contains": "30 days", "at": "$.data.answer"}, {"not_contains": "Always", "at": "$.data.answer"})
    )
    missing = (
        "must have something to check: $.data.answer finds nothing: $.data is an object with the keys 'answr'; "
        "did you mean 'answr'?"
    )
    assert found == {
        "good": (),
        "wrong": ("must contain '30 days' (at $.data.answer)",),
        "bare": (missing, missing),
    }


def test_metrics(app: Project) -> None:
    """A metric at a path scores that part; an answer without it is an error, and the signature has the path."""
    run = written(app, metrics=[{"exact": {"at": "$.data.answer"}}]).evaluate().run
    samples = {one.key.case: one for one in run.samples}
    assert [samples[one].scores[0].value for one in ("good", "wrong")] == [1.0, 0.0]
    assert samples["good"].scores[0].signature.endswith('|path:"$.data.answer"')
    error = samples["bare"].error
    assert error
    assert "exact: $.data.answer finds nothing" in error.message


def test_a_schema_of_a_part(app: Project) -> None:
    """A JSON schema can be asked of a structured part."""
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    found = failed(written(app, {"json_schema": schema, "at": "$.data.tags"}))
    assert [bool(found[one]) for one in ("good", "wrong", "bare")] == [False, True, True]


def test_a_share_of_cases(app: Project) -> None:
    """The identity of an assertion contains its path, so that two parts do not count as one."""
    checks = [{"contains": "30", "at": path, "must_pass": "50%"} for path in ("$.data.answer", "$.text")]
    run = written(app, *checks).evaluate().run
    names = {one.assertion for sample in run.samples for one in sample.violations}
    assert names == {'contains "30" [at $.data.answer]', 'contains "30" [at $.text]'}


MISTAKES = [
    ({"assert": [{"contains": "a", "at": "$.dat.answer"}]}, "expected a field of the answer after '$', got '$.dat.an"),
    ({"assert": [{"contains": "a", "at": "$.dat.answer"}]}, "did you mean 'data'?"),
    ({"assert": [{"contains": "a", "at": "data.answer"}]}, "did you mean '$.data.answer'?"),
    ({"assert": [{"contains": "a", "at": "$..answer"}]}, "'..' is not supported"),
    ({"assert": [{"contains": "a", "at": "$"}]}, "got '$': text, data, contexts"),
    ({"assert": [{"contains": "a", "at": 7}]}, "expected a JSONPath"),
    ({"assert": [{"contains": "a", "at": "$.data.a", "must_pass": "stable"}]}, "reads data, which a baseline does not"),
    ({"metrics": [{"exact": {"at": "$.dta"}}]}, "did you mean 'data'?"),
    ({"metrics": [{"mrr": {"at": "$.data"}}]}, "at: the metric 'mrr' does not score a text: remove 'at'"),
    (
        {"metrics": [{"answer_logprob": {"at": "$.data"}}], "params": {"logprobs": True}},
        "at: the metric 'answer_logprob' does not score a text",
    ),
    (
        {"assert": [{"contains": "a", "at": "$.data.a"}], "gates": [{"metric": "assertions", "margin": 0.1}]},
        "a gate on assertions compares with accepted answers, and the check 'contains at $.data.a' reads data",
    ),
]


@pytest.mark.parametrize(("keys", "message"), MISTAKES)
def test_mistakes(app: Project, keys: dict[str, Any], message: str) -> None:
    """`validate` names the line of a mistake in a path, and what a path cannot do."""
    written(app, **keys)
    printed = app.command("validate").output
    assert message in printed
    assert "suites/demo.yaml:" in printed


def test_a_text_compares_with_accepted_answers(app: Project) -> None:
    """`$.text` is what a baseline keeps, so every `must_pass` works with it."""
    written(app, {"contains": "30", "at": "$.text", "must_pass": "stable"})
    assert "ok" in app.command("validate").output
    with pytest.raises(ConfigError):
        answer_part("$.nothing")


def test_criteria(app: Project) -> None:
    """Moving a check to another part, and a metric too, relaxes the criteria."""

    def criteria(path: str) -> Any:
        written(app, {"max_words": 9, "at": path}, metrics=[{"exact": {"at": path}}])
        return criteria_of(load_suite("demo", app.config), config={}, baselines={})

    then, now = criteria("$.data.answer"), criteria("$.data.other")
    found = {(one.what, one.relaxes) for one in changes(then, now)}
    assert ("metric exact", True) in found
    assert ("assertion max_words at $.data.answer 9", True) in found
    assert ("assertion max_words at $.data.other 9", False) in found
