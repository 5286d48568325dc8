"""A third party's metric, judge and executor run a suite under pytest and through `evaluate()`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness import ConfigError, Evaluation, Sample, ScriptedProvider, SuiteError
from evalharness.testing.ci import leave_ci

SHOP = "[tool.evalharness.models.shop]"
CONFIG = """
[tool.evalharness.models.shop]
provider = "scripted"
function = "script.py:answer"
price = {input = 1000}
[tool.evalharness.models.critic]
provider = "scripted"
function = "script.py:answer"
price = {input = 1000}
[tool.evalharness.judges.panel]
judge = "votes"
model = "critic"
votes = 4
[tool.evalharness.executors.pool]
executor = "thread-pool"
workers = 2
"""
SCRIPT = """
from pathlib import Path

def answer(request):
    with Path("calls").open("a") as file:
        file.write(request.key.model + chr(10))
    if request.key.model == "shop":
        return f"Gladly, {request.key.case}."
    if "Grade" in request.messages[0].content:
        return {"ann": "7", "bob": "10"}[request.key.case]
    return "no" if request.key.repeat == 3 else "yes"
"""
SUITE = """
schema: 1
models: [shop]
prompts: {plain: [{user: "{{ word }} please"}]}
metrics: [{politeness: critic}, {judge: {name: kind, judge: panel, ask: "Is it kind?"}}]
cases: [{id: ann, vars: {word: hello}}, {id: bob, vars: {word: bye}}]
"""
RunSuite = Callable[[str, str], list[Sample]]


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with a scripted model, a scripted critic, and everything of the third party's package."""
    original = ScriptedProvider.__init__

    @wraps(original)
    def recorded(self: ScriptedProvider, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.capabilities = replace(self.capabilities, recorded=True)

    monkeypatch.setattr(ScriptedProvider, "__init__", recorded)
    pytester.makefile(".toml", pyproject=CONFIG)
    pytester.makepyfile(script=SCRIPT)
    pytester.mkdir("suites").joinpath("kind.yaml").write_text(SUITE)


def edit(pytester: pytest.Pytester, name: str, old: str, new: str) -> None:
    """Replace a text that must be there."""
    path = pytester.path / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def calls(pytester: pytest.Pytester, name: str = "calls") -> list[str]:
    """Return the sorted model names of all calls so far."""
    path = pytester.path / name
    return sorted(path.read_text().split()) if path.exists() else []


def evaluated(pytester: pytest.Pytester, **options: Any) -> Evaluation:
    """`evaluate("kind")` in the folder of the test."""
    return evalharness.evaluate("kind", config=evalharness.load_config(pytester.path), **options)


CALLED = ["critic"] * 10 + ["shop"] * 2
"""For each of two responses one grade and four votes."""


def test_metric_and_judge_send_requests(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    """The first run sends the metrics' requests; the second one replays them all and forbids model calls."""
    runs = [run_suite("kind", "once"), run_suite("kind", "none")]

    assert calls(pytester) == CALLED
    for samples in runs:
        assert [sample.error for sample in samples] == [None, None]
        grades, votes = zip(*(sample.scores for sample in samples), strict=True)
        assert [(score.value, score.explanation, score.parts) for score in grades] == [
            (0.7, "grade 7 of 10", {"grade": 7.0}),
            (1.0, "grade 10 of 10", {"grade": 10.0}),
        ]
        assert [(score.value, score.parts) for score in votes] == [(0.75, {"yes": 0.75, "no": 0.25})] * 2
        assert all("|models:" in score.signature for sample in samples for score in sample.scores)


def test_executor_makes_the_attempts(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    """Requests of the suite and of its metrics run in the executor that the configuration names; replay needs none."""
    edit(pytester, "pyproject.toml", SHOP, f'[tool.evalharness]\nexecutor = "pool"\n{SHOP}')

    first, second = run_suite("kind", "once"), run_suite("kind", "none")

    assert calls(pytester, "pool.log") == calls(pytester) == CALLED
    assert [sample.scores for sample in first] == [sample.scores for sample in second]
    assert all(sample.recorded_at and not sample.metrics_cost_usd for sample in second)


def test_executor_by_name_or_object(pytester: pytest.Pytester) -> None:
    """`evaluate` takes the name of an installed executor or an object; an unknown name is an error with the nearest."""
    from extensions.executor import ThreadPool

    shop = ScriptedProvider({"*": "Gladly."})
    mine = ThreadPool({"shop": shop}, log="mine.log")
    edit(pytester, "suites/kind.yaml", "metrics: [{politeness: critic}, ", "metrics: [exact] # ")
    pytester.mkdir("golden").joinpath("kind.yaml").write_text("ann: Gladly.\nbob: Gladly.\n")

    assert evaluated(pytester, models={"shop": shop}, executor=mine).means == {("shop", "plain"): {"exact": 1.0}}
    assert evaluated(pytester, executor="thread-pool", record="all").status is not None
    assert (calls(pytester, "mine.log"), calls(pytester, "pool.log")) == (["shop"] * 2, ["shop"] * 2)
    with pytest.raises(ConfigError, match="unknown executor 'thread-poll'; did you mean 'thread-pool'"):
        evaluated(pytester, executor="thread-poll")


def test_cost_of_metrics(pytester: pytest.Pytester) -> None:
    """Requests of metrics cost money, apart from the cost of the response; a sample beyond the budget has an error."""
    samples = evaluated(pytester).samples
    critic = [(15 + 4 * 9) * 0.001] * 2  # words of one grading prompt and of four votes
    assert [sample.metrics_cost_usd for sample in samples] == pytest.approx(critic)
    assert [sample.cost_usd for sample in samples] == [0.002, 0.002]

    listed = pytester.runpytest_inprocess("--llm-suite=kind", "--collect-only", "-q", "-p", "no:cacheprovider")
    listed.stdout.fnmatch_lines(
        [
            "llm: 2 requests to shop: about *",
            "llm: 2 requests of metric politeness to critic if every answer is new and has max_tokens: about $*",
            "llm: 8 requests of metric kind to critic if every answer is new and has max_tokens: about $*",
        ]
    )

    evalharness.load_config(pytester.path).cache_dir.joinpath("ledger.sqlite").unlink()
    most_usd = (len("hello please") + 2 * 16) * 0.001
    budget_usd = 2 * most_usd + 0.02
    broke = evaluated(pytester, budget_usd=budget_usd).samples
    errors = [sample.error for sample in broke]
    assert [sample.response is not None for sample in broke] == [True, True]
    assert all(error and "no response of 'critic': budget: skipped" in error.message for error in errors)
    assert sum((sample.cost_usd or 0) + (sample.metrics_cost_usd or 0) for sample in broke) <= budget_usd


def test_gates_on_a_judge(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate on a judge, or on a metric that asks a model, is marked; an unknown judge is refused."""
    leave_ci(monkeypatch)
    edit(pytester, "suites/kind.yaml", "cases:", "gates: [{metric: kind, margin: 5%}, {metric: politeness}]\ncases:")
    evaluated(pytester).accept()
    verdicts = evaluated(pytester).verdicts
    assert [verdict.metric for verdict in verdicts] == ["kind", "politeness"]
    assert [(verdict.status, verdict.notice) for verdict in verdicts] == [("pass", "judge not calibrated")] * 2

    edit(pytester, "suites/kind.yaml", "judge: panel", "judge: panle")
    with pytest.raises(SuiteError, match=r"judges.panle.*did you mean 'panel'"):
        evaluated(pytester)
    edit(pytester, "pyproject.toml", "votes = 4", "voters = 4")
    edit(pytester, "suites/kind.yaml", "judge: panle", "judge: panel")
    with pytest.raises(SuiteError, match=r"judges.panel.*no option 'voters'; did you mean 'votes'"):
        evaluated(pytester)


def test_export_includes_the_metrics_requests(pytester: pytest.Pytester) -> None:
    """A recording includes the metrics' requests, so that another machine can score without a model."""
    from click.testing import CliRunner

    from evalharness.cli import main

    evaluated(pytester)
    done = CliRunner().invoke(main, ["--root", str(pytester.path), "record", "export", "kind"])
    assert done.exit_code == 0, done.output
    lines = (pytester.path / "golden/recordings/kind.jsonl").read_text().splitlines()
    recording = [json.loads(line) for line in lines]
    assert sum("request" in line for line in recording) == len(CALLED)


def test_a_failing_request_is_an_error_of_its_sample(pytester: pytest.Pytester) -> None:
    """A grade that is not a number is an error of its sample, never a 0; the other sample has its score."""
    Path("script.py").write_text(SCRIPT.replace('"bob": "10"', '"bob": "ten"').replace('"ann": "7"', '"ann": None'))
    ann, bob = evaluated(pytester).samples
    assert ann.error
    assert ann.error.kind == "metric"
    assert "politeness: no response of 'critic': scripted: " in ann.error.message
    assert bob.error
    assert bob.error.message == "politeness: expected a grade, got 'ten'"
    assert [score.metric for score in bob.scores] == ["kind"]
