"""Whether an agent calls the tools that its case expects.

                     extra calls are wrong     extra calls do not count
    in order         exact_order               in_order
    in any order     any_order                 contains

The value is the share of calls that match, 1 only if the whole expectation holds. With E expected calls, A calls, and M
pairs that match (a longest common subsequence in order, a maximum matching in any order):

    extra calls are wrong      2 M / (E + A)         the F1 of M / E and M / A
    extra calls do not count   M / E

A case that expects no calls scores 1 for none, and 0 for any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from evalharness.errors import MetricError
from evalharness.modules import import_modules
from evalharness.records import Score, ToolCall
from evalharness.redaction import shortened
from evalharness.scoring.metrics.base import Expectation, Metric, SampleView, of_result, signature
from evalharness.scoring.metrics.expected_calls import (
    Arguments,
    Comparison,
    ExpectedCall,
    read_calls,
    shown_call,
    shown_expected,
)
from evalharness.scoring.metrics.matching import most_in_order, most_pairs
from evalharness.scoring.metrics.traces import calls_of

Mode = Literal["exact_order", "in_order", "any_order", "contains"]
_IN_ORDER = ("exact_order", "in_order")
_EXTRA_IS_WRONG = ("exact_order", "any_order")
_MOST_NAMES = 5
_FOR_SCHEMAS = ("evalharness.scoring.schemas.validator", "jsonschema", "referencing.jsonschema")


def tool_calls(mode: Mode = "exact_order", *, arguments: Arguments = "exact", expected: str = "tool_calls") -> Metric:
    """Return a metric: the share of the tool calls that match those that the case expects, see the table above.

    `expected`: the variable of the case with the expected calls. `arguments`: equal, with these and perhaps more
    (`subset`), in any way (`ignore`), or as a JSON schema says. An expected call without arguments takes any. 1 equals
    1.0, and true is not 1. The explanation names the first call that differs.
    """
    written = signature("tool_calls", mode=mode, arguments=arguments, expected=expected, v=1)

    def read(case: Expectation) -> tuple[ExpectedCall, ...] | None:
        given = case.vars.get(expected)
        try:
            return None if given is None else read_calls(given, arguments, f"the variable '{expected}'")
        except ValueError as error:
            raise MetricError(str(error)) from None

    def score(view: SampleView) -> Score:
        wanted, calls = read(view) or (), calls_of(view.response)
        found = compare_calls(wanted, calls, mode, arguments)
        explanation = found.divergence or f"all {len(wanted)} expected calls are there"
        parts = {"matched": found.matched, "expected": len(wanted), "calls": len(calls)}
        return Score("tool_calls", found.value, written, explanation, parts)

    return of_result(
        "tool_calls",
        written,
        score,
        applies=lambda case: read(case) is not None,
        needs=f"expected tool calls ('{expected}')",
        warm_up=lambda: import_modules(_FOR_SCHEMAS if arguments == "schema" else ()),
        reads_text=False,
    )


class Compared(NamedTuple):
    """How the calls of a response compare with the expected ones."""

    value: float
    matched: int
    divergence: str
    """The first place where they differ; empty if the expectation holds."""


def compare_calls(
    expected: Sequence[ExpectedCall], calls: tuple[ToolCall, ...], mode: Mode, arguments: Arguments
) -> Compared:
    """Return the share that matches, and the first divergence. Raises MetricError: too many arguments to compare."""
    comparison = Comparison(calls, arguments)
    fits = [comparison.fitting(one) for one in expected]
    pairs = most_pairs(fits)
    matched = most_in_order(fits, len(calls)) if mode in _IN_ORDER else len(pairs)
    if not expected:
        return Compared(float(not calls), 0, _first_extra(calls, {}))
    extra_counts = mode in _EXTRA_IS_WRONG
    value = 2 * matched / (len(expected) + len(calls)) if extra_counts else matched / len(expected)
    return Compared(value, matched, "" if value == 1 else _divergence(mode, expected, comparison, fits, pairs))


def _divergence(
    mode: Mode,
    expected: Sequence[ExpectedCall],
    comparison: Comparison,
    fits: Sequence[int],
    pairs: dict[int, int],
) -> str:
    if mode == "exact_order":
        return _first_in_exact_order(expected, comparison, fits)
    if mode == "in_order":
        return _first_in_order(expected, comparison, fits)
    missing = next((number for number in range(len(expected)) if number not in pairs), None)
    if missing is None:
        return _first_extra(comparison.calls, pairs)
    free = [index for index in range(len(comparison.calls)) if index not in set(pairs.values())]
    return _missing(expected[missing], missing, comparison, free)


def _first_in_exact_order(expected: Sequence[ExpectedCall], comparison: Comparison, fits: Sequence[int]) -> str:
    calls = comparison.calls
    for number, (one, call) in enumerate(zip(expected, calls, strict=False)):
        if not fits[number] >> number & 1:
            detail = f": {comparison.misfit(one, call)}" if one.name == call.name else ""
            return f"call {number + 1}: expected {shown_expected(one)}, got {shown_call(call)}{detail}"
    if len(calls) < len(expected):
        return f"call {len(calls) + 1}: expected {shown_expected(expected[len(calls)])}, got no further call"
    return f"call {len(expected) + 1}: expected no further call, got {shown_call(calls[len(expected)])}"


def _first_in_order(expected: Sequence[ExpectedCall], comparison: Comparison, fits: Sequence[int]) -> str:
    """Each expected call takes the first call that fits after that of the one before."""
    start = 0
    for number, one in enumerate(expected):
        later = fits[number] >> start
        if not later:
            return _missing(one, number, comparison, range(start, len(comparison.calls)), start)
        start += (later & -later).bit_length()
    return ""


def _missing(expected: ExpectedCall, number: int, comparison: Comparison, free: Sequence[int], after: int = 0) -> str:
    """The message for an expected call that no free call fits, with the call that it was probably meant to be."""
    calls = comparison.calls
    place = f" after call {after}" if after else ""
    message = f"expected call {number + 1}, {shown_expected(expected)}, is missing{place}"
    near = next((index for index in free if calls[index].name == expected.name), None)
    if near is not None:
        return f"{message}; call {near + 1} has other arguments: {comparison.misfit(expected, calls[near])}"
    if not calls:
        return f"{message}; no tool was called"
    names = [shortened(call.name, 40) for call in calls[:_MOST_NAMES]]
    more = f" and {len(calls) - len(names)} more" if len(calls) > len(names) else ""
    return f"{message}; the calls are {', '.join(names)}{more}"


def _first_extra(calls: tuple[ToolCall, ...], pairs: dict[int, int]) -> str:
    matched = set(pairs.values())
    extra = next((index for index in range(len(calls)) if index not in matched), None)
    return "" if extra is None else f"call {extra + 1}, {shown_call(calls[extra])}, is not expected"
