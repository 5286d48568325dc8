"""Convert prompts of promptfoo: texts, chats in JSON or YAML, and files.

Kinds of files as in promptfoo, src/prompts/processors.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from evalharness.config import Limits
from evalharness.importers.names import loses_letters, unique_names
from evalharness.importers.promptfoo.paths import is_pattern
from evalharness.importers.promptfoo.source import FILE, Node, Source, is_program
from evalharness.suites.document import DocumentError, read_yaml

Messages = list[dict[str, str]]
_ROLES = ("system", "user", "assistant")
_ONE_TEXT = (".md", ".j2", ".json")
_YAML = (".yaml", ".yml")
_FILES = (".txt", *_ONE_TEXT, *_YAML, ".jsonl", ".csv")
_MAX_LABEL_CHARS = 60
_LIKE_CHAT = re.compile(r'\s*(\[\s*\{\s*"|-\s+role:)')
_DUMPED = re.compile(r'(?<!["\w])\{\{-?\s*(\w+)\s*\|\s*(?:dump|tojson)\s*(?:\(\d*\))?\s*-?\}\}(?!["\w])')
"""A variable that nunjucks writes as JSON, quotes and all, into the JSON of a chat."""


@dataclass(frozen=True, slots=True)
class ImportedPrompt:
    """A converted prompt before it gets a unique name."""

    label: str
    messages: Messages
    node: Node
    is_chat: bool = False
    """Whether the source has messages with roles, not one text."""
    file: str = ""
    """The file that is the whole prompt, relative to the configuration."""


def read_prompts(source: Source, prompts: Node) -> dict[str, ImportedPrompt]:
    """The prompts by a name that is valid in a suite."""
    found = [prompt for item, label in _entries(prompts) for prompt in _prompts(source, item, label)]
    named = dict(zip(unique_names((prompt.label for prompt in found), "prompt"), found, strict=True))
    for name, prompt in named.items():
        if loses_letters(prompt.label):
            label = prompt.label[:_MAX_LABEL_CHARS]
            source.note(prompt.node, f"the prompt '{label}' is named '{name}': names of prompts are ASCII")
    return named


def _entries(prompts: Node) -> Iterator[tuple[Node, str]]:
    if isinstance(prompts.value, dict):  # legacy format: a label for each path
        yield from ((Node(path, node.document, node.loc), node.text) for path, node in prompts.items())
    else:
        yield from ((item, "") for item in prompts.each())


def _prompts(source: Source, item: Node, label: str) -> Iterator[ImportedPrompt]:
    if isinstance(item.value, dict):
        source.note_unknown_keys(item, ("id", "raw", "label"), "of a prompt: ")
        id_ = item["id"].text if item["raw"] else ""
        label, item = item["label"].text or id_, item["raw"] if item["raw"] else item["id"]
    text = item.text
    if re.match(r"exec:|(?!file:)[a-z0-9+.-]+://", text):
        what = "is a program, which is not run" if text.startswith("exec:") else "is remote"
        source.note(item, f"the prompt {text[:80]!r} {what}: copy its text into the suite")
    elif names := _files(source, item, text.strip()):
        for name in names:
            yield from _from_file(source, item, name, label if len(names) == 1 else f"{label} {_stem(name)}".strip())
    elif text.strip() and not text.startswith(FILE):
        yield from _from_text(source, item, text, label)
    elif not text.strip():
        source.note(item, "the prompt is empty")


def _files(source: Source, item: Node, text: str) -> list[str]:
    """The files that a prompt names, empty if it is a text."""
    name = text.removeprefix(FILE)
    if text.startswith(FILE):
        return source.expand(item, name)
    if "\n" in text or "{{" in text:
        return []
    if is_pattern(name):
        return source.find(name)
    is_path = name.lower().endswith(_FILES) or is_program(name)
    return [name] if source.find(name) or (is_path and " " not in name) else []


def _from_file(source: Source, item: Node, name: str, label: str) -> Iterator[ImportedPrompt]:
    suffix, label = PurePosixPath(name).suffix.lower(), label or _stem(name)
    if suffix not in _FILES:
        what = "programs are not run" if is_program(name) else "expected a .txt, .md, .j2, .json, .yaml or .csv file"
        source.note(item, f"the prompt {name[:80]}: {what}")
    elif suffix in _YAML:
        yield from _from_data(source, item, name, label)
    else:
        text = source.text_of(item, name)
        parts = None if text is None else _parts(text, suffix, source.limits)
        if parts == []:
            source.note(item, f"the prompt {name[:80]} is empty")
        is_whole = parts is not None and len(parts) == 1 and suffix in (".txt", *_ONE_TEXT)
        for part, own_label in parts or ():
            for prompt in _from_text(source, item, part, own_label or label):
                yield replace(prompt, file=name) if is_whole else prompt


def _from_data(source: Source, item: Node, name: str, label: str) -> Iterator[ImportedPrompt]:
    opened = source.open_reference(item, name)
    messages = _chat(source, opened) if opened else None
    if messages:
        yield ImportedPrompt(label, messages, item, is_chat=True, file=name)


def _parts(text: str, suffix: str, limits: Limits) -> list[tuple[str, str]]:
    """The prompts in a text file, each with its label or "": one, or one for each part, line or row."""
    if suffix == ".csv" and "," in text:
        with suppress(csv.Error):
            return _rows(text, limits)
    if suffix in _ONE_TEXT:
        parts = [text] if text.strip() else []
    elif suffix == ".jsonl":
        parts = _lines(text)
    elif suffix == ".csv":
        lines = _lines(text)
        parts = lines[1:] if lines and lines[0].strip().lower() == "prompt" else lines
    else:
        text = text.replace("\r\n", "\n")
        parts = [part.strip() for part in re.split(r"^[^\S\n]*---[^\S\n]*$", text, flags=re.MULTILINE) if part.strip()]
    return [(part, "") for part in parts]


def _rows(text: str, limits: Limits) -> list[tuple[str, str]]:
    """The cells of the columns `prompt` and `label` of each row with a prompt. Raises csv.Error."""
    csv.field_size_limit(int(limits.file_mb * 1e6))
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    found = [(str(row.get("prompt") or "").strip(), str(row.get("label") or "").strip()) for row in rows]
    return [(prompt, label) for prompt, label in found if prompt]


def _lines(text: str) -> list[str]:
    return [line for line in re.split(r"\r?\n", text) if line.strip()]


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _from_text(source: Source, item: Node, text: str, label: str) -> Iterator[ImportedPrompt]:
    try:
        chat = _as_chat(source, item, text)
    except (ValueError, RecursionError, DocumentError):
        source.note(
            item, "the prompt looks like messages, but is not JSON or YAML before it is rendered: it is skipped"
        )
        return
    messages = _chat(source, chat) if chat else [{"user": text}]
    if messages:
        yield ImportedPrompt(label, messages, item, is_chat=chat is not None)


def _as_chat(source: Source, item: Node, text: str) -> Node | None:
    """The messages in a text that is JSON, or a YAML list of roles, else None. Raises if they cannot be read."""
    value: Any = None
    text = _DUMPED.sub(r'"{{ \1 }}"', text) if _LIKE_CHAT.match(text) else text
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            value = _json(text)
    if value is None and _LIKE_CHAT.match(text):
        value = read_yaml(text, item.document.file, source.limits, merges=True).value
    return Node(value, item.document, item.loc) if isinstance(value, list | dict) else None


def _json(text: str) -> Any:
    """The JSON value of a text. Raises ValueError, also for half a character."""
    value = json.loads(text)
    json.dumps(value, ensure_ascii=False).encode()
    return value


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
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        content = content[0].get("text") if content[0].get("type") == "text" else None
    return {str(role): str(content)} if role in _ROLES and isinstance(content, str) else None
