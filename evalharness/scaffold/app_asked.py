"""What a route reads from a request: fields of models and parameters in FastAPI, keys of the request in Flask."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.scaffold.app_files import called
from evalharness.scaffold.app_found import QUESTIONS

Handler = ast.FunctionDef | ast.AsyncFunctionDef
Classes = Mapping[str, list[ast.AnnAssign]]
_INJECTED = {"Request", "Response", "BackgroundTasks", "WebSocket", "Session", "AsyncSession"}
_SIMPLE = {"str", "int", "float", "bool", "", "str | None", "int | None", "Optional[str]"}
"""Types that FastAPI reads from the query, without Body()."""


@dataclass(frozen=True)
class Asked:
    """The values that a request holds: each name, or a mapping of names."""

    body: Any
    """Name -> whether it is required, or a mapping of these; a text is the only value."""
    query: Mapping[str, bool]

    @property
    def _names(self) -> list[tuple[str, bool]]:
        return [*_pairs(self.body), *self.query.items()]

    @property
    def _question(self) -> str:
        names = dict(self._names)
        return next((name for name in QUESTIONS if name in names), "")

    @property
    def has_question(self) -> bool:
        """Whether a question or messages are sent."""
        return bool(self._question) or "messages" in dict(self._names)

    @property
    def others(self) -> list[str]:
        """The other required values."""
        return [name for name, required in self._names if required and not self._placeholder(name)]

    def sent(self, method: str) -> dict[str, Any]:
        """The options `body` and `query`."""
        if method == "GET":
            return {"query": self._filled({**dict(_pairs(self.body)), **self.query})}
        query = self._filled(self.query)
        return ({"query": query} if query else {}) | {"body": self._filled(self.body)}

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._placeholder(value) or f"{{{{ variables.{value} }}}}"
        return {
            name: self._filled(inner if isinstance(inner, Mapping) else name)
            for name, inner in value.items()
            if inner or self._placeholder(name)
        }

    def _placeholder(self, name: str) -> str:
        if name == self._question:
            return "{{ question }}"
        return "{{ messages }}" if name == "messages" else ""


def _pairs(value: Any) -> Iterator[tuple[str, bool]]:
    if isinstance(value, str):
        yield value, True
        return
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _pairs(inner)
        else:
            yield name, inner


def asked_of(handler: Handler, classes: Classes) -> Asked:
    """What a handler reads."""
    bodies: dict[str, Any] = {}
    query: dict[str, bool] = {}
    sources = {"request"}
    for name, annotation, default in _parameters(handler):
        where = f"{annotation} {ast.unparse(default) if default else ''}"
        if name in ("self", "request") or annotation in _INJECTED or "Depends" in where:
            continue
        if annotation in classes:
            bodies[name] = _fields(classes[annotation])
        elif annotation.startswith(("dict", "Dict", "Mapping")):
            sources.add(name)
        elif annotation in _SIMPLE and "Body(" not in where:
            query[name] = default is None
        else:
            bodies[name] = default is None or "..." in where
    keys, arguments = _keys(handler, sources)
    only = next(iter(bodies.items())) if len(bodies) == 1 else None
    if only and "Body(" not in ast.unparse(handler.args):  # FastAPI: the only parameter of the body is the body
        return Asked(only[1] if isinstance(only[1], Mapping) else only[0], query)
    return Asked(bodies or dict.fromkeys(keys, True), query | dict.fromkeys(arguments, True))


def _parameters(handler: Handler) -> Iterator[tuple[str, str, ast.expr | None]]:
    """Name, type and default of each parameter."""
    given = [*handler.args.posonlyargs, *handler.args.args]
    defaults = [*[None] * (len(given) - len(handler.args.defaults)), *handler.args.defaults]
    pairs = [*zip(given, defaults, strict=True), *zip(handler.args.kwonlyargs, handler.args.kw_defaults, strict=True)]
    for one, default in pairs:
        annotation = ast.unparse(one.annotation) if one.annotation else ""
        yield one.arg, annotation if "[" in annotation else annotation.rpartition(".")[2], default


def _fields(found: list[ast.AnnAssign]) -> dict[str, bool]:
    return {field.target.id: field.value is None for field in found if isinstance(field.target, ast.Name)}


def _keys(handler: Handler, sources: set[str]) -> tuple[list[str], list[str]]:
    """The keys that a handler reads from the body, and those that it reads from the query."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Assign) and "request" in ast.unparse(node.value):
            sources |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    found = [pair for node in ast.walk(handler) for pair in _key(node, sources)]
    body = [key for base, key in found if "args" not in base and "query_params" not in base and "headers" not in base]
    query = [key for base, key in found if "args" in base or "query_params" in base]
    return list(dict.fromkeys(body)), list(dict.fromkeys(query))


def _key(node: ast.AST, sources: set[str]) -> Iterator[tuple[str, str]]:
    base, key = None, None
    if isinstance(node, ast.Subscript):
        base, key = node.value, node.slice
    elif isinstance(node, ast.Call) and called(node) == "get" and isinstance(node.func, ast.Attribute) and node.args:
        base, key = node.func.value, node.args[0]
    names = {one.id for one in ast.walk(base) if isinstance(one, ast.Name)} if base is not None else set()
    if base is not None and names & sources and isinstance(key, ast.Constant) and isinstance(key.value, str):
        yield ast.unparse(base), key.value
