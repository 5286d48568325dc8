"""Calls a gate kind, which may be code of another package: an exception or an unusable result is an error verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

from evalharness.foreign import describe
from evalharness.gate.context import GateContext, NoComparison
from evalharness.gate.evidence import STATUS, GateResult
from evalharness.gate.kinds import GateKind
from evalharness.gate.kinds.base import Samples
from evalharness.records import GateRule


def evidence_of(kind: GateKind, context: GateContext) -> Any:
    """The evidence of a gate, with a p-value from 0 to 1. Raises NoComparison."""
    evidence = _called(context.rule, "evidence", lambda: kind.evidence(context))
    p_value = getattr(evidence, "p_value", None)
    if not isinstance(p_value, Real) or not 0 <= float(p_value) <= 1:
        raise _error(context.rule, f"expected evidence with a p_value from 0 to 1, got {p_value!r}")
    return evidence


def result_of(kind: GateKind, context: GateContext, evidence: Any, p_value: float, gates: int) -> GateResult:
    """The result of a gate, without NaN. Raises NoComparison."""
    result: object = _called(context.rule, "conclude", lambda: kind.conclude(context, evidence, p_value, gates))
    if not isinstance(result, GateResult):
        raise _error(context.rule, f"expected a GateResult, got {type(result).__name__}")
    if result.verdict not in STATUS:
        raise _error(context.rule, f"expected the verdict {', '.join(STATUS)}, got {result.verdict!r}")
    if not isinstance(result.reason, str):
        raise _error(context.rule, f"expected a reason of type str, got {type(result.reason).__name__}")
    numbers = (result.p_value, result.change, result.lower_bound, result.upper_bound)
    if result.cases and not all(isinstance(number, Real) and not math.isnan(number) for number in numbers):
        raise _error(context.rule, f"expected numbers in the GateResult, got {numbers}")
    return result


def detectable_drop_of(kind: GateKind, context: GateContext) -> float | None:
    """The drop that a later run detects. Raises NoComparison."""
    return _called(context.rule, "detectable_drop", lambda: kind.detectable_drop(context))  # type: ignore[no-any-return]


def setbacks_of(kind: GateKind, rule: GateRule, samples: Samples, others: Samples) -> list[float] | None:
    """How much worse the other samples are, case by case; None if unknown. Raises NoComparison."""
    found = _called(rule, "setbacks", lambda: kind.setbacks(rule, samples, others))
    if found is None:
        return None
    try:
        numbers = [float(one) for one in found]
    except (TypeError, ValueError):
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise _error(rule, "expected finite setbacks")
    return numbers


def _called(rule: GateRule, name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except NoComparison:
        raise
    except (Exception, SystemExit) as error:
        raise _error(rule, f"{name}() raised {describe(error)}") from None


def _error(rule: GateRule, problem: str) -> NoComparison:
    return NoComparison("error", f"gate kind '{rule.metric}': {problem}")
