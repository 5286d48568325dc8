"""Runs -> series. Only what compares is in one series: the same metric (by its signature), the same cases in the same
version, seconds of one kind of machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from evalharness.config import Price
from evalharness.history.read import Pair, Told, accepted_runs
from evalharness.records import AcceptedRun, BaselineSample
from evalharness.records.history import History, Mark, Point, Series

_LEAST_SHARE = 0.5
"""Of its cases a run must share with the latest one."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class _Measure:
    """A number that each draw has."""

    name: str
    unit: str
    of: Callable[[BaselineSample], float | None]
    kind: Callable[[AcceptedRun], str] = lambda _: ""
    """What must be equal for two runs to compare."""
    other: str = ""
    """How a run of another kind is spoken of."""

    @property
    def timed(self) -> bool:
        """Whether all cases of a run share its luck: then a run is one number, and not one for each case."""
        return self.unit == "s"


class _Values(NamedTuple):
    """What a run says: a number for each case, by case and its version."""

    told: Told
    by_case: Mapping[tuple[str, str], float]


def history_of(root: Path, suite: str, newest: Path | None, prices: Mapping[str, Price]) -> History:
    """The history of a suite. `newest`: where the newest run's record would be. Raises StoreError when git fails."""
    found = accepted_runs(root, suite, newest)
    told = [run for runs in found.runs.values() for run in runs.values()]
    series = [line for pair, runs in sorted(found.runs.items()) for line in _series(pair, list(runs.values()), prices)]
    ids = {run.run.id for run in told if run.accepted}
    commits = {run.commit for run in told if run.commit}
    return History(suite, len(ids), len(commits), tuple(series), tuple(found.notes))


def _series(pair: Pair, runs: Sequence[Told], prices: Mapping[str, Price]) -> Iterator[Series]:
    """Of each measure that any run has. The latest accepted run that has it is the yardstick."""
    place = {run.run.id: index for index, run in enumerate(runs)}
    by_rank = sorted(runs, key=lambda run: (run.accepted, place[run.run.id]), reverse=True)
    for measure in _measures(by_rank[0].run, prices.get(pair[0])):
        ranked = [_values(measure, run) for run in by_rank]
        reference = next((values for values in ranked if values.by_case), None)
        if reference is not None:
            yield _one(pair, measure, ranked, reference, place)


def _measures(latest: AcceptedRun, price: Price | None) -> Iterator[_Measure]:
    for metric in latest.signatures:
        yield _Measure(metric, "", _score(metric), _signature(metric), "scored otherwise")
    yield _Measure("prompt tokens", "tokens", lambda draw: draw.prompt_tokens)
    yield _Measure("answer tokens", "tokens", lambda draw: draw.completion_tokens)
    if price is not None:
        yield _Measure("cost at today's price", "USD", _dollars(price))
    for name, gate in (("latency", "latency"), ("first token", "first_token")):
        yield _Measure(name, "s", _seconds(gate), _shape, "of another kind of machine or shape")


def _shape(run: AcceptedRun) -> str:
    return f"{run.machine_class} {run.slots}"


def _score(metric: str) -> Callable[[BaselineSample], float | None]:
    return lambda draw: draw.scores.get(metric)


def _signature(metric: str) -> Callable[[AcceptedRun], str]:
    return lambda run: run.signatures.get(metric, "")


def _seconds(gate: str) -> Callable[[BaselineSample], float | None]:
    return lambda draw: draw.seconds(gate)


def _dollars(price: Price) -> Callable[[BaselineSample], float]:
    """Of the tokens alone, each at its full price."""
    return lambda draw: (draw.prompt_tokens * price.input + draw.completion_tokens * price.output) / _MILLION


def _one(
    pair: Pair, measure: _Measure, ranked: Sequence[_Values], reference: _Values, place: Mapping[str, int]
) -> Series:
    """The series of one measure: what compares with the reference. `place`: of each run in the history, by its id."""
    shared = set(reference.by_case)
    left_out: Counter[str] = Counter()
    kept: list[_Values] = []
    for values in ranked:
        if reason := _reason(measure, values, reference, shared):
            left_out[reason] += 1
        else:
            kept.append(values)
            shared &= values.by_case.keys()
    kept.sort(key=lambda values: place[values.told.run.id])
    return _marked(pair, measure, kept, sorted(shared), left_out)


def _values(measure: _Measure, told: Told) -> _Values:
    numbers = {case: [n for d in draws if (n := measure.of(d)) is not None] for case, draws in told.samples.items()}
    return _Values(told, {(case, told.digests[case]): fmean(found) for case, found in numbers.items() if found})


def _reason(measure: _Measure, values: _Values, reference: _Values, shared: set[tuple[str, str]]) -> str:
    """Why a run is not comparable; empty if it is."""
    if not values.by_case:
        return "not measured"
    if measure.kind(values.told.run) != measure.kind(reference.told.run):
        return measure.other
    if len(shared & values.by_case.keys()) < _LEAST_SHARE * len(reference.by_case):
        return "with other cases"
    return ""


def _marked(
    pair: Pair,
    measure: _Measure,
    kept: Sequence[_Values],
    cases: Sequence[tuple[str, str]],
    left_out: Mapping[str, int],
) -> Series:
    rows = [[values.by_case[case] for case in cases] for values in kept]
    levels = [median(row) if measure.timed else fmean(row) for row in rows]
    points = [_point(values.told, level) for values, level in zip(kept, levels, strict=True)]
    told = [values.told for values in kept]
    if measure.timed:
        marks, can_tell = _marks([[log(max(level, 1e-9))] for level in levels], None, levels, told)
    else:
        marks, can_tell = _marks(rows, _blocks(told, [name for name, _ in cases]), levels, told)
    return Series(*pair, measure.name, measure.unit, len(cases), tuple(points), marks, can_tell, dict(left_out))


def _point(told: Told, level: float) -> Point:
    return Point(told.run.id, told.run.accepted_at, told.commit, told.committed_at, level, told.accepted)


def _blocks(runs: Sequence[Told], cases: Sequence[str]) -> list[list[int]]:
    """For each run and case: how often the case's answer was another than in the run before, up to here. A model that
    always says the same gives one draw, and not many.
    """
    block = dict.fromkeys(cases, 0)
    found: list[list[int]] = []
    for number, run in enumerate(runs):
        for case in cases if number else ():
            block[case] += _texts(run, case) != _texts(runs[number - 1], case)
        found.append([block[case] for case in cases])
    return found


def _texts(run: Told, case: str) -> list[str]:
    return [draw.text for draw in run.samples[case]]


def _marks(
    rows: Sequence[Sequence[float]],
    blocks: Sequence[Sequence[int]] | None,
    levels: Sequence[float],
    runs: Sequence[Told],
) -> tuple[tuple[Mark, ...], bool]:
    """The changes of level, and whether there is enough for one."""
    import numpy as np

    from evalharness.gate.stats.change_points import can_tell, change_points, each_its_own

    values = np.array(rows, dtype=float).reshape(len(rows), -1 if rows else 0)
    numbers = each_its_own(values) if blocks is None else np.array(blocks, dtype=int).reshape(values.shape)
    if not can_tell(numbers):
        return (), False
    changes = change_points(values, numbers)
    bounds = [0, *(change.run for change in changes), len(levels)]
    return tuple(
        Mark(
            change.run,
            fmean(levels[start : change.run]),
            fmean(levels[change.run : end]),
            change.p_value,
            _asked_otherwise(runs[change.run - 1], runs[change.run]),
        )
        for change, start, end in zip(changes, bounds, bounds[2:], strict=False)
    ), True


def _asked_otherwise(before: Told, after: Told) -> bool:
    """Whether it is known that the model, the prompt or the parameters are others."""
    return (
        "" not in (before.run.request_digest, after.run.request_digest)
        and before.run.request_digest != after.run.request_digest
    )
