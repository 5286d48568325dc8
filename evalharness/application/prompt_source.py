"""A prompt in the code of a project, read in a child process.

[tool.evalharness.prompts.support]
python = "app.prompts:support"       # a constant, or a function of the variables
path = ["."]                         # the folders that the module is imported from; default: the root
env = []                             # the only variables of the environment that the code sees
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalharness.application.environment import environment_of
from evalharness.application.source import Source, find_source
from evalharness.application.supervisor import supervise
from evalharness.errors import ConfigError, ProviderError
from evalharness.function_config import PromptConfig
from evalharness.records import Message, SampleKey

_DEADLINE_S = 60.0
"""Seconds for one call of a function."""


@dataclass(frozen=True)
class PromptTexts:
    """What the code of a prompt gives."""

    constant: tuple[Message, ...]
    """The messages of a constant; empty for a function. The role of a text is empty."""
    by_case: Mapping[str, tuple[Message, ...]]
    """Of a function: the messages for each case."""
    file: str
    """The file of the module, relative to the root."""
    identity: str
    """The target, and the digest of its file."""


def prompt_code(name: str, settings: PromptConfig, root: Path) -> Source:
    """The module of a configured prompt, without importing it. Raises ConfigError."""
    try:
        return find_source(settings.python, settings.path, root)
    except ConfigError as error:
        message = str(error).replace("call: ", "python: ", 1).replace("has no function", "has no name")
        raise ConfigError(f"[tool.evalharness.prompts.{name}] {message}") from None


def read_prompt(
    name: str, settings: PromptConfig, root: Path, cases: Sequence[tuple[str, Mapping[str, Any]]], outside: str = ""
) -> PromptTexts:
    """The texts of a configured prompt for these cases, each with its variables.

    `outside`: the working tree, which no module may come from if `root` is another version. Raises ConfigError.
    """
    source = prompt_code(name, settings, root)
    environment, refusal = environment_of(settings.env)
    if refusal:
        raise ConfigError(f"[tool.evalharness.prompts.{name}] {refusal}")
    digest = hashlib.sha256(source.file.read_bytes()).hexdigest()
    made = PromptTexts((), {}, source.file.relative_to(root.resolve()).as_posix(), f"{settings.python} {digest}")
    texts: dict[str, tuple[Message, ...]] = {}
    with closing(supervise(source, root, environment, _DEADLINE_S, outside=outside, prompt=True)) as supervisor:
        for case, variables in cases:
            try:
                answer = supervisor.call({"variables": variables}, SampleKey(case, name, "", 0))["answer"]
            except ProviderError as error:
                place = f"[tool.evalharness.prompts.{name}] {settings.python}"
                raise ConfigError(f"{place}: {error} (with case '{case}')") from None
            texts[case] = tuple(Message(role, text) for role, text in answer["messages"])
            if answer["constant"]:
                return replace(made, constant=texts[case])
    return replace(made, by_case=texts)
