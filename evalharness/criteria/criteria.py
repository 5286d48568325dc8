"""The criteria of a suite: everything that decides how hard it is to pass.

They are plain values that can be compared. The text of prompts is not part of the criteria, because the criteria test
it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from evalharness.records import Baseline, Baselines, Case, GateRule, MustPass, Spec, Suite
from evalharness.store.origins import NO_ORIGINS, Origins, text_digest


class CriteriaCheck(NamedTuple):
    """An assertion."""

    name: str
    value: str
    """As JSON."""
    must_pass: MustPass


@dataclass(frozen=True, slots=True)
class CriteriaCase:
    """The criteria of one case."""

    vars: str
    """SHA-256 of variables and cluster."""
    golden: tuple[str, ...]
    """SHA-256 of each golden answer."""
    tags: frozenset[str]
    checks: frozenset[CriteriaCheck]
    conversation: str = ""
    """SHA-256 of the messages and turns; empty without them."""
    questions: str = ""
    """The questions for judges as JSON; empty without any."""
    origins: frozenset[tuple[str, str, str]] = field(default=frozenset(), compare=False)
    """Golden answers that were answers of a model: digest, MODEL.PROMPT, request."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Everything that decides how hard a suite is to pass."""

    suite: str
    gates: Mapping[str, GateRule]
    """By metric, tag and target, as one text."""
    metrics: Mapping[str, str]
    """Name -> options as JSON; empty without options."""
    cases: Mapping[str, CriteriaCase]
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    """The default prompts."""
    params: Mapping[str, str]
    """Name -> value as JSON."""
    world: Mapping[str, str]
    """The scripted tools: name of a part -> value as JSON."""
    vars: Mapping[str, str]
    """Variables shared by all cases: name -> value as JSON."""
    config: Mapping[str, Any]
    """Plain data by section: models, embedders, limits, pytest settings."""
    baselines: Mapping[str, Baseline | str]
    """MODEL.PROMPT -> the baseline, or the error message of an unreadable one."""
    files: Mapping[str, str]
    """Path -> digest of each file that the configuration names, and of each input of pytest."""
    attachments: Mapping[str, str] = field(default_factory=dict)
    """Path -> digest of each picture and document in the messages."""


def criteria_of(
    suite: Suite,
    *,
    config: Mapping[str, Any],
    baselines: Baselines,
    files: Mapping[str, str] | None = None,
    origins: Origins = NO_ORIGINS,
) -> Criteria:
    """The criteria of a suite with its configuration, baselines and files."""
    return Criteria(
        suite=suite.name,
        gates={_gate(gate.rule): gate.rule for gate in suite.gates},
        metrics={spec.score_name: _options(spec) for spec in suite.metrics},
        cases={case.id: _criteria_case(case, origins.of_case(suite.name, case.id)) for case in suite.cases},
        models=suite.models,
        prompts=suite.default_prompts,
        params={name: as_json(value) for name, value in asdict(suite.params).items()},
        world=_world(suite),
        vars={name: as_json(value) for name, value in suite.vars.items()},
        config=config,
        baselines={
            f"{model}.{prompt}": found if isinstance(found, Baseline) else str(found)
            for (model, prompt), found in baselines.items()
            if found is not None
        },
        files=files or {},
        attachments={one.path: one.sha256 for prompt in suite.prompts.values() for one in prompt.attachments.values()},
    )


def _world(suite: Suite) -> dict[str, str]:
    """The parts of the world; the results of each tool are one."""
    if suite.world is None:
        return {}
    data = suite.world.to_data()
    results: dict[str, list[Any]] = {
        f"result of {call}": [] for call in sorted({one["call"] for one in data["results"]})
    }
    for one in data.pop("results"):
        results[f"result of {one['call']}"].append(one)
    return {name: as_json(value) for name, value in (data | results).items()}


def as_json(value: Any) -> str:
    """Canonical JSON: equal values have equal texts, in any order of keys.

    `1`, `1.0`, `true` and `"1"` differ.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _gate(rule: GateRule) -> str:
    """The metric of a gate with its tag and target: unique in a suite."""
    cases = f" of {rule.tag}" if rule.tag else ""
    return f"{rule.metric}{cases}" if rule.target == "suite" else f"{rule.metric}{cases} (population)"


def _criteria_case(case: Case, origins: frozenset[tuple[str, str, str]]) -> CriteriaCase:
    return CriteriaCase(
        vars=text_digest(as_json([case.vars, case.cluster])),
        golden=tuple(text_digest(answer) for answer in case.golden),
        tags=frozenset(case.tags),
        checks=frozenset(CriteriaCheck(_name(spec), as_json(_value(spec)), spec.must_pass) for spec in case.checks),
        conversation=_conversation(case),
        questions=as_json(case.questions) if case.questions else "",
        origins=origins,
    )


def _conversation(case: Case) -> str:
    if not case.history and not case.turns and case.user is None:
        return ""
    user = [asdict(case.user)] if case.user else []
    return text_digest(as_json([[asdict(message) for message in case.history], case.turns, *user]))


def _options(metric: Spec) -> str:
    given = {**metric.options, **({"at": metric.at} if metric.at else {})}
    given |= {"metric": metric.name} if metric.alias else {}
    return as_json(given) if given else ""


def _name(check: Spec) -> str:
    """The name of an assertion with the part of the answer that it looks at."""
    return f"{check.name} at {check.at}" if check.at else check.name


def _value(check: Spec) -> Any:
    return check.options["value"] if check.options.keys() == {"value"} else check.options


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
