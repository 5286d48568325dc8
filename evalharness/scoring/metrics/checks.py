"""Hard assertions: what stands under `assert:` in a suite. Each holds, or says in one sentence what must hold.

assert:
  - not_contains: "As an AI"
  - max_words: 60
  - json_schema: {type: object, required: [answer]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.errors import MetricError, did_you_mean
from evalharness.scoring.metrics.base import Metric, SampleView
from evalharness.scoring.metrics.json import json_problem, schema_problem
from evalharness.scoring.metrics.strings import contains, count_words, exact, regex

Judge = Callable[[str], str | None]
"""None when the answer is as it must be, else a sentence."""


@dataclass(frozen=True, slots=True)
class Check:
    """One hard assertion on the text of an answer."""

    name: str
    value: Any
    """As the suite has it: `As an AI` in `not_contains: As an AI`."""
    _judge: Judge = field(repr=False, compare=False)

    def sentence(self, text: str) -> str | None:
        """None when the assertion holds, else what the answer must be or have, for a person."""
        try:
            return self._judge(text)
        except MetricError as error:  # what cannot be decided does not hold
            return f"could not be checked by {self.name}: {error}"


def open_check(name: str, value: Any) -> Check:
    """The check `{name: value}`.

    Raises LookupError for an unknown name, with near ones, and ValueError for a value that the check does not take.
    """
    if name not in CHECKS:
        raise LookupError(f"there is no check '{name}'{did_you_mean(name, CHECKS)}")
    return Check(name, value, CHECKS[name](name, value))


def _by_metric(factory: Callable[[str], Metric], sentence: str, *, wanted: float = 1.0) -> Callable[[str, Any], Judge]:
    """A check that a metric, opened with the suite's text, gives the wanted score."""

    def make(name: str, value: Any) -> Judge:
        if not isinstance(value, str):
            raise ValueError(f"{name} takes a text, not {value!r}{_quote_hint(name, value)}")
        metric = factory(value)
        return lambda text: None if _score(metric, text) == wanted else sentence.format(value)

    return make


def _quote_hint(name: str, value: Any) -> str:
    return f"; write {name}: '{value}'" if isinstance(value, int | float) else ""


def _score(metric: Metric, text: str) -> float:
    (score,) = metric.score_batch([SampleView(text)])
    if isinstance(score, MetricError):
        raise score
    return score


def _at_least(unit: str, measure: Callable[[str], int]) -> Callable[[str, Any], Judge]:
    return _bound(f"must have at least {{}} {unit}, has {{}}", measure, lambda actual, bound: actual >= bound)


def _at_most(unit: str, measure: Callable[[str], int]) -> Callable[[str, Any], Judge]:
    return _bound(f"must have at most {{}} {unit}, has {{}}", measure, lambda actual, bound: actual <= bound)


def _bound(
    sentence: str, measure: Callable[[str], int], holds: Callable[[int, int], bool]
) -> Callable[[str, Any], Judge]:
    def make(name: str, value: Any) -> Judge:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} takes a whole number from 0, not {value!r}")

        def judge(text: str) -> str | None:
            actual = measure(text)
            return None if holds(actual, value) else sentence.format(value, actual)

        return judge

    return make


def _json_valid(name: str, value: Any) -> Judge:
    if value is not True:
        raise ValueError(f"{name} takes true, not {value!r}")
    return _explained("must be valid JSON", json_problem)


def _json_schema(name: str, value: Any) -> Judge:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} takes a JSON schema, which is a mapping, not {value!r}")
    return _explained("must be JSON that fits the schema", schema_problem(value))


def _explained(sentence: str, problem: Judge) -> Judge:
    def judge(text: str) -> str | None:
        reason = problem(text)
        return None if reason is None else f"{sentence}: {reason}"

    return judge


CHECKS: Mapping[str, Callable[[str, Any], Judge]] = {
    "contains": _by_metric(contains, "must contain {!r}"),
    "not_contains": _by_metric(contains, "must not contain {!r}", wanted=0.0),
    "regex": _by_metric(regex, "must match the pattern {!r}"),
    "not_regex": _by_metric(regex, "must not match the pattern {!r}", wanted=0.0),
    "equals": _by_metric(exact, "must be {!r}"),
    "not_equals": _by_metric(exact, "must not be {!r}", wanted=0.0),
    "json_valid": _json_valid,
    "json_schema": _json_schema,
    "min_words": _at_least("words", count_words),
    "max_words": _at_most("words", count_words),
    "min_chars": _at_least("characters", len),
    "max_chars": _at_most("characters", len),
}
"""The names that a suite may use under `assert:`."""
