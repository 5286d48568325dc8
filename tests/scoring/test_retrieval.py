"""Retrieval by ids, in suites of an application."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from answering import Answers, answers_of
from hang import in_time

from evalharness.config import Config
from evalharness.errors import MetricError
from evalharness.records import Context, Score, Spec
from evalharness.scoring.metrics import SampleView, open_metric
from evalharness.testing import response

METRICS = ("context_precision", "context_recall", "hit_rate", "mrr", "ndcg")
DOCUMENTS = [{"id": name, "text": f"About {name}."} for name in ("returns", "shipping", "warranty")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Twenty cases with two relevant documents each, and two without."""
    cases: dict[str, dict[str, Any]] = {f"c{n}": {"relevant": ["returns", "warranty"]} for n in range(20)}
    return answers_of(tmp_path, "context_recall", monkeypatch, cases | {"chat": {}, "off-topic": {"relevant": []}})


def test_a_retriever_that_returns_less_is_red(project: Answers) -> None:
    """A gate compares the cases with relevant ids, fails for a worse retriever, and the score says what is missing."""
    good, bad = ({"*": {"text": "Yes.", "contexts": DOCUMENTS[:number]}} for number in (3, 1))
    accepted = project.answers(good)
    assert accepted.means["scripted", "plain"]["context_recall"] == 1.0
    accepted.accept(because="good")
    evaluation = project.answers(bad)
    assert evaluation.status == "fail"
    assert evaluation.means["scripted", "plain"]["context_recall"] == 0.5
    assert evaluation.outcome is not None
    assert "context_recall applies to 20 of 22 cases" in evaluation.outcome.verdicts[0].reason
    (score,) = next(one for one in evaluation.samples if one.key.case == "c0").scores
    assert score.explanation == ("1 of 2 relevant ids are among 1 contexts; missing: warranty; retrieved: returns")


def test_one_metric_with_two_options(project: Answers) -> None:
    """Each has the scores of its name, and a gate takes one of them."""
    suite = project.read("suites/demo.yaml").replace("- context_recall", '- {context_recall: 1, name: "recall@1"}')
    project.write("suites/demo.yaml", suite)
    assert "name: expected " in project.command("validate", "demo").output
    suite = suite.replace('"recall@1"', "recall_at_1").replace("metrics:", "metrics:\n- {context_recall: {k: 3}}")
    project.write("suites/demo.yaml", suite.replace("metric: context_recall", "metric: recall_at_1"))
    good, bad = ({"*": {"text": "Yes.", "contexts": [*DOCUMENTS[n:], *DOCUMENTS[:n]]}} for n in (0, 1))
    accepted = project.answers(good)
    assert accepted.means["scripted", "plain"] == {"context_recall": 1.0, "recall_at_1": 0.5}
    accepted.accept(because="good")
    evaluation = project.answers(bad)
    assert evaluation.means["scripted", "plain"] == {"context_recall": 1.0, "recall_at_1": 0.0}
    assert [(one.metric, one.status) for one in evaluation.verdicts] == [("recall_at_1", "fail")]


def test_what_a_response_says(project: Answers) -> None:
    """Nothing retrieved is 0; a response that says nothing of contexts, or has one without an id, is an error."""
    rows: dict[str, Any] = {
        "c0": {"text": "a", "contexts": []},
        "c1": {"text": "a"},
        "c2": {"text": "a", "contexts": [DOCUMENTS[0], "A text."]},
        "*": {"text": "a", "contexts": DOCUMENTS},
    }
    evaluation = project.answers(rows, baseline="none")
    samples = {one.key.case: one for one in evaluation.samples}
    assert samples["c0"].scores[0].value == 0
    assert samples["c0"].scores[0].explanation.endswith("missing: returns, warranty; retrieved: nothing")
    assert str(samples["c1"].error).startswith("metric: context_recall: the response has no contexts: return them")
    assert "context 2 of 2 has no id" in str(samples["c2"].error)
    assert [one.reason for one in samples["chat"].not_applicable] == ["no relevant ids ('relevant')"]
    assert samples["off-topic"].not_applicable == samples["chat"].not_applicable


def scored(name: str, relevant: Any, ids: list[str], **options: Any) -> Score:
    """The score of a ranking."""
    metric = open_metric(Spec(name, options), Config())
    answer = response("a", contexts=tuple(Context("text", one) for one in ids))
    (found,) = metric.score([SampleView(answer, vars={"relevant": relevant})], [()])
    if isinstance(found, MetricError):
        raise found
    assert isinstance(found, Score)
    return found


@pytest.mark.parametrize(
    ("name", "values"),
    [
        # Three of four documents are relevant, at the ranks 1 (twice), 3 and 4; without k, and for k = 1 and 2.
        ("context_precision", (3 / 4, 1, 1 / 2)),
        ("context_recall", (1, 1 / 3, 1 / 3)),
        ("hit_rate", (1, 1, 1)),
        ("mrr", (1, 1, 1)),
    ],
)
def test_options(name: str, values: tuple[float, ...]) -> None:
    """`k` cuts the ranking, in which an id counts once; the signature has it."""
    ids = ["a", "a", "x", "b", "c"]
    found = [scored(name, ["a", "b", "c"], ids), *(scored(name, ["a", "b", "c"], ids, k=k) for k in (1, 2))]
    assert [one.value for one in found] == pytest.approx(values)
    assert len({one.signature for one in found}) == 3


@pytest.mark.parametrize(
    ("relevant", "value"),
    [
        ({"a": 3, "b": 1}, 1),
        ({"b": 3, "a": 1}, (1 + 3 / 1.5849625) / (3 + 1 / 1.5849625)),
        (["a", "b"], 1),
        ({"a": 1, "b": 0}, 1),
        ("a", 1),
        ([1], 0),
    ],
)
def test_grades(relevant: Any, value: float) -> None:
    """A mapping has grades, a list and a text grade 1; a grade of 0 is not relevant."""
    assert scored("ndcg", relevant, ["a", "b"]).value == pytest.approx(value)


def test_ids_that_are_numbers() -> None:
    """The id 12 in YAML is the id "12" of a response."""
    assert scored("mrr", [12], ["7", "12"]).value == 0.5


@pytest.mark.parametrize(
    ("vars_", "metric", "message"),
    [
        ({"relevant": 3.5}, "mrr", "the variable 'relevant': expected ids, or a mapping from ids to grades, got '3.5'"),
        (
            {"relevant": ["a", True]},
            "mrr",
            "the variable 'relevant': expected an id (a text or an integer), got 'True'",
        ),
        ({"relevant": {"a": "high"}}, "ndcg", "the variable 'relevant': expected a grade from 0 to 1e+100, got 'high'"),
        ({"relevant": {"a": -1}}, "ndcg", "the variable 'relevant': expected a grade from 0 to 1e+100, got '-1'"),
        (
            {"relevant": {"a": 1e308, "b": 1e308}},
            "ndcg",
            "the variable 'relevant': expected a grade from 0 to 1e+100, got '1.0e+308'",
        ),
        ({"docs": ["a"]}, "mrr", "the metric 'mrr' applies to no case: each has no relevant ids ('relevant')"),
        ({"relevant": ["a"]}, {"mrr": 0}, "k: expected an integer from 1, got 0"),
        ({"relevant": ["a"]}, {"mrr": "3"}, "the option 'k' of the metric 'mrr' is wrong"),
        ({"relevant": ["a"]}, {"mrr": {"topk": 3}}, "the metric 'mrr' has no option 'topk'"),
    ],
)
def test_validate(tmp_path: Path, vars_: dict[str, Any], metric: Any, message: str) -> None:
    """`validate` refuses wrong ids at the line of their case, and wrong options at the line of the metric."""
    project = Answers(tmp_path, [metric], {"c0": vars_})
    result = project.command("validate", "demo")
    assert result.exit_code == 1
    where = "- id: c0" if message.startswith("the variable") else "- mrr"
    line = next(n for n, text in enumerate(project.read("suites/demo.yaml").split("\n"), start=1) if where in text)
    assert f"suites/demo.yaml:{line}:" in result.output
    assert message in result.output


def test_another_variable(tmp_path: Path) -> None:
    """`relevant` names the variable with the ids."""
    project = Answers(tmp_path, [{"context_recall": {"relevant": "docs"}}], {"c0": {"docs": ["returns"]}})
    assert project.sample({"text": "a", "contexts": DOCUMENTS}).scores[0].value == 1


@pytest.mark.parametrize("name", METRICS)
def test_many_contexts(name: str) -> None:
    """A response with 100,000 contexts takes a moment."""
    ids = [f"d{number}" for number in range(100_000)]
    with in_time():
        assert scored(name, ids[50_000:60_000], ids).value > 0
