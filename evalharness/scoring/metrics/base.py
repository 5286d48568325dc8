"""What a metric is: a name, a signature, the requests that it sends, and a function over a batch of samples.

A metric works in two phases. `requests(view)` names what a model must answer first (nothing, for most metrics), and
`follow_ups(view, responses)` what it must answer after that; `score(views, responses)` turns samples and those
responses into results.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from evalharness.errors import EvalHarnessError, MetricError
from evalharness.foreign import describe
from evalharness.records import (
    Message,
    NotApplicable,
    Params,
    Request,
    Response,
    SampleKey,
    Score,
    Spec,
    Timing,
    Usage,
)
from evalharness.records.application import as_texts

_PLAIN = re.compile(r"[A-Za-z0-9._+-]+")
_READABLE_CHARS = 40
"""A longer option is in the signature as a digest: the signature is stored with every score."""
_ERROR_CHARS = 1_000
"""A foreign error may quote the response, which has no limit."""
_NO_USAGE, _NO_TIMING = Usage(0, 0), Timing(0.0)

Result = float | Score | NotApplicable | MetricError
"""A number in [0, 1], higher is better; a Score, to add an explanation or parts; or the reason why there is none.

A response that lacks what its case expects is a score or an error. NotApplicable is for one that has nothing to score.
"""
Responses = Sequence[Response]
"""The responses to a metric's requests for one sample, in the order of the requests."""


class Expectation(Protocol):
    """What a metric may know of a case before there is a response. A `Case` is one, and so is a `SampleView`."""

    @property
    def golden(self) -> tuple[str, ...]:
        """Return the golden answers."""

    @property
    def vars(self) -> Mapping[str, Any]:
        """Return the variables of the case."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Return the tags of the case."""

    @property
    def questions(self) -> Mapping[str, str]:
        """Return the questions of the case for judges, by metric."""


@dataclass(frozen=True, slots=True)
class SampleView:
    """All that a metric may know of a sample."""

    response: Response
    golden: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    stored: bool = False
    """Whether this is an accepted answer, of which a baseline keeps the text alone."""
    questions: Mapping[str, str] = field(default_factory=dict)
    """The questions of the case for judges, by metric."""
    accepted: str | None = None
    """The latest accepted answer to the unedited case; None without one. Known for metrics with `compares`."""

    @classmethod
    def of(
        cls,
        text: str,
        golden: Sequence[str] = (),
        *,
        logprobs: tuple[float, ...] = (),
        golden_logprobs: tuple[tuple[float, ...], ...] = (),
    ) -> SampleView:
        """Return the view of a bare text, without tokens and seconds."""
        response = Response(text, "stop", _NO_USAGE, _NO_TIMING, logprobs=logprobs, golden_logprobs=golden_logprobs)
        return cls(response, tuple(golden))

    @property
    def text(self) -> str:
        """The text of the response."""
        return self.response.text

    @property
    def added(self) -> dict[str, str]:
        """All else in the response as texts by title: contexts, tool calls, data, conversation, reasoning, refusal.

        Titles without content are left out. The values themselves are fields of `response`.
        """
        return dict(as_texts(self.response.added()))


class Asks(NamedTuple):
    """How a metric asks its models."""

    choices: tuple[str, ...] = ()
    """The choices of its requests; empty for plain answers."""
    votes: int = 0
    """The number of equal requests whose answers must be able to differ; 0 for one."""
    itself: bool = True
    """Whether a model may score its own answers."""
    texts: bool = True
    """Whether some requests want a text."""


_PLAINLY = Asks()


class LabelQuestion(NamedTuple):
    """What a person sees who answers a judge's question about a sample."""

    ask: str
    shown: tuple[tuple[str, str], ...]
    """Titles and texts, as the judge gets them. The texts come from others."""
    choices: tuple[tuple[str, float], ...]
    """Each choice with what it counts, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A way to score responses."""

    name: str
    signature: str
    """Everything that the score depends on except the texts: `name|option:value|...|version`. Scores compare only if
    their signatures are equal."""
    score: Callable[[Sequence[SampleView], Sequence[Responses]], Sequence[Result]]
    """Returns one result for each view, in order. A sample whose requests failed has an error and is not among them."""
    requests: Callable[[SampleView], Sequence[Request]] | None = None
    """Returns the requests that `score` needs answered; make them with `request_to`."""
    follow_ups: Callable[[SampleView, Responses], Sequence[Request]] | None = None
    """Returns the requests of a second round, from the responses to `requests`. `score` then gets the responses of both
    rounds, those of the first one first. A sample without requests in the first round has no second one."""
    models: tuple[str, ...] = ()
    """The configured models that get the requests. Their identity joins the signature. A gate on a metric with models
    says that its judge is not calibrated."""
    asks: Asks = _PLAINLY
    """How it asks the models."""
    judge: str = ""
    """The judge that the score rests on, with the same effect on gates."""
    named: bool = False
    """Whether its options set the `name`, so that a suite can have several of its kind."""
    question: str = ""
    """What it asks its models or its judge, for reports."""
    asks_cases: bool = False
    """Whether it reads the `questions` of cases."""
    beyond: Callable[[SampleView], Sequence[str]] | None = None
    """Returns what it reads of a sample that a baseline does not keep of an accepted answer. None: that is unknown, and
    accepted answers are never scored again."""
    compares: bool = False
    """Whether it compares each answer with the accepted one, `SampleView.accepted`."""
    needs_golden: bool = True
    """Whether the metric applies only to cases with a golden answer."""
    applies: Callable[[Expectation], bool] | None = None
    """Whether a case expects something that the metric can score. It must not depend on the response: cases to which a
    metric does not apply are left out of its gates. None: it applies to each case."""
    needs: str = ""
    """What a case without it lacks, for messages, with `applies`: `relevant ids` gives `25 have no relevant ids`."""
    warm_up: Callable[[], None] | None = None
    """Imports what the first call would import, and loads what is slow. Runs once, before the first score, in the
    thread that calls `evaluate()`: the thread that scores must not import. An exception fails every sample."""
    golden_likelihood: bool = False
    """Whether it reads `Response.golden_logprobs`: the requests of the suite then carry the golden answers."""
    answer_likelihood: bool = False
    """Whether it reads `Response.logprobs`: a suite that names it sets `params: {logprobs: true}`."""
    reads_text: bool = True
    """Whether it reads the text of the response, so that `at` can name another part in its place."""
    texts_alone: Spec | None = None
    """Name and options of a built-in metric that reads response and golden answers alone, and returns numbers. Another
    process can open it by them, and scores long texts. None: this process scores all texts."""
    close: Callable[[], None] | None = None
    """Ends what the metric has started, such as a process."""
    label_question: Callable[[SampleView], LabelQuestion] | None = None
    """Returns what a person must see to label a sample. Raises MetricError. None: people cannot label it as a whole."""

    def missing_in(self, case: Expectation) -> str:
        """Return what a case lacks for this metric, as in `no golden answer`; empty if the metric applies."""
        if self.needs_golden and not case.golden:
            return "no golden answer"
        if self.applies is None or self.applies(case):
            return ""
        return f"no {self.needs or f'expectation for {self.name}'}"


def request_to(model: str, *messages: Message, params: Params | None = None, repeat: int = 0) -> Request:
    """Return a request of a metric to a configured model.

    Equal requests with the same `repeat` share one response, also across samples and runs.
    """
    return Request(SampleKey("", "", model, repeat), messages, 0, params or Params())


def against_golden(
    name: str, signature: str, compare: Callable[[str, str], float], *, warm_up: Callable[[], None] | None = None
) -> Metric:
    """Return a metric from `compare(text, golden)`: the best over the golden answers."""
    return of_view(
        name, signature, lambda view: max(compare(view.text, golden) for golden in view.golden), warm_up=warm_up
    )


def of_text(name: str, signature: str, score: Callable[[str], float]) -> Metric:
    """Return a metric that reads the text of the response alone."""
    return Metric(name, signature, _each(lambda view: score(view.text)), needs_golden=False)


def of_view(
    name: str, signature: str, score: Callable[[SampleView], float], *, warm_up: Callable[[], None] | None = None
) -> Metric:
    """Return a metric that reads one view at a time, with all golden answers."""
    return Metric(name, signature, _each(score), warm_up=warm_up)


def of_result(
    name: str,
    signature: str,
    score: Callable[[SampleView], Result],
    *,
    applies: Callable[[Expectation], bool] | None = None,
    needs: str = "",
    warm_up: Callable[[], None] | None = None,
    reads_text: bool = True,
) -> Metric:
    """Return a metric that reads one view at a time, without golden answers, and explains its scores."""
    made = Metric(name, signature, _each(score), needs_golden=False, applies=applies, needs=needs, warm_up=warm_up)
    return made if reads_text else replace(made, reads_text=False)


def _each(
    score: Callable[[SampleView], Result],
) -> Callable[[Sequence[SampleView], Sequence[Responses]], Sequence[Result]]:
    def guarded(view: SampleView) -> Result:
        try:
            return score(view)
        except Exception as error:  # the error of one sample: never a 0, never a pass
            return as_metric_error(error)

    return lambda views, _: [guarded(view) for view in views]


def as_metric_error(error: BaseException) -> MetricError:
    """Return the error as a result: a foreign one with its type, all with at most 1,000 characters."""
    if isinstance(error, MetricError):
        return error
    text = str(error) if isinstance(error, EvalHarnessError) else describe(error)
    return MetricError(text[:_ERROR_CHARS])


def signature(name: str, **parts: Any) -> str:
    """Return `name|option:value|...`: booleans as yes and no, free text quoted, long values as a SHA-256 digest."""
    return "|".join([name, *(f"{key}:{_readable(value)}" for key, value in parts.items())])


def _readable(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    if len(text) > _READABLE_CHARS:
        return "sha256-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
