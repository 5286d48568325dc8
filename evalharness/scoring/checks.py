"""Hard assertions: the entries under `assert:` in a suite. A check holds, or returns what the response must have.

assert:
  - not_contains: "As an AI"
  - max_words: 60
  - json_schema: {type: object, required: [answer]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import MetricError
from evalharness.scoring.metrics import strings
from evalharness.scoring.metrics.base import Metric, SampleView
from evalharness.scoring.metrics.json import json_problem, schema_problem

Problem = Callable[[str], str | None]
"""Returns None for a text that is as it must be, else what it must be or have."""
Factory = Callable[[Any], "Check"]
"""Opens a check with its value of the suite. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class Check:
    """One hard assertion on a response."""

    name: str
    value: Any
    """As in the suite: `As an AI` in `not_contains: As an AI`."""
    of_text: Problem = field(default=lambda _: None, repr=False, compare=False)
    """Checks the text, unless `of_view` is set."""
    of_view: Callable[[SampleView], str | None] | None = field(default=None, repr=False, compare=False)
    """Checks all that may be known of a sample. Raises CheckError for an error of the sample."""
    identity: str = ""
    """What the result depends on besides name and value: the digest of a function's files."""
    beyond: tuple[str, ...] = ()
    """What it reads that a baseline does not keep of an accepted answer, where that is known."""
    warm_up: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    """Imports and loads what the first check would, in the thread that calls `evaluate()`."""

    def problem(self, view: SampleView) -> str | None:
        """Return None if the assertion holds, else what the response must be or have. Raises CheckError."""
        try:
            return self.of_view(view) if self.of_view else self.of_text(view.text)
        except MetricError as error:  # undecided is not green
            return f"could not be checked by {self.name}: {error}"


def open_check(name: str, value: Any, config: Config | None = None) -> Check:
    """Return the check `{name: value}`. `config`: may have checks of the project.

    Raises LookupError for an unknown name, with near ones, and ValueError for a value that the check refuses.
    """
    return find_check(name, config)(value)


def find_check(name: str, config: Config | None = None) -> Factory:
    """Return what opens the check called `name`. Raises LookupError with near names, and ConfigError."""
    found: Factory = registry.find("checks", name, config)
    return found


def _by_metric(name: str, factory: Callable[[str], Metric], message: str, *, wanted: float = 1.0) -> Factory:
    """A check that a metric, opened with the suite's text, gives the wanted score."""

    def make(value: Any) -> Check:
        if not isinstance(value, str):
            raise ValueError(f"{name}: expected a text, got {value!r}{_quote_hint(name, value)}")
        metric = factory(value)
        return Check(name, value, lambda text: None if _score(metric, text) == wanted else message.format(value))

    return make


def _quote_hint(name: str, value: Any) -> str:
    return f"; write {name}: '{value}'" if isinstance(value, int | float) else ""


def _score(metric: Metric, text: str) -> float:
    (score,) = metric.score([SampleView.of(text)], [()])
    if isinstance(score, MetricError):
        raise score
    return float(score)  # type: ignore[arg-type]  # metrics of strings return numbers


def _bound(name: str, message: str, measure: Callable[[str], int], holds: Callable[[int, int], bool]) -> Factory:
    def make(value: Any) -> Check:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name}: expected an integer from 0, got {value!r}")

        def problem(text: str) -> str | None:
            actual = measure(text)
            return None if holds(actual, value) else message.format(value, actual)

        return Check(name, value, problem)

    return make


def _at_least(name: str, unit: str, measure: Callable[[str], int]) -> Factory:
    return _bound(name, f"must have at least {{}} {unit}, has {{}}", measure, lambda actual, bound: actual >= bound)


def _at_most(name: str, unit: str, measure: Callable[[str], int]) -> Factory:
    return _bound(name, f"must have at most {{}} {unit}, has {{}}", measure, lambda actual, bound: actual <= bound)


def json_valid(value: Any) -> Check:
    """Return a check that the whole response is one JSON text. Raises ValueError unless the value is true."""
    if value is not True:
        raise ValueError(f"json_valid: expected true, got {value!r}")
    return Check("json_valid", value, _explained("must be valid JSON", json_problem))


def json_schema(value: Any) -> Check:
    """Return a check that the response is JSON that fits a JSON schema. Raises ValueError for an invalid schema."""
    if not isinstance(value, Mapping):
        raise ValueError(f"json_schema: expected a JSON schema (a mapping), got {value!r}")
    return Check("json_schema", value, _explained("must be JSON that fits the schema", schema_problem(value)))


def _explained(message: str, problem: Problem) -> Problem:
    def explained(text: str) -> str | None:
        reason = problem(text)
        return None if reason is None else f"{message}: {reason}"

    return explained


contains = _by_metric("contains", strings.contains, "must contain {!r}")
not_contains = _by_metric("not_contains", strings.contains, "must not contain {!r}", wanted=0.0)
regex = _by_metric("regex", strings.regex, "must match the pattern {!r}")
not_regex = _by_metric("not_regex", strings.regex, "must not match the pattern {!r}", wanted=0.0)
equals = _by_metric("equals", strings.exact, "must be {!r}")
not_equals = _by_metric("not_equals", strings.exact, "must not be {!r}", wanted=0.0)
min_words = _at_least("min_words", "words", strings.count_words)
max_words = _at_most("max_words", "words", strings.count_words)
min_chars = _at_least("min_chars", "characters", len)
max_chars = _at_most("max_chars", "characters", len)
