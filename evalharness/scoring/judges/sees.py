"""The parts of a sample that a judge can see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from evalharness.errors import MetricError, did_you_mean
from evalharness.records import Message
from evalharness.scoring.judges.fences import Shown
from evalharness.scoring.metrics.base import SampleView
from evalharness.scoring.metrics.traces import calls_of, contexts_of

DEFAULT = ("question", "answer")
_NOTHING = "(none)"


def shown(view: SampleView, names: Iterable[str]) -> list[Shown]:
    """Return the texts of these parts with their titles. Raises MetricError: the sample lacks a part."""
    return [pair for name in names for pair in _PARTS[name](view)]


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names. Raises ValueError: none, an unknown or a repeated one."""
    if not names:
        raise ValueError(f"sees: expected at least one of {', '.join(_PARTS)}")
    for name in names:
        if name not in _PARTS:
            raise ValueError(f"sees: unknown part '{name}'{did_you_mean(name, _PARTS)}")
        if names.count(name) > 1:
            raise ValueError(f"sees: '{name}' is listed twice")
    return tuple(names)


def beyond(view: SampleView, names: Iterable[str]) -> list[str]:
    """Return those of these parts of a sample that a baseline does not keep of an accepted answer."""
    added = {
        "context": bool(view.response.contexts) or "contexts" in view.response.empty or "context" not in view.vars,
        "conversation": bool(view.response.turns),
        "tool_calls": True,
    }
    return [name for name in names if added.get(name, False)]


def _question(view: SampleView) -> list[Shown]:
    found = [message.content for message in view.messages if message.role == "user"]
    if not found:
        raise MetricError("the prompt has no message of the user: leave 'question' out of 'sees'")
    return [("question", found[-1])]


def _golden(view: SampleView) -> list[Shown]:
    if len(view.golden) == 1:
        return [("golden answer", view.golden[0])]
    return [(f"golden answer {number}", one) for number, one in enumerate(view.golden, start=1)]


def _context(view: SampleView) -> list[Shown]:
    """The contexts that the application returns; else the variable `context` of a case."""
    given = view.vars.get("context")
    if view.response.contexts or given is None:
        texts = [one.text for one in contexts_of(view.response)]
    else:
        texts = list(map(_text, given if isinstance(given, list) else [given]))
    return [(f"context {number}", one) for number, one in enumerate(texts, start=1)] or [("context", _NOTHING)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _messages(view: SampleView) -> list[Shown]:
    return _each("message", view.messages)


def _conversation(view: SampleView) -> list[Shown]:
    """What user and assistant said, up to the answer."""
    turns = view.response.turns or (*view.messages, Message("assistant", view.text))
    return _each("turn", [turn for turn in turns if turn.role != "system"])


def _each(what: str, messages: Iterable[Message]) -> list[Shown]:
    """Each message as a text of its own: in one text, a message could add others and name their roles."""
    found = [(f"{what} {number}, {one.role}", one.shown) for number, one in enumerate(messages, start=1)]
    return found or [(what, _NOTHING)]


def _calls(view: SampleView) -> list[Shown]:
    calls = [json.dumps(one.to_data(), ensure_ascii=False, sort_keys=True) for one in calls_of(view.response)]
    return [("tool calls", "\n".join(calls) or _NOTHING)]


_PARTS: Mapping[str, Callable[[SampleView], list[Shown]]] = {
    "question": _question,
    "answer": lambda view: [("answer", view.text)],
    "golden": _golden,
    "context": _context,
    "messages": _messages,
    "conversation": _conversation,
    "tool_calls": _calls,
}
