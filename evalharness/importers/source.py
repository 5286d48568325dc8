"""Read files of other tools as plain data, and note skipped parts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalharness.config import Limits
from evalharness.errors import Problem, SuiteError
from evalharness.suites.document import Document, DocumentError, Loc, plain, problem, read_yaml
from evalharness.suites.files import FileError, inside, read_text
from evalharness.suites.rows import read_csv, read_jsonl

FILE = "file://"
_READERS = {".yaml": read_yaml, ".yml": read_yaml, ".json": read_yaml, ".jsonl": read_jsonl, ".csv": read_csv}
_MAX_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its position."""

    value: Any
    document: Document
    loc: Loc = ()

    def __getitem__(self, key: str | int) -> Node:
        """The child of a mapping or a list; its value is None if missing."""
        if isinstance(key, str):
            known = isinstance(self.value, dict) and key in self.value
        else:
            known = isinstance(self.value, list)
        return Node(self.value[key] if known else None, self.document, (*self.loc, key))

    def __bool__(self) -> bool:
        """Whether the value is present and not an empty text."""
        return self.value is not None and self.value != ""

    @property
    def plain(self) -> Any:
        """The value with its bare scalars resolved to numbers, booleans and null."""
        return plain(self.value)

    @property
    def text(self) -> str:
        """The value if it is a text, else ""."""
        return str(self.value) if isinstance(self.value, str) else ""

    def items(self) -> Iterator[tuple[str, Node]]:
        """The items of a mapping; nothing for other values."""
        yield from ((key, self[key]) for key in (self.value if isinstance(self.value, dict) else ()))

    def each(self) -> Iterator[Node]:
        """The items of a list; another value counts as a list of one."""
        if isinstance(self.value, list):
            yield from (self[index] for index in range(len(self.value)))
        elif self:
            yield self


@dataclass
class Source:
    """The folder of the imported files, and the notes about skipped parts."""

    folder: Path
    limits: Limits
    notes: dict[Problem, None] = field(default_factory=dict)

    def note(self, node: Node, message: str) -> None:
        """Add a note at the position of `node`."""
        self.notes.setdefault(node.document.problem(node.loc, message))

    def note_unknown_keys(self, node: Node, known: Iterable[str], where: str = "") -> None:
        """Add a note for each key of a mapping that is not in `known`."""
        for key, value in node.items():
            if key not in known:
                self.note(value, f"{where}'{key}' has no equivalent")

    def read(self, name: str) -> Node:
        """The content of a data file in the folder. Raises SuiteError."""
        path = inside(self.folder, self.folder, name) if not (self.folder / name).is_file() else self.folder / name
        try:
            text = read_text(path, self.folder, self.limits)
            document = _READERS[path.suffix.lower()](text, name, self.limits)
        except FileError as error:
            raise SuiteError([problem(name, error.line, 0, str(error))]) from None
        except DocumentError as error:
            raise SuiteError([error.problem]) from None
        return Node(document.value, document)

    def open_reference(self, node: Node, reference: str) -> Node | None:
        """The data or text of a referenced file; None, and a note, if unreadable."""
        name = reference.removeprefix(FILE)
        try:
            path = inside(self.folder, self.folder, name)
            if path.suffix.lower() in _READERS:
                return self.read(path.relative_to(self.folder).as_posix())
            text = read_text(path, self.folder, self.limits)
        except FileError as error:
            self.note(node, f"{name}: {error}")
            return None
        except SuiteError as error:
            self.note(node, f"cannot read {name}: {error.problems[0]}")
            return None
        return Node(text, node.document, node.loc)


def is_data_file(name: str) -> bool:
    """Whether a file of this name contains supported data."""
    return Path(name).suffix.lower() in _READERS


def unique_names(texts: Iterable[str], fallback: str) -> Iterator[str]:
    """A unique name that is valid in a suite for each text."""
    taken: set[str] = set()
    last: Counter[str] = Counter()
    for number, text in enumerate(texts, start=1):
        name = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:_MAX_NAME_CHARS].strip("-") or f"{fallback}-{number}"
        base, unique = name.lower(), name
        while unique.lower() in taken:
            last[base] += 1
            unique = f"{name}-{last[base] + 1}"
        taken.add(unique.lower())
        yield unique
