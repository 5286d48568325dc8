"""Reads a prompt from the code of a project: a constant, or a function of the variables. Used in the child process.

    SUPPORT = "You answer customers of {{ shop }}."
    def support(question, docs): return [{"role": "system", "content": ...}, {"role": "user", "content": question}]

Parameters are filled by the names of variables; `variables` gets all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evalharness.application.call import LoadError, is_async, load_attribute
from evalharness.application.plain import WrongAnswerError, as_mapping
from evalharness.records.application import MOST_CHARS

_EXPECTED = "expected a str, or a list of messages with role and content"
_MOST_MESSAGES = 1_000


class PromptCode:
    """The constant or the function behind `MODULE:NAME`."""

    def __init__(self, target: str, file: Path) -> None:
        """Import the module, which is in `file`. Raises LoadError, and whatever the module raises."""
        found = load_attribute(target, file)
        self._target, self._value = target, found
        self.is_constant = not callable(found) or inspect.isclass(found)
        self.is_async = not self.is_constant and is_async(found)

    def __call__(self, request: Mapping[str, Any]) -> Any:
        """Return the constant, or what the function returns for these variables."""
        if self.is_constant:
            return self._value
        return self._value(**_arguments(self._value, request["variables"], self._target))

    def answer(self, value: Any) -> dict[str, Any]:
        """Return the prompt as roles and texts; the role of a text is empty. Raises WrongAnswerError."""
        turns = value if isinstance(value, list | tuple) else [{"role": "", "content": value}]
        if not turns or len(turns) > _MOST_MESSAGES:
            raise WrongAnswerError(f"{_EXPECTED}, got {len(turns)} messages")
        return {"constant": self.is_constant, "messages": [_message(turn) for turn in turns]}


def _arguments(function: Callable[..., Any], variables: Mapping[str, Any], target: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in inspect.signature(function).parameters.values():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if one.name == "variables" or one.name in variables:
            found[one.name] = variables.get(one.name, dict(variables))
        elif one.default is one.empty:
            raise LoadError(f"{target}: no variable '{one.name}': known: {', '.join(sorted(variables)) or 'none'}")
    return found


def _message(turn: Any) -> list[str]:
    fields = as_mapping(turn)
    if fields is None and isinstance(turn, list | tuple) and len(turn) == 2:
        fields = {"role": turn[0], "content": turn[1]}
    role, content = (fields or {}).get("role"), (fields or {}).get("content")
    if not isinstance(role, str) or not isinstance(content, str):
        what = type(turn).__name__ if fields is None else f"{type(role).__name__} and {type(content).__name__}"
        if fields is not None and role == "":
            what = type(content).__name__
        raise WrongAnswerError(f"{_EXPECTED}, got {what}")
    if len(content) > MOST_CHARS:
        raise WrongAnswerError(f"expected at most {MOST_CHARS:,} characters, got {len(content):,}")
    return [role, content]
