"""Finds functions that answer questions, and calls of OpenAI's and Anthropic's clients."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from evalharness.scaffold.app_files import AppFile, called, keyword
from evalharness.scaffold.app_found import QUESTIONS, VERBS, Application

_GIVEN = ("messages", "variables", "case", "params")
_CLIENTS = {"OpenAI": "openai", "AsyncOpenAI": "openai", "Anthropic": "anthropic", "AsyncAnthropic": "anthropic"}
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_OPENAI = "https://api.openai.com/v1"


def functions(files: Sequence[AppFile], root: Path) -> Iterator[Application]:
    """The functions that take a question or messages, by their names: `answer(question)`, `chat(messages)`."""
    for file in files:
        for function in file.functions:
            needed = _needed(function)
            asks = [name for name in needed if name in (*QUESTIONS, "messages")]
            verb = next((number for number, one in enumerate(VERBS) if function.name.startswith(one)), None)
            others = [name for name in needed if name not in _GIVEN]
            if verb is not None and asks and len(others) <= 1 and not function.decorator_list:
                yield _function(file, function, files, root, verb)


def _needed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given, keywords = function.args, zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    positional = [*given.posonlyargs, *given.args]
    required = positional[: len(positional) - len(given.defaults)]
    return [one.arg for one in (*required, *(one for one, default in keywords if default is None))]


def _function(
    file: AppFile, function: ast.FunctionDef | ast.AsyncFunctionDef, files: Sequence[AppFile], root: Path, verb: int
) -> Application:
    path = PurePosixPath(file.name)
    folder = path.parent
    while str(folder) != "." and (root / folder / "__init__.py").exists():
        folder = folder.parent
    inner = path.relative_to(folder).with_suffix("")
    module = ".".join(inner.parts[:-1] if inner.name == "__init__" else inner.parts)
    top = (
        f"{folder}/**/*.py"
        if str(folder) != "."
        else f"{inner.parts[0]}/**/*.py"
        if len(inner.parts) > 1
        else file.name
    )
    mine = [one for one in files if one.name.startswith(top.partition("*")[0])]
    required, optional = _variables(mine)
    settings: dict[str, Any] = {"provider": "python", "call": f"{module}:{function.name}"}
    settings |= {"path": [str(folder)]} if str(folder) != "." else {}
    settings |= {"env": required} if required else {}
    settings["identity_files"] = [top]
    notes = [f"the code also reads {', '.join(optional)}: add what it needs to env"] if optional else []
    return Application(settings["call"], "function", file.where(function), settings, 1 + verb, notes)


def _variables(files: Sequence[AppFile]) -> tuple[list[str], list[str]]:
    """The variables of the environment that the code requires, and those that it reads if they are set."""
    required: dict[str, None] = {}
    optional: dict[str, None] = {}
    for file in files:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("os.environ", "environ"):
                required |= {file.text(node.slice): None}
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.getenv", "getenv", "os.environ.get"):
                optional |= {file.text(node.args[0]) if node.args else "": None}
            elif isinstance(node, ast.Call) and called(node) in _CLIENTS and keyword(node, "api_key") is None:
                required |= {_KEYS[_CLIENTS[called(node)]]: None}
    return [name for name in required if name], [name for name in optional if name and name not in required]


def clients(files: Sequence[AppFile]) -> Iterator[Application]:
    """The models that the code calls with a client of OpenAI or Anthropic."""
    made = [(file, call) for file in files for call in file.calls() if called(call) in _CLIENTS]
    for file in files:
        for call in file.calls():
            path = ast.unparse(call.func)
            provider = (
                "openai" if path.endswith(("completions.create", "completions.parse", "responses.create")) else ""
            )
            provider = "anthropic" if path.endswith((".messages.create", ".messages.stream")) else provider
            opened = next(((where, one) for where, one in made if _CLIENTS[called(one)] == provider), None)
            if provider and opened:
                yield _client(file, call, provider, opened)


def _client(file: AppFile, call: ast.Call, provider: str, opened: tuple[AppFile, ast.Call]) -> Application:
    where, client = opened
    model = file.text(keyword(call, "model"))
    base = where.text(keyword(client, "base_url")) or (_OPENAI if provider == "openai" else "")
    settings = {
        "provider": provider,
        "base_url": base,
        "model": model or "MODEL",
        "api_key_env": _key(where, client, provider),
    }
    kept = {name: value for name, value in settings.items() if value}
    notes = [] if model else ["set the model: the source does not have its name"]
    label = "OpenAI client" if provider == "openai" else "Anthropic client"
    return Application(model or f"{provider} model", label, file.where(call), kept, 30 if model else 40, notes)


def _key(file: AppFile, client: ast.Call, provider: str) -> str:
    """The variable of the environment that holds the key."""
    given = keyword(client, "api_key")
    for node in ast.walk(given) if given is not None else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isupper():
            return node.value
    return _KEYS[provider]
