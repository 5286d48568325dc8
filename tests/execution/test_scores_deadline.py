"""A deadline ends the scores of a run, also while a metric is busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines import in_time, kinds, samples_of

from evalharness import evaluate
from evalharness.config import Config
from evalharness.evaluation.pipeline import Pipeline
from evalharness.execution import Engine
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Sample
from evalharness.scoring.metrics.base import Metric, Responses, Result, SampleView
from evalharness.scoring.scorer import Scorer
from evalharness.testing import case, request
from evalharness.testing.folder import Folder

SUITE = """\
schema: 1
prompts: {plain: [{user: "{{ q }}"}]}
metrics: [{chrf: {word_order: 2}}]
cases: [{id: a, vars: {q: x}}]
"""


@contextmanager
def busy_metric(calls: list[int]) -> Iterator[Metric]:
    """A metric that scores the first batch when the test has ended."""
    ended = threading.Event()

    def score(views: Sequence[SampleView], _: Sequence[Responses]) -> list[Result]:
        calls.append(len(views))
        ended.wait(60)
        return [1.0 for _ in views]

    try:
        yield Metric("busy", "busy|v:1", score, needs_golden=False)
    finally:
        ended.set()


def samples(metric: Metric, names: str, deadline_s: float) -> list[Sample]:
    """The samples of a run with a deadline."""
    engine = Engine({"m": ScriptedProvider({"*": "Yes."})})
    with Pipeline(engine, deadline_s) as pipeline:
        scorer = Scorer([metric])
        return samples_of([pipeline.submit(case(name), request(case=name, model="m"), scorer) for name in names])


def test_a_busy_metric_does_not_outlast_the_deadline() -> None:
    """Responses in the metric, and those that wait for it, keep their text and have an error."""
    calls: list[int] = []
    with busy_metric(calls) as metric:
        found = in_time(lambda: samples(metric, "abc", 0.05))

    assert kinds(found) == {"deadline": 3}
    assert all(sample.response and sample.response.text == "Yes." for sample in found)
    assert {str(sample.error) for sample in found} == {
        "deadline: the run's deadline ended before this response was scored"
    }


def test_scores_in_time_are_kept() -> None:
    """A deadline that is far away changes nothing."""
    metric = Metric("quick", "quick|v:1", lambda views, _: [1.0 for _ in views], needs_golden=False)

    assert [sample.scores[0].value for sample in samples(metric, "abc", 600)] == [1.0, 1.0, 1.0]


def test_long_responses_are_scored_in_small_batches() -> None:
    """Ten responses of 400,000 characters are at most three to a batch, so that a deadline falls between them."""
    calls: list[int] = []

    def score(views: Sequence[SampleView], _: Sequence[Responses]) -> list[Result]:
        calls.append(len(views))
        return [1.0 for _ in views]

    metric, long = Metric("sizes", "sizes|v:1", score, needs_golden=False), "word " * 80_000
    with Pipeline(Engine({"m": ScriptedProvider({"*": long})})) as pipeline:
        requests = [(case(name), request(case=name, model="m")) for name in "abcdefghij"]
        samples_of(pipeline.submit_all(requests, Scorer([metric])))

    assert sum(calls) == 10
    assert max(calls) <= 3


def test_the_deadline_of_evaluate_ends_the_scores(tmp_path: Path) -> None:
    """A metric that takes seconds for long texts is given up, and the case is red."""
    long = " ".join(f"word{number}" for number in range(400_000))
    project = Folder(tmp_path)
    project.write("suites/s.yaml", SUITE)
    project.write("golden/s.yaml", "a: Yes.\n")
    provider = ScriptedProvider({"*": long})

    found = in_time(
        lambda: evaluate("s", models={"m": provider}, deadline_s=0.01, baseline="none", config=Config(root=tmp_path))
    )

    assert found.status != "pass"
    assert kinds(found.samples) == {"deadline": 1}
