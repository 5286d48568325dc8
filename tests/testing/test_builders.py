"""The builders of the public test kit: whole records from a few words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import MetricError
from evalharness.records import GateRule, Message, Request, SampleError, Score, Timing, Usage
from evalharness.scoring.metrics import Metric, SampleView, request_to
from evalharness.scoring.metrics.base import Responses, Result, of_text
from evalharness.scoring.metrics.strings import exact
from evalharness.store import RunWriter, read_run
from evalharness.testing import (
    accepted_run,
    baseline,
    baseline_sample,
    case,
    outcome,
    request,
    response,
    run,
    sample,
    score,
)


def test_a_default_run_is_complete_and_survives_the_disk(tmp_path: Path) -> None:
    """Without any argument there is a complete run, equal to what is read after it was written."""
    made = run()
    writer = RunWriter(tmp_path / "run.jsonl", made.header)
    for one in made.samples:
        writer.append(one)
    writer.end(made)
    assert made.complete
    assert read_run(tmp_path / "run.jsonl") == made


@pytest.mark.parametrize("build", [accepted_run, baseline, baseline_sample, case, request, response, run, sample])
def test_defaults_are_equal_and_unknown_fields_are_errors(build: Callable[..., Any]) -> None:
    """Each builder gives the same record each time, and a misspelt field is a TypeError."""
    assert build() == build()
    with pytest.raises(TypeError, match="misspelt"):
        build(misspelt=1)


def test_response_takes_tokens_and_seconds() -> None:
    """Fields of usage and timing need no record of their own; a whole record is taken as it is."""
    made = response("Hi.", completion_tokens=3, total_s=9.0, finish_reason="length")
    assert (made.text, made.usage, made.timing, made.finish_reason) == ("Hi.", Usage(90, 3), Timing(9.0), "length")
    assert response(usage=Usage(1, 2), timing=Timing(3)).usage == Usage(1, 2)
    slow = sample(total_s=9.0).response
    assert slow
    assert slow.timing == Timing(9.0)


def test_sample_with_an_error_has_no_response() -> None:
    """An error replaces the response and the scores, unless the test gives them."""
    lost = sample(error=SampleError("crash", "died"))
    assert (lost.response, lost.scores, lost.answered) == (None, (), False)
    assert sample(error=SampleError("metric", "no score"), response=response()).response == response()


def test_scores_by_value_or_whole() -> None:
    """A score is a number by metric, or a `Score` with a signature of its own."""
    assert sample(scores={"chrf": 0.5}).scores == (Score("chrf", 0.5, "chrf|v:1"),)
    own = Score("chrf", 0.5, "chrf|order:6")
    assert run([sample(scores=[own])]).header.signatures == {"chrf": "chrf|order:6"}


def test_run_takes_fields_of_its_header() -> None:
    """Fields of the run and of its header are keywords of one call; gates are margins by metric, or rules."""
    made = run([sample("a")], gates={"latency": 0.1}, id="mine", stopped=True, suite="support")
    assert (made.header.id, made.header.suite, made.stopped) == ("mine", "support", True)
    assert made.header.gates == (GateRule("latency", 0.1),)
    assert run(gates=[GateRule("exact", 0.02, "population")]).header.gates[0].target == "population"
    assert not run([sample("a")], planned=()).complete


def test_baseline_has_what_a_run_would_leave() -> None:
    """A baseline holds the cases of its run and the path that it has in a repository; a run without any is refused."""
    made = baseline(run([sample("a", model="small"), sample("b", model="small")], suite="support"))
    assert (made.file, list(made.cases)) == ("golden/baselines/support/small.plain.jsonl", ["a", "b"])
    with pytest.raises(ValueError, match="expected a run with samples"):
        baseline(run([]))


@pytest.mark.parametrize(("worse", "status"), [(0, "pass"), (40, "fail")])
def test_outcome_is_decided_by_the_gate(worse: int, status: str) -> None:
    """The verdict of an outcome is the real gate's: equal scores pass, and forty lost ones fail."""
    good = run(sample(f"case-{number}") for number in range(80))
    now = run(sample(f"case-{number}", scores={"exact": float(number >= worse)}) for number in range(80))
    assert outcome(now, baseline(good)).status == status


def test_outcome_without_a_baseline() -> None:
    """Without a baseline the status is `no baseline`; a stopped run has no verdict."""
    assert outcome(baselines={}).status == "no baseline"
    assert outcome(run(stopped=True)).verdicts == ()


def test_score_is_what_a_run_would_store() -> None:
    """A metric's number for one answer is rounded as in a record."""
    assert score(exact(), "Yes.", "No.", "Yes.") == 1.0
    assert score(of_text("third", "third|v:1", lambda text: 1 / 3), "Yes.") == 0.333333


def test_score_sees_the_whole_view_and_its_replies() -> None:
    """Fields of the view and of the response are keywords, and a reply of another model is a text."""

    def graded(views: Sequence[SampleView], replies: Sequence[Responses]) -> list[Result]:
        assert (views[0].tags, views[0].response.logprobs) == (("billing",), (-0.5,))
        return [float(reply.text) for (reply,) in replies]

    def requests(view: SampleView) -> list[Request]:
        return [request_to("grader", Message("user", view.text))]

    graded_by_model = Metric("graded", "graded|v:1", graded, requests, models=("grader",))
    assert score(graded_by_model, "Yes.", "Yes.", replies=["0.75"], tags=("billing",), logprobs=(-0.5,)) == 0.75


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (of_text("big", "big|v:1", lambda text: 7.0), "7.0"),
        (of_text("bad", "bad|v:1", lambda text: float(text)), "ValueError"),
        (exact(), "no golden answer"),
    ],
)
def test_score_raises_what_a_run_would_record(metric: Metric, message: str) -> None:
    """A metric without a usable number is a MetricError, never a 0."""
    with pytest.raises(MetricError, match=message):
        score(metric, "Yes.")
