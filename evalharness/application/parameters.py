"""The parameters of a function by the text of its module, where that is certain."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

KNOWN = (
    *("text", "messages", "variables", "golden", "tags"),
    *("contexts", "tool_calls", "data", "turns", "value"),
)
"""What a check or a metric can read of a sample."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a function."""

    names: tuple[str, ...]
    required: frozenset[str]
    """Those without a default."""
    takes_all: bool
    """Whether it has `**options`."""

    def takes(self, name: str) -> bool:
        """Return whether the function can get an argument of this name."""
        return self.takes_all or name in self.names


def parameters_of(file: Path, name: str) -> Parameters | None:
    """Return the parameters of a function; None unless one plain `def` at the top of the file binds the name."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    found = [one for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name]
    bound = [one.id for node in body for one in ast.walk(node) if isinstance(one, ast.Name) and _binds(one, name)]
    if len(found) != 1 or found[0].decorator_list or bound:
        return None
    given = found[0].args
    positional = [*given.posonlyargs, *given.args]
    required = positional[: len(positional) - len(given.defaults)]
    required += [one for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    names = tuple(one.arg for one in (*positional, *given.kwonlyargs))
    return Parameters(names, frozenset(one.arg for one in required), given.kwarg is not None)


def _binds(node: ast.Name, name: str) -> bool:
    return node.id == name and not isinstance(node.ctx, ast.Load)
