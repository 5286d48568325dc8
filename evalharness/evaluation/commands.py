"""The commands that a report proposes: what to type to accept this run, and to run it again."""

from __future__ import annotations

import shlex

from evalharness.evaluation.options import EvaluationOptions


def accept_command(name: str, options: EvaluationOptions) -> str:
    """The command that accepts this very run."""
    if options.command:
        return f"{options.command} --llm-accept"
    return shlex.join([*_chosen(name, options), "--llm-accept"])


def command(name: str, options: EvaluationOptions) -> str:
    """The command that repeats this run."""
    if options.command:
        return options.command
    given = {
        "baseline": options.baseline,
        "against": options.against.sha if options.against else None,
        "repeat": options.repeat if options.repeat > 1 else None,
        "settle": options.settle,
        "shard": options.shard.option if options.shard else None,
    }
    options_given = (f"--llm-{option}={value}" for option, value in given.items() if value)
    return shlex.join([*_chosen(name, options), *options_given])


def _chosen(name: str, options: EvaluationOptions) -> list[str]:
    models = [f"--llm-model={model}" for model in options.models]
    return ["pytest", f"--llm-suite={name}", *models, *(f"--llm-prompt={prompt}" for prompt in options.prompts)]
