"""Gates on responses in time: the share of those that meet every bound, and their number per second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evalharness.gate import decide_run
from evalharness.gate.attainment import attainment_of, more_cases
from evalharness.gate.goodput import assess_goodput
from evalharness.gate.stats.binomial import p_below, share_bounds
from evalharness.records import Baseline, GateRule, Run, Sample, Status, TimeBounds, Timing, Verdict
from evalharness.records.run import CLASSES
from evalharness.testing import baseline as baseline_of
from evalharness.testing import run as run_of
from evalharness.testing import sample

WITHIN = TimeBounds(ttft=0.3, e2el=2.0)
SLO = GateRule("attainment", 0.05, within=WITHIN, at_least=0.95)
GOODPUT = GateRule("goodput", 0.1, unit="ratio", within=WITHIN)
GOOD, SLOW_START, SLOW = Timing(1.0, 0.2), Timing(1.0, 0.4), Timing(2.5, 0.2)
BOTH = CLASSES.join(["here", "there"])
DAY = "2026-01-01T00:00:00+00:00"


def answers(late: int, cases: int = 200, **changes: Any) -> list[Sample]:
    """Samples of which the first ones are late."""
    return [sample(f"case-{n:03}", **{"timing": SLOW if n < late else GOOD} | changes) for n in range(cases)]


def verdict_on(
    samples: Iterable[Sample], baseline: Baseline | None = None, rule: GateRule = SLO, **changes: Any
) -> Verdict:
    """The verdict of one gate on seconds."""
    run = run_of(samples, gates=[rule], **changes)
    (found,) = decide_run(run, {("scripted", "plain"): baseline}, accept_command="accept")
    return found


def in_turns(rule: GateRule, then: list[Sample], now: list[Sample]) -> Verdict:
    """The verdict of a run that has sampled the version at a commit in turns."""
    reference = run_of([replace(one, key=one.key._replace(purpose="reference")) for one in then], id="reference")
    run = run_of(now, gates=[rule], against="abc")
    (found,) = decide_run(run, {}, accept_command="accept", reference=reference)
    return found


@pytest.mark.parametrize(
    ("timing", "tokens", "within", "status"),
    [
        (Timing(2.0, 0.3), 10, WITHIN, "pass"),  # a bound includes its end
        (SLOW, 10, WITHIN, "fail"),
        (SLOW_START, 10, WITHIN, "fail"),
        (Timing(1.0), 10, WITHIN, "inconclusive"),  # the time to the first token is unknown
        (Timing(2.5), 10, WITHIN, "fail"),  # unknown too, but the other bound is missed
        (Timing(1.0), 10, TimeBounds(e2el=2.0), "pass"),
        (Timing(1.0, 0.2, None, 50.0), 10, TimeBounds(tpot=0.02), "pass"),
        (Timing(1.0, 0.2, None, 40.0), 10, TimeBounds(tpot=0.02), "fail"),
        (Timing(1.0, 0.2), 10, TimeBounds(tpot=0.02), "inconclusive"),
        (Timing(1.0, 0.2), 1, TimeBounds(tpot=0.02), "pass"),  # one token: nothing comes after the first
        (Timing(0.0, 0.0), 10, WITHIN, "inconclusive"),
    ],
)
def test_which_responses_are_in_time(timing: Timing, tokens: int, within: TimeBounds, status: Status) -> None:
    """A response is in time if it meets every bound, and not known to be if it lacks a time and misses no bound."""
    found = verdict_on(answers(0, timing=timing, completion_tokens=tokens), rule=SLO._replace(within=within))
    assert found.status == status


@pytest.mark.parametrize(
    ("late", "cases", "status", "reason"),
    [
        (0, 59, "pass", "100.0 % in time, 59 cases (95.0 % … 100.0 %), expected at least 95 %"),
        (0, 58, "inconclusive", "about 1 more case would decide"),
        (0, 200, "pass", "ttft 300ms, e2el 2s: 100.0 % in time, 200 cases (98.5 % … 100.0 %)"),
        (4, 200, "pass", "98.0 % in time"),
        (5, 200, "inconclusive", "97.5 % in time, 200 cases (94.8 % … 99.0 %), expected at least 95 %: about 60 more"),
        (10, 200, "inconclusive", "the share is too close to it for a decision"),
        (18, 200, "inconclusive", "about 23 more cases would decide"),
        (19, 200, "fail", "90.5 % in time"),
        (200, 200, "fail", "0.0 % in time, 200 cases (0.0 % … 1.5 %)"),
    ],
)
def test_a_bound_decides(late: int, cases: int, status: Status, reason: str) -> None:
    """A share fails whose upper bound is below the target, and passes if its lower bound is not, without a baseline."""
    found = verdict_on(answers(late, cases))
    assert (found.status, found.gating, found.change) == (status, True, None)
    assert found.after == pytest.approx(100 - 100 * late / cases)
    assert reason in found.reason


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (1, 1), (0, 59), (59, 59), (57, 60), (3, 10), (49_000, 50_000)])
def test_the_bounds_are_those_of_clopper_and_pearson(hits: int, trials: int, alpha: float) -> None:
    """Bounds and p-values equal those of scipy."""
    low, high = share_bounds(hits, trials, alpha=alpha)
    assert low == pytest.approx(stats.beta.ppf(alpha, hits, trials - hits + 1) if hits else 0.0, abs=1e-9)
    assert high == pytest.approx(stats.beta.ppf(1 - alpha, hits + 1, trials - hits) if hits < trials else 1.0, abs=1e-9)
    assert p_below(hits, trials, 0.95) == pytest.approx(stats.binom.cdf(hits, trials, 0.95), abs=1e-12)


def test_a_share_needs_room() -> None:
    """A p-value for a share of 0 or 1 is refused."""
    with pytest.raises(ValueError, match="expected a share between 0 and 1, got 1"):
        p_below(3, 5, 1)


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        (
            {"recorded_at": DAY},
            "inconclusive",
            "200 responses replayed or read from a cache; --llm-record=all",
        ),
        ({"cached_tokens": 5}, "inconclusive", "no response with a time"),
        ({"attempts": 0}, "inconclusive", "no response with a time"),
        ({"attempts": 2}, "fail", "0.0 % in time"),
    ],
)
def test_what_has_no_time(changes: dict[str, Any], status: Status, reason: str) -> None:
    """Replayed, shared and cached responses are never green; a request that failed at first is a miss."""
    found = verdict_on(answers(0, **changes))
    assert (found.status, found.gating) == (status, True)
    assert reason in found.reason


def test_some_replayed_responses() -> None:
    """Replayed responses are left out and counted; with them, a second attempt may follow a killed run."""
    replayed = [sample(f"case-{n}", recorded_at=DAY) for n in range(30)]
    found = verdict_on([*answers(0), *replayed])
    assert found.status == "pass"
    assert found.reason.endswith(
        "200 cases (98.5 % … 100.0 %), expected at least 95 %; not counted: 30 responses replayed or read from a cache"
    )
    again = [replace(one, attempts=2) for one in answers(0)[:40]]
    found = verdict_on([*again, *answers(0)[40:], *replayed])
    assert found.status == "inconclusive"
    assert "40 of them without a known time" in found.reason


def test_a_conversation_counts_once() -> None:
    """200 late turns of two conversations are two of 40 trials."""
    talks = [replace(one, cluster=f"talk-{n // 5}") for n, one in enumerate(answers(10))]
    found = verdict_on(talks)
    assert found.status == "inconclusive"
    assert "95.0 % in time, 40 cases" in found.reason


def test_repeats_of_a_case_count_once() -> None:
    """A case that is late in one of two samples is half a miss, rounded against each bound."""
    found = attainment_of({"a": [True, False], "b": [True, True], "c": []}, {})
    assert (found.trials, found.share, found.hits) == (2, 0.75, (1, 2))
    assert found.bounds == (share_bounds(1, 2, alpha=0.05)[0], 1.0)


def test_a_tag() -> None:
    """A gate with a tag reads the cases with this tag alone."""
    tagged = [replace(one, tags=("long",)) for one in answers(0, 100)]
    late = [sample(f"late-{n}", timing=SLOW) for n in range(100)]
    assert verdict_on([*tagged, *late], rule=SLO._replace(tag="long")).status == "pass"
    assert verdict_on([*tagged, *late]).status == "fail"


def accepted(late: int, **changes: Any) -> Baseline:
    """A baseline of one accepted run with so many late responses."""
    return baseline_of(run_of(answers(late), id="then", **changes))


@pytest.mark.parametrize(
    ("then", "now", "machine", "status", "reason"),
    [
        (0, 2, "here", "pass", "100.0 → 99.0, −1.0 pts against the times of the accepted runs, for information"),
        (0, 10, "here", "inconclusive", "too close"),
        (0, 6, "here", "inconclusive", "100.0 → 97.0, −3.0 pts against the times of the accepted runs, worse than"),
        (0, 2, "elsewhere", "pass", "expected at least 95 %"),
        (40, 0, "here", "pass", "80.0 → 100.0, +20.0 pts"),
    ],
)
def test_accepted_times_warn(then: int, now: int, machine: str, status: Status, reason: str) -> None:
    """Times of accepted runs on this class of machine fail nothing, and keep a share that fell from a PASS."""
    rule = SLO._replace(at_least=0.9) if now == 6 else SLO
    found = verdict_on(answers(now), accepted(then), rule, machine_class=machine)
    assert found.status == status
    assert reason in found.reason
    assert (found.change is None) == (machine == "elsewhere")


@pytest.mark.parametrize(
    ("then", "now", "status"),
    [(2, 2, "pass"), (2, 0, "pass"), (0, 20, "fail"), (0, 13, "fail"), (0, 6, "inconclusive")],
)
def test_attainment_in_turns(then: int, now: int, status: Status) -> None:
    """In turns with the accepted version, a share that fell fails although it is above the target."""
    found = in_turns(SLO._replace(at_least=0.8), answers(then), answers(now))
    assert found.status == status
    assert f"in turns with the accepted version: {100 - then / 2} → {100 - now / 2}" in found.reason


def test_slots_are_required() -> None:
    """A gate with `slots` is an error for responses with another number of them."""
    found = verdict_on(answers(0), accepted(0), rule=SLO._replace(slots=1))
    assert found.status == "error"
    assert "expected seconds with slots = 1" in found.reason


def timed(late: int, factor: float, seed: int, cases: int = 200) -> list[Sample]:
    """Responses of about half a second that take `factor` as long, of which some are late."""
    seconds = np.random.default_rng(seed).lognormal(-0.7, 0.3, cases) * factor
    return answers_of([(5.0 if n < late else float(one)) for n, one in enumerate(seconds)])


def answers_of(seconds: Iterable[float]) -> list[Sample]:
    """Responses with these seconds."""
    return [sample(f"case-{n:03}", timing=Timing(one, 0.1)) for n, one in enumerate(seconds)]


@pytest.mark.parametrize(
    ("now", "status"),
    [(timed(0, 1.0, 2), "pass"), (timed(0, 0.5, 2), "pass"), (timed(0, 1.25, 2), "fail"), (timed(40, 1.0, 2), "fail"),
     (timed(0, 1.03, 2), "inconclusive"), (timed(0, 2.0, 2, 10), "inconclusive")],
)  # fmt: skip
def test_goodput_in_turns(now: list[Sample], status: Status) -> None:
    """Slower responses and late ones lower the goodput: a change of both versions in turns passes or fails."""
    found = in_turns(GOODPUT, timed(0, 1.0, 1, len(now)), now)
    assert (found.status, found.gating, found.unit, found.level_unit) == (status, True, "percent", "seconds")
    assert "responses in time per second and request in flight" in found.reason
    assert (found.low or 0) <= (found.change or 0) <= (found.high or 0)


def test_goodput_is_responses_in_time_per_second() -> None:
    """Nine of ten responses in time after one second each are 0.9 a second; a late one costs its time."""
    before = {f"case-{n}": [(True, 1.0)] for n in range(10)}
    found = assess_goodput(before, before | {"case-0": [(False, 10.0)]})
    assert (found.before, found.after) == (pytest.approx(1.0), pytest.approx(19 / 9))
    assert found.change == pytest.approx(np.log(9 / 19))
    assert "goodput 1.00 → 0.474 responses in time" in found.reason
    assert "a verdict needs 20 cases" in found.reason


def test_clusters_count_once_for_goodput() -> None:
    """Slow turns of ten conversations are ten trials, too few for a verdict."""
    before, after = ({f"case-{n}": [(True, seconds)] for n in range(100)} for seconds in (1.0, 1.5))
    clusters = {f"case-{n}": f"talk-{n // 10}" for n in range(100)}
    assert assess_goodput(before, after).verdict == "FAIL"
    assert assess_goodput(before, after, clusters=clusters).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("before", "after", "verdict", "reason"),
    [
        (True, False, "FAIL", "one version has no response in time"),
        (False, True, "INCONCLUSIVE", "one version has no response in time"),
        (False, False, "INCONCLUSIVE", "no response of either version is in time, on 50 cases"),
    ],
)
def test_a_version_without_a_response_in_time(before: bool, after: bool, verdict: str, reason: str) -> None:
    """No response in time at all is a failure if the accepted version has some, and never a pass."""
    sides = [{f"case-{n}": [(ok, 1.0 + n / 100)] for n in range(50)} for ok in (before, after)]
    found = assess_goodput(*sides)
    assert found.verdict == verdict
    assert reason in found.reason


def test_goodput_refuses_seconds_of_nothing() -> None:
    """Seconds of 0 raise ValueError."""
    with pytest.raises(ValueError, match="expected seconds above 0"):
        assess_goodput({"a": [(True, 0.0)]}, {"a": [(True, 1.0)]})


@pytest.mark.parametrize(
    ("now", "baseline", "status", "reason"),
    [
        (answers(0), accepted(0), "inconclusive", "only a comparison in turns decides"),
        (answers(100), accepted(0), "inconclusive", "only a comparison in turns decides"),
        (answers(0, recorded_at=DAY), accepted(0), "incomparable", "200 responses were replayed, which have no times"),
        (answers(0), None, "no baseline", "accept this one"),
    ],
)
def test_goodput_without_turns_informs(
    now: list[Sample], baseline: Baseline | None, status: Status, reason: str
) -> None:
    """Times of accepted runs and replayed responses decide nothing, and are never green."""
    found = verdict_on(now, baseline, GOODPUT)
    assert (found.status, found.gating) == (status, False)
    assert reason in found.reason


def test_errors_are_no_silent_misses() -> None:
    """A case without a response makes both gates an error."""
    lost = replace(answers(0)[0], response=None)
    run: Run = run_of([lost, *answers(0)[1:]], gates=[SLO, GOODPUT])
    found = decide_run(run, {("scripted", "plain"): accepted(0)}, accept_command="accept")
    assert {one.status for one in found} == {"error"}


def test_more_cases_decide() -> None:
    """The forecast is the smallest number of cases with the same share that decides."""
    found = attainment_of({f"case-{n}": [n >= 5] for n in range(200)}, {})
    more = more_cases(found, 0.95)
    assert more is not None
    decided, open_still = (found.of(200 + extra).bounds[0] >= 0.95 for extra in (more, more - 1))
    assert (decided, open_still) == (True, False)


def test_shards_on_different_machines() -> None:
    """Shards that ran on different machines are compared with the target, and not with accepted times."""
    found = verdict_on(answers(0), accepted(40), machine_class=BOTH)
    assert (found.status, found.change) == ("pass", None)
    assert verdict_on(answers(40), accepted(0), machine_class=BOTH).status == "fail"
