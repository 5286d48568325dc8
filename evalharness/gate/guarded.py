"""Calls a gate kind, which may be code of another package: an exception or an unusable result is an error verdict."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from numbers import Real
from typing import Any

from evalharness.gate.comparison import Comparison, NoComparison
from evalharness.gate.evidence import STATUS, GateResult
from evalharness.gate.kinds import GateKind
from evalharness.logs import get_logger

_log = get_logger(__name__)


def evidence_of(kind: GateKind, comparison: Comparison) -> Any:
    """The evidence of a gate, with a p-value from 0 to 1. Raises NoComparison."""
    evidence = _called(comparison, "evidence", lambda: kind.evidence(comparison))
    p_value = getattr(evidence, "p_value", None)
    if not isinstance(p_value, Real) or not 0 <= float(p_value) <= 1:
        raise _error(comparison, f"expected evidence with a p_value from 0 to 1, got {p_value!r}")
    return evidence


def result_of(kind: GateKind, comparison: Comparison, evidence: Any, p_value: float, gates: int) -> GateResult:
    """The result of a gate, without NaN. Raises NoComparison."""
    result: object = _called(comparison, "conclude", lambda: kind.conclude(comparison, evidence, p_value, gates))
    if not isinstance(result, GateResult):
        raise _error(comparison, f"expected a GateResult, got {type(result).__name__}")
    if result.verdict not in STATUS:
        raise _error(comparison, f"expected the verdict {', '.join(STATUS)}, got {result.verdict!r}")
    if not isinstance(result.reason, str):
        raise _error(comparison, f"expected a reason of type str, got {type(result.reason).__name__}")
    numbers = (result.p_value, result.drop, result.lower_bound, result.upper_bound)
    if result.cases and not all(isinstance(number, Real) and not math.isnan(number) for number in numbers):
        raise _error(comparison, f"expected numbers in the GateResult, got {numbers}")
    return result


def detectable_drop_of(kind: GateKind, comparison: Comparison) -> float | None:
    """The drop that a later run detects. Raises NoComparison."""
    return _called(comparison, "detectable_drop", lambda: kind.detectable_drop(comparison))  # type: ignore[no-any-return]


def _called(comparison: Comparison, name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except NoComparison:
        raise
    except (Exception, SystemExit) as error:
        _log.debug("gate kind %s failed: %s", comparison.rule.metric, traceback.format_exc())
        raise _error(comparison, f"{name}() raised {type(error).__name__}: {error}") from None


def _error(comparison: Comparison, problem: str) -> NoComparison:
    return NoComparison("error", f"gate kind '{comparison.rule.metric}': {problem}")
