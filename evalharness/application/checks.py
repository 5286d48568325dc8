"""Checks and metrics of the project, by the names that its configuration gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from evalharness.application.project_function import ProjectFunction
from evalharness.config import Config
from evalharness.errors import CheckError, MetricError
from evalharness.function_config import FunctionElsewhere
from evalharness.records import Score
from evalharness.scoring.checks import Check
from evalharness.scoring.metrics.base import Metric, Responses, Result, SampleView, of_text, signature

_PROBLEM_CHARS = 1_000
_OF_SCORE = {"value", "explanation", "parts"}
_SCORE = "expected a number from 0 to 1, or a mapping with value, explanation and parts"
_VALUE_CHARS = 60
_VERDICT = "expected True, False, None or a text that says what is wrong"


class ProjectCheck:
    """Opens the check with its value of the suite."""

    def __init__(self, name: str, config: Config) -> None:
        """Find the function, without importing it. Raises ConfigError."""
        self._function = ProjectFunction("checks", name, config)

    def __call__(self, value: Any) -> Check:
        """Return the check. Raises ValueError for a value that the function has no parameter for."""
        function, name = self._function, self._function.name
        if value is not True and function.parameters and not function.parameters.takes("value"):
            raise ValueError(f"{name}: expected true, because its function has no parameter 'value', got {value!r}")
        return Check(
            name, value, of_view=partial(self._problem, value), identity=function.digest, beyond=function.beyond
        )

    def _problem(self, value: Any, view: SampleView) -> str | None:
        found = self._function(view, value)
        if found is None or found is True:
            return None
        if found is False:
            setting = "" if value is True else f": {str(value)[:_VALUE_CHARS]}"
            return f"must pass the check {self._function.name}{setting}"
        if isinstance(found, str) and found.strip():
            return found[:_PROBLEM_CHARS]
        raise CheckError(f"{_VERDICT}, got {_shown(found)}")

    def prepare(self) -> None:
        """Start the process and import the module. Raises CheckError."""
        self._function.prepare()

    def close(self) -> None:
        """End the process."""
        self._function.close()


class ProjectMetric:
    """Opens the metric with its value of the suite."""

    def __init__(self, name: str, config: Config) -> None:
        """Find the function, without importing it. Raises ConfigError."""
        self._function = ProjectFunction("metrics", name, config)
        self._options = config.metrics[name].options

    def open(self, value: Any = None) -> Metric:
        """Return the metric. Raises ValueError for a value that the function has no parameter for."""
        function, name = self._function, self._function.name
        parameters = function.parameters
        if value is not None and parameters and not parameters.takes("value"):
            raise ValueError(f"the metric '{name}': its function has no parameter 'value', got {value!r}")
        options = {**self._options, **({} if value is None else {"value": value})}
        return Metric(
            name,
            signature(name, **options, files=function.digest),
            partial(self._scores, value),
            needs_golden=bool(parameters and "golden" in parameters.required),
            warm_up=function.prepare,
            close=function.close,
        )

    def _scores(self, value: Any, views: Sequence[SampleView], _: Sequence[Responses]) -> list[Result]:
        return [self._score(value, view) for view in views]

    def _score(self, value: Any, view: SampleView) -> Result:
        try:
            return _result(self._function(view, value), self._function.name)
        except CheckError as error:
            return MetricError(str(error))


def _result(found: Any, name: str) -> Result:
    if isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    if not isinstance(found, dict) or not {"value"} <= found.keys() <= _OF_SCORE:
        raise CheckError(f"{_SCORE}, got {_shown(found)}")
    value, parts = found["value"], found.get("parts") or {}
    numbers = [value, *(parts.values() if isinstance(parts, dict) else [None])]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
        raise CheckError(f"{_SCORE}; value and parts must be numbers, got {_shown(found)}")
    return Score(name, float(value), "", str(found.get("explanation") or ""), parts)


def _shown(value: Any) -> str:
    """A returned value, with a hint where the cause is well known."""
    if value is None:
        return "None: does the function return its score?"
    return f"{value!r:.60}" if isinstance(value, bool | int | float | str) else f"{type(value).__name__} {value!r:.60}"


def project_check(name: str, config: Config) -> Callable[[Any], Check]:
    """Return what opens the check of a table. Raises ConfigError."""
    if isinstance(config.checks[name], FunctionElsewhere):
        return lambda value: Check(name, value, of_view=_refuse)
    return ProjectCheck(name, config)


def project_metric(name: str, config: Config) -> Callable[..., Metric]:
    """Return what opens the metric of a table. Raises ConfigError."""
    if isinstance(config.metrics[name], FunctionElsewhere):
        return lambda value=None: of_text(name, name, lambda text: _refuse(SampleView.of(text)))
    return ProjectMetric(name, config).open


def _refuse(view: SampleView) -> NoReturn:
    raise CheckError("its function belongs to another version of the project")
