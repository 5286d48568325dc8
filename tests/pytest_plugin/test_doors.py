"""One evaluation, three doors: pytest, `evalharness run` and `evaluate()` give the same record and verdicts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import pandas as pd
import pytest

import evalharness
from evalharness.store import read_run
from evalharness.store.runs import canonical_run

LOADED = (pd,)
"""Imported here, because pytester unloads the modules that an inner run imports."""
RECORD = "reports/demo/run.jsonl"


def record_and_verdicts(project):
    """Return the record and verdicts of the last run, without ids and times."""
    verdict = project.verdict()
    return canonical_run(read_run(project.root / RECORD)), verdict["status"], verdict["verdicts"]


def command(project, *arguments):
    """Run `evalharness run demo ...`."""
    return project.command("run", "demo", *arguments)


def evaluated(project, **arguments):
    """Run `evaluate("demo", ...)`."""
    return project.evaluate(**arguments)


def test_the_same_through_each_door(noisy):
    """Records and verdicts are equal, including the confirmation of a worse prompt."""
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    assert noisy.run().ret == 1
    first = record_and_verdicts(noisy)
    result = command(noisy)
    assert (result.exit_code, record_and_verdicts(noisy)) == (1, first)
    assert (
        "llm: demo: fake-plain-exact may be worse (p < 0.0001); taking 240 fresh samples of both versions"
        in result.stderr
    )
    evaluation = evaluated(noisy)
    assert record_and_verdicts(noisy) == first
    assert evaluation.status == "fail"
    assert json.loads(json.dumps([asdict(verdict) for verdict in evaluation.verdicts])) == first[2]


def test_an_evaluation(accepted, tmp_path):
    """An evaluation gives a program samples during the run, means, a table, files and an acceptance."""
    seen = []
    evaluation = evaluated(accepted, on_sample=seen.append)
    assert (evaluation.status, [sample.key.case for sample in seen]) == ("pass", accepted.ids)
    assert evaluation.means == {("fake", "plain"): {"rouge_l": 0.875, "token_f1": 0.875}}
    assert len(evaluation.to_pandas()) == 40
    evaluation.save(tmp_path / "kept")
    assert read_run(tmp_path / "kept/run.jsonl") == evaluation.run
    evaluation.accept(because="a test")
    (baseline,) = evaluation.outcome.accepted
    assert len(evalharness.read_baseline(baseline, accepted.root).runs) == 2


def test_a_provider_of_the_program(accepted):
    """`models` takes providers by name that are not in the configuration."""
    provider = evalharness.ScriptedProvider(lambda request: f"You may return {request.key.case} within 30 days.")
    evaluation = evaluated(accepted, models={"mine": provider})
    assert evaluation.status == "no baseline"
    assert {sample.key.model for sample in evaluation.samples} == {"mine"}


def test_evaluate_in_a_loop(accepted):
    """`aevaluate` does not block the event loop."""
    seen = []

    async def both():
        config = evalharness.load_config(accepted.root)
        ticks, task = 0, asyncio.ensure_future(evalharness.aevaluate("demo", config=config, on_sample=seen.append))
        while not task.done():
            await asyncio.sleep(0.001)
            ticks += 1
        return await task, ticks

    evaluation, ticks = asyncio.run(both())
    assert (evaluation.status, len(seen), ticks > 1) == ("pass", 40, True)


def test_an_interrupt(accepted):
    """An exception from `on_sample` ends the run. The record has all samples that were seen, marked as stopped."""
    seen = set()

    def interrupt(sample):
        seen.add(sample.key)
        if sample.key.case == "case-4":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluated(accepted, on_sample=interrupt)
    run = read_run(accepted.root / RECORD)
    assert (run.stopped, len(seen), seen <= {sample.key for sample in run.samples}) == (True, 5, True)
    assert accepted.verdict()["status"] == "error"


def test_compare(accepted, tmp_path):
    """`compare` takes evaluations, runs, baselines and their paths."""
    good = evaluated(accepted, report="good")
    accepted.answer_badly()
    bad = evaluated(accepted)
    table = evalharness.compare(good, bad.run, accepted.root / "golden/baselines/demo").to_pandas()
    means = table[table.metric == "rouge_l"]["mean"].round(3).tolist()
    assert means == [87.5, 43.75, 87.5]
    found = evalharness.compare(good, bad)
    assert "−43.8 pts, p = 0.0002" in str(found)
    found.save(tmp_path / "both.html")
    assert (tmp_path / "both.html").read_text().startswith("<!doctype html>")
    with pytest.raises(ValueError, match="at least one run"):
        evalharness.compare()


@pytest.mark.parametrize(("status", "arguments"), [("pass", ()), ("no baseline", ("--baseline", "none"))])
def test_exit_status_of_run(accepted, monkeypatch, status, arguments):
    """The status is 0 for a pass, and for a run without a comparison."""
    result = command(accepted, *arguments)
    assert (result.exit_code, accepted.verdict()["status"]) == (0, status)
    assert status.upper() in result.stdout


def test_a_missing_baseline_fails_ci(project, monkeypatch):
    """Through each door, a missing baseline fails in CI and only there."""
    assert command(project).exit_code == 0
    monkeypatch.setenv("CI", "true")
    assert command(project).exit_code == 1
    assert project.run().ret == 1


OFFLINE = "[tool.evalharness]\noffline = true\n[tool.evalharness.models.fake]"
REMOTE = 'provider = "openai"\nbase_url = "http://127.0.0.1:9"\nmodel = "m"'


def test_offline(accepted):
    """`offline = true` in the configuration forbids model calls under pytest too."""
    accepted.edit("pyproject.toml", "[tool.evalharness.models.fake]", OFFLINE)
    accepted.edit("pyproject.toml", 'provider = "scripted"\nanswers = "answers.json"', REMOTE)
    result = accepted.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*no recorded response*forbids model calls*"])
    result = accepted.run("--llm-record=all")
    result.stderr.fnmatch_lines(["*offline = true in [[]tool.evalharness[]] forbids model calls*"])
    with pytest.raises(evalharness.ConfigError, match="forbids model calls"):
        evaluated(accepted, record="all")


def test_unusable_options(accepted):
    """A missing baseline or a budget without a price is an error before the first request, without a record."""
    (accepted.root / RECORD).unlink()
    for arguments, message in (({"baseline": "nope"}, "baseline nope: no such file"), ({"budget_usd": 1.0}, "price")):
        with pytest.raises(evalharness.EvalHarnessError, match=message):
            evaluated(accepted, **arguments)
        assert not (accepted.root / RECORD).exists()


def test_an_unknown_name(project):
    """An unknown name is an error of one line with the known names."""
    result = command(project, "--model", "fkae")
    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    assert "did you mean 'fake'" in result.output
