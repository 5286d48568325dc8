"""Which of two gates or assertions is harder to pass. In case of doubt, the new one is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from evalharness.amounts import size
from evalharness.criteria.criteria import CriteriaCheck
from evalharness.records import GateRule, MustPass

_TABLES = ("models", "embedders", "cross_encoders", "judges", "checks", "metrics")
"""Tables in which a new name relaxes nothing."""
OPTION_DEPTH = 3
"""Depth of `models.NAME.OPTION`: the value of an option is compared as a whole."""
_RANKS = {"baseline": 0, "stable": 1, "always": 2}


def is_narrower(then: GateRule, now: GateRule) -> bool:
    """Whether the new gate allows at most what the old one did, and is equal in everything else."""
    alike = now._replace(margin=then.margin, worst=then.worst, within=then.within, at_least=then.at_least)
    numbers = now.margin <= then.margin and _worst(now) <= _worst(then) and (now.at_least or 0) >= (then.at_least or 0)
    return alike == then and numbers and _is_as_soon(then, now)


def _is_as_soon(then: GateRule, now: GateRule) -> bool:
    """Whether a response in time by the new bounds is in time by the old ones too.

    Without a share that must be in time, the bounds select what is compared, so that other ones are another gate.
    """
    if then.at_least is None or then.within is None or now.within is None:
        return then.within == now.within
    bounds = zip(then.within, now.within, strict=True)
    return all(before is None or (after is not None and after <= before) for before, after in bounds)


def is_stricter_value(then: CriteriaCheck, now: CriteriaCheck) -> bool:
    """Whether an answer that keeps the new assertion keeps the old one of the same name too."""
    if then.value == now.value:
        return True
    if then.name.startswith("max_"):
        return float(now.value) < float(then.value)
    return then.name.startswith("min_") and float(now.value) > float(then.value)


def is_as_strict(then: MustPass, now: MustPass) -> bool:
    """Whether a run that fails by the old `must_pass` fails by the new one too."""
    if then == now or now == "always":
        return True
    if isinstance(then, float) and isinstance(now, float):
        return now > then
    return then in _RANKS and now in _RANKS and _RANKS[str(now)] > _RANKS[str(then)]


def is_harmless(path: tuple[str, ...], then: Any, now: Any) -> bool:
    """Whether a setting cannot relax: a new name, a higher price, a lower limit."""
    if path[0] in _TABLES and len(path) == OPTION_DEPTH - 1:
        return then is None
    if path[0] == "models" and path[2:] == ("price",) and isinstance(then, Mapping) and isinstance(now, Mapping):
        return all(_rose(then.get(part), now.get(part)) for part in {*then, *now})
    return path[0] == "limits" and _rose(now, then)


def _rose(then: Any, now: Any) -> bool:
    numbers = isinstance(then, int | float) and isinstance(now, int | float)
    return bool(then == now or (numbers and now > then))


def shown_rule(name: str, rule: GateRule) -> str:
    """The numbers of a gate."""
    worst = "" if rule.worst is None else f", worst {size(100 * rule.worst, 'points')}"
    within = "" if rule.within is None else f", within {rule.within}"
    share = "" if rule.at_least is None else f", at least {100 * rule.at_least:g} %"
    return f"margin {size(100 * rule.margin, 'percent' if rule.unit == 'ratio' else 'points')}{worst}{within}{share}"


def shown_check(check: CriteriaCheck) -> str:
    """An assertion with its `must_pass`, if it has one."""
    must_pass = "" if check.must_pass == "always" else f" (must_pass: {shown_must_pass(check)})"  # noqa: S105
    return f"{check.name} {check.value}{must_pass}"


def shown_must_pass(check: CriteriaCheck) -> str:
    """The `must_pass` of an assertion, as in a suite."""
    return f"{check.must_pass * 100:g}%" if isinstance(check.must_pass, float) else check.must_pass


def _worst(rule: GateRule) -> float:
    return math.inf if rule.worst is None else rule.worst
