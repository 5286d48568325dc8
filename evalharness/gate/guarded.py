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


def evidence_of(kind: GateKind, context: GateContext) -> Any:
    """The evidence of a gate, with a p-value from 0 to 1. Raises NoComparison."""
    evidence = _called(context, "evidence", lambda: kind.evidence(context))
    p_value = getattr(evidence, "p_value", None)
    if not isinstance(p_value, Real) or not 0 <= float(p_value) <= 1:
        raise _error(context, f"expected evidence with a p_value from 0 to 1, got {p_value!r}")
    return evidence


def result_of(kind: GateKind, context: GateContext, evidence: Any, p_value: float, gates: int) -> GateResult:
    """The result of a gate, without NaN. Raises NoComparison."""
    result: object = _called(context, "conclude", lambda: kind.conclude(context, evidence, p_value, gates))
    if not isinstance(result, GateResult):
        raise _error(context, f"expected a GateResult, got {type(result).__name__}")
    if result.verdict not in STATUS:
        raise _error(context, f"expected the verdict {', '.join(STATUS)}, got {result.verdict!r}")
    if not isinstance(result.reason, str):
        raise _error(context, f"expected a reason of type str, got {type(result.reason).__name__}")
    numbers = (result.p_value, result.drop, result.lower_bound, result.upper_bound)
    if result.cases and not all(isinstance(number, Real) and not math.isnan(number) for number in numbers):
        raise _error(context, f"expected numbers in the GateResult, got {numbers}")
    return result


def detectable_drop_of(kind: GateKind, context: GateContext) -> float | None:
    """The drop that a later run detects. Raises NoComparison."""
    return _called(context, "detectable_drop", lambda: kind.detectable_drop(context))  # type: ignore[no-any-return]


def _called(context: GateContext, name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except NoComparison:
        raise
    except (Exception, SystemExit) as error:
        raise _error(context, f"{name}() raised {describe(error)}") from None


def _error(context: GateContext, problem: str) -> NoComparison:
    return NoComparison("error", f"gate kind '{context.rule.metric}': {problem}")
