"""A run against its baselines: no way to lose or spoil a case ends in a pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import StoreError
from evalharness.gate import decide_run
from evalharness.records import (
    SEVERITY,
    AcceptedRun,
    Baseline,
    GateRule,
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
    """A good answer to one case."""
    names = {"model": "m", "prompt": "p", "tags": ("even" if number % 2 == 0 else "odd",)}
    return sample(f"case-{number}", scores={"chrf": value}, **names | changes)


def a_run(samples: Sequence[Sample], gates: Sequence[tuple[Any, ...]] = GATES, **rest: Any) -> Run:
    """A run that planned, selected and answered these samples."""
    known: dict[str, Any] = {"metrics": tuple(SIGNATURES), "signatures": SIGNATURES, "models": {}}
    return run_of(samples, gates=[GateRule(*gate) for gate in gates], **known | rest)


def kept(value: float = 0.8, **changes: Any) -> Any:
    """What a baseline keeps of an accepted sample."""
    return baseline_sample(**{"run": "then", "scores": {"chrf": value}} | changes)


def an_accepted_run(name: str = "then", **changes: Any) -> AcceptedRun:
    """A run of the baseline, from this machine."""
    return accepted_run(name, **{"signatures": SIGNATURES} | changes)


def a_baseline(cases: int = 80, *, model: str = "m", draws: Sequence[Any] = ()) -> Baseline:
    """A baseline of one accepted run, from this machine."""
    made = baseline_of(a_run([a_sample(number, model=model) for number in range(cases)], id="then"))
    stored = {name: replace(case, samples=tuple(draws) or case.samples) for name, case in made.cases.items()}
    return replace(made, cases=stored)


def a_world(cases: int = 80) -> World:
    """A run whose every gate passes."""
    return a_run([a_sample(number) for number in range(cases)]), {("m", "p"): a_baseline(cases)}


def judged(world: World) -> tuple[list[Verdict], Outcome]:
    """The verdicts, and the outcome as a report sees it."""
    run, baselines = world
    verdicts = decide_run(run, baselines, accept_command=COMMAND)
    return verdicts, Outcome(run, tuple(verdicts), baselines, Path("reports"), COMMAND)


def test_good_run_passes() -> None:
    """The world that the table below spoils is green before."""
    verdicts, outcome = judged(a_world())
    assert [(v.metric, v.status, v.gating) for v in verdicts] == [
        ("chrf", "pass", True),
        ("latency", "inconclusive", False),
        ("cost", "pass", True),
    ]
    assert outcome.status == "pass"


def test_fresh_draws_do_not_hide_a_worse_model() -> None:
    """Where the accepted version itself is as bad today, its fresh draws say nothing of how good it was."""

    def samples(repeats: range) -> list[Sample]:
        return [a_sample(n, repeat=r, value=0.0 if n < 8 else 0.8) for n in range(80) for r in repeats]

    beside = a_run(samples(range(2)))
    beside = replace(beside, header=replace(beside.header, id="beside"))
    _, baselines = a_world()
    verdicts = decide_run(a_run(samples(range(3))), baselines, accept_command=COMMAND, reference=beside)
    chrf = next(verdict for verdict in verdicts if verdict.metric == "chrf")
    assert (chrf.status, round(chrf.drop or 0, 3)) == ("fail", 0.08)
    assert "has the model changed?" in chrf.reason


def samples(edit: Callable[[list[Sample]], None]) -> Callable[[World], World]:
    """Spoil what came back; plan and selection stay."""

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
    """The suite has these cases now."""
    return lambda world: (a_run([a_sample(number) for number in numbers]), world[1])


def second_model(world: World) -> World:
    """A second model of which one case was never asked, though planned."""
    both = a_run([*world[0].samples, *(a_sample(n, model="n") for n in range(80))])
    return replace(both, samples=both.samples[:-1]), world[1] | {("n", "p"): a_baseline(model="n")}


def second_model_without_a_case(world: World) -> World:
    """A second model whose suite lacks a case that its baseline has."""
    both = a_run([*world[0].samples, *(a_sample(n, model="n") for n in range(79))])
    return both, world[1] | {("n", "p"): a_baseline(model="n")}


def partly_repeated(world: World) -> World:
    """One of the two draws of a case is lost."""
    twice = a_run([a_sample(n, repeat=r) for n in range(80) for r in (0, 1)])
    return replace(twice, samples=twice.samples[:-1]), world[1]


def half_edited(world: World) -> World:
    """The two draws of a case answer different versions of it."""
    twice = [a_sample(n, repeat=r) for n in range(80) for r in (0, 1)]
    return a_run([*twice[:-1], replace(twice[-1], digest="edited")]), world[1]


def repeated_selection(world: World) -> World:
    """As many answers were asked for as planned, but one of them twice and another never."""
    first = world[0].samples
    return replace(world[0], samples=first[:-1], selected=tuple(s.key for s in (*first[:-1], first[0]))), world[1]


def identities(then: dict[str, Any] | None, now: dict[str, Any], *, model: str = "m") -> Callable[[World], World]:
    """Say who answered the accepted run, and who this one; `model`: the baseline's own."""

    def edit(world: World) -> World:
        accepted = an_accepted_run(identity=then)
        return header(models={"m": now})(baseline(runs=(accepted,), model=model)(world))

    return edit


PROVIDER = 'answered by another provider: provider: "a" -> "b"; accept a new baseline, or go back to provider = "a"'


SPOILT: dict[str, tuple[Callable[[World], World], set[Status], str]] = {
    "deleted": (rebuilt(range(1, 80)), {"error"}, "golden/baselines/demo/m.p.jsonl:2"),
    "renamed": (rebuilt([*range(79), 99]), {"error"}, "no longer in the suite: case case-79"),
    "errored": (
        one(error=SampleError("crash", "died"), response=None, scores=()),
        {"error"},
        "no result for case case-3 (crash: died)",
    ),
    "error beside an answer": (one(error=SampleError("metric", "chrf: no")), {"error"}, "metric: chrf: no"),
    "neither answer nor error": (one(response=None, scores=()), {"error"}, "no result for case case-3"),
    "lost": (samples(lambda all_: all_.pop()), {"error"}, "never answered: case case-79"),
    "answered twice": (samples(lambda all_: all_.append(all_[0])), {"error"}, "answered twice: case case-0"),
    "one draw lost": (partly_repeated, {"error"}, "never answered: case case-79"),
    "lost by the second model": (second_model, {"error", "pass"}, "never answered"),
    "absent from the second model": (second_model_without_a_case, {"error", "pass"}, "no longer in the suite"),
    "everything lost": (run(samples=()), {"error"}, "never answered: 80 cases (case-0, case-1, case-2, ...)"),
    "deselected": (
        lambda world: (
            replace(world[0], samples=world[0].samples[:79], selected=world[0].selected[:79]),
            world[1],
        ),
        {"inconclusive"},
        "79 of 80 answers were asked for",
    ),
    "one selected twice, one never": (repeated_selection, {"inconclusive"}, "79 of 80 answers were asked for"),
    "nothing selected": (run(samples=(), selected=()), {"incomparable"}, "no case of this run is in the baseline"),
    "stopped": (run(stopped=True), {"inconclusive"}, "the run was stopped"),
    "edited": (one(digest="edited"), {"inconclusive"}, "edited since the baseline was accepted"),
    "edited between draws": (half_edited, {"inconclusive"}, "edited since the baseline was accepted"),
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
    "no draw in the baseline": (stored(3, samples=()), {"error"}, "m.p.jsonl:25"),
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
        "baseline none",
    ),
    "gate on an unknown metric": (
        header(gates=(GateRule("bleu", 0.05),)),
        {"error"},
        "no score of bleu",
    ),
    "too few cases": (lambda world: a_world(19), {"inconclusive"}, "too few to judge"),
    "too few answers": (lambda world: a_world(58), {"inconclusive", "pass"}, "at least 59 answers"),
    "too many new cases": (rebuilt(range(90)), {"inconclusive"}, "new since the baseline was accepted"),
    "all cases new": (rebuilt(range(100, 180)), {"error"}, "no longer in the suite: 80 cases"),
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
        "m.p.jsonl:1: this is a baseline of the suite other",
    ),
    "nothing planned": (lambda world: (a_run([]), world[1]), set(), ""),
    "no gates": (header(gates=()), set(), ""),
    "latency alone": (header(gates=(GateRule("latency", 0.1),)), {"inconclusive"}, ""),
}
"""How a case is lost or spoilt: what the gating verdicts then are (`pass` only for gates that it does not concern),
and what the reason says."""


@pytest.mark.parametrize(("spoil", "statuses", "reason"), SPOILT.values(), ids=SPOILT)
def test_never_green(spoil: Callable[[World], World], statuses: set[Status], reason: str) -> None:
    """However a case is lost or spoilt, no gate that it concerns passes, the run is not green, and the reason says
    why.
    """
    verdicts, outcome = judged(spoil(a_world()))
    assert outcome.status != "pass"
    assert {v.status for v in verdicts if v.gating or statuses == {"inconclusive"}} == statuses
    assert all(v.reason for v in verdicts)
    assert any(reason in v.reason for v in verdicts if v.status != "pass") or not reason


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_true_regression_fails(value: float) -> None:
    """Answers that got much worse fail the gate, whatever else is wrong with the selection."""
    run, baselines = a_world()
    worse = [a_sample(n, value=value) if n % 2 else a_sample(n) for n in range(80)]
    verdicts, outcome = judged((a_run(worse), baselines))
    assert (verdicts[0].status, outcome.status) == ("fail", "fail")
    assert verdicts[0].drop == pytest.approx((0.8 - value) / 2)
    assert verdicts[0].largest_drop is not None
    assert verdicts[0].largest_drop > verdicts[0].drop
    partial = replace(a_run(worse), samples=tuple(worse[:70]), selected=run.selected[:70])
    assert judged((partial, baselines))[0][0].status == "fail"


def test_few_new_cases_are_no_obstacle() -> None:
    """Up to a tenth of new cases are left out, and the others are judged."""
    verdicts, outcome = judged((a_run([a_sample(n) for n in range(88)]), {("m", "p"): a_baseline(80)}))
    assert outcome.status == "pass"
    assert verdicts[0].cases == 80


def test_gates_are_told_apart() -> None:
    """One model's regression is its own: the verdicts come in the order of models and gates, Holm over all of them."""
    worse = [a_sample(n, model="n", value=0.2) for n in range(80)]
    run = a_run([*(a_sample(n) for n in range(80)), *worse], gates=(("chrf", 0.05),))
    verdicts, _ = judged((run, {("m", "p"): a_baseline(), ("n", "p"): a_baseline(model="n")}))
    assert [(v.name, v.status) for v in verdicts] == [("m-p-chrf", "pass"), ("n-p-chrf", "fail")]
    # Monte Carlo: no draw is as low, so p = .5 / 10,000; Holm doubles the smaller of two
    assert [v.p_value for v in verdicts] == [1.0, pytest.approx(0.0001)]
    assert "p = 0.0001" in verdicts[1].reason


def test_given_baseline_of_another_prompt() -> None:
    """A run may be compared with another prompt's or model's baseline of its suite, if somebody names the file."""
    world = baseline(prompt="q", model="n")(a_world())
    assert judged(world)[1].status == "pass"


@pytest.mark.parametrize("edit", [lambda s: s, lambda s: s[::-1], lambda s: s[40:] + s[:40]])
def test_order_of_samples_does_not_matter(edit: Callable[[Sequence[Sample]], Sequence[Sample]]) -> None:
    """The same samples in any order give the same verdicts to the bit, twice."""
    all_ = [a_sample(n, value=(n % 7) / 10) for n in range(80)]
    baselines = {("m", "p"): a_baseline(draws=(kept(0.3), kept(0.5)))}
    first = decide_run(a_run(all_), baselines, accept_command=COMMAND)
    assert decide_run(a_run(edit(all_)), baselines, accept_command=COMMAND) == first


@pytest.mark.parametrize(
    ("tokens", "status", "drop"),
    [(100, "pass", 0.0), (90, "pass", -0.1), (125, "fail", 0.25)],
)
def test_cost(tokens: int, status: str, drop: float) -> None:
    """Cost is the ratio of all tokens; more is worse."""
    run = a_run([a_sample(n, prompt_tokens=tokens - 10) for n in range(80)])
    verdict = judged((run, {("m", "p"): a_baseline()}))[0][2]
    assert (verdict.status, verdict.drop) == (status, pytest.approx(drop))


@pytest.mark.parametrize(
    ("seconds", "machine", "said"),
    [
        (0.5, "here", "±0.0 %"),
        (50.0, "here", "slower than the margin: +9900.0 %"),
        (0.005, "here", "−99.0 %"),
        (50.0, "elsewhere", "no accepted run on a machine like this one (elsewhere)"),
        (0.0, "here", "no times to compare"),
        (math.inf, "here", "no times to compare"),
        (math.nan, "here", "no times to compare"),
        (-1.0, "here", "no times to compare"),
    ],
)
def test_latency_never_gates(seconds: float, machine: str, said: str) -> None:
    """Latency is said for information, compared within one class of machine only, and changes no colour."""
    slow = a_run([a_sample(n, total_s=seconds) for n in range(80)])
    run = replace(slow, header=replace(slow.header, machine_class=machine))
    verdicts, outcome = judged((run, {("m", "p"): a_baseline()}))
    assert (verdicts[1].status, verdicts[1].gating, outcome.status) == ("inconclusive", False, "pass")
    assert said in verdicts[1].reason


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
def test_a_history_of_five_gates_each_of_the_seconds(timing: Timing, statuses: list[str]) -> None:
    """Whole answer, first token, and each further one: against five accepted runs on this machine each may fail."""
    runs = tuple(an_accepted_run(f"r{n}") for n in range(5))
    swing = {run.id: 1 + 0.01 * (number - 2) for number, run in enumerate(runs)}
    draws = tuple(
        kept(run=name, total_s=1.0 * by, first_token_s=0.2 * by, per_token_s=0.02 * by) for name, by in swing.items()
    )
    baseline = replace(a_baseline(draws=draws), runs=runs)
    run = a_run([a_sample(n, timing=timing) for n in range(80)], gates=HISTORY)
    verdicts = judged((run, {("m", "p"): baseline}))[0]
    assert [verdict.status for verdict in verdicts[1:]] == statuses
    assert all("history" in verdict.reason for verdict in verdicts[1:] if verdict.status != "inconclusive")


@pytest.mark.parametrize("calibration_s", [0.1, 0.16])
def test_a_slow_hour_of_the_machine(calibration_s: float) -> None:
    """Answers that took 1.6 times as long fail, unless the machine itself was as much slower."""
    runs = tuple(an_accepted_run(f"r{n}", calibration_s=0.1 + n / 1000) for n in range(5))
    draws = tuple(kept(run=one.id, total_s=1.0 + number / 100) for number, one in enumerate(runs))
    baseline = replace(a_baseline(draws=draws), runs=runs)
    run = replace(a_run([a_sample(n, total_s=1.6) for n in range(80)]), calibration_s=calibration_s)
    verdict = judged((run, {("m", "p"): baseline}))[0][1]
    assert verdict.status == ("fail" if calibration_s == 0.1 else "pass")


@pytest.mark.parametrize(
    "message", ["two\nlines", "cr\rover", "u2028\u2028line", "::error file=x::y\n::stop-commands::z", "x" * 10_000]
)
def test_reason_is_one_line(message: str) -> None:
    """Whatever a provider's error says, the reason of a verdict is one line of bounded length."""
    verdicts, _ = judged(one(error=SampleError("crash", message))(a_world()))
    assert len(verdicts[0].reason.splitlines()) == 1
    assert len(verdicts[0].reason) < 400


def test_worst() -> None:
    """A run is as bad as the worst of its verdicts, an error being the worst."""
    assert [worst(SEVERITY[: n + 1]) for n in range(len(SEVERITY))] == list(SEVERITY)
    assert worst(["fail", "error", "pass"]) == "error"


@pytest.mark.parametrize(
    ("then", "now", "model", "said"),
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
    then: dict[str, Any] | None, now: dict[str, Any], model: str, said: str
) -> None:
    """Another file or setting of the same model is what a gate is for: it decides, and names what differs."""
    verdicts, outcome = judged(identities(then, now, model=model)(a_world()))
    assert outcome.status == "pass"
    for verdict in (verdict for verdict in verdicts if verdict.gating):
        remark = verdict.reason.partition("; the model is not as it was accepted: ")[2]
        assert remark == said


@pytest.mark.parametrize(
    ("accepted", "now", "asked", "status", "said"),
    [
        (16, 16, 0, "pass", "history"),
        (16, 8, 0, "inconclusive", "no accepted run with slots = 8, only with slots = 16: seconds compare"),
        (None, 8, 0, "inconclusive", "no accepted run with slots = 8, only with an unknown number of them"),
        (1, 1, 1, "pass", "history"),
        (None, None, 0, "pass", "history"),
        (None, None, 1, "error", "this gate asks for seconds with slots = 1, and m answered with an unknown number"),
        (16, 16, 1, "error", "this gate asks for seconds with slots = 1, and m answered with slots = 16"),
    ],
)
def test_seconds_compare_within_one_shape(
    accepted: int | None, now: int | None, asked: int, status: Status, said: str
) -> None:
    """Seconds of answers that grew beside others are compared with seconds of the same number of slots, and a gate may
    ask for one slot.
    """
    runs = tuple(an_accepted_run(f"r{n}", slots=accepted) for n in range(5))
    draws = tuple(kept(run=one.id, total_s=1.0 + number / 100) for number, one in enumerate(runs))
    baseline = replace(a_baseline(draws=draws), runs=runs)
    gates = (("latency", 0.1, "suite", "", asked),)
    run = a_run([a_sample(n, total_s=1.0, slots=now) for n in range(80)], gates=gates)
    verdict = judged((run, {("m", "p"): baseline}))[0][-1]
    assert verdict.status == status
    assert said in verdict.reason


def test_replayed_seconds_are_called_replayed() -> None:
    """A replayed run on the accepted machine is not told that it is on another one, or of another shape."""
    runs = (an_accepted_run(slots=16),)
    samples = [a_sample(n, recorded_at="2026-01-01T00:00:00+00:00") for n in range(80)]
    world = a_run(samples, gates=(("latency", 0.1),)), {("m", "p"): replace(a_baseline(), runs=runs)}
    assert "80 answers were replayed" in judged(world)[0][-1].reason
