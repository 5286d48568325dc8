"""Finds the function of an application, and calls it with what its parameters name. Used in the child process.

messages    [{"role": "user", "content": "..."}, ...]: the rendered prompt
variables   the variables of suite and case
case        the id of the case
params      max_tokens, temperature and the other parameters of the suite
tools       the tools of the suite: [{"name": ..., "description": ..., "parameters": {...}}, ...]
(another)   the text of the last message; one parameter at most, of any name

A function with the parameter `conversation_id` keeps conversations: `messages` are then those of this turn.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

KNOWN = ("messages", "variables", "case", "params", "tools", "conversation_id")


class LoadError(Exception):
    """The function cannot be called: the text says what to do."""


class Function:
    """The function behind `MODULE:NAME`."""

    def __init__(self, call: str, file: Path, *, keeps_conversation: bool = False) -> None:
        """Import the module, which is in `file`. Raises LoadError, and whatever the module raises.

        `keeps_conversation`: whether `conversation_id` is known to be among the parameters.
        """
        self._call: Callable[..., Any] = load_function(call, file)
        self._names = _names(self._call, call)
        self._without_tools = [one for one in self._names if one[1] != "tools" or not _has_default(self._call, one[0])]
        """A suite without tools leaves the function's own default."""
        if not keeps_conversation and any(source == "conversation_id" for _, source, _ in self._names):
            raise LoadError(
                f"{call}: expected the parameter conversation_id in a function of {file.name}: define one there that "
                "calls this function"
            )
        self.is_async = is_async(self._call)

    def __call__(self, request: Mapping[str, Any]) -> Any:
        """Return what the function returns; of an async one the coroutine."""
        messages = request["messages"]
        given = {name: request[name] for name in KNOWN if name in request}
        given["text"] = messages[-1]["content"] if messages else ""
        names = self._names if "tools" in given else self._without_tools
        if "tools" in given and "tools" not in [source for _, source, _ in names]:
            raise LoadError("the suite has tools: add a parameter 'tools' to the function")
        given.setdefault("tools", [])
        positional = [given[source] for name, source, kind in names if kind == "positional"]
        by_name = {name: given[source] for name, source, kind in names if kind == "by name"}
        return self._call(*positional, **by_name)


def is_async(function: Any) -> bool:
    """Return whether a call gives a coroutine, as far as the function shows it."""
    by_call = getattr(function, "__call__", None)  # noqa: B004 - an object with an async `__call__`
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(by_call)


def load_attribute(call: str, file: Path) -> Any:
    """Return what `MODULE:NAME` names in the module in `file`. Raises LoadError, and whatever the module raises."""
    module, _, name = call.partition(":")
    found: Any = importlib.import_module(module)
    origin = Path(getattr(found, "__file__", None) or "")
    if origin.resolve() != file.resolve():
        raise LoadError(f"{call}: expected the module in {file.name}, got the one in {origin}: rename the module")
    for part in name.split("."):
        if not hasattr(found, part):
            raise LoadError(f"{call}: the module has no '{part}'")
        found = getattr(found, part)
    return found


def load_function(call: str, file: Path) -> Callable[..., Any]:
    """Return the function that `MODULE:NAME` names. Raises LoadError, and whatever the module raises."""
    found = load_attribute(call, file)
    if not callable(found) or inspect.isclass(found):
        raise LoadError(
            f"{call}: expected a function, got {'a class' if inspect.isclass(found) else type(found).__name__}"
        )
    return found  # type: ignore[no-any-return]


def _names(function: Callable[..., Any], call: str) -> list[tuple[str, str, str]]:
    """Parameter, what it gets, and how it is passed."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a function in C
        return [("", "text", "positional")]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    fixed = [one for one in parameters if one.kind not in variadic]
    wanted = [one for one in fixed if one.name in KNOWN or one.default is one.empty]
    others = [one.name for one in wanted if one.name not in KNOWN]
    if not wanted and fixed:  # `def answer(question="...")`
        wanted, others = fixed[:1], [fixed[0].name]
    if len(others) > 1:
        raise LoadError(
            f"{call}: unknown parameters {', '.join(others)}: expected {', '.join(KNOWN)}, and one other parameter for "
            "the text of the last message; read the rest from 'variables', or give it a default"
        )
    return [
        (
            one.name,
            one.name if one.name in KNOWN else "text",
            "positional" if one.kind is one.POSITIONAL_ONLY else "by name",
        )
        for one in wanted
    ]


def _has_default(function: Callable[..., Any], name: str) -> bool:
    parameter = inspect.signature(function).parameters[name]
    return parameter.default is not parameter.empty


def add_paths(paths: list[str]) -> None:
    """Put the folders of the project first on `sys.path`."""
    sys.path[:0] = paths
