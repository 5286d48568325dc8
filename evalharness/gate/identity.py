"""Compares the identity of a model in a run with its identity in the baseline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalharness.gate.pairing import Pairing
from evalharness.records import RunHeader
from evalharness.records.application import APPLICATIONS

_MOST_CHARS = 40
_MOST_PARTS = 6


def provider_change(pairing: Pairing, header: RunHeader) -> str:
    """Why a model with another provider is not compared; "" if it has the same one.

    Another provider changes the text of responses, and a verdict would blame the prompt or the model. The baseline of
    a model with another name is compared, because naming it is a choice.
    """
    then, now = _identities(pairing, header)
    if not then or not now or then.get("provider") == now.get("provider"):
        return ""
    return (
        f"the provider has changed since the baseline was accepted: {differences(then, now)}; accept a new baseline, "
        f"or set provider = {_shown(then.get('provider'))}"
    )


def model_change(pairing: Pairing, header: RunHeader) -> str:
    """A remark on how the model has changed since the baseline; "" if it has not.

    Changed files of an application are the change that the verdict is about, so they are left out.
    """
    then, now = _identities(pairing, header)
    found = differences(_without_code(then), _without_code(now))
    subject = "the configuration of the application" if _is_application(now) else "the model"
    return f"; {subject} has changed since the baseline was accepted: {found}" if found else ""


def _without_code(identity: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The identity without the digest of an application's files."""
    if identity is None or not _is_application(identity):
        return identity
    return {name: value for name, value in identity.items() if name != "files"}


def _is_application(identity: Mapping[str, Any] | None) -> bool:
    return identity is not None and identity.get("provider") in APPLICATIONS


def model_differs(pairing: Pairing, header: RunHeader) -> bool:
    """Whether the identity of the model is another one than that of an accepted run, or unknown."""
    now = header.models.get(pairing.model)
    return not now or any(run.identity != now for run in pairing.accepted if run.request_digest)


def differences(then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    """The fields of two identities that differ; "" if none do.

    For example 'engine: "a 1" -> "a 2", context: 2048 -> 4096'.
    """
    if not then or not now:
        return ""
    parts = [
        f"{name}: {_shown(then.get(name))} -> {_shown(now.get(name))}"
        for name in dict.fromkeys([*now, *then])
        if then.get(name) != now.get(name)
    ]
    return ", ".join(parts[:_MOST_PARTS]) + (", ..." if len(parts) > _MOST_PARTS else "")


def _identities(pairing: Pairing, header: RunHeader) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The identities in baseline and run; None if unknown, or if the baseline is of a model with another name."""
    baseline = pairing.baseline
    if baseline is None or not baseline.runs or baseline.model != pairing.model:
        return None, None
    accepted = [run for run in baseline.runs if run.request_digest] or baseline.runs
    return accepted[-1].identity, header.models.get(pairing.model)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}…"
