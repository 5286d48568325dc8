"""The opinion of a configured judge as a score. It is shown; gates refuse it until the judge's error is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalharness.config import Config
from evalharness.errors import MetricError
from evalharness.records import Request, Score
from evalharness.scoring.judges import Probabilities, Question, open_judge
from evalharness.scoring.judges.base import YES_NO, checked
from evalharness.scoring.metrics.base import Metric, Responses, Result, SampleView, signature


def judge(
    name: str, *, question: str, choices: Sequence[str] = YES_NO, good: Sequence[str] = (), config: Config
) -> Metric:
    """Return a metric: the probability that the judge `name` gives to the good choices, with all of them as parts.

    `good`: by default the first choice. Raises ConfigError for an unknown judge, ValueError for fewer than two
    different choices or a good one that is not among them.
    """
    options, wanted = tuple(choices), tuple(good) or tuple(choices[:1])
    if len(set(options)) != len(options) or len(options) < 2:
        raise ValueError(f"choices: expected two or more different texts, got {list(options)}")
    if odd := [choice for choice in wanted if choice not in options]:
        raise ValueError(f"good: '{odd[0]}' is not among the choices {', '.join(options)}")
    opened = open_judge(name, config)

    def question_of(view: SampleView) -> Question:
        return Question(question, view, options)

    def requests(view: SampleView) -> Sequence[Request]:
        return opened.requests(question_of(view))

    def score(views: Sequence[SampleView], responses: Sequence[Responses]) -> list[Result]:
        questions = [question_of(view) for view in views]
        found = opened.decide(questions, responses)
        return [_result(checked(one, of_one), wanted) for one, of_one in zip(questions, found, strict=True)]

    written = signature(
        "judge", judge=opened.signature, question=question, choices=list(options), good=list(wanted), v=1
    )
    return Metric(
        "judge", written, score, requests=requests, models=tuple(opened.models), judge=name, needs_golden=False
    )


def _result(found: Probabilities | MetricError, good: Sequence[str]) -> Score | MetricError:
    if isinstance(found, MetricError):
        return found
    parts: Mapping[str, float] = dict(found)
    return Score("judge", sum(found[choice] for choice in good), "", parts=parts)
