"""Who answered, then and now: in what two identities of a model differ, and when that ends all comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalharness.gate.pairing import Pairing
from evalharness.records import RunHeader

_MOST_CHARS = 40
_MOST_PARTS = 6


def another_provider(pairing: Pairing, header: RunHeader) -> str:
    """Why a model that is now reached through another provider is not compared with itself; "" where it is not so.

    The texts then differ by the engine alone, and a verdict would put that down to the prompt or the model. A baseline
    of a model with another name was chosen for comparison, and is compared.
    """
    then, now = _identities(pairing, header)
    if not then or not now or then.get("provider") == now.get("provider"):
        return ""
    return (
        f"the baseline was answered by another provider: {differences(then, now)}; accept a new baseline, or go back "
        f"to provider = {_shown(then.get('provider'))}"
    )


def another_model(pairing: Pairing, header: RunHeader) -> str:
    """What is another in the model since the baseline was accepted, to be said beside the verdict; "" for nothing."""
    found = differences(*_identities(pairing, header))
    return f"; the model is not as it was accepted: {found}" if found else ""


def differences(then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    """'engine: "a 1" -> "a 2", context: 2048 -> 4096'; "" where all that is known is the same."""
    if not then or not now:
        return ""
    parts = [
        f"{name}: {_shown(then.get(name))} -> {_shown(now.get(name))}"
        for name in dict.fromkeys([*now, *then])
        if then.get(name) != now.get(name)
    ]
    return ", ".join(parts[:_MOST_PARTS]) + (", ..." if len(parts) > _MOST_PARTS else "")


def _identities(pairing: Pairing, header: RunHeader) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The baseline's and the run's; None where it is not known, or where other models were to be compared."""
    baseline = pairing.baseline
    if baseline is None or not baseline.runs or baseline.model != pairing.model:
        return None, None
    return baseline.runs[-1].identity, header.models.get(pairing.model)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}…"
