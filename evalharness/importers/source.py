"""A file of another tool, read as plain data: every value knows where it stands, and what is not taken is noted."""

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
_MOST_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place."""

    value: Any
    document: Document
    loc: Loc = ()

    def __getitem__(self, key: str | int) -> Node:
        """Below a mapping or a list; None where there is nothing."""
        if isinstance(key, str):
            known = isinstance(self.value, dict) and key in self.value
        else:
            known = isinstance(self.value, list)
        return Node(self.value[key] if known else None, self.document, (*self.loc, key))

    def __bool__(self) -> bool:
        """Whether there is anything: an empty text counts as nothing."""
        return self.value is not None and self.value != ""

    @property
    def plain(self) -> Any:
        """The value with numbers, booleans and null made of bare scalars."""
        return plain(self.value)

    @property
    def text(self) -> str:
        """The value, if it is a text; else ""."""
        return str(self.value) if isinstance(self.value, str) else ""

    def items(self) -> Iterator[tuple[str, Node]]:
        """Of a mapping; none of anything else."""
        yield from ((key, self[key]) for key in (self.value if isinstance(self.value, dict) else ()))

    def each(self) -> Iterator[Node]:
        """The items of a list; a single value stands for a list of one."""
        if isinstance(self.value, list):
            yield from (self[index] for index in range(len(self.value)))
        elif self:
            yield self


@dataclass
class Source:
    """The folder that references are relative to, and what could not be taken."""

    folder: Path
    limits: Limits
    noted: dict[Problem, None] = field(default_factory=dict)

    def leave(self, node: Node, message: str) -> None:
        """Note that something has no counterpart."""
        self.noted.setdefault(node.document.problem(node.loc, message))

    def leave_keys(self, node: Node, known: Iterable[str], where: str = "") -> None:
        """Note every key of a mapping that nobody looks at."""
        for key, value in node.items():
            if key not in known:
                self.leave(value, f"{where}'{key}' has no counterpart here")

    def read(self, name: str) -> Node:
        """A file of the folder by its ending. Raises SuiteError."""
        path = inside(self.folder, self.folder, name) if not (self.folder / name).is_file() else self.folder / name
        try:
            text = read_text(path, self.folder, self.limits)
            document = _READERS[path.suffix.lower()](text, name, self.limits)
        except FileError as error:
            raise SuiteError([problem(name, error.line, 0, str(error))]) from None
        except DocumentError as error:
            raise SuiteError([error.problem]) from None
        return Node(document.value, document)

    def opened(self, node: Node, reference: str) -> Node | None:
        """A file that a value refers to: data by its ending, else a text; None, and a note, where it cannot be."""
        name = reference.removeprefix(FILE)
        try:
            path = inside(self.folder, self.folder, name)
            if path.suffix.lower() in _READERS:
                return self.read(path.relative_to(self.folder).as_posix())
            text = read_text(path, self.folder, self.limits)
        except FileError as error:
            self.leave(node, f"{name}: {error}")
            return None
        except SuiteError as error:
            self.leave(node, f"{name} is not read: {error.problems[0]}")
            return None
        return Node(text, node.document, node.loc)


def readable(name: str) -> bool:
    """Whether a file of this name holds data that is read here."""
    return Path(name).suffix.lower() in _READERS


def names(wanted: Iterable[str], otherwise: str) -> Iterator[str]:
    """A name that a suite can hold for each text, and no two alike."""
    taken: set[str] = set()
    last: Counter[str] = Counter()
    for number, text in enumerate(wanted, start=1):
        name = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:_MOST_NAME_CHARS].strip("-") or f"{otherwise}-{number}"
        base, unique = name.lower(), name
        while unique.lower() in taken:
            last[base] += 1
            unique = f"{name}-{last[base] + 1}"
        taken.add(unique.lower())
        yield unique
