"""Hard assertions on the tool calls of a model or an application.

assert:
  - max_steps: 5
  - no_tool: delete_order
  - tool_calls: {calls: [find_order, refund], mode: in_order}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from evalharness.errors import CheckError, MetricError, NotStoredError, did_you_mean
from evalharness.redaction import shortened
from evalharness.scoring.checks import Check
from evalharness.scoring.metrics.base import SampleView
from evalharness.scoring.metrics.expected_calls import Arguments, read_calls, shown_call
from evalharness.scoring.metrics.tool_calls import Mode, compare_calls
from evalharness.scoring.metrics.traces import calls_of

_OPTIONS = ("calls", "mode", "arguments")
_MOST_NAMES = 100


def max_steps(value: Any) -> Check:
    """Return a check that at most this many tools were called. Raises ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"max_steps: expected an integer from 0, got {value!r}")

    def problem(view: SampleView) -> str | None:
        steps = len(calls_of(view.response))
        return None if steps <= value else f"must call at most {value:,} tools, calls {steps:,}"

    return _of_trace("max_steps", value, problem)


def no_tool(value: Any) -> Check:
    """Return a check that none of these tools was called: a name, or a list of names. Raises ValueError."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(one, str) and one.strip() for one in names):
        raise ValueError(f"no_tool: expected the name of a tool, or a list of names, got {value!r}")
    if len(names) > _MOST_NAMES:
        raise ValueError(f"no_tool: expected at most {_MOST_NAMES} names, got {len(names):,}")

    def problem(view: SampleView) -> str | None:
        calls = enumerate(calls_of(view.response), start=1)
        found = next(((number, call) for number, call in calls if call.name in names), None)
        return found and f"must not call {shortened(found[1].name, 40)}; call {found[0]} is {shown_call(found[1])}"

    return _of_trace("no_tool", value, problem)


def tool_calls(value: Any) -> Check:
    """Return a check that the tool calls match these: a list, or `{calls: [...], mode: ..., arguments: ...}`.

    Modes and arguments are those of the metric `tool_calls`. Raises ValueError.
    """
    options = value if isinstance(value, Mapping) else {"calls": value}
    if unknown := [name for name in options if name not in _OPTIONS]:
        raise ValueError(f"tool_calls: unknown key '{unknown[0]}'{did_you_mean(str(unknown[0]), _OPTIONS)}")
    mode: Any = _one_of("mode", options.get("mode", "exact_order"), get_args(Mode))
    arguments: Any = _one_of("arguments", options.get("arguments", "exact"), get_args(Arguments))
    expected = read_calls(options.get("calls"), arguments, "tool_calls: calls")

    def problem(view: SampleView) -> str | None:
        found = compare_calls(expected, calls_of(view.response), mode, arguments)
        return None if found.value == 1 else f"must call the expected tools: {found.divergence}"

    return _of_trace("tool_calls", value, problem)


def _one_of(name: str, given: Any, known: tuple[str, ...]) -> str:
    if given not in known:
        raise ValueError(f"tool_calls: {name}: expected {', '.join(known)}, got {given!r}")
    return str(given)


def _of_trace(name: str, value: Any, problem: Callable[[SampleView], str | None]) -> Check:
    """A check of the tool calls, which a baseline does not keep. No trace is an error of the sample."""

    def checked(view: SampleView) -> str | None:
        if view.stored:
            raise NotStoredError("it reads tool_calls, which a baseline does not keep")
        try:
            return problem(view)
        except MetricError as error:
            raise CheckError(str(error)) from None

    return Check(name, value, of_view=checked, beyond=("tool_calls",))
