"""The answers to a suite whose texts a run and its baselines have, as a judge metric sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from evalharness.errors import MetricError
from evalharness.gate.judged import question_of
from evalharness.records import (
    Baseline,
    BaselineCase,
    Baselines,
    Case,
    Params,
    Request,
    Response,
    Run,
    Sample,
    Score,
    Suite,
    Timing,
    Usage,
)
from evalharness.records.answer_label import Labelled
from evalharness.scoring.metrics import Metric
from evalharness.scoring.metrics.base import LabelQuestion, SampleView
from evalharness.scoring.scorer import Answered
from evalharness.store.origins import text_digest

_NO_USAGE, _NO_TIMING, _NO_PARAMS = Usage(0, 0), Timing(0.0), Params()


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """An answer with what a judge needs to score it."""

    of: Labelled
    case: Case
    request: Request
    """With the messages of the run, also for an accepted answer: a baseline stores none."""
    response: Response
    score: Score | None
    """By the judge of the metric's own signature; None if the file has no such score."""
    accepted: str | None = None
    """The accepted answer that it is compared with, by a metric that compares."""

    @property
    def view(self) -> SampleView:
        """What a metric may know of it."""
        view = Answered(self.case, self.request, self.response).view
        return view if self.accepted is None else replace(view, accepted=self.accepted)

    def with_text(self, text: str) -> KnownAnswer:
        """The same with another text."""
        return replace(self, response=replace(self.response, text=text), score=None)


class Place(NamedTuple):
    """Where a run has one answer."""

    case: str
    model: str
    prompt: str


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """The answers of one run and of its baselines, for one metric."""

    new: dict[Place, KnownAnswer] = field(default_factory=dict)
    """The first planned sample of each place."""
    accepted: dict[Place, KnownAnswer] = field(default_factory=dict)
    """The latest accepted sample of the same places, for unedited cases."""
    by_label: dict[Labelled, KnownAnswer] = field(default_factory=dict)
    """Every answer of the run and the baselines."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Reason -> number of answers that people cannot be asked about."""
    are_pairs: bool = False
    """Whether each new answer is compared with the accepted one, so that both are one answer to label."""

    @property
    def changed(self) -> list[Place]:
        """The places where the run has another text than the baseline."""
        if self.are_pairs:
            return list(self.new)
        pairs = ((place, self.new[place], self.accepted.get(place)) for place in self.new)
        return [place for place, new, old in pairs if old and old.of != new.of]


def known_answers(metric: Metric, run: Run, baselines: Baselines, suite: Suite) -> KnownAnswers:
    """The answers to the cases that are unedited since the run and that the metric applies to."""
    found, planned = KnownAnswers(are_pairs=metric.compares), run.header.planned
    for sample, response, case in _current(metric, run, suite):
        mine = _of_sample(metric, sample, response, case)
        theirs = list(_of_baseline(metric, mine, baselines.get((sample.key.model, sample.key.prompt))))
        if metric.compares:
            if not theirs or theirs[-1].of == mine.of:
                continue
            mine, theirs = _pair(mine, theirs[-1]), []
        for one in (*theirs, mine):
            if one.of not in found.by_label or found.by_label[one.of].score is None:
                found.by_label[one.of] = one
        if sample.key in planned and sample.key.repeat == 0:
            _add(found, metric, Place(case.id, sample.key.model, sample.key.prompt), mine, theirs)
    return found


def _current(metric: Metric, run: Run, suite: Suite) -> Iterator[tuple[Sample, Response, Case]]:
    """The answered samples of cases that are unedited since the run and that the metric applies to."""
    cases = {case.id: case for case in suite.cases}
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        case = cases.get(sample.key.case)
        if sample.response and case and case.digest == sample.digest and not metric.missing_in(case):
            yield sample, sample.response, case


def _add(found: KnownAnswers, metric: Metric, place: Place, mine: KnownAnswer, theirs: Sequence[KnownAnswer]) -> None:
    """Add the answers of a place that people can be shown, or the reason why they cannot."""
    accepted = ((found.accepted, one, _lost(metric, mine)) for one in theirs[-1:])
    for side, one, lost in ((found.new, mine, ""), *accepted):
        if reason := lost or _unanswerable(metric, one):
            found.left_out[reason] = found.left_out.get(reason, 0) + 1
        else:
            side[place] = one


def _unanswerable(metric: Metric, answer: KnownAnswer) -> str:
    """Why people cannot be asked about an answer; empty if they can."""
    try:
        label_question(metric, answer)
    except MetricError as error:
        return str(error)
    return ""


def _lost(metric: Metric, new: KnownAnswer) -> str:
    """What the judge sees and a baseline does not keep of an accepted answer; empty if there is nothing."""
    parts = metric.beyond(new.view) if metric.beyond else []
    if new.case.turns or new.case.user:
        parts = ["conversation"]
    return f"a baseline does not keep {', '.join(parts).replace('_', ' ')}" if parts else ""


def label_question(metric: Metric, answer: KnownAnswer) -> LabelQuestion:
    """What a person must see to label an answer. Raises MetricError."""
    assert metric.label_question, "a metric that people can label"
    return metric.label_question(answer.view)


def _of_sample(metric: Metric, sample: Sample, response: Response, case: Case) -> KnownAnswer:
    score = sample.score(metric.name)
    known = score if score and score.signature == metric.signature else None
    request = Request(sample.key, sample.messages, 0, _NO_PARAMS)
    return KnownAnswer(_about(metric, case, response.text), case, request, response, known)


def _pair(new: KnownAnswer, accepted: KnownAnswer) -> KnownAnswer:
    """The new answer, compared with the accepted one."""
    of = new.of._replace(against=accepted.of.answer)
    score = new.score if new.score and new.score.against == of.against else None
    return replace(new, of=of, score=score, accepted=accepted.response.text)


def _of_baseline(metric: Metric, like: KnownAnswer, baseline: object) -> Iterator[KnownAnswer]:
    """The accepted answers to the same case, the latest last. A baseline keeps their texts alone."""
    if not isinstance(baseline, Baseline):
        return
    stored: BaselineCase | None = baseline.cases.get(like.case.id)
    judged = baseline.signatures.get(metric.name) == metric.signature
    for sample in stored.samples if stored and stored.digest == like.case.digest else ():
        response = Response(sample.text, "stop", _NO_USAGE, _NO_TIMING)
        value = sample.scores.get(metric.name) if judged else None
        score = None if value is None else Score(metric.name, value, metric.signature)
        yield KnownAnswer(_about(metric, like.case, sample.text), like.case, like.request, response, score)


def _about(metric: Metric, case: Case, text: str) -> Labelled:
    return Labelled(question_of(metric.signature), case.id, case.digest, text_digest(text))
