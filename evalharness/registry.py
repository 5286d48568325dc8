"""The one place where a name in a suite or a configuration becomes code.

Built-in extensions are in a literal table. A third party adds one by entry point, in the group `evalharness.KIND`. The
target is a factory that takes the options as keyword arguments; of a gate kind or a report format it is the object
itself.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Literal

from evalharness.errors import did_you_mean

Kind = Literal["metrics", "providers", "judges", "gate_kinds", "report_formats", "executors"]

BUILT_IN: Mapping[Kind, Mapping[str, str]] = {
    "metrics": {
        "answer_logprob": "evalharness.scoring.metrics.likelihood:answer_logprob",
        "bleu": "evalharness.scoring.metrics.translation:bleu",
        "chrf": "evalharness.scoring.metrics.translation:chrf",
        "contains": "evalharness.scoring.metrics.strings:contains",
        "edit_similarity": "evalharness.scoring.metrics.overlap:edit_similarity",
        "embedding": "evalharness.scoring.metrics.embedding:embedding",
        "exact": "evalharness.scoring.metrics.strings:exact",
        "golden_logprob": "evalharness.scoring.metrics.likelihood:golden_logprob",
        "json_schema": "evalharness.scoring.metrics.json:json_schema",
        "json_valid": "evalharness.scoring.metrics.json:json_valid",
        "length": "evalharness.scoring.metrics.strings:length",
        "regex": "evalharness.scoring.metrics.strings:regex",
        "rouge_1": "evalharness.scoring.metrics.rouge:rouge_1",
        "rouge_2": "evalharness.scoring.metrics.rouge:rouge_2",
        "rouge_l": "evalharness.scoring.metrics.rouge:rouge_l",
        "ter": "evalharness.scoring.metrics.translation:ter",
        "token_f1": "evalharness.scoring.metrics.overlap:token_f1",
    },
    "providers": {
        "anthropic": "evalharness.providers.anthropic:AnthropicProvider",
        "gguf": "evalharness.local.gguf:GgufProvider",
        "gguf-server": "evalharness.local.gguf_server:GgufServerProvider",
        "openai": "evalharness.providers.openai:OpenAIProvider",
        "scripted": "evalharness.providers.scripted:ScriptedProvider",
    },
    "judges": {},
    "gate_kinds": {
        "cost": "evalharness.gate.kinds.cost:COST",
        "first_token": "evalharness.gate.kinds.latency:FIRST_TOKEN",
        "latency": "evalharness.gate.kinds.latency:LATENCY",
        "per_token": "evalharness.gate.kinds.latency:PER_TOKEN",
        "score": "evalharness.gate.kinds.score:SCORE",
    },
    "report_formats": {},
    "executors": {},
}


def names(kind: Kind) -> list[str]:
    """Every name that can be opened, sorted."""
    third_party = {entry.name for entry in entry_points(group=f"evalharness.{kind}")}
    return sorted(third_party | set(BUILT_IN[kind]))


def find(kind: Kind, name: str) -> Callable[..., Any]:
    """The factory called `name`. Raises LookupError with the nearest names."""
    target = BUILT_IN[kind].get(name)
    if target is None:
        for entry in entry_points(group=f"evalharness.{kind}", name=name):
            return entry.load()  # type: ignore[no-any-return]
        raise LookupError(f"there is no {kind[:-1].replace('_', ' ')} '{name}'{did_you_mean(name, names(kind))}")
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]


def gate_kind(metric: str) -> Any:
    """The kind of a gate on `metric`: the kind of that name, else the one for metrics of the suite."""
    return find("gate_kinds", metric if metric in names("gate_kinds") else "score")


def options(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The options that a factory takes by name, in order; what the program passes itself (`config`) is left out."""
    return {name: p for name, p in inspect.signature(factory).parameters.items() if name != "config"}
