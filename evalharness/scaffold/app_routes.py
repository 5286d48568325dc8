"""Finds the routes of FastAPI and Flask that take a question: their address, their body, and where the answer is."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from evalharness.scaffold.app_asked import Asked, Handler, asked_of
from evalharness.scaffold.app_files import AppFile, called, keyword
from evalharness.scaffold.app_found import ANSWERS, CONTEXTS, VERBS, Application, of_words

_APPS = {
    "FastAPI": ("FastAPI", 8000),
    "APIRouter": ("FastAPI", 8000),
    "Flask": ("Flask", 5000),
    "Blueprint": ("Flask", 5000),
}
_METHODS = ("get", "post", "put", "patch", "route")


def routes(files: Sequence[AppFile]) -> Iterator[Application]:
    """The routes that take a question or messages, with the port that a file starts the application on."""
    classes = {name: fields for file in files for name, fields in file.classes.items()}
    ports = [port for file in files for port in _ports(file)]
    for file in files:
        for handler in file.functions:
            for route in handler.decorator_list:
                if isinstance(route, ast.Call) and (found := _route(file, handler, route, classes, ports)):
                    yield found


def _ports(file: AppFile) -> Iterator[int]:
    for call in file.calls():
        port = keyword(call, "port") if called(call) == "run" else None
        if isinstance(port, ast.Constant) and isinstance(port.value, int):
            yield port.value


def _route(
    file: AppFile, handler: Handler, route: ast.Call, classes: dict[str, Any], ports: Sequence[int]
) -> Application | None:
    owner = route.func.value if isinstance(route.func, ast.Attribute) else None
    made = file.assigned.get(owner.id) if isinstance(owner, ast.Name) else None
    if not isinstance(made, ast.Call) or called(made) not in _APPS or called(route) not in _METHODS:
        return None
    framework, port = _APPS[called(made)]
    path = _prefix(file, made) + file.text(route.args[0] if route.args else keyword(route, "path"))
    method = _method(file, route)
    asked = asked_of(handler, classes)
    if not path.startswith("/") or any(sign in path for sign in "{<") or not asked.has_question:
        return None
    notes = list(_notes(made, asked))
    answer = _answer(handler, route, classes)
    if not answer:
        notes.append('where the answer is in the JSON: text = "$.answer"')
    url = f"http://localhost:{ports[0] if ports else port}{path}"
    options = {"provider": "http", "url": url, "method": method, **asked.sent(method), **answer}
    rank = 0 if of_words(f"{path}_{handler.name}", VERBS) and answer else 10
    shown = {key: value for key, value in options.items() if (key, value) != ("method", "POST")}
    return Application(f"{method} {path}", framework, file.where(handler), shown, rank, notes)


def _prefix(file: AppFile, made: ast.Call) -> str:
    return file.text(keyword(made, "prefix") or keyword(made, "url_prefix"))


def _method(file: AppFile, route: ast.Call) -> str:
    if called(route) != "route":
        return called(route).upper()
    listed = keyword(route, "methods")
    methods = [file.text(one) for one in listed.elts] if isinstance(listed, ast.List | ast.Tuple) else ["GET"]
    return "POST" if "POST" in methods else methods[0] if methods else "GET"


def _notes(made: ast.Call, asked: Asked) -> Iterator[str]:
    if called(made) in ("APIRouter", "Blueprint"):
        yield "check the address: where the router is included, it can get another prefix"
    if asked.others:
        yield f"each case needs the variables {', '.join(asked.others)}"


def _answer(handler: Handler, route: ast.Call, classes: dict[str, list[ast.AnnAssign]]) -> dict[str, str]:
    """The paths of text and contexts in what a handler returns; empty if the source does not tell."""
    for values in [*_returned(handler), *_declared(handler, route, classes)]:
        text = _path(values, ANSWERS)
        if text:
            contexts = next((name for name in CONTEXTS if name in values), "")
            return {"text": f"$.{text}", **({"contexts": f"$.{contexts}"} if _are_texts(values.get(contexts)) else {})}
    return {}


def _returned(handler: Handler) -> Iterator[dict[str, ast.expr | None]]:
    for node in ast.walk(handler):
        value = node.value if isinstance(node, ast.Return) else None
        if isinstance(value, ast.Call) and value.args and isinstance(value.args[0], ast.Dict):
            value = value.args[0]  # jsonify({...}), JSONResponse({...})
        if isinstance(value, ast.Dict):
            yield _named(value)
        elif isinstance(value, ast.Call) and value.keywords:
            yield {one.arg: one.value for one in value.keywords if one.arg}


def _named(value: ast.Dict) -> dict[str, ast.expr | None]:
    pairs = zip(value.keys, value.values, strict=True)
    return {key.value: one for key, one in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def _declared(
    handler: Handler, route: ast.Call, classes: dict[str, list[ast.AnnAssign]]
) -> Iterator[dict[str, ast.expr | None]]:
    """The fields of the model that the route or the function declares."""
    for model in (keyword(route, "response_model"), handler.returns):
        fields = classes.get(ast.unparse(model).rpartition(".")[2], []) if model is not None else []
        yield {field.target.id: None for field in fields if isinstance(field.target, ast.Name)}


def _path(values: dict[str, ast.expr | None], words: Sequence[str]) -> str:
    name = next((word for word in words if word in values), "")
    inner = values.get(name)
    rest = _path(_named(inner), words) if isinstance(inner, ast.Dict) else ""
    return f"{name}.{rest}" if rest else name


def _are_texts(value: ast.expr | None) -> bool:
    """Whether a list certainly holds texts or objects with `text`: other contexts need paths of their own."""
    if not isinstance(value, ast.List | ast.ListComp):
        return False
    one = value.elt if isinstance(value, ast.ListComp) else value.elts[0] if value.elts else None
    return isinstance(one, ast.Dict) and "text" in _named(one)
