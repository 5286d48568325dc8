"""How far accepted runs that a change brings may differ from its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from evalharness import registry
from evalharness.gate import GateContext, GateKind, GateResult
from evalharness.gate.own_baseline import difference
from evalharness.records import Baseline, GateRule, Run, Sample
from evalharness.testing.builders import baseline, run, sample

CASES = range(10)
THEN = baseline(run([sample(f"case-{number}") for number in CASES], id="earlier"))
LATENCY = GateRule("latency", 0.2, unit="ratio")


def a_run(name: str, of_case: Callable[[int], Sample] | None = None, **changes: object) -> Run:
    """A run of ten cases."""
    of_case = of_case or (lambda number: sample(f"case-{number}"))
    return run([of_case(number) for number in CASES], id=name, **changes)


def brought(*accepted: Run, then: Baseline = THEN) -> Baseline:
    """The earlier baseline with more runs."""
    new = [baseline(one) for one in accepted]
    cases = {
        case: replace(stored, samples=(*stored.samples, *(s for one in new for s in one.cases[case].samples)))
        for case, stored in then.cases.items()
    }
    return replace(then, runs=(*then.runs, *(run for one in new for run in one.runs)), cases=cases)


def found(mine: Run, *accepted: Run, rules: Sequence[GateRule] | None = None, then: Baseline = THEN) -> str:
    """The difference of accepted runs from a run."""
    rules = mine.header.gates if rules is None else rules
    return difference(mine, "scripted", "plain", rules=rules, then=then, now=brought(*accepted, then=then))


def scored(*values: float) -> Callable[[int], Sample]:
    """Samples whose scores take turns from case to case."""
    return lambda number: sample(f"case-{number}", scores={"exact": values[number % len(values)]})


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ((0.8,), ""),
        ((0.776,), ""),
        ((0.774,), "its exact is 2.6 pts worse than in this run"),
        ((1.0,), "its exact differs by 20.0 pts a case from this run"),
        ((0.82, 0.78), ""),
        ((0.84, 0.76), "its exact differs by 4.0 pts a case from this run"),
    ],
)
def test_half_a_margin(theirs: Sequence[float], expected: str) -> None:
    """The mean may fall by half of the margin of five points, and cases may move by as much."""
    then = baseline(a_run("earlier", scored(0.8)))
    assert found(a_run("mine", scored(0.8)), a_run("theirs", scored(*theirs)), then=then) == expected


def test_what_chance_explains() -> None:
    """Cases that differ between this run and the earlier baseline may differ in the accepted run too."""
    mine, theirs = a_run("mine", scored(0.0, 1.0)), a_run("theirs", scored(1.0, 0.0))
    then = baseline(a_run("earlier", scored(1.0, 0.0)))
    assert found(mine, theirs, then=then) == ""
    assert found(mine, theirs, then=baseline(a_run("earlier", scored(0.0, 1.0)))) != ""


def test_each_added_run_counts() -> None:
    """The second of two accepted runs is compared as well."""
    assert "exact" in found(a_run("mine"), a_run("good"), a_run("bad", scored(0.5)))


def test_tokens() -> None:
    """A gate on cost allows half of its margin as well, as a ratio."""
    rules = [GateRule("cost", 0.21, unit="ratio")]
    for tokens, expected in ((19, ""), (22, "its cost is 12.0 % worse than in this run")):
        theirs = a_run("theirs", lambda number: sample(f"case-{number}", completion_tokens=tokens))  # noqa: B023
        assert found(a_run("mine"), theirs, rules=rules) == expected


def timed(name: str, seconds: float, **changes: object) -> Run:
    """A run whose answers take these seconds."""
    return a_run(name, lambda number: sample(f"case-{number}", total_s=seconds), **changes)


@pytest.mark.parametrize(
    ("mine", "theirs", "then", "expected"),
    [
        (timed("mine", 1.0), timed("theirs", 1.09), timed("then", 1.0), ""),
        (timed("mine", 1.0), timed("theirs", 1.5), timed("then", 1.0), "its latency is 50.0 % worse than in this run"),
        # the same work took twice as long during the accepted run: the machine was slower, and not the answers
        (
            timed("mine", 1.0, calibration_s=0.01),
            timed("theirs", 2.0, calibration_s=0.02),
            timed("then", 1.0, calibration_s=0.01),
            "",
        ),
        (
            timed("mine", 1.0, calibration_s=0.01),
            timed("theirs", 2.0, calibration_s=-1.0),
            timed("then", 1.0, calibration_s=0.01),
            "its latency is 100.0 % worse than in this run",
        ),
        # another machine is compared with the runs that were accepted on it
        (
            timed("mine", 1.0),
            timed("theirs", 3.0, machine_class="there"),
            timed("then", 2.0, machine_class="there"),
            "its latency is 50.0 % worse than in this run",
        ),
        (timed("mine", 1.0), timed("theirs", 3.0, machine_class="there"), timed("then", 1.0), ""),
    ],
    ids=[
        "in half a margin",
        "slower",
        "a slower machine",
        "an impossible machine",
        "slower on another machine",
        "first on another machine",
    ],
)
def test_seconds(mine: Run, theirs: Run, then: Run, expected: str) -> None:
    """Seconds are compared on one class of machine: with this run, and with earlier accepted runs."""
    assert found(mine, theirs, rules=[LATENCY], then=baseline(then)) == expected


class Length(GateKind):
    """A gate of another package that says nothing about setbacks."""

    def __init__(self, worse: object = None) -> None:
        self.worse = worse

    def evidence(self, context: GateContext) -> GateResult:
        """Never called here."""
        raise NotImplementedError

    def conclude(self, context: GateContext, evidence: object, p_value: float, gates: int) -> GateResult:
        """Never called here."""
        raise NotImplementedError

    def setbacks(self, rule: GateRule, samples: object, others: Mapping[str, object]) -> Sequence[float] | None:
        """Return what the test has set."""
        return self.worse  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("worse", "text", "expected"),
    [
        (None, "Yes.", ""),
        (None, "No.", "its length cannot be compared with this run"),
        ([0.0], "No.", ""),
        ([float("nan")], "No.", "gate kind 'length': expected finite setbacks"),
        (["x"], "No.", "gate kind 'length': expected finite setbacks"),
    ],
)
def test_a_kind_of_another_package(worse: object, text: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without setbacks, only the same answers are those of the run; unusable ones are an error."""
    theirs = a_run("theirs", lambda number: sample(f"case-{number}", text))
    monkeypatch.setattr(registry, "gate_kind", lambda _: Length(worse))
    assert found(a_run("mine"), theirs, rules=[GateRule("length", 0.1)]) == expected
