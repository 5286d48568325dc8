"""The function of a check or a metric, called with what its parameters name. Used in the child process.

text        the text of the response
messages    [{"role": "user", "content": "..."}, ...]: the rendered prompt
variables   the variables of the case
golden      the golden answers: a list of texts
tags        the tags of the case
contexts    what an application retrieved: [{"text": "...", "id": "...", "score": 0.5}, ...]
tool_calls  the tool calls: [{"name": "...", "arguments": {...}, "result": ...}, ...]
data        the structured answer of an application, or None
turns       the conversation that an application held
value       the value in the suite: 60 of `{shorter: 60}`
(option)    an option of the table in pyproject.toml
(another)   the text of the response; one parameter at most, of any name
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evalharness.application.call import LoadError, is_async, load_function
from evalharness.application.parameters import KNOWN


class Extension:
    """The function behind `MODULE:NAME`, with the options of its table."""

    def __init__(self, call: str, file: Path, options: Mapping[str, Any]) -> None:
        """Import the module, which is in `file`. Raises LoadError, and whatever the module raises."""
        self._call: Callable[..., Any] = load_function(call, file)
        self._options = options
        self._names = _names(self._call, call, options)
        self.names = sorted({source for _, source, _ in self._names if source in KNOWN})
        """What the function reads."""
        self.is_async = is_async(self._call)

    def __call__(self, request: Mapping[str, Any]) -> Any:
        """Return what the function returns; of an async one the coroutine."""
        given = {**self._options, **{name: request.get(name) for name in self.names}}
        positional = [given[source] for _, source, is_positional in self._names if is_positional]
        by_name = {name: given[source] for name, source, is_positional in self._names if not is_positional}
        return self._call(*positional, **by_name)


def _names(function: Callable[..., Any], call: str, options: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Parameter, what it gets, and whether it is passed by position."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a function in C
        return [("", "text", True)]
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters)
    fixed = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    if unknown := [name for name in options if name not in [one.name for one in fixed] and not takes_all]:
        raise LoadError(f"{call}: unknown option '{unknown[0]}': the function has no parameter of this name")
    known = {*KNOWN, *options}
    others = [one for one in fixed if one.name not in known and one.default is one.empty]
    if len(others) > 1:
        names = ", ".join(one.name for one in others)
        raise LoadError(
            f"{call}: unknown parameters {names}: expected {', '.join(KNOWN)}, options of its table, and one other "
            "parameter for the text of the response"
        )
    wanted = [one for one in fixed if one.name in known or one in others]
    if not wanted and fixed:  # `def polite(answer="...")`
        wanted = fixed[:1]
    found = [(one.name, one.name if one.name in known else "text", one.kind is one.POSITIONAL_ONLY) for one in wanted]
    return found + [(name, name, False) for name in options if name not in [one.name for one in fixed]]
