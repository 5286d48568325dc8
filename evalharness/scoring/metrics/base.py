"""What a metric is: a name, a signature, and a function over a batch of answers."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.errors import EvalHarnessError, MetricError

_PLAIN = re.compile(r"[A-Za-z0-9._+-]+")
_READABLE_CHARS = 40
"""An option longer than this stands in a signature as a digest: the signature is stored with every score."""
_ERROR_CHARS = 1_000
"""A foreign error may quote the answer, which is as long as a model likes."""


@dataclass(frozen=True, slots=True)
class SampleView:
    """What a metric sees of a sample."""

    text: str
    golden: tuple[str, ...] = ()
    logprobs: tuple[float, ...] = ()
    """As `Response` has them."""
    golden_logprobs: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """A way to score answers."""

    name: str
    signature: str
    """Everything that the number depends on but the texts, as `name|option:value|...|version`. Scores compare only if
    their signatures are equal."""
    score_batch: Callable[[Sequence[SampleView]], list[float | MetricError]]
    """One result for each answer, in order: a number in [0, 1], higher is better, or the reason why there is none."""
    needs_golden: bool = True
    warm_up: Callable[[], None] | None = None
    """Does the slow part of the first call (a heavy import, a model) ahead of it, from any thread. Optional: a metric
    that was never warmed up works, and one that cannot be says so when it scores."""
    golden_likelihood: bool = False
    """Whether it reads `Answer.golden_logprobs`: the golden answers then go with each request to the model."""
    answer_likelihood: bool = False
    """Whether it reads `Answer.logprobs`: a suite that names it sets `params: {logprobs: true}`."""


def against_golden(
    name: str, signature: str, compare: Callable[[str, str], float], *, warm_up: Callable[[], None] | None = None
) -> Metric:
    """A metric from `compare(answer, golden)`: the best over the golden answers."""
    return of_answer(
        name, signature, lambda answer: max(compare(answer.text, golden) for golden in answer.golden), warm_up=warm_up
    )


def of_text(name: str, signature: str, judge: Callable[[str], float]) -> Metric:
    """A metric that looks at the answer alone."""
    return Metric(name, signature, _each(lambda answer: judge(answer.text)), needs_golden=False)


def of_answer(
    name: str, signature: str, score: Callable[[SampleView], float], *, warm_up: Callable[[], None] | None = None
) -> Metric:
    """A metric that sees all golden answers at once."""
    return Metric(name, signature, _each(score), warm_up=warm_up)


def _each(score: Callable[[SampleView], float]) -> Callable[[Sequence[SampleView]], list[float | MetricError]]:
    def guarded(answer: SampleView) -> float | MetricError:
        try:
            return score(answer)
        except Exception as error:  # whatever a metric raises is the error of one answer, never a 0 and never a pass
            return as_metric_error(error)

    return lambda answers: [checked(guarded(answer)) for answer in answers]


def as_metric_error(error: Exception) -> MetricError:
    """The error as a result: our own errors are sentences already, a foreign one is named by its type."""
    if isinstance(error, MetricError):
        return error
    text = str(error) if isinstance(error, EvalHarnessError) else f"{type(error).__name__}: {error}"
    return MetricError(text[:_ERROR_CHARS])


def checked(value: float | MetricError) -> float | MetricError:
    """The value itself if it is a finite number in [0, 1], else the reason why not. A rounding step is cut off."""
    if isinstance(value, MetricError):
        return value
    if not math.isfinite(value) or not -1e-9 <= value <= 1 + 1e-9:
        return MetricError(f"the metric returned {value}, which is not in [0, 1]")
    return min(1.0, max(0.0, float(value)))


def signature(name: str, **parts: Any) -> str:
    """`name|option:value|...`: booleans as yes and no, free text quoted, long values as a SHA-256 digest."""
    return "|".join([name, *(f"{key}:{_readable(value)}" for key, value in parts.items())])


def _readable(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    if len(text) > _READABLE_CHARS:
        return "sha256-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
