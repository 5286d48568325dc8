"""What an application adds to its answer, and the bounds on JSON values in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

APPLICATIONS = ("http", "python")
"""The providers whose target is an application of the project."""
MOST_DEPTH, MOST_VALUES, MOST_CHARS = 64, 100_000, 4_000_000
"""Bounds on all that one response carries besides its text."""
_MOST_NUMBER = 1e308
_SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Context:
    """A text that an application retrieved and used for its answer."""

    text: str
    id: str = ""
    """Id of the document or passage; empty if the application gives none."""
    score: float | None = None
    """The retriever's score, on its own scale."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of a model or an application."""

    name: str
    arguments: Any = None
    """A JSON value, usually an object. A text that is not JSON stays as the model wrote it."""
    result: Any = None
    """What the tool returned, as a JSON value; None if that is unknown."""
    id: str = ""
    """Names the call in the message with its result; empty if the application gives none."""
    unknown: bool = False
    """Whether the scripted tools of the suite have no result for it: `result` is an error."""

    @property
    def shown(self) -> str:
        """The call with its arguments and its result, as one line."""
        return _call(self.to_data())

    def to_data(self) -> dict[str, Any]:
        """The call as JSON values, without what is unknown."""
        known = {"arguments": self.arguments, "result": self.result, "id": self.id or None}
        known |= {"unknown": True} if self.unknown else {}
        return {"name": self.name, **{name: value for name, value in known.items() if value is not None}}


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that an answer names."""

    source: str
    """Address or id of the source."""
    title: str = ""
    quote: str = ""
    """The cited text of the source."""
    start: int | None = None
    """The part of the answer that the source supports, in characters: the first one, and the one after the last."""
    end: int | None = None

    def to_data(self) -> dict[str, Any]:
        """The citation as JSON values, without what is unknown."""
        known = {"title": self.title or None, "quote": self.quote or None, "start": self.start, "end": self.end}
        return {"source": self.source, **{name: value for name, value in known.items() if value is not None}}


def json_problem(value: Any, place: str = "$") -> str:
    """Return why a value is not a JSON value within the bounds, with its place; "" if it is.

    A value that contains itself exceeds the depth.
    """
    chars, waiting = 0, [(value, place, 0)]
    for seen in range(MOST_VALUES + 1):
        if not waiting:
            return ""
        one, where, depth = waiting.pop()
        if problem := _problem(one, where, depth, seen):
            return problem
        chars += len(one) if isinstance(one, str) else 0
        chars += sum(map(len, one)) if isinstance(one, dict) else 0
        if chars > MOST_CHARS:
            return f"{place}: expected at most {MOST_CHARS:,} characters"
        waiting.extend((inner, inside, depth + 1) for inner, inside in _inner(one, where))
    return f"{place}: expected at most {MOST_VALUES:,} values"


def _problem(value: Any, where: str, depth: int, seen: int) -> str:
    if depth > MOST_DEPTH:
        return f"{where[:60]}: expected at most {MOST_DEPTH} levels of nesting"
    if type(value) in (dict, list):
        if len(value) > MOST_VALUES - seen:
            return f"{where}: expected at most {MOST_VALUES:,} values"
        keys = [key for key in value if type(key) is not str] if isinstance(value, dict) else []
        return f"{where}: expected texts as keys, got {type(keys[0]).__name__}" if keys else ""
    if type(value) not in _SCALARS:
        return f"{where}: expected a JSON value, got {type(value).__name__}"
    if type(value) in (int, float) and not -_MOST_NUMBER <= value <= _MOST_NUMBER:
        return f"{where}: expected a finite number{'' if type(value) is int else f', got {value}'}"
    return ""


def _inner(value: Any, where: str) -> Iterable[tuple[Any, str]]:
    if isinstance(value, dict):
        return ((inner, f"{where}.{key}"[:200]) for key, inner in reversed(value.items()))
    if isinstance(value, list):
        return ((value[index], f"{where}[{index}]") for index in reversed(range(len(value))))
    return ()


def verbatim_problem(text: Any) -> str:
    """Return why a text is not the blocks of a response as JSON within the bounds; "" if it is, or empty."""
    if not isinstance(text, str) or len(text) > MOST_CHARS:
        return f"verbatim: expected a text of at most {MOST_CHARS:,} characters"
    try:
        blocks = json.loads(text or "[]")
    except (ValueError, RecursionError):
        blocks = None
    is_list = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
    return json_problem(blocks, "verbatim") if is_list else "verbatim: expected a list of objects as JSON text"


def as_texts(added: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a title and a text for each part of `Response.added`, for people and for metrics that read text."""
    if contexts := added.get("contexts"):
        yield "Contexts", "\n\n".join(_context(number, one) for number, one in enumerate(contexts, start=1))
    if calls := added.get("tool_calls"):
        yield "Tool calls", "\n".join(map(_call, calls))
    if "data" in added:
        yield "Data", _json(added["data"], indent=2)
    if turns := added.get("turns"):
        yield "Conversation", "\n\n".join(map(_turn, turns))
    if citations := added.get("citations"):
        yield "Citations", "\n\n".join(_citation(number, one) for number, one in enumerate(citations, start=1))
    for name in ("reasoning", "refusal"):
        if name in added:
            yield name.capitalize(), added[name]


def _turn(turn: Mapping[str, Any]) -> str:
    return f"{turn['role']}: {message_text(turn['content'], turn.get('tool_calls', ()))}"


def message_text(content: str, calls: Iterable[Mapping[str, Any]]) -> str:
    """A message with its tool calls, for people."""
    return "\n".join([*([content] if content else []), *map(_call, calls)])


def _context(number: int, context: Mapping[str, Any]) -> str:
    about = [f"[{number}]", *([context["id"]] if context.get("id") else [])]
    about += [f"(score {context['score']:.6g})"] if context.get("score") is not None else []
    return f"{' '.join(about)}\n{context['text']}"


def _citation(number: int, one: Mapping[str, Any]) -> str:
    about = [f"[{number}]", *([one["title"]] if one.get("title") else []), one["source"]]
    about += [f"(characters {one['start']} to {one['end']})"] if one.get("end") else []
    return "\n".join([" ".join(about), *([one["quote"]] if one.get("quote") else [])])


def _call(call: Mapping[str, Any]) -> str:
    arguments = call.get("arguments")
    if isinstance(arguments, dict):
        inner = ", ".join(f"{name}={_json(value)}" for name, value in arguments.items())
    else:
        inner = "" if arguments is None else _json(arguments)
    result = "" if call.get("result") is None else f" -> {_json(call['result'])}"
    return f"{call['name']}({inner}){result}"


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent)
