"""Convert prompts of promptfoo: texts, chats in JSON or YAML, and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.importers.source import FILE, Node, Source, is_data_file, unique_names
from evalharness.suites.document import DocumentError, read_yaml

Messages = list[dict[str, str]]
_TEXT_FILES = (".txt", ".md", ".j2")
_ROLES = ("system", "user", "assistant")
_PATH = re.compile(r"[^\s{}]+\.[A-Za-z0-9]{1,5}(:\w+)?")


@dataclass(frozen=True, slots=True)
class ImportedPrompt:
    """A converted prompt before it gets a unique name."""

    label: str
    messages: Messages
    node: Node


def read_prompts(source: Source, prompts: Node) -> dict[str, ImportedPrompt]:
    """The prompts by a name that is valid in a suite."""
    found = [prompt for item, label in _entries(prompts) for prompt in _prompts(source, item, label)]
    return dict(zip(unique_names((prompt.label for prompt in found), "prompt"), found, strict=True))


def _entries(prompts: Node) -> Iterator[tuple[Node, str]]:
    if isinstance(prompts.value, dict):  # legacy format: a label for each path
        yield from ((Node(path, node.document, node.loc), node.text) for path, node in prompts.items())
    else:
        yield from ((item, "") for item in prompts.each())


def _prompts(source: Source, item: Node, label: str) -> Iterator[ImportedPrompt]:
    if isinstance(item.value, dict):
        source.note_unknown_keys(item, ("id", "raw", "label"), "of a prompt: ")
        label, item = item["label"].text, item["raw"] if item["raw"] else item["id"]
    text = item.text
    if text.startswith(FILE) or _PATH.fullmatch(text.strip()):
        yield from _from_file(source, item, text.strip().removeprefix(FILE), label)
    elif re.match(r"\w+://|exec:", text):
        source.note(item, f"the prompt {text[:80]!r} is remote: copy its text into the suite")
    elif text.strip():
        yield from _from_text(source, item, text, label)
    else:
        source.note(item, "the prompt is empty")


def _from_file(source: Source, item: Node, name: str, label: str) -> Iterator[ImportedPrompt]:
    suffix = Path(name).suffix.lower()
    if "*" in name:
        source.note(item, f"{name}: patterns are not supported, list the files")
    elif suffix in _TEXT_FILES:
        opened = source.open_reference(item, name)
        texts = re.split(r"^---\s*$", opened.text, flags=re.MULTILINE) if opened else []
        for text in texts:
            yield from _from_text(source, item, text.strip(), label or Path(name).stem)
    elif suffix in (".json", ".yaml", ".yml"):
        opened = source.open_reference(item, name)
        messages = _chat(source, opened) if opened else None
        if messages:
            yield ImportedPrompt(label or Path(name).stem, messages, item)
    else:
        what = "tables of prompts are not supported" if is_data_file(name) else "programs are not run"
        source.note(item, f"the prompt {name[:80]}: {what}")


def _from_text(source: Source, item: Node, text: str, label: str) -> Iterator[ImportedPrompt]:
    chat = _as_chat(source, item, text)
    messages = _chat(source, chat) if chat else [{"user": text}]
    if messages:
        yield ImportedPrompt(label, messages, item)


def _as_chat(source: Source, item: Node, text: str) -> Node | None:
    """The messages in a text that is a JSON or YAML list, else None."""
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
    source.note(chat, "expected a list of messages with a role (system, user, assistant) and a text")
    return None


def _message(turn: Any) -> dict[str, str] | None:
    if not isinstance(turn, dict) or set(turn) != {"role", "content"}:
        return None
    role, content = turn["role"], turn["content"]
    return {str(role): str(content)} if role in _ROLES and isinstance(content, str) else None
