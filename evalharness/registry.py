"""The one place where a name in a suite or a configuration becomes code.

Built-ins stand in a literal table; third parties join by entry point (group `evalharness.metrics` or
`evalharness.providers`). A target is a factory: called with the options as keyword arguments.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Literal

from evalharness.errors import did_you_mean

Kind = Literal["metrics", "providers"]

BUILT_IN: Mapping[Kind, Mapping[str, str]] = {
    "metrics": {
        "answer_logprob": "evalharness.metrics.likelihood:answer_logprob",
        "bleu": "evalharness.metrics.translation:bleu",
        "chrf": "evalharness.metrics.translation:chrf",
        "contains": "evalharness.metrics.strings:contains",
        "edit_similarity": "evalharness.metrics.overlap:edit_similarity",
        "embedding": "evalharness.metrics.embedding:embedding",
        "exact": "evalharness.metrics.strings:exact",
        "golden_logprob": "evalharness.metrics.likelihood:golden_logprob",
        "json_schema": "evalharness.metrics.json:json_schema",
        "json_valid": "evalharness.metrics.json:json_valid",
        "length": "evalharness.metrics.strings:length",
        "regex": "evalharness.metrics.strings:regex",
        "rouge_1": "evalharness.metrics.rouge:rouge_1",
        "rouge_2": "evalharness.metrics.rouge:rouge_2",
        "rouge_l": "evalharness.metrics.rouge:rouge_l",
        "ter": "evalharness.metrics.translation:ter",
        "token_f1": "evalharness.metrics.overlap:token_f1",
    },
    "providers": {
        "anthropic": "evalharness.providers.anthropic:AnthropicProvider",
        "gguf": "evalharness.providers.gguf:GgufProvider",
        "gguf-server": "evalharness.providers.gguf_server:GgufServerProvider",
        "openai": "evalharness.providers.openai:OpenAIProvider",
        "scripted": "evalharness.providers.scripted:ScriptedProvider",
    },
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
        raise LookupError(f"there is no {kind[:-1]} '{name}'{did_you_mean(name, names(kind))}")
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]


def options(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The options that a factory takes by name, in order; what the program passes itself (`config`) is left out."""
    return {name: p for name, p in inspect.signature(factory).parameters.items() if name != "config"}
