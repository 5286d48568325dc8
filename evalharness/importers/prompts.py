"""promptfoo's prompts: a text, a chat as JSON or YAML, or a file of either."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.importers.source import FILE, Node, Source, names, readable
from evalharness.suites.document import DocumentError, read_yaml

Messages = list[dict[str, str]]
_TEXT_FILES = (".txt", ".md", ".j2")
_ROLES = ("system", "user", "assistant")
_PATH = re.compile(r"[^\s{}]+\.[A-Za-z0-9]{1,5}(:\w+)?")


@dataclass(frozen=True, slots=True)
class FoundPrompt:
    """A prompt that can be taken, before it has a name."""

    label: str
    messages: Messages
    node: Node


def read_prompts(source: Source, prompts: Node) -> dict[str, FoundPrompt]:
    """By a name that a suite can hold."""
    found = [prompt for item, label in _entries(prompts) for prompt in _of(source, item, label)]
    return dict(zip(names((prompt.label for prompt in found), "prompt"), found, strict=True))


def _entries(prompts: Node) -> Iterator[tuple[Node, str]]:
    if isinstance(prompts.value, dict):  # an old way to write it: a label for each path
        yield from ((Node(path, node.document, node.loc), node.text) for path, node in prompts.items())
    else:
        yield from ((item, "") for item in prompts.each())


def _of(source: Source, item: Node, label: str) -> Iterator[FoundPrompt]:
    if isinstance(item.value, dict):
        source.leave_keys(item, ("id", "raw", "label"), "of a prompt: ")
        label, item = item["label"].text, item["raw"] if item["raw"] else item["id"]
    text = item.text
    if text.startswith(FILE) or _PATH.fullmatch(text.strip()):
        yield from _of_file(source, item, text.strip().removeprefix(FILE), label)
    elif re.match(r"\w+://|exec:", text):
        source.leave(item, f"the prompt {text[:80]!r} comes from elsewhere: write its text into the suite")
    elif text.strip():
        yield from _of_text(source, item, text, label)
    else:
        source.leave(item, "a prompt without a text")


def _of_file(source: Source, item: Node, name: str, label: str) -> Iterator[FoundPrompt]:
    suffix = Path(name).suffix.lower()
    if "*" in name:
        source.leave(item, f"{name}: name the files one by one")
    elif suffix in _TEXT_FILES:
        opened = source.opened(item, name)
        texts = re.split(r"^---\s*$", opened.text, flags=re.MULTILINE) if opened else []
        for text in texts:
            yield from _of_text(source, item, text.strip(), label or Path(name).stem)
    elif suffix in (".json", ".yaml", ".yml"):
        opened = source.opened(item, name)
        messages = _chat(source, opened) if opened else None
        if messages:
            yield FoundPrompt(label or Path(name).stem, messages, item)
    else:
        what = "tables of prompts are not read" if readable(name) else "no program is run to make a prompt"
        source.leave(item, f"the prompt {name[:80]}: {what}")


def _of_text(source: Source, item: Node, text: str, label: str) -> Iterator[FoundPrompt]:
    chat = _as_chat(source, item, text)
    messages = _chat(source, chat) if chat else [{"user": text}]
    if messages:
        yield FoundPrompt(label, messages, item)


def _as_chat(source: Source, item: Node, text: str) -> Node | None:
    """A text that is a list of messages, written as JSON or YAML."""
    if not re.match(r'\s*(\[\s*\{\s*"|-\s+role:)', text):
        return None
    try:
        value = read_yaml(text, item.document.file, source.limits).value
    except DocumentError:
        return None
    return Node(value, item.document, item.loc) if isinstance(value, list) else None


def _chat(source: Source, chat: Node) -> Messages | None:
    messages = [_message(turn) for turn in (chat.value if isinstance(chat.value, list) else [None])]
    if all(messages) and messages:
        return [message for message in messages if message]
    source.leave(chat, "the prompt is no list of messages with a role (system, user, assistant) and a text")
    return None


def _message(turn: Any) -> dict[str, str] | None:
    if not isinstance(turn, dict) or set(turn) != {"role", "content"}:
        return None
    role, content = turn["role"], turn["content"]
    return {str(role): str(content)} if role in _ROLES and isinstance(content, str) else None
