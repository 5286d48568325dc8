"""Recognize conversations in the forms of OpenAI, ShareGPT and LangChain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalharness.importers.datasets.texts import whole

Turn = tuple[str, str]
"""A role (system, user, assistant) and a text."""

_ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "ai": "assistant", "bot": "assistant", "model": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
}  # fmt: skip
_ROLE_KEYS, _TEXT_KEYS = ("role", "from", "type", "speaker"), ("content", "value", "text")


def as_chat(value: Any) -> list[Turn] | None:
    """The turns of a conversation; None for other values and for turns of tools or images."""
    if not isinstance(value, list) or not value:
        return None
    turns = [_turn(item) for item in value]
    return [turn for turn in turns if turn] if all(turns) else None


def _turn(item: Any) -> Turn | None:
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("kwargs"), dict) and isinstance(item.get("id"), list) and item["id"]:  # LangChain's dumps
        item = {"role": str(item["id"][-1]).removesuffix("Message").lower(), **item["kwargs"]}
    if str(item.get("name", "")).startswith("example_"):  # few-shot turns of OpenAI evals have the role system
        item = {**item, "role": str(item["name"]).removeprefix("example_")}
    role = next((_ROLES.get(str(item[name]).lower()) for name in _ROLE_KEYS if name in item), None)
    content = next((item[name] for name in _TEXT_KEYS if name in item), None)
    text = _text(content)
    return (role, text) if role and text is not None and not item.get("tool_calls") else None


def _text(content: Any) -> str | None:
    """The text of a message, also in parts; None if a part is an image or another file."""
    if isinstance(content, str):
        return whole(content)
    if (
        isinstance(content, list)
        and content
        and all(isinstance(part, dict) and part.get("type") == "text" for part in content)
    ):
        return whole("\n".join(str(part.get("text", "")) for part in content))
    return None


def roles_of(turns: Sequence[Turn]) -> tuple[str, ...]:
    """The roles of the turns that are sent: a last turn of the assistant is the golden answer."""
    return tuple(role for role, _ in question_of(turns))


def question_of(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns without a last one of the assistant."""
    return turns[:-1] if turns[-1][0] == "assistant" else turns


def answer_of(turns: Sequence[Turn]) -> str:
    """The last turn of the assistant, "" if the last turn is another one."""
    return turns[-1][1] if turns[-1][0] == "assistant" else ""
