"""The status and the headline of a decided run, and the files written for it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from outcomes import a_run, a_sample, an_outcome, broken

from evalharness.errors import StoreError
from evalharness.records import SEVERITY, CriteriaChange, Sample, Status, Verdict
from evalharness.report import Outcome, open_formats, write_reports
from evalharness.report.verdict_file import verdict_json
from evalharness.testing.ci import leave_ci


def a_verdict(status: Status, *, gating: bool = True, metric: str = "chrf") -> Verdict:
    """A verdict of this status."""
    return Verdict("smollm2", "concise", metric, status, f"reason {status}", gating=gating)


def decided(*verdicts: Verdict, samples: tuple[Sample, ...] = (), **changes: Any) -> Outcome:
    """An outcome with these verdicts."""
    run = a_run(samples or (a_sample(0), a_sample(1)), stopped=changes.pop("stopped", False))
    return Outcome(run, verdicts, {}, Path("reports/support"), "pytest --llm-accept", **changes)


@pytest.mark.parametrize("status", get_args(Status))
def test_one_gate(status: Status) -> None:
    """A run with one gate has the status of the gate."""
    assert decided(a_verdict(status)).status == status


@pytest.mark.parametrize("worse", SEVERITY)
@pytest.mark.parametrize("better", SEVERITY)
def test_worst_gate_counts(worse: Status, better: Status) -> None:
    """The worst of several gates counts, in any order."""
    expected = max(worse, better, key=SEVERITY.index)
    assert decided(a_verdict(worse), a_verdict(better)).status == expected
    assert decided(a_verdict(better), a_verdict(worse)).status == expected


@pytest.mark.parametrize("status", get_args(Status))
def test_information_changes_nothing(status: Status) -> None:
    """A measurement without a gate never changes the status."""
    assert decided(a_verdict("pass"), a_verdict(status, gating=False)).status == "pass"
    assert decided(a_verdict(status, gating=False)).status == "inconclusive"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "pass"),
        ({"samples": (a_sample(0), a_sample(1, failed_checks=("no",)))}, "fail"),
        ({"samples": (a_sample(0), broken(1))}, "error"),
        ({"samples": (broken(0), a_sample(1, failed_checks=("no",)))}, "error"),
        ({"stopped": True}, "error"),
    ],
)
def test_cases_count_as_well(changes: dict[str, Any], status: Status) -> None:
    """A broken assertion fails a run with passing gates; a missing answer or a stop is an error."""
    assert decided(a_verdict("pass"), **changes).status == status


def test_no_gates() -> None:
    """A suite without gates is never green."""
    assert decided().status == "inconclusive"
    assert decided().headline == "no regression found, but none ruled out either: the suite has no gates"


@pytest.mark.parametrize(
    ("outcome", "headline"),
    [
        (decided(a_verdict("pass")), "no gate found a regression, and each rules out its margin"),
        (
            decided(a_verdict("fail"), a_verdict("pass", metric="cost"), a_verdict("fail", metric="bleu")),
            "worse than the baseline: chrf, bleu",
        ),
        (decided(a_verdict("error")), "cannot be decided: chrf"),
        (decided(a_verdict("incomparable")), "cannot be compared with the baseline: chrf"),
        (decided(a_verdict("inconclusive")), "no regression found, but none ruled out either: chrf"),
        (decided(a_verdict("no baseline")), "nothing to compare with yet"),
        (decided(stopped=True), "stopped after 2 of 2 answers: no gate was decided"),
        (decided(a_verdict("error"), samples=(broken(0), a_sample(1))), "no usable result for 1 of 2 answers"),
        (
            decided(a_verdict("pass"), samples=(a_sample(0), a_sample(1, failed_checks=("no",)))),
            "a hard assertion does not hold for 1 of 2 answers",
        ),
        *(
            (
                decided(a_verdict(status), accepted=(Path("b"),)),
                "later runs are compared with this run",
            )
            for status in ("fail", "incomparable", "no baseline")
        ),
        (decided(a_verdict("error"), accepted=(Path("b"),)), "cannot be decided: chrf"),
        (decided(a_verdict("pass", gating=False), a_verdict("fail")), "worse than the baseline: chrf"),
    ],
)
def test_headline(outcome: Outcome, headline: str) -> None:
    """The headline names the most severe problem."""
    assert outcome.headline == headline


RELAXED = (CriteriaChange("gate chrf", "5 %", "removed", relaxes=True),)
ACCEPTED = (Path("golden/baselines/support/smollm2.concise.jsonl"),)


@pytest.mark.parametrize(
    ("statuses", "changes", "here", "ci"),
    [
        (["pass"], {}, (0, 0), (0, 0)),
        (["inconclusive"], {}, (0, 1), (0, 1)),
        (["fail"], {}, (1, 1), (1, 1)),
        (["error"], {"accepted": ACCEPTED}, (1, 1), (1, 1)),
        (["incomparable"], {}, (1, 1), (1, 1)),
        (["no baseline"], {}, (0, 0), (1, 1)),
        (["no baseline"], {"compared": False}, (0, 0), (6, 6)),
        (["no baseline", "error"], {"compared": False}, (1, 1), (1, 1)),
        (["fail"], {"accepted": ACCEPTED}, (0, 0), (0, 0)),
        (["pass"], {"criteria": RELAXED}, (6, 6), (6, 6)),
        (["inconclusive"], {"criteria": RELAXED}, (6, 1), (6, 1)),
        (["no baseline"], {"criteria": RELAXED, "compared": False}, (6, 6), (6, 6)),
        (["fail"], {"criteria": RELAXED}, (1, 1), (1, 1)),
        (["pass"], {"criteria": (replace(RELAXED[0], relaxes=False),)}, (0, 0), (0, 0)),
        (["pass"], {"criteria": RELAXED, "accepted": ACCEPTED}, (0, 0), (0, 0)),
        (["pass"], {"refusal": "not accepted: a case is missing"}, (1, 1), (1, 1)),
    ],
)
def test_exit_status(
    statuses: list[Status],
    changes: dict[str, Any],
    here: tuple[int, int],
    ci: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Relaxed criteria, and a CI job without a comparison, have a status of their own unless the run is red.

    Each pair has the status with `--llm-inconclusive warn` and with `fail`.
    """
    outcome = decided(*map(a_verdict, statuses), **changes)
    leave_ci(monkeypatch)
    assert tuple(outcome.exit_status(fail_inconclusive=fail) for fail in (False, True)) == here
    monkeypatch.setenv("CI", "true")
    outcome = replace(outcome)  # without the cached reservation
    assert tuple(outcome.exit_status(fail_inconclusive=fail) for fail in (False, True)) == ci


def test_nothing_selected() -> None:
    """A run without a selected case has pytest's status for no tests."""
    outcome = decided(a_verdict("pass"))
    nothing = replace(outcome, run=replace(outcome.run, samples=(), selected=()), verdicts=())
    assert nothing.exit_status(fail_inconclusive=False) == 5


def test_verdict_json() -> None:
    """verdict.json has a schema version, and is valid JSON."""
    outcome = an_outcome([a_sample(n, 0.3) for n in range(60)])
    data = json.loads(json.dumps(verdict_json(outcome), allow_nan=False))
    assert (data["schema"], data["kind"], data["suite"], data["status"]) == (2, "verdict", "support", "fail")
    assert (data["complete"], data["run"]) == (True, outcome.run.header.id)
    assert [(v["metric"], v["status"], v["gating"]) for v in data["verdicts"]] == [
        ("chrf", "fail", True),
        ("rouge_l", "fail", True),
        ("latency", "inconclusive", False),
        ("cost", "pass", True),
    ]
    first = data["verdicts"][0]
    assert (first["before"], first["after"], first["change"], first["unit"]) == (80.0, 30.0, -50.0, "points")
    assert (first["margin"], data["confidence"]) == (5.0, 0.95)


@pytest.mark.parametrize("samples", [[a_sample(n) for n in range(60)], [broken(n) for n in range(3)], [a_sample(0)]])
@pytest.mark.parametrize("baseline", ["same cases", None, StoreError("b.jsonl:3: damaged")])
def test_reports_are_written(tmp_path: Path, samples: list[Sample], baseline: Any) -> None:
    """Every outcome has a page, a summary and a verdict file."""
    outcome = replace(an_outcome(samples, baseline=baseline), folder=tmp_path / "reports")
    write_reports(outcome, open_formats())
    assert sorted(path.name for path in outcome.folder.iterdir()) == ["report.html", "summary.md", "verdict.json"]

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    data = json.loads((outcome.folder / "verdict.json").read_text(), parse_constant=refuse)
    assert data["status"] == outcome.status


def test_numbers_are_finite() -> None:
    """No number of a verdict is NaN or infinite."""
    for outcome in (an_outcome(), an_outcome([a_sample(n, n / 100) for n in range(60)])):
        for verdict in outcome.verdicts:
            numbers = (verdict.change, verdict.low, verdict.high, verdict.p_value, verdict.margin)
            assert all(number is None or math.isfinite(number) for number in numbers)
