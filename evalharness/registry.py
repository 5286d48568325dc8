"""The one place where a name in a suite or a configuration becomes code.

Built-in extensions are in a literal table. A third party adds one by entry point, in the group `evalharness.KIND`. The
target is a factory that takes the options as keyword arguments; of a gate kind or a report format it is the object
itself. A factory that has the parameter `config` gets the configuration, an executor's `providers` the models by name.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, Literal

from evalharness.errors import ConfigError, EvalHarnessError, did_you_mean

Kind = Literal["metrics", "checks", "providers", "judges", "gate_kinds", "report_formats", "executors", "destinations"]
_PASSED = {"config", "providers"}
"""Parameters that the program fills in: no suite and no configuration sets them."""
_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "metrics": ("name", "signature", "score", "requests", "missing_in", "needs_golden", "answer_likelihood", "judge"),
    "judges": ("signature", "models", "requests_each", "requests", "follow_ups", "decide"),
    "gate_kinds": ("unit", "options", "evidence", "conclude"),
    "executors": (
        *("submit", "start", "prepare", "memory_bytes", "refusal", "unload", "close"),
        *("places", "left_behind", "recorded", "lost"),
    ),
    "destinations": ("publish",),
    "providers": (
        "capabilities",
        "generated_tokens",
        "modules",
        "identity",
        "wire",
        "prepare",
        "complete",
        "unload",
        "close",
    ),
}
"""What the object that a factory returns must have."""
_OBJECTS = ("gate_kinds", "report_formats")
"""Kinds whose entry points are the objects themselves."""
_OF_PROJECT: Mapping[str, str] = {
    "checks": "evalharness.application.checks:project_check",
    "metrics": "evalharness.application.checks:project_metric",
}
"""Kinds of which the configuration can name functions of the project: `[tool.evalharness.KIND.NAME]`."""

_CONFIGURED = {("checks", "similar")}
"""Factories of checks that take the configuration too."""
BUILT_IN: Mapping[Kind, Mapping[str, str]] = {
    "metrics": {
        "answer_logprob": "evalharness.scoring.metrics.likelihood:answer_logprob",
        "bleu": "evalharness.scoring.metrics.translation:bleu",
        "chrf": "evalharness.scoring.metrics.translation:chrf",
        "citations": "evalharness.scoring.metrics.citations:citations",
        "contains": "evalharness.scoring.metrics.strings:contains",
        "context_precision": "evalharness.scoring.metrics.retrieval:context_precision",
        "context_recall": "evalharness.scoring.metrics.retrieval:context_recall",
        "edit_similarity": "evalharness.scoring.metrics.overlap:edit_similarity",
        "embedding": "evalharness.scoring.metrics.embedding:embedding",
        "exact": "evalharness.scoring.metrics.strings:exact",
        "golden_logprob": "evalharness.scoring.metrics.likelihood:golden_logprob",
        "grounded": "evalharness.scoring.metrics.grounded:grounded",
        "hit_rate": "evalharness.scoring.metrics.retrieval:hit_rate",
        "json_schema": "evalharness.scoring.metrics.json:json_schema",
        "json_valid": "evalharness.scoring.metrics.json:json_valid",
        "judge": "evalharness.scoring.metrics.judge:judge",
        "length": "evalharness.scoring.metrics.strings:length",
        "mrr": "evalharness.scoring.metrics.retrieval:mrr",
        "ndcg": "evalharness.scoring.metrics.retrieval:ndcg",
        "regex": "evalharness.scoring.metrics.strings:regex",
        "rouge_1": "evalharness.scoring.metrics.rouge:rouge_1",
        "rouge_2": "evalharness.scoring.metrics.rouge:rouge_2",
        "rouge_l": "evalharness.scoring.metrics.rouge:rouge_l",
        "ter": "evalharness.scoring.metrics.translation:ter",
        "token_f1": "evalharness.scoring.metrics.overlap:token_f1",
        "tool_calls": "evalharness.scoring.metrics.tool_calls:tool_calls",
    },
    "checks": {
        "contains": "evalharness.scoring.checks:contains",
        "equals": "evalharness.scoring.checks:equals",
        "json_schema": "evalharness.scoring.checks:json_schema",
        "json_valid": "evalharness.scoring.checks:json_valid",
        "max_chars": "evalharness.scoring.checks:max_chars",
        "max_steps": "evalharness.scoring.trace_checks:max_steps",
        "max_words": "evalharness.scoring.checks:max_words",
        "min_chars": "evalharness.scoring.checks:min_chars",
        "min_words": "evalharness.scoring.checks:min_words",
        "no_tool": "evalharness.scoring.trace_checks:no_tool",
        "not_contains": "evalharness.scoring.checks:not_contains",
        "not_equals": "evalharness.scoring.checks:not_equals",
        "not_regex": "evalharness.scoring.checks:not_regex",
        "regex": "evalharness.scoring.checks:regex",
        "similar": "evalharness.scoring.similar:similar",
        "tool_calls": "evalharness.scoring.trace_checks:tool_calls",
    },
    "providers": {
        "anthropic": "evalharness.providers.anthropic:AnthropicProvider",
        "decisions": "evalharness.providers.decision_endpoint:DecisionsProvider",
        "gguf": "evalharness.local.gguf:GgufProvider",
        "gguf-server": "evalharness.local.gguf_server:GgufServerProvider",
        "http": "evalharness.application.http_provider:HttpProvider",
        "openai": "evalharness.providers.openai:OpenAIProvider",
        "python": "evalharness.application.python:PythonProvider",
        "scripted": "evalharness.providers.scripted:ScriptedProvider",
    },
    "judges": {},
    "gate_kinds": {
        "assertions": "evalharness.gate.kinds.assertions:ASSERTIONS",
        "attainment": "evalharness.gate.kinds.in_time:ATTAINMENT",
        "cost": "evalharness.gate.kinds.cost:COST",
        "first_token": "evalharness.gate.kinds.latency:FIRST_TOKEN",
        "goodput": "evalharness.gate.kinds.in_time:GOODPUT",
        "latency": "evalharness.gate.kinds.latency:LATENCY",
        "per_token": "evalharness.gate.kinds.latency:PER_TOKEN",
        "score": "evalharness.gate.kinds.score:SCORE",
    },
    "report_formats": {
        "csv": "evalharness.report.formats:CSV",
        "github-annotations": "evalharness.report.formats:GITHUB_ANNOTATIONS",
        "gitlab-codequality": "evalharness.report.formats:GITLAB_CODEQUALITY",
        "gitlab-metrics": "evalharness.report.formats:GITLAB_METRICS",
        "html": "evalharness.report.formats:HTML",
        "json": "evalharness.report.formats:JSON",
        "markdown": "evalharness.report.formats:MARKDOWN",
        "parquet": "evalharness.report.formats:PARQUET",
        "svg": "evalharness.report.formats:SVG",
    },
    "executors": {
        "local": "evalharness.execution.local:LocalExecutor",
        "ray": "evalharness.execution.on_ray.executor:RayExecutor",
    },
    "destinations": {
        "email": "evalharness.publish.mail:mail",
        "mlflow": "evalharness.publish.mlflow:mlflow",
        "otlp": "evalharness.publish.otlp:otlp",
        "prometheus": "evalharness.publish.prometheus:prometheus",
        "slack": "evalharness.publish.slack:slack",
        "teams": "evalharness.publish.teams:teams",
        "webhook": "evalharness.publish.webhook:webhook",
    },
}


def names(kind: Kind, config: Any = None) -> list[str]:
    """Return every name that can be opened, sorted. `config`: may name functions of the project."""
    own = getattr(config, kind, {}) if kind in _OF_PROJECT else {}
    return sorted({entry.name for entry in _installed(tuple(sys.path), kind)} | set(BUILT_IN[kind]) | set(own))


@lru_cache(maxsize=16)
def _installed(path: tuple[str, ...], kind: Kind) -> EntryPoints:
    """The entry points of a kind, by `sys.path`: finding them reads a file of each installed package."""
    return entry_points(group=f"evalharness.{kind}")


def find(kind: Kind, name: str, config: Any = None) -> Callable[..., Any]:
    """Return the factory called `name`. `config`: may name functions of the project.

    Raises LookupError with the nearest names, ConfigError for an entry point or a function that cannot be used.
    """
    if kind in _OF_PROJECT and name in getattr(config, kind, {}):
        return _target(_OF_PROJECT[kind])(name, config)  # type: ignore[no-any-return]
    if name in BUILT_IN[kind]:
        found = _target(BUILT_IN[kind][name])
        return partial(found, config=config) if (kind, name) in _CONFIGURED and config is not None else found
    if entries := list(_installed(tuple(sys.path), kind).select(name=name)):
        return _loaded(kind, entries)  # type: ignore[no-any-return]
    raise LookupError(f"unknown {_noun(kind)} '{name}'{did_you_mean(name, names(kind, config))}{_own(kind, name)}")


def _own(kind: Kind, name: str) -> str:
    """How a function of the project gets this name, where one can."""
    if kind not in _OF_PROJECT or not name.isidentifier():
        return ""
    return f"; one of your own needs [tool.evalharness.{kind}.{name}]"


def _target(path: str) -> Callable[..., Any]:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]


def built_in(kind: Kind) -> dict[str, Any]:
    """Return every built-in extension of a kind by name."""
    return {name: find(kind, name) for name in BUILT_IN[kind]}


def _loaded(kind: Kind, found: Sequence[EntryPoint]) -> Any:
    entry, what = found[0], f"{_noun(kind)} '{found[0].name}'"
    packages = sorted({one.dist.name for one in found if one.dist})
    if len(packages) > 1:
        raise ConfigError(f"{what}: provided by the packages {', '.join(packages)}; uninstall all but one of them")
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:  # code of another package
        from evalharness.foreign import describe

        raise ConfigError(f"{what} cannot be imported: {describe(error)}") from None
    if kind not in _OBJECTS and not callable(loaded):
        raise ConfigError(f"{what}: expected a function or a class, got {type(loaded).__name__}")
    return loaded


def gate_kind(metric: str) -> Any:
    """The kind of a gate on `metric`: the kind of that name, else the one for metrics of the suite.

    Raises ConfigError for an entry point that is no gate kind.
    """
    found = find("gate_kinds", metric if metric in names("gate_kinds") else "score")
    if inspect.isclass(found):
        raise ConfigError(f"gate kind '{metric}': expected an instance of GateKind, got the class {found.__name__}")
    try:
        check_members("gate_kinds", f"gate kind '{metric}'", found)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return found


def options(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the options that a factory takes by name, in order, without those that the program fills in."""
    return {name: p for name, p in inspect.signature(factory).parameters.items() if name not in _PASSED}


def make(kind: Kind, name: str, given: Mapping[str, Any], **passed: Any) -> Any:
    """Return what the factory called `name` makes of the given options.

    `passed`: values for the factory's parameters `config` and `providers`, if it has them.
    Raises LookupError for an unknown name, ValueError for an unknown, missing or wrong option, both with near names.
    """
    factory, what = find(kind, name, passed.get("config")), f"the {_noun(kind)} '{name}'"
    _check_names(what, given, options(factory))
    own = {key: value for key, value in passed.items() if key in inspect.signature(factory).parameters}
    made = run_factory(what, partial(_called, what, factory, given, own))
    check_members(kind, what, made)
    return made


def run_factory(what: str, factory: Callable[[], Any]) -> Any:
    """Return what a factory makes. Raises ConfigError for its unexpected errors, and its expected ones unchanged."""
    try:
        return factory()
    except (EvalHarnessError, TypeError, ValueError):
        raise
    except (Exception, SystemExit) as error:  # code of another package
        from evalharness.foreign import describe

        raise ConfigError(f"{what} raised {describe(error)}") from None


def check_members(kind: Kind, what: str, made: object) -> None:
    """Check that an object has the members of its kind. Raises ValueError."""
    if missing := [name for name in _MEMBERS.get(kind, ()) if not hasattr(made, name)]:
        raise ValueError(f"{what}: expected an object with '{missing[0]}', got {type(made).__name__}")


def _check_names(what: str, given: Mapping[str, Any], known: Mapping[str, inspect.Parameter]) -> None:
    for option in given:
        if option not in known:
            hint = did_you_mean(option, known) if known else "; it has none"
            raise ValueError(f"{what} has no option '{option}'{hint}")
    for option, parameter in known.items():
        variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.default is parameter.empty and not variadic and option not in given:
            raise ValueError(f"{what} needs the option '{option}'")


def _called(what: str, factory: Callable[..., Any], given: Mapping[str, Any], own: Mapping[str, Any]) -> Any:
    """The factory's result; a function's options are checked against their types first."""
    if inspect.isclass(factory):
        return factory(**given, **own)
    from pydantic import ConfigDict, ValidationError, validate_call

    strict = validate_call(config=ConfigDict(strict=True, arbitrary_types_allowed=True))(partial(factory, **own))
    try:
        return strict(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"the option '{first['loc'][0]}' of {what} is wrong: {first['msg']}") from None


def _noun(kind: Kind) -> str:
    return kind[:-1].replace("_", " ")
