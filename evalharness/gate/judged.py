"""Gates on the opinion of a model: without labels, each verdict says that the error of the judge is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from evalharness.records import Verdict

NOT_CALIBRATED = "judge not calibrated"
_MODELS = re.compile(r"\|models:[0-9a-f]{12}\Z")
"""What an evaluation adds to the signature of a metric that sends requests."""

_QUESTION = re.compile(r"judge\|question:([0-9a-f]{12})\|")
_COMPARISON = re.compile(_QUESTION.pattern + r"against:baseline\|")
"""At the start alone: a question could contain the words."""


def question_of(signature: str) -> str:
    """The digest of the question of a judge metric, which labels name; empty for any other metric."""
    found = _QUESTION.match(signature)
    return found[1] if found else ""


def is_comparison(signature: str) -> bool:
    """Whether a score with this signature compares an answer with the accepted one: 0.5 if both are equally good."""
    return _COMPARISON.match(signature) is not None


def comparisons(signatures: Mapping[str, str]) -> set[str]:
    """The metrics that compare with the accepted answers, by the signatures of a run."""
    return {metric for metric, one in signatures.items() if is_comparison(one)}


def is_judged(signature: str) -> bool:
    """Whether a score with this signature is the opinion of a judge or a model."""
    return signature.startswith("judge|") or _MODELS.search(signature) is not None


def with_mark(verdict: Verdict, signatures: Mapping[str, str], is_labelled: Callable[[str], bool]) -> Verdict:
    """Return the verdict, with a notice if its metric is judged and has no labels. `signatures`: by metric."""
    signature = signatures.get(verdict.metric, "")
    if not is_judged(signature) or is_labelled(signature):
        return verdict
    notice = f"{verdict.notice}; {NOT_CALIBRATED}" if verdict.notice else NOT_CALIBRATED
    return replace(verdict, reason=f"{verdict.reason}; {NOT_CALIBRATED}", notice=notice)
