"""Deciding a run: however a case is lost or spoilt, the gate does not pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import StoreError
from evalharness.gate import GateContext, decide_run
from evalharness.gate.pairing import pair_up
from evalharness.records import (
    SEVERITY,
    AcceptedRun,
    Baseline,
    GateRule,
    KeyList,
    Run,
    Sample,
    SampleError,
    Score,
    Status,
    Timing,
    Usage,
    Verdict,
    worst,
)
from evalharness.report import Outcome
from evalharness.testing import accepted_run, baseline_sample, sample
from evalharness.testing import baseline as baseline_of
from evalharness.testing import run as run_of

COMMAND = "pytest --llm-suite=demo --llm-accept"
SIGNATURES = {"chrf": "chrf|v:1"}
GATES = (("chrf", 0.05), ("latency", 0.1), ("cost", 0.1))
World = tuple[Run, dict[tuple[str, str], Any]]


def a_sample(number: int, *, value: float = 0.8, **changes: Any) -> Sample:
    """A good sample of one case."""
    names = {"model": "m", "prompt": "p", "tags": ("even" if number % 2 == 0 else "odd",)}
    return sample(f"case-{number}", scores={"chrf": value}, **names | changes)


def a_run(samples: Sequence[Sample], gates: Sequence[tuple[Any, ...]] = GATES, **rest: Any) -> Run:
    """A run in which these samples were planned, selected and generated."""
    known: dict[str, Any] = {"metrics": tuple(SIGNATURES), "signatures": SIGNATURES, "models": {}}
    return run_of(samples, gates=[GateRule(*gate) for gate in gates], **known | rest)


def kept(value: float = 0.8, **changes: Any) -> Any:
    """A sample of an accepted run."""
    return baseline_sample(**{"run": "then", "scores": {"chrf": value}} | changes)


def an_accepted_run(name: str = "then", **changes: Any) -> AcceptedRun:
    """A run of the baseline, from this machine."""
    return accepted_run(name, **{"signatures": SIGNATURES} | changes)


def a_baseline(cases: int = 80, *, model: str = "m", samples: Sequence[Any] = ()) -> Baseline:
    """A baseline of one accepted run, from this machine."""
    made = baseline_of(a_run([a_sample(number, model=model) for number in range(cases)], id="then"))
    stored = {name: replace(case, samples=tuple(samples) or case.samples) for name, case in made.cases.items()}
    return replace(made, cases=stored)


def a_world(cases: int = 80) -> World:
    """A run with new answers and its baseline, with which every gate passes."""
    return a_run([a_sample(number, text="new") for number in range(cases)]), {("m", "p"): a_baseline(cases)}


def decided(world: World) -> tuple[list[Verdict], Outcome]:
    """The verdicts, and the outcome for a report."""
    run, baselines = world
    verdicts = decide_run(run, baselines, accept_command=COMMAND)
    return verdicts, Outcome(run, tuple(verdicts), baselines, Path("reports"), COMMAND)


def test_good_run_passes() -> None:
    """The world that the tests below spoil passes."""
    verdicts, outcome = decided(a_world())
    assert [(v.metric, v.status, v.gating) for v in verdicts] == [
        ("chrf", "pass", True),
        ("latency", "inconclusive", False),
        ("cost", "pass", True),
    ]
    assert outcome.status == "pass"


def fresh(purpose: str, value: float, repeats: range = range(1, 5), bad: int = 8) -> list[Sample]:
    """Samples taken in turns, the first `bad` of 80 cases with this score."""
    made = (a_sample(n, repeat=r, value=value if n < bad else 0.8, text="new") for n in range(80) for r in repeats)
    return [replace(one, key=one.key._replace(purpose=purpose)) for one in made]


def confirmed(then: float, now: float, *, first: float = 0.0) -> Verdict:
    """The verdict on a run whose planned samples have the score `first` in 8 cases, and what fresh samples show."""
    planned = [a_sample(n, value=first if n < 8 else 0.8, text="new") for n in range(80)]
    run = a_run([*planned, *fresh("confirm", now)], max_stages=2)
    plan = tuple(sample.key for sample in planned)
    run = replace(run, header=replace(run.header, planned=KeyList(plan)), selected=plan)
    reference = a_run(fresh("reference", then), id="reference")
    baselines = a_world()[1]
    verdicts = decide_run(run, baselines, accept_command=COMMAND, reference=reference)
    return next(verdict for verdict in verdicts if verdict.metric == "chrf")


def test_only_fresh_samples_of_both_versions_fail() -> None:
    """A version that is worse next to the accepted one fails, whatever the accepted runs are."""
    verdict = confirmed(then=0.8, now=0.0)
    assert (verdict.status, round(verdict.change or 0, 1), verdict.up, verdict.down) == ("fail", -8.0, 0, 8)
    assert "has changed since" not in verdict.reason


def test_an_endpoint_that_is_worse_today_is_named() -> None:
    """If both versions are equally bad today, the change is not to blame."""
    verdict = confirmed(then=0.0, now=0.0)
    assert verdict.status == "pass"
    assert "the model has changed since the baseline was accepted: the accepted version scores −8.0 pts today" in (
        verdict.reason
    )


def test_a_loss_that_an_endpoint_hides() -> None:
    """If the endpoint is better today, a suspicion that accepted runs gave does not decide on a PASS."""
    assert confirmed(then=0.8, now=0.4, first=0.7).status == "fail"


def test_no_fresh_sample_of_the_accepted_version() -> None:
    """Without the accepted version next to it, a failure says that the endpoint may have changed."""
    worse = a_run([a_sample(n, value=0.0 if n < 8 else 0.8, text="new") for n in range(80)])
    verdict = decide_run(worse, a_world()[1], accept_command=COMMAND)[0]
    assert verdict.status == "fail"
    assert "the accepted version was not sampled today" in verdict.reason


@pytest.mark.parametrize(("days", "named"), [(("01", "01"), True), (("01",), True), (("01", "02"), False)])
def test_accepted_runs_of_one_day(days: tuple[str, ...], named: bool) -> None:
    """Without the accepted version next to it, a failure says if the accepted runs do not show how days differ."""
    baselines = a_world()[1]
    baseline = baselines["m", "p"]
    assert isinstance(baseline, Baseline)
    runs = tuple(
        replace(baseline.runs[0], id=f"r{n}", accepted_at=f"2026-11-{day}T08:00:00Z") for n, day in enumerate(days)
    )
    samples = {
        case: replace(stored, samples=tuple(replace(stored.samples[0], run=run.id) for run in runs))
        for case, stored in baseline.cases.items()
    }
    worse = a_run([a_sample(n, value=0.0 if n < 8 else 0.8, text="new") for n in range(80)])
    known = {("m", "p"): replace(baseline, runs=runs, cases=samples)}
    verdict = decide_run(worse, known, accept_command=COMMAND)[0]
    assert verdict.status == "fail"
    assert ("only on 2026-11-01, so a worse day of the endpoint looks the same" in verdict.reason) is named


@pytest.mark.parametrize("cases", [1, 5, 80])
def test_unchanged_answers_pass(cases: int) -> None:
    """A run whose answers all equal accepted ones passes at any size."""
    run = a_run([a_sample(number) for number in range(cases)], gates=GATES[:1])
    (verdict,) = decide_run(run, {("m", "p"): a_baseline(cases)}, accept_command=COMMAND)
    assert (verdict.status, verdict.cases) == ("pass", cases)
    assert verdict.reason.startswith("unchanged: each answer equals an accepted one")


@pytest.mark.parametrize("changes", [{"text": "new"}, {"value": 0.7}, {"prompt_tokens": 900}])
def test_one_changed_answer_is_compared(changes: dict[str, Any]) -> None:
    """One new text, score or number of tokens is a change."""
    run = a_run([a_sample(0, **changes), *(a_sample(n) for n in range(1, 80))])
    verdicts = decide_run(run, {("m", "p"): a_baseline(80)}, accept_command=COMMAND)
    assert not all(v.reason.startswith("unchanged") for v in verdicts if v.metric in ("chrf", "cost"))


def samples(edit: Callable[[list[Sample]], None]) -> Callable[[World], World]:
    """Spoil the samples; plan and selection stay."""

    def spoil(world: World) -> World:
        run, baselines = world
        edited = list(run.samples)
        edit(edited)
        return replace(run, samples=tuple(edited)), baselines

    return spoil


def one(**changes: Any) -> Callable[[World], World]:
    """Spoil the sample of case 3."""
    return samples(lambda all_: all_.__setitem__(3, replace(all_[3], **changes)))


def answer(**changes: Any) -> Callable[[World], World]:
    """Spoil the response to case 3."""
    return one(response=replace(a_sample(3).response, **changes))  # type: ignore[type-var]


def header(**changes: Any) -> Callable[[World], World]:
    """Spoil the header of the run."""
    return lambda world: (replace(world[0], header=replace(world[0].header, **changes)), world[1])


def run(**changes: Any) -> Callable[[World], World]:
    """Spoil the run itself."""
    return lambda world: (replace(world[0], **changes), world[1])


def baseline(**changes: Any) -> Callable[[World], World]:
    """Spoil the baseline."""
    return lambda world: (world[0], {("m", "p"): replace(world[1]["m", "p"], **changes)})


def stored(number: int, **changes: Any) -> Callable[[World], World]:
    """Spoil one case of the baseline."""

    def spoil(world: World) -> World:
        known = world[1]["m", "p"]
        cases = {**known.cases, f"case-{number}": replace(known.cases[f"case-{number}"], **changes)}
        return world[0], {("m", "p"): replace(known, cases=cases)}

    return spoil


def rebuilt(numbers: Sequence[int]) -> Callable[[World], World]:
    """Change the cases of the suite."""
    return lambda world: (a_run([a_sample(number) for number in numbers]), world[1])


def second_model(world: World) -> World:
    """A second model without a sample of one planned case."""
    both = a_run([*world[0].samples, *(a_sample(n, model="n") for n in range(80))])
    return replace(both, samples=both.samples[:-1]), world[1] | {("n", "p"): a_baseline(model="n")}


def second_model_without_a_case(world: World) -> World:
    """A second model whose suite lacks a case that its baseline has."""
    both = a_run([*world[0].samples, *(a_sample(n, model="n") for n in range(79))])
    return both, world[1] | {("n", "p"): a_baseline(model="n")}


def partly_repeated(world: World) -> World:
    """One of the two samples of a case is lost."""
    twice = a_run([a_sample(n, repeat=r) for n in range(80) for r in (0, 1)])
    return replace(twice, samples=twice.samples[:-1]), world[1]


def half_edited(world: World) -> World:
    """The two samples of a case are of different versions of it."""
    twice = [a_sample(n, repeat=r) for n in range(80) for r in (0, 1)]
    return a_run([*twice[:-1], replace(twice[-1], digest="edited")]), world[1]


def repeated_selection(world: World) -> World:
    """As many samples are selected as planned, but one of them twice and another one not at all."""
    first = world[0].samples
    return replace(world[0], samples=first[:-1], selected=tuple(s.key for s in (*first[:-1], first[0]))), world[1]


def identities(then: dict[str, Any] | None, now: dict[str, Any], *, model: str = "m") -> Callable[[World], World]:
    """Set the identity of the model in the accepted run and in this one; `model` is the name in the baseline."""

    def edit(world: World) -> World:
        run = an_accepted_run(identity=then)
        return header(models={"m": now})(baseline(runs=(run,), model=model)(world))

    return edit


PROVIDER = (
    'the provider has changed since the baseline was accepted: provider: "a" -> "b"; accept a new baseline, or set '
    'provider = "a"'
)


SPOILT: dict[str, tuple[Callable[[World], World], set[Status], str]] = {
    "deleted": (rebuilt(range(1, 80)), {"error"}, "golden/baselines/demo/m.p.jsonl:2"),
    "renamed": (rebuilt([*range(79), 99]), {"error"}, "but not in the suite: case case-79"),
    "errored": (
        one(error=SampleError("crash", "died"), response=None, scores=()),
        {"error"},
        "no result for case case-3 (crash: died)",
    ),
    "error next to an answer": (one(error=SampleError("metric", "chrf: no")), {"error"}, "metric: chrf: no"),
    "neither answer nor error": (one(response=None, scores=()), {"error"}, "no result for case case-3"),
    "lost": (samples(lambda all_: all_.pop()), {"error"}, "no sample of case case-79"),
    "answered twice": (samples(lambda all_: all_.append(all_[0])), {"error"}, "duplicate samples of case case-0"),
    "one sample lost": (partly_repeated, {"error"}, "no sample of case case-79"),
    "lost by the second model": (second_model, {"error", "pass"}, "no sample of"),
    "absent from the second model": (second_model_without_a_case, {"error", "pass"}, "but not in the suite"),
    "everything lost": (run(samples=()), {"error"}, "no sample of 80 cases (case-0, case-1, case-2, ...)"),
    "deselected": (
        lambda world: (
            replace(world[0], samples=world[0].samples[:79], selected=world[0].selected[:79]),
            world[1],
        ),
        {"inconclusive"},
        "79 of 80 samples were selected",
    ),
    "one selected twice, one never": (repeated_selection, {"inconclusive"}, "79 of 80 samples were selected"),
    "nothing selected": (run(samples=(), selected=()), {"incomparable"}, "no case of this run is in the baseline"),
    "stopped": (run(stopped=True), {"inconclusive"}, "the run was stopped"),
    "edited": (one(digest="edited"), {"inconclusive"}, "edited since the baseline was accepted"),
    "edited between samples": (half_edited, {"inconclusive"}, "edited since the baseline was accepted"),
    "edited in the baseline": (stored(3, digest="other"), {"inconclusive"}, "case case-3"),
    "NaN score": (one(scores=(Score("chrf", math.nan, "chrf|v:1"),)), {"error", "pass"}, "no score of chrf"),
    "infinite score": (one(scores=(Score("chrf", math.inf, "chrf|v:1"),)), {"error", "pass"}, "no score of chrf"),
    "score above 1": (one(scores=(Score("chrf", 5.0, "chrf|v:1"),)), {"error", "pass"}, "for case case-3"),
    "score below 0": (one(scores=(Score("chrf", -0.1, "chrf|v:1"),)), {"error", "pass"}, "for case case-3"),
    "not scored": (one(scores=()), {"error", "pass"}, "no score of chrf in [0, 1] for case case-3"),
    "scored by another version": (one(scores=(Score("chrf", 0.8, "chrf|v:2"),)), {"error", "pass"}, "for case case-3"),
    "NaN in the baseline": (
        stored(3, samples=(kept(math.nan),)),
        {"error", "pass"},
        "m.p.jsonl:25: no score of chrf",
    ),
    "above 1 in the baseline": (
        stored(3, samples=(kept(-3.0),)),
        {"error", "pass"},
        "m.p.jsonl:25: no score of chrf",
    ),
    "not scored in the baseline": (stored(3, samples=(kept(scores={}),)), {"error", "pass"}, "m.p.jsonl:25"),
    "no sample in the baseline": (stored(3, samples=()), {"error"}, "m.p.jsonl:25"),
    "no tokens counted": (answer(usage=Usage(0, 0)), {"error", "pass"}, "no token counts for case case-3"),
    "negative tokens": (answer(usage=Usage(-100, 10)), {"error", "pass"}, "no token counts for case case-3"),
    "no tokens in the baseline": (
        stored(3, samples=(kept(prompt_tokens=0, completion_tokens=0),)),
        {"error", "pass"},
        "m.p.jsonl:25: no token counts for case case-3",
    ),
    "signature changed": (header(signatures={"chrf": "chrf|v:2"}), {"incomparable", "pass"}, "metric settings changed"),
    "another provider": (
        identities({"provider": "a", "file": "f"}, {"provider": "b", "file": "f"}),
        {"incomparable"},
        PROVIDER,
    ),
    "metric new to the baseline": (
        baseline(runs=(an_accepted_run(signatures={}),)),
        {"incomparable", "pass"},
        "the baseline has no scores of chrf",
    ),
    "gate on an unknown metric": (
        header(gates=(GateRule("bleu", 0.05),)),
        {"error"},
        "no score of bleu",
    ),
    "too few cases": (lambda world: a_world(19), {"inconclusive"}, "at least 59 samples, got 19"),
    "too few answers": (lambda world: a_world(58), {"inconclusive", "pass"}, "at least 59 samples"),
    "too many new cases": (rebuilt(range(90)), {"inconclusive"}, "new since the baseline was accepted"),
    "all cases new": (rebuilt(range(100, 180)), {"error"}, "but not in the suite: 80 cases"),
    "no baseline": (lambda world: (world[0], {}), {"no baseline"}, "no accepted run yet"),
    "empty baseline": (baseline(cases={}), {"incomparable"}, "no case of this run is in the baseline"),
    "damaged baseline": (
        lambda world: (world[0], {("m", "p"): StoreError("golden/baselines/demo/m.p.jsonl:7: not JSON")}),
        {"error"},
        "golden/baselines/demo/m.p.jsonl:7: not JSON",
    ),
    "baseline of another suite": (
        baseline(suite="other"),
        {"error"},
        "m.p.jsonl:1: expected a baseline of the suite demo, got other",
    ),
    "nothing planned": (lambda world: (a_run([]), world[1]), set(), ""),
    "no gates": (header(gates=()), set(), ""),
    "latency alone": (header(gates=(GateRule("latency", 0.1),)), {"inconclusive"}, ""),
}
"""Ways to lose or spoil a case: the edit, the statuses of the gating verdicts (`pass` for gates that the edit does not
concern), and a part of the reason."""


@pytest.mark.parametrize(("spoil", "statuses", "reason"), SPOILT.values(), ids=SPOILT)
def test_never_green(spoil: Callable[[World], World], statuses: set[Status], reason: str) -> None:
    """However a case is lost or spoilt, no gate that it concerns passes, nor does the run; the reason names it."""
    verdicts, outcome = decided(spoil(a_world()))
    assert outcome.status != "pass"
    assert {v.status for v in verdicts if v.gating or statuses == {"inconclusive"}} == statuses
    assert all(v.reason for v in verdicts)
    assert any(reason in v.reason for v in verdicts if v.status != "pass") or not reason


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_true_regression_fails(value: float) -> None:
    """Answers that are much worse fail the gate, with a part of the cases selected too."""
    run, baselines = a_world()
    worse = [a_sample(n, value=value) if n % 2 else a_sample(n) for n in range(80)]
    verdicts, outcome = decided((a_run(worse), baselines))
    assert (verdicts[0].status, outcome.status) == ("fail", "fail")
    first = verdicts[0]
    assert (first.before, first.after, first.change) == pytest.approx((80.0, 40.0 + 50 * value, 50 * value - 40))
    assert (first.low or 0) < (first.change or 0) < (first.high or 0)
    partial = replace(a_run(worse), samples=tuple(worse[:70]), selected=run.selected[:70])
    assert decided((partial, baselines))[0][0].status == "fail"


def test_few_new_cases_do_not_prevent_a_pass() -> None:
    """Up to a tenth of new cases are left out, and the others are compared."""
    verdicts, outcome = decided((a_run([a_sample(n) for n in range(88)]), {("m", "p"): a_baseline(80)}))
    assert outcome.status == "pass"
    assert verdicts[0].cases == 80


def test_each_model_has_its_own_verdict() -> None:
    """Only the model that got worse fails; the verdicts are in the order of models and gates, with Holm over all."""
    worse = [a_sample(n, model="n", value=0.2) for n in range(80)]
    run = a_run([*(a_sample(n) for n in range(80)), *worse], gates=(("chrf", 0.05),))
    verdicts, _ = decided((run, {("m", "p"): a_baseline(), ("n", "p"): a_baseline(model="n")}))
    assert [(v.name, v.status) for v in verdicts] == [("m-p-chrf", "pass"), ("n-p-chrf", "fail")]
    # Monte Carlo: no permutation is as low, so p = .5 / 10,000; Holm doubles the smaller of two
    assert [v.p_value for v in verdicts] == [1.0, pytest.approx(0.0001)]
    assert "p = 0.0001" in verdicts[1].reason


def test_given_baseline_of_another_prompt() -> None:
    """A run can be compared with the baseline of another prompt or model of its suite."""
    world = baseline(prompt="q", model="n")(a_world())
    assert decided(world)[1].status == "pass"


@pytest.mark.parametrize("edit", [lambda s: s, lambda s: s[::-1], lambda s: s[40:] + s[:40]])
def test_order_of_samples_does_not_matter(edit: Callable[[Sequence[Sample]], Sequence[Sample]]) -> None:
    """The same samples in any order give the same verdicts to the bit."""
    all_ = [a_sample(n, value=(n % 7) / 10) for n in range(80)]
    baselines = {("m", "p"): a_baseline(samples=(kept(0.3), kept(0.5)))}
    first = decide_run(a_run(all_), baselines, accept_command=COMMAND)
    assert decide_run(a_run(edit(all_)), baselines, accept_command=COMMAND) == first


@pytest.mark.parametrize(
    ("tokens", "status", "change"),
    [(100, "pass", 0.0), (90, "pass", -10.0), (125, "fail", 25.0)],
)
def test_cost(tokens: int, status: str, change: float) -> None:
    """Cost is the change of all tokens in percent; plus is dearer."""
    run = a_run([a_sample(n, prompt_tokens=tokens - 10) for n in range(80)])
    verdict = decided((run, {("m", "p"): a_baseline()}))[0][2]
    assert (verdict.status, verdict.change) == (status, pytest.approx(change))
    assert (verdict.before, verdict.after) == (pytest.approx(100), pytest.approx(tokens))
    assert (verdict.low or 0) <= (verdict.change or 0) <= (verdict.high or 0)


@pytest.mark.parametrize(
    ("seconds", "machine", "reason"),
    [
        (0.5, "here", "±0.0 %"),
        (50.0, "here", "slower than the margin: 0.500 → 50.0 s, +9900.0 %"),
        (0.005, "here", "−99.0 %"),
        (50.0, "elsewhere", "no accepted run on a machine like this one (elsewhere)"),
        (0.0, "here", "no times to compare"),
        (math.inf, "here", "no times to compare"),
        (math.nan, "here", "no times to compare"),
        (-1.0, "here", "no times to compare"),
    ],
)
def test_latency_with_one_accepted_run(seconds: float, machine: str, reason: str) -> None:
    """With one accepted run, latency is shown for information, compared within one class of machine only."""
    slow = a_run([a_sample(n, total_s=seconds) for n in range(80)])
    run = replace(slow, header=replace(slow.header, machine_class=machine))
    verdicts, outcome = decided((run, {("m", "p"): a_baseline()}))
    assert (verdicts[1].status, verdicts[1].gating, outcome.status) == ("inconclusive", False, "pass")
    assert reason in verdicts[1].reason


HISTORY = (("chrf", 0.05), ("latency", 0.1), ("first_token", 0.1), ("per_token", 0.1))


@pytest.mark.parametrize(
    ("timing", "statuses"),
    [
        (Timing(1.0, 0.2, None, 50.0), ["pass", "pass", "pass"]),
        (Timing(1.5, 0.2, None, 50.0), ["fail", "pass", "pass"]),
        (Timing(1.0, 0.3, None, 50.0), ["pass", "fail", "pass"]),
        (Timing(1.0, 0.2, None, 30.0), ["pass", "pass", "fail"]),
        (Timing(1.5), ["fail", "inconclusive", "inconclusive"]),
    ],
)
def test_five_accepted_runs_gate_each_timing(timing: Timing, statuses: list[str]) -> None:
    """With five accepted runs on this machine, the gates on each of the three timings may fail."""
    runs = tuple(an_accepted_run(f"r{n}", calibration_s=0.1) for n in range(5))
    swing = {run.id: 1 + 0.01 * (number - 2) for number, run in enumerate(runs)}
    samples = tuple(
        kept(run=name, total_s=1.0 * by, first_token_s=0.2 * by, per_token_s=0.02 * by) for name, by in swing.items()
    )
    baseline = replace(a_baseline(samples=samples), runs=runs)
    run = replace(a_run([a_sample(n, timing=timing) for n in range(80)], gates=HISTORY), calibration_s=0.1)
    verdicts = decided((run, {("m", "p"): baseline}))[0]
    assert [verdict.status for verdict in verdicts[1:]] == statuses
    assert all("history" in verdict.reason for verdict in verdicts[1:] if verdict.status != "inconclusive")


@pytest.mark.parametrize("calibration_s", [0.1, 0.16])
def test_a_slow_hour_of_the_machine(calibration_s: float) -> None:
    """Answers that took 1.6 times as long fail, unless the machine was as much slower."""
    runs = tuple(an_accepted_run(f"r{n}", calibration_s=0.1 + n / 1000) for n in range(5))
    samples = tuple(kept(run=one.id, total_s=1.0 + number / 100) for number, one in enumerate(runs))
    baseline = replace(a_baseline(samples=samples), runs=runs)
    run = replace(a_run([a_sample(n, total_s=1.6) for n in range(80)]), calibration_s=calibration_s)
    verdict = decided((run, {("m", "p"): baseline}))[0][1]
    assert verdict.status == ("fail" if calibration_s == 0.1 else "pass")


@pytest.mark.parametrize(("turns", "status"), [(2, "fail"), (5, "inconclusive")])
def test_seconds_of_a_conversation_count_once(turns: int, status: str) -> None:
    """80 slow turns of 40 conversations fail; of 16 they do not, because latency needs 20 independent cases."""
    runs = tuple(an_accepted_run(f"r{n}", calibration_s=0.1) for n in range(5))
    samples = tuple(kept(run=one.id, total_s=1.0 + number / 100) for number, one in enumerate(runs))
    baseline = replace(a_baseline(samples=samples), runs=runs)
    slow = [a_sample(n, total_s=1.6, cluster=f"talk-{n // turns}") for n in range(80)]
    verdict = decided((replace(a_run(slow), calibration_s=0.1), {("m", "p"): baseline}))[0][1]
    assert (verdict.status, verdict.cases) == (status, 80)


@pytest.mark.parametrize(
    "message", ["two\nlines", "cr\rover", "u2028\u2028line", "::error file=x::y\n::stop-commands::z", "x" * 10_000]
)
def test_reason_is_one_line(message: str) -> None:
    """The reason of a verdict is one line of bounded length, for any error message of a provider."""
    verdicts, _ = decided(one(error=SampleError("crash", message))(a_world()))
    assert len(verdicts[0].reason.splitlines()) == 1
    assert len(verdicts[0].reason) < 400


def test_worst() -> None:
    """`worst` returns the worst status; `error` is the worst of all."""
    assert [worst(SEVERITY[: n + 1]) for n in range(len(SEVERITY))] == list(SEVERITY)
    assert worst(["fail", "error", "pass"]) == "error"


@pytest.mark.parametrize(
    ("then", "now", "model", "expected"),
    [
        ({"provider": "a", "size": 1}, {"provider": "a", "size": 2}, "m", "size: 1 -> 2"),
        ({"provider": "a", "old": 1}, {"provider": "a", "new": ["x"]}, "m", 'new: nothing -> ["x"], old: 1 -> nothing'),
        ({"provider": "a", "x": "y" * 99}, {"provider": "a", "x": "z\n"}, "m", f'x: "{"y" * 39}… -> "z\\n"'),
        ({"provider": "a", "size": 1}, {"provider": "a", "size": 1}, "m", ""),
        (None, {"provider": "a"}, "m", ""),
        ({"provider": "a"}, {"provider": "b"}, "another", ""),
    ],
    ids=["changed", "appeared and gone", "long", "the same", "not known", "another model was chosen"],
)
def test_a_model_that_changed_is_compared_and_named(
    then: dict[str, Any] | None, now: dict[str, Any], model: str, expected: str
) -> None:
    """Another file or setting of the same model is compared, and the reason names the difference."""
    verdicts, outcome = decided(identities(then, now, model=model)(a_world()))
    assert outcome.status == "pass"
    for verdict in (verdict for verdict in verdicts if verdict.gating):
        remark = verdict.reason.partition("; the model has changed since the baseline was accepted: ")[2]
        assert remark == expected


@pytest.mark.parametrize(
    ("then", "now", "rule", "status", "reason"),
    [
        (16, 16, 0, "pass", "history"),
        (16, 8, 0, "inconclusive", "no accepted run with slots = 8, only with slots = 16: seconds with different"),
        (None, 8, 0, "inconclusive", "no accepted run with slots = 8, only with an unknown number of slots"),
        (1, 1, 1, "pass", "history"),
        (None, None, 0, "pass", "history"),
        (None, None, 1, "error", "expected seconds with slots = 1, got an unknown number of slots from m"),
        (16, 16, 1, "error", "expected seconds with slots = 1, got slots = 16 from m: set slots = 1 in"),
    ],
)
def test_seconds_are_compared_with_equal_slots(
    then: int | None, now: int | None, rule: int, status: Status, reason: str
) -> None:
    """Seconds are compared with seconds of the same number of slots only, and a gate may require a number."""
    runs = tuple(an_accepted_run(f"r{n}", slots=then) for n in range(5))
    samples = tuple(kept(run=one.id, total_s=1.0 + number / 100) for number, one in enumerate(runs))
    baseline = replace(a_baseline(samples=samples), runs=runs)
    gates = (("latency", 0.1, "suite", "", rule),)
    run = a_run([a_sample(n, total_s=1.0, slots=now) for n in range(80)], gates=gates)
    verdict = decided((run, {("m", "p"): baseline}))[0][-1]
    assert verdict.status == status
    assert reason in verdict.reason


def test_replayed_seconds_are_called_replayed() -> None:
    """The reason for a replayed run is that it has no times, not its machine or its slots."""
    runs = (an_accepted_run(slots=16),)
    samples = [a_sample(n, recorded_at="2026-01-01T00:00:00+00:00") for n in range(80)]
    world = a_run(samples, gates=(("latency", 0.1),)), {("m", "p"): replace(a_baseline(), runs=runs)}
    assert "80 responses were replayed" in decided(world)[0][-1].reason


def test_a_gate_reads_each_sample_a_few_times() -> None:
    """The work of a gate grows with the number of cases, not with its square."""

    def reads(cases: int) -> int:
        run, baselines = a_world(cases)
        pairing = pair_up(run, "m", "p", baselines["m", "p"])
        seen = count()
        GateContext(pairing, GateRule("chrf", 0.05), run).values(lambda sample: float(next(seen)), "number")
        return next(seen)

    assert reads(80) == 2 * reads(40)
