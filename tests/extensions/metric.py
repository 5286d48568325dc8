"""A third party's metric: asks a configured model for a grade from 0 to 10."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness import Message, Metric, MetricError, Params, Request, Response, SampleView, Score, request_to

PROMPT = "Grade from 0 to 10 how polite this is. Question: {question}\nResponse: {response}"


def politeness(model: str) -> Metric:
    """Return a metric whose grades come from `model`."""

    def requests(view: SampleView) -> list[Request]:
        text = PROMPT.format(question=view.messages[-1].content, response=view.text)
        return [request_to(model, Message("user", text), params=Params(max_tokens=4))]

    def score(views: Sequence[SampleView], responses: Sequence[Sequence[Response]]) -> list[Score | MetricError]:
        return [_score(response.text) for (response,) in responses]

    return Metric("politeness", "politeness|v:1", score, requests=requests, models=(model,), needs_golden=False)


def _score(text: str) -> Score | MetricError:
    if not text.strip().isdigit():
        return MetricError(f"expected a grade, got {text[:20]!r}")
    grade = int(text)
    return Score("politeness", grade / 10, "", explanation=f"grade {grade} of 10", parts={"grade": float(grade)})
