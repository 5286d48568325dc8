"""Build series of comparable runs.

The runs of a series have the same metric signature and the same versions of their cases, or, for seconds, the same
machine class and number of slots.
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
from evalharness.history.read import HistoryRun, Pair, accepted_runs
from evalharness.records import AcceptedRun, BaselineSample
from evalharness.records.history import History, Mark, Point, Series

_MIN_SHARED = 0.5
"""Share of the cases of the reference run that a run must have."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class _Measure:
    """A number that each sample can have."""

    name: str
    unit: str
    value: Callable[[BaselineSample], float | None]
    group: Callable[[AcceptedRun], str] = lambda _: ""
    """Only runs of the same group are comparable."""
    other_group: str = ""
    """Describes runs of other groups."""

    @property
    def timed(self) -> bool:
        """Whether the cases of a run share their noise, so that it counts as one number."""
        return self.unit == "s"


class _Values(NamedTuple):
    """The values of a run by case and version of the case."""

    run: HistoryRun
    by_case: Mapping[tuple[str, str], float]


def history_of(root: Path, suite: str, newest: Path | None, prices: Mapping[str, Price]) -> History:
    """The history of a suite with the run record at `newest`, if any.

    Raises GitError.
    """
    found = accepted_runs(root, suite, newest)
    collected = [run for runs in found.runs.values() for run in runs.values()]
    series = [one for pair, runs in sorted(found.runs.items()) for one in _series(pair, list(runs.values()), prices)]
    ids = {run.run.id for run in collected if run.accepted}
    commits = {run.commit for run in collected if run.commit}
    return History(suite, len(ids), len(commits), tuple(series), tuple(found.notes))


def _series(pair: Pair, runs: Sequence[HistoryRun], prices: Mapping[str, Price]) -> Iterator[Series]:
    """One series per measure. Its reference is the latest accepted run with this measure."""
    position = {run.run.id: index for index, run in enumerate(runs)}
    by_rank = sorted(runs, key=lambda run: (run.accepted, position[run.run.id]), reverse=True)
    for measure in _measures(by_rank[0].run, prices.get(pair[0])):
        ranked = [_values(measure, run) for run in by_rank]
        reference = next((values for values in ranked if values.by_case), None)
        if reference is not None:
            yield _comparable(pair, measure, ranked, reference, position)


def _measures(latest: AcceptedRun, price: Price | None) -> Iterator[_Measure]:
    for metric in latest.signatures:
        yield _Measure(metric, "points", _score(metric), _signature(metric), "with other metric settings")
    yield _Measure("prompt tokens", "tokens", lambda sample: sample.prompt_tokens)
    yield _Measure("answer tokens", "tokens", lambda sample: sample.completion_tokens)
    if price is not None:
        yield _Measure("cost at today's price", "USD", _dollars(price))
    for name, gate in (("latency", "latency"), ("first token", "first_token")):
        yield _Measure(name, "s", _seconds(gate), _machine, "on another machine class or with other slots")


def _machine(run: AcceptedRun) -> str:
    return f"{run.machine_class} {run.slots}"


def _score(metric: str) -> Callable[[BaselineSample], float | None]:
    """The score in points."""

    def score(sample: BaselineSample) -> float | None:
        found = sample.scores.get(metric)
        return None if found is None else 100 * found

    return score


def _signature(metric: str) -> Callable[[AcceptedRun], str]:
    return lambda run: run.signatures.get(metric, "")


def _seconds(gate: str) -> Callable[[BaselineSample], float | None]:
    return lambda sample: sample.seconds(gate)


def _dollars(price: Price) -> Callable[[BaselineSample], float]:
    """The cost of a sample's tokens in dollars, without a discount for cached tokens."""
    return lambda sample: (sample.prompt_tokens * price.input + sample.completion_tokens * price.output) / _MILLION


def _comparable(
    pair: Pair, measure: _Measure, ranked: Sequence[_Values], reference: _Values, position: Mapping[str, int]
) -> Series:
    """The series of the runs that are comparable with the reference. `position` orders runs by id."""
    shared = set(reference.by_case)
    left_out: Counter[str] = Counter()
    kept: list[_Values] = []
    for values in ranked:
        if reason := _reason(measure, values, reference, shared):
            left_out[reason] += 1
        else:
            kept.append(values)
            shared &= values.by_case.keys()
    kept.sort(key=lambda values: position[values.run.run.id])
    return _marked(pair, measure, kept, sorted(shared), left_out)


def _values(measure: _Measure, run: HistoryRun) -> _Values:
    numbers = {
        case: [n for s in samples if (n := measure.value(s)) is not None] for case, samples in run.samples.items()
    }
    return _Values(run, {(case, run.digests[case]): fmean(found) for case, found in numbers.items() if found})


def _reason(measure: _Measure, values: _Values, reference: _Values, shared: set[tuple[str, str]]) -> str:
    """Why a run is not comparable, "" if it is."""
    if not values.by_case:
        return "not measured"
    if measure.group(values.run.run) != measure.group(reference.run.run):
        return measure.other_group
    if len(shared & values.by_case.keys()) < _MIN_SHARED * len(reference.by_case):
        return "with different cases"
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
    points = [_point(values.run, level) for values, level in zip(kept, levels, strict=True)]
    runs = [values.run for values in kept]
    if measure.timed:
        marks, can_tell = _marks([[log(max(level, 1e-9))] for level in levels], None, levels, runs)
    else:
        marks, can_tell = _marks(rows, _blocks(runs, [name for name, _ in cases]), levels, runs)
    return Series(*pair, measure.name, measure.unit, len(cases), tuple(points), marks, can_tell, dict(left_out))


def _point(run: HistoryRun, level: float) -> Point:
    return Point(
        run.run.id, run.run.accepted_at, run.commit, run.committed_at, level, run.accepted, run.subject, run.because
    )


def _blocks(runs: Sequence[HistoryRun], cases: Sequence[str]) -> list[list[int]]:
    """The block of each run and case. Consecutive runs with equal answers to a case are one block.

    A deterministic model repeats its answers, and copies are not new samples.
    """
    block = dict.fromkeys(cases, 0)
    found: list[list[int]] = []
    for number, run in enumerate(runs):
        for case in cases if number else ():
            block[case] += _texts(run, case) != _texts(runs[number - 1], case)
        found.append([block[case] for case in cases])
    return found


def _texts(run: HistoryRun, case: str) -> list[str]:
    return [sample.text for sample in run.samples[case]]


def _marks(
    rows: Sequence[Sequence[float]],
    blocks: Sequence[Sequence[int]] | None,
    levels: Sequence[float],
    runs: Sequence[HistoryRun],
) -> tuple[tuple[Mark, ...], bool]:
    """The changes of level, and whether the runs are enough to find one."""
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
            _request_changed(runs[change.run - 1], runs[change.run]),
        )
        for change, start, end in zip(changes, bounds, bounds[2:], strict=False)
    ), True


def _request_changed(before: HistoryRun, after: HistoryRun) -> bool:
    """Whether the model, the prompt or the parameters are known to differ."""
    digests = {before.run.request_digest, after.run.request_digest}
    return len(digests) == 2 and "" not in digests
