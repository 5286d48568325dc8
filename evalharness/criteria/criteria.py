"""The exam: everything that decides how hard a suite is, as plain values that compare.

What its prompts say is no part of it: that is what the exam tests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evalharness.records import Baseline, Baselines, Case, GateRule, Spec, Suite


@dataclass(frozen=True, slots=True)
class CriteriaCase:
    """What a case demands."""

    vars: str
    """SHA-256."""
    golden: tuple[str, ...]
    """SHA-256 of each answer."""
    tags: frozenset[str]
    checks: frozenset[tuple[str, str]]
    """Name and value of each hard assertion, the value as JSON."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Everything that decides how hard a suite is."""

    suite: str
    gates: Mapping[str, GateRule]
    """By metric, tag and target."""
    metrics: Mapping[str, str]
    """Options by name, as JSON; empty where there are none."""
    cases: Mapping[str, CriteriaCase]
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    """Those that run when none is named."""
    params: Mapping[str, str]
    """Value by name, as JSON."""
    vars: Mapping[str, str]
    """What all cases share: value by name, as JSON."""
    config: Mapping[str, Any]
    """Plain data by section: models, embedders, limits, and what else decides."""
    baselines: Mapping[str, Baseline | str]
    """By MODEL.PROMPT; a text says why it cannot be read."""
    files: Mapping[str, str]
    """Digest of each recording, and of each file that the configuration names."""


def criteria_of(
    suite: Suite, *, config: Mapping[str, Any], baselines: Baselines, files: Mapping[str, str] | None = None
) -> Criteria:
    """The exam that a suite is, with the configuration, baselines and files as `Criteria` has them."""
    return Criteria(
        suite=suite.name,
        gates={_gate(gate.rule): gate.rule for gate in suite.gates},
        metrics={spec.name: as_json(spec.options) if spec.options else "" for spec in suite.metrics},
        cases={case.id: _criteria_case(case) for case in suite.cases},
        models=suite.models,
        prompts=suite.default_prompts,
        params={name: as_json(value) for name, value in asdict(suite.params).items()},
        vars={name: as_json(value) for name, value in suite.vars.items()},
        config=config,
        baselines={
            f"{model}.{prompt}": found if isinstance(found, Baseline) else str(found)
            for (model, prompt), found in baselines.items()
            if found is not None
        },
        files=files or {},
    )


def as_json(value: Any) -> str:
    """The same text for equal values, whatever their order; `1`, `1.0`, `true` and `"1"` are not equal."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _gate(rule: GateRule) -> str:
    """Its name with all that says what it looks at."""
    cases = f" of {rule.tag}" if rule.tag else ""
    return f"{rule.metric}{cases}" if rule.target == "suite" else f"{rule.metric}{cases} (population)"


def _criteria_case(case: Case) -> CriteriaCase:
    return CriteriaCase(
        vars=_digest(as_json([case.vars, case.cluster])),
        golden=tuple(_digest(answer) for answer in case.golden),
        tags=frozenset(case.tags),
        checks=frozenset((_check(spec), as_json(_value(spec))) for spec in case.checks),
    )


def _check(spec: Spec) -> str:
    return spec.name if spec.must_pass == "always" else f"stable {spec.name}"  # noqa: S105 - no password


def _value(check: Spec) -> Any:
    return check.options["value"] if check.options.keys() == {"value"} else check.options


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
