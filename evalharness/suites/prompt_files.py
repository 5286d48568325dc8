"""Read a prompt file of an application: a text with optional front matter, or a chat in JSON or YAML.

Only files with the endings of prompts are read, and none that is hidden: what a suite names is sent to a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.config import Limits
from evalharness.errors import Problem, did_you_mean
from evalharness.records import Attachment, Location
from evalharness.suites.document import Document, DocumentError, Loc, problem, read_yaml
from evalharness.suites.files import FileError, below, read_text
from evalharness.suites.rows import json_value

ROLES = ("system", "user", "assistant")
TEXTS, TEMPLATES, CHATS = (".md", ".txt"), (".jinja", ".jinja2", ".j2"), (".json", ".yaml", ".yml")
_FENCE = re.compile(r"---[ \t]*(?:\n|\Z)")
_END = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FileText:
    """One text of a prompt file."""

    role: str
    """Empty if the file does not set one."""
    text: str
    where: Location
    """Where the text starts."""
    attachments: tuple[Attachment, ...] = ()
    """Of a message of the suite itself: templates of paths, and their places in the text."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """The content of a prompt file."""

    texts: tuple[FileText, ...]
    is_chat: bool
    ignored: str = ""
    """A line that names the keys without effect; empty if there are none."""
    problem: Problem | None = None
    """Of the role in the front matter, which the suite may replace."""


def prompt_path(root: Path, folder: Path, reference: str) -> Path:
    """The path of a prompt file. Raises FileError: above the root, a link, hidden, or no ending of a prompt."""
    path = below(root, folder, reference)
    name = path.relative_to(root)
    if any(part.startswith(".") for part in name.parts):
        raise FileError(f"'{reference}' is hidden: a prompt file may not be, because it is sent to the model")
    if path.suffix.lower() not in (*TEXTS, *TEMPLATES, *CHATS):
        known = ", ".join((*TEXTS, *TEMPLATES, *CHATS))
        raise FileError(f"expected a prompt file that ends in {known}, got '{reference}'")
    return path


def read_prompt_file(path: Path, root: Path, limits: Limits) -> PromptFile:
    """The content of a prompt file. Raises DocumentError."""
    file = path.relative_to(root).as_posix()
    try:
        text = read_text(path, root, limits).replace("\r\n", "\n").replace("\r", "\n")
    except FileError as error:
        raise DocumentError(problem(file, error.line, 0, str(error))) from None
    found = _chat(text, file, limits) if path.suffix.lower() in CHATS else _text(text, file, limits)
    if not any(one.text.strip() for one in found.texts):
        raise DocumentError(problem(file, 1, 0, "the prompt is empty"))
    return found


def _text(text: str, file: str, limits: Limits) -> PromptFile:
    start = _FENCE.match(text)
    end = _END.search(text, start.end()) if start else None
    if start is None:
        return PromptFile((FileText("", _without_end(text), Location(file, 1, 1)),), is_chat=False)
    if end is None:
        raise DocumentError(
            problem(file, 1, 1, "front matter without an end: close it with ---, or start the text with an empty line")
        )
    document = read_yaml("\n" + text[start.end() : end.start()], file, limits)
    found = _mapping(document)
    role, others = str(found.get("role", "")), [key for key in found if key != "role"]
    body = text[end.end() + 1 :]
    rest = body.lstrip("\n")
    line = text.count("\n", 0, len(text) - len(rest)) + 1
    one = FileText(role, _without_end(rest), Location(file, line, 1))
    wrong = None if "role" not in found or role in ROLES else _unknown_role(document, role)
    return PromptFile((one,), is_chat=False, ignored=_ignored(document, (), others), problem=wrong)


def _without_end(text: str) -> str:
    """The text without its line end, as a template renders it; of several line ends, jinja2 removes one."""
    return text if text.endswith("\n\n") else text.removesuffix("\n")


def _mapping(document: Document) -> dict[str, Any]:
    """The front matter. Raises DocumentError."""
    if document.value in (None, ""):
        return {}
    if not isinstance(document.value, dict):
        message = "front matter must be a mapping (key: value); if it is text, start the file with an empty line"
        raise DocumentError(document.problem((), message))
    return document.value


def _unknown_role(document: Document, role: str) -> Problem:
    hint = did_you_mean(role[:40], ROLES)
    message = f"role: unknown role '{role[:40]}' (if it means something else, set `role` in the suite){hint}"
    return document.problem(("role",), message)


def _ignored(document: Document, loc: Loc, keys: list[str]) -> str:
    if not keys:
        return ""
    shown = ", ".join(key[:40] for key in keys[:10]) + (", ..." if len(keys) > 10 else "")
    return str(document.problem((*loc, keys[0]), f"ignored: {shown}"))


def _chat(text: str, file: str, limits: Limits) -> PromptFile:
    """A list of messages, or a mapping with the key `messages`. Raises DocumentError."""
    document = (_read_json if file.lower().endswith(".json") else read_yaml)(text, file, limits)
    found, ignored = document.value, ""
    loc: Loc = ()
    if isinstance(found, dict) and "messages" in found:
        ignored = _ignored(document, (), [key for key in found if key != "messages"])
        found, loc = found["messages"], ("messages",)
    if not isinstance(found, list) or not found:
        raise DocumentError(document.problem(loc, "expected a list of messages, each with `role` and `content`"))
    texts = (_message(turn, document, (*loc, index)) for index, turn in enumerate(found))
    return PromptFile(tuple(texts), is_chat=True, ignored=ignored)


def _read_json(text: str, file: str, limits: Limits) -> Document:
    """The value of a JSON file; positions as far as YAML, which has almost all of JSON, can read it."""
    value = json_value(text, file, limits)
    locate: Callable[[Loc], Location] = lambda _: Location(file, 1, 1)  # noqa: E731
    with suppress(DocumentError):
        locate = read_yaml(text, file, limits).locate
    return Document(file, value, locate)


def _message(turn: Any, document: Document, loc: Loc) -> FileText:
    """A message `{role, content}` as OpenAI has it, or `{ROLE: text}`. Raises DocumentError."""
    if not isinstance(turn, dict):
        raise DocumentError(document.problem(loc, "expected a message with `role` and `content`"))
    if "role" not in turn and len(turn) == 1:
        ((role, content),) = turn.items()
        place: Loc = (*loc, role)
    else:
        role, content, place = turn.get("role"), _single(turn.get("content")), (*loc, "content")
        for key in (key for key in turn if key not in ("role", "content")):
            message = f"unknown key '{key[:40]}' of a message: expected `role` and `content`"
            raise DocumentError(document.problem((*loc, key), message))
    if role not in ROLES:
        known = did_you_mean(str(role)[:40], ROLES)
        raise DocumentError(document.problem((*loc, "role"), f"unknown role '{str(role)[:40]}'{known}"))
    if not isinstance(content, str):
        raise DocumentError(document.problem(place, f"the content of a {role} message must be a text"))
    return FileText(str(role), str(content), document.locate(place))


def _single(content: Any) -> Any:
    """The text of a list with one part of the type `text`; another value unchanged."""
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        return content[0].get("text") if content[0].get("type") == "text" else content
    return content


def in_text(where: Location, line: int, message: str) -> Problem:
    """A problem on a line of a text that starts at `where`; of a chat and a suite, at `where`."""
    if has_lines(where) and line:
        return problem(where.file, where.line + line - 1, 0, message)
    return problem(*where, message)


def has_lines(where: Location) -> bool:
    """Whether the lines of the text that starts here are lines of its file."""
    return where.file.lower().endswith((*TEXTS, *TEMPLATES))


def prompt_references(suite: Path, root: Path, limits: Limits) -> Iterator[str]:
    """The prompt files that a suite names, relative to the root; none for a suite that cannot be read."""
    with suppress(DocumentError, FileError):
        text = read_text(suite, root, limits)
        found = read_yaml(text, suite.name, limits).value if "file" in text else None
        prompts = found.get("prompts") if isinstance(found, dict) else None
        for reference in _references(list(prompts.values()) if isinstance(prompts, dict) else []):
            with suppress(FileError):
                yield prompt_path(root, suite.parent, reference).relative_to(root).as_posix()


def _references(prompts: list[Any]) -> Iterator[str]:
    """The values of the keys `file` of prompts and of their messages."""
    for prompt in prompts:
        turns = prompt if isinstance(prompt, list) else [{"": prompt}]
        sources = [one for turn in turns if isinstance(turn, dict) for one in turn.values()]
        yield from (one["file"] for one in sources if isinstance(one, dict) and isinstance(one.get("file"), str))
