"""The changes of the answers against the baseline, the worst first."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import nlargest, nsmallest
from statistics import fmean
from typing import Literal, NamedTuple, get_args

from evalharness.amounts import scores
from evalharness.records import Baseline, Baselines, BaselineSample, Run, Sample, SampleKey
from evalharness.records.marks import IndexedSamples, Mark, may_repeat

How = Literal["error", "broken", "worse", "better", "other", "same", "new"]
"""`broken`: a hard assertion does not hold. `other`: different text, same score. `new`: not in the baseline."""
_HOWS: tuple[How, ...] = get_args(How)
_LISTED: tuple[How, ...] = ("broken", "worse", "better", "other")
MOST_LISTED = 1_000
"""Diffs of each kind that are listed where the samples of a run are on disk."""
MOST_CHANGED = 4_000
"""Drops, and gains, that a page shows of a large run."""
VISIBLE = 0.005
"""Half a point of a score: smaller changes are not shown."""


@dataclass(frozen=True, slots=True)
class AnswerDiff:
    """The worst sample of a case with one model and prompt, and its baseline."""

    sample: Sample
    before: BaselineSample | None
    change: float
    """Change of the mean score; minus is worse."""
    how: How
    means: tuple[float, float] | None = None
    """The mean of the scores that compare, before and now; None if none does."""

    @property
    def moved(self) -> str:
        """Both means and their change in points; empty if nothing compares."""
        return scores(*self.means) if self.means else ""


@dataclass(frozen=True, slots=True)
class Answers:
    """The diffs of a run: a number for each kind, and the first of each."""

    counts: Mapping[How, int]
    """Cases, models and prompts."""
    listed: Mapping[How, Sequence[AnswerDiff]]
    """The worst first; of `better`, the best first."""

    changed: frozenset[SampleKey] = frozenset()
    """The samples with the largest drops and gains, of a run whose samples are on disk."""

    @property
    def bad(self) -> list[AnswerDiff]:
        """Broken assertions, then the largest drops."""
        return [*self.of("broken"), *self.of("worse")]

    def of(self, how: How) -> Sequence[AnswerDiff]:
        """The listed diffs of a kind."""
        return self.listed.get(how, ())


class _Row(NamedTuple):
    """The place of a sample in the run, and what ranks it: a million of them are kept in arrays."""

    how: int
    group: int
    """Errors come first, then broken assertions, then the others."""
    change: float


def answers_of(run: Run, baselines: Baselines) -> Answers:
    """The diffs of a run, one for each case, model and prompt: that of its worst sample."""
    rows = _Rows(run.samples, baselines)
    listed = {how: [_answer(run.samples[place], baselines) for place in rows.places(how)] for how in _LISTED}
    counts = {how: rows.hows.count(number) for number, how in enumerate(_HOWS)}
    return Answers(counts, listed, rows.changed() if isinstance(run.samples, IndexedSamples) else frozenset())


class _Rows:
    """What ranks the worst sample of each case, model and prompt."""

    def __init__(self, samples: Sequence[Sample], baselines: Baselines) -> None:
        self._samples = samples
        self._places, self.hows, self._groups, self._changes = array("I"), array("b"), array("b"), array("d")
        worst: dict[int, int] | None = {} if may_repeat(samples) else None  # by case: the row of its worst sample
        for place, row in enumerate(_rows(samples, baselines)):
            if worst is None:
                self._append(place, row)
                continue
            key = key_at(samples, place)
            known = worst.setdefault(hash(key[:3]), len(self._places))
            if known == len(self._places):
                self._append(place, row)
            elif (row.group, row.change, key) < self._rank(known):
                self._replace(known, place, row)

    def places(self, how: How, most: int | None = None) -> list[int]:
        """The samples of a kind in the order of the report, as many as a report lists."""
        number, count = _HOWS.index(how), _most(self._samples) if most is None else most
        mine = (row for row, found in enumerate(self.hows) if found == number)
        found = (nlargest if how == "better" else nsmallest)(count, mine, key=self._rank)
        return [self._places[row] for row in found]

    def changed(self) -> frozenset[SampleKey]:
        """The keys of the largest drops and gains."""
        places = [*self.places("worse", MOST_CHANGED), *self.places("better", MOST_CHANGED)]
        return frozenset(key_at(self._samples, place) for place in places)

    def _append(self, place: int, row: _Row) -> None:
        self._places.append(place)
        self.hows.append(row.how)
        self._groups.append(row.group)
        self._changes.append(row.change)

    def _replace(self, at: int, place: int, row: _Row) -> None:
        self._places[at], self.hows[at], self._groups[at], self._changes[at] = place, *row

    def _rank(self, row: int) -> tuple[int, float, SampleKey]:
        return self._groups[row], self._changes[row], key_at(self._samples, self._places[row])


def _rows(samples: Sequence[Sample], baselines: Baselines) -> Iterator[_Row]:
    if not isinstance(samples, IndexedSamples):
        return (_row(_answer(sample, baselines)) for sample in samples)
    if not any(isinstance(one, Baseline) for one in baselines.values()):
        return map(_row_of_marks, samples.marks)  # nothing to compare with
    return (_row_at(samples, place, baselines) for place in range(len(samples)))


def _row(found: AnswerDiff) -> _Row:
    group = 0 if found.sample.error else 1 if found.sample.failed_checks else 2
    return _Row(_HOWS.index(found.how), group, 0.0 if group < 2 else found.change)


@cache  # few samples differ in their marks
def _row_of_marks(marks: int) -> _Row:
    group = 0 if marks & Mark.ERROR else 1 if marks & Mark.FAILED else 2
    how: How = "error" if not group or not marks & Mark.RESPONDED else "broken" if group == 1 else "new"
    return _Row(_HOWS.index(how), group, 0.0)


def _row_at(samples: IndexedSamples, place: int, baselines: Baselines) -> _Row:
    """The same with a baseline, by the numbers of both sides."""
    row = _row_of_marks(samples.mark(place))
    then = before_at(samples, place, baselines)
    if then is None or _HOWS[row.how] != "new":
        return row
    found = samples.numbers(place)
    means = _means_of(((name, value) for (name, _), value in zip(found.scored, found.values, strict=True)), then)
    change = means[1] - means[0] if means else 0.0
    return _Row(_HOWS.index(_change(change, is_same=then.text_hash == found.text_hash)), row.group, change)


def key_at(samples: Sequence[Sample], place: int) -> SampleKey:
    """The key of the sample at a place."""
    return samples.key(place) if isinstance(samples, IndexedSamples) else samples[place].key


def _most(samples: Sequence[Sample]) -> int:
    """Diffs of one kind that are listed: all of them if the samples are in memory."""
    return MOST_LISTED if isinstance(samples, IndexedSamples) else len(samples)


def _answer(sample: Sample, baselines: Baselines) -> AnswerDiff:
    then = before(sample, baselines)
    means = _means(sample, then)
    change = means[1] - means[0] if means else 0.0
    return AnswerDiff(sample, then, change, _how(sample, then, change), means)


def _how(sample: Sample, then: BaselineSample | None, change: float) -> How:
    if sample.error or sample.response is None:
        return "error"
    if sample.failed_checks:
        return "broken"
    return "new" if then is None else _change(change, is_same=then.text_hash == hash(sample.response.text))


def _change(change: float, *, is_same: bool) -> How:
    if abs(change) > VISIBLE:
        return "worse" if change < 0 else "better"
    return "same" if is_same else "other"


def score_change(sample: Sample, baselines: Baselines, metric: str | None = None) -> float:
    """The change against the baseline's latest answer.

    Of one metric, or the mean of all; 0 if nothing compares.
    """
    means = _means(sample, before(sample, baselines), metric)
    return means[1] - means[0] if means else 0.0


def _means(sample: Sample, then: BaselineSample | None, metric: str | None = None) -> tuple[float, float] | None:
    mine = ((score.metric, score.value) for score in sample.scores if metric in (None, score.metric))
    return _means_of(mine, then) if then else None


def _means_of(mine: Iterable[tuple[str, float]], then: BaselineSample) -> tuple[float, float] | None:
    """The means of the scores that compare, before and now."""
    both = [(then.scores[metric], value) for metric, value in mine if metric in then.scores]
    return (fmean(old for old, _ in both), fmean(new for _, new in both)) if both else None


def before(sample: Sample, baselines: Baselines) -> BaselineSample | None:
    """The baseline's latest sample of the same case: see `Baseline.match`."""
    baseline = baselines.get((sample.key.model, sample.key.prompt))
    return baseline.match(sample) if isinstance(baseline, Baseline) else None


def before_at(samples: Sequence[Sample], place: int, baselines: Baselines) -> BaselineSample | None:
    """The same for the sample at a place, which is not read."""
    if not isinstance(samples, IndexedSamples):
        return before(samples[place], baselines)
    key = samples.key(place)
    baseline = baselines.get((key.model, key.prompt))
    if not isinstance(baseline, Baseline):
        return None
    return baseline.latest(key.case, samples.facts(place).digest, samples.numbers(place).scored)
