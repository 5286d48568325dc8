"""Gates on a metric that does not apply to every case: they compare the others, and nothing disappears."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from evalharness.gate import decide_run
from evalharness.gate.kinds import gate_kind
from evalharness.gate.pairing import baseline_sample_of
from evalharness.records import GateRule, NotApplicable, Run, Sample, SampleError, Verdict
from evalharness.testing import baseline, run, sample

RULE = GateRule("exact", 0.05)
NO_GOLDEN = (NotApplicable("no golden answer", "exact"),)
SIGNATURES = {"exact": "exact|v:1"}
CASES = 80


def scored(number: int, value: float = 0.8, text: str = "then", **changes: Any) -> Sample:
    """A sample with a score."""
    return sample(f"case-{number}", text, scores={"exact": value}, **changes)


def left_out(number: int, text: str = "then", **changes: Any) -> Sample:
    """A sample to which the metric does not apply."""
    return sample(f"case-{number}", text, scores={}, **{"not_applicable": NO_GOLDEN} | changes)


def a_run(samples: Sequence[Sample], *gates: GateRule, name: str = "now") -> Run:
    """A run with these samples."""
    return run(samples, gates=gates or [RULE], id=name, metrics=("exact",), signatures=SIGNATURES)


def verdict(then: Sequence[Sample], now: Sequence[Sample], *gates: GateRule) -> Verdict:
    """The verdict of the gate on `exact`."""
    accepted = {("scripted", "plain"): baseline(a_run(then, name="then"))}
    verdicts = decide_run(a_run(now, *gates), accepted, accept_command="accept")
    return next(one for one in verdicts if one.metric == "exact")


def some_scored(every: int = CASES, **changes: Any) -> list[Sample]:
    """A run in which the metric applies to three of four cases."""
    return [left_out(n, **changes) if n % 4 == 0 else scored(n, **changes) for n in range(every)]


def test_the_other_cases_decide() -> None:
    """The gate compares the cases with scores, and its reason counts them."""
    found = verdict(some_scored(), some_scored(text="now"))
    assert (found.status, found.cases) == ("pass", 60)
    assert "exact applies to 60 of 80 cases" in found.reason


def test_a_drop_among_the_others_fails() -> None:
    """A drop in the cases to which the metric applies is as red as without the others."""
    worse = [left_out(n) if n % 4 == 0 else scored(n, 0.1, text="now") for n in range(CASES)]
    assert verdict(some_scored(), worse).status == "fail"


def test_unchanged_answers() -> None:
    """Equal answers pass on the cases to which the metric applies."""
    found = verdict(some_scored(), some_scored())
    assert found.status == "pass"
    assert "60 cases; exact applies to 60 of 80 cases" in found.reason


@pytest.mark.parametrize("gate", [RULE, RULE._replace(tag="even"), RULE._replace(target="population")])
def test_no_case_is_no_pass(gate: GateRule) -> None:
    """A gate on a metric that applies to no case is never green, even if every answer is an accepted one."""
    samples = [left_out(n, tags=("even",)) for n in range(CASES)]
    found = verdict(samples, samples, gate)
    assert found.status == "incomparable"
    assert "exact applies to no case that this gate compares" in found.reason


def test_no_case_of_a_tag_is_no_pass() -> None:
    """The same for a tag whose cases have no score, although the suite has scores."""
    samples = [*some_scored(), *(left_out(n, tags=("rare",)) for n in range(CASES, CASES + 10))]
    assert verdict(samples, samples, RULE._replace(tag="rare")).status == "incomparable"


def test_a_missing_score_stays_an_error() -> None:
    """A score that is missing without a reason is an error, on either side."""
    lost = [sample(f"case-{n}", "now", scores={}) if n == 5 else scored(n, text="now") for n in range(CASES)]
    every = [scored(n) for n in range(CASES)]
    assert verdict(every, lost).status == "error"
    assert verdict(lost, every).status == "error"


def test_an_error_stays_an_error() -> None:
    """A case whose request failed is an error, whether the metric applies to it or not."""
    now = some_scored(text="now")
    now[0] = sample("case-0", error=SampleError("timeout", "too slow"))
    assert verdict(some_scored(), now).status == "error"


@pytest.mark.parametrize("answers", ["then", "now"])
def test_a_score_that_disappears_is_no_pass(answers: str) -> None:
    """A case with accepted scores whose answer gives nothing to score keeps the gate from passing."""
    now = [left_out(n, answers) if n == 5 else scored(n, text=answers) for n in range(CASES)]
    found = verdict([scored(n) for n in range(CASES)], now)
    assert found.status == "inconclusive"
    assert "1 of 80 cases of the baseline have no run to compare" in found.reason


def test_too_many_new_scores_are_no_pass() -> None:
    """Cases that had no accepted score are not compared, and many of them keep the gate from passing."""
    found = verdict(some_scored(), [scored(n, text="now") for n in range(CASES)])
    assert found.status == "inconclusive"
    assert "20 of 80 cases are not in the baseline" in found.reason


def test_setbacks_of_an_accepted_run() -> None:
    """An accepted run of this change is compared on the cases to which the metric applies, on both sides alike."""
    header, kind = a_run([scored(0)]).header, gate_kind("exact")

    def side(*samples: Sample) -> Any:
        return {one.key.case: [baseline_sample_of(one, header)] for one in samples}

    mine = side(scored(0, 0.5), left_out(1))
    assert kind.setbacks(RULE, mine, side(scored(0, 0.4), left_out(1))) == pytest.approx([0.1])
    assert kind.setbacks(RULE, mine, side(scored(0, 0.4), scored(1))) is None
    assert kind.setbacks(RULE, mine, side(left_out(0), left_out(1))) is None


def test_what_a_first_run_detects() -> None:
    """Without a baseline, the detectable drop is that of the cases with scores."""
    samples = [left_out(n) if n % 4 == 0 else scored(n, n % 3 / 2) for n in range(CASES)]
    some, every = (
        decide_run(a_run(found), {("scripted", "plain"): None}, accept_command="accept")[0]
        for found in (samples, [one for one in samples if one.scores])
    )
    assert some.minimum_detectable_drop == every.minimum_detectable_drop is not None
