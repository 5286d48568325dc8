"""Read files of other tools as plain data, and note skipped parts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from evalharness.config import Limits
from evalharness.errors import Problem, SuiteError
from evalharness.importers.promptfoo.paths import is_pattern, matches
from evalharness.importers.promptfoo.programs import Programs
from evalharness.importers.promptfoo.references import resolved
from evalharness.importers.promptfoo.tables import read_table
from evalharness.suites.document import Document, DocumentError, Loc, plain, problem, read_yaml
from evalharness.suites.files import FileError, below, read_text
from evalharness.suites.rows import read_jsonl

FILE = "file://"
_PROGRAMS = (".py", ".js", ".cjs", ".mjs", ".jsx", ".ts", ".cts", ".mts", ".tsx", ".rb", ".go", ".sh", ".bash", ".pl")
_PAIR = re.compile(r"\\\\|\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
"""A character above U+FFFF in JSON: libyaml rejects its two escapes."""


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

    @property
    def is_true(self) -> bool:
        """Whether the value is true, also as a text."""
        return self.plain in (True, "true")

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
    """The imported files, which are below `root`, and the notes about skipped parts."""

    root: Path
    folder: Path
    """The folder of the configuration; references are relative to it."""
    limits: Limits
    delimiter: str = ""
    """Between the cells of a table, "" for the usual one."""
    notes: dict[Problem, None] = field(default_factory=dict)
    programs: Programs = field(default_factory=Programs)
    """The checks to write for assertions in code."""
    embedder: str = ""
    """The embedding model of the project that compares texts, "" if there is none."""
    judge: str = ""
    """The configured model that answers graded assertions, "" if there is none."""
    offers_tools: bool = False
    """Whether the suite offers tools to the model."""

    def note(self, node: Node, message: str) -> None:
        """Add a note at the position of `node`."""
        self.notes.setdefault(node.document.problem(node.loc, message))

    def note_unknown_keys(self, node: Node, known: Iterable[str], where: str = "") -> None:
        """Add a note for each key of a mapping that is not in `known`."""
        for key, value in node.items():
            if key not in known:
                self.note(value, f"{where}'{key}' has no equivalent")

    def read(self, path: Path) -> Node:
        """The content of a data file. Raises SuiteError."""
        name = Path(os.path.relpath(path, self.folder)).as_posix()
        try:
            document = self._document(read_text(path, self.root, self.limits), name, path.suffix.lower())
        except FileError as error:
            raise SuiteError([problem(name, error.line, 0, str(error))]) from None
        except DocumentError as error:
            raise SuiteError([error.problem]) from None
        return Node(document.value, document)

    def open_reference(self, node: Node, reference: str, folder: Path | None = None) -> Node | None:
        """The data of a referenced file, or the text of another file; None, and a note, if unreadable."""
        name = reference.removeprefix(FILE)
        try:
            path = below(self.root, folder or self.folder, name)
            if is_data_file(name):
                return self.read(path)
            return Node(read_text(path, self.root, self.limits), node.document, node.loc)
        except FileError as error:
            self.note(node, f"{name}: {error}")
        except SuiteError as error:
            self.note(node, f"cannot read {name}: {error.problems[0]}")
        return None

    def text_of(self, node: Node, reference: str) -> str | None:
        """The text of a referenced file of any type; None, and a note, if unreadable."""
        name = reference.removeprefix(FILE)
        try:
            return read_text(below(self.root, self.folder, name), self.root, self.limits)
        except FileError as error:
            self.note(node, f"{name}: {error}")
            return None

    def expand(self, node: Node, reference: str, folder: Path | None = None) -> list[str]:
        """The references of the files that match a pattern; another reference as it is. A note if there is none."""
        name = reference.removeprefix(FILE)
        if not is_pattern(name):
            return [name]
        try:
            found = matches(self.root, folder or self.folder, name, self.limits.cases)
        except (FileError, ValueError, OSError, NotImplementedError) as error:
            self.note(node, f"{name}: {error}")
            return []
        if not found:
            self.note(node, f"no file matches {name!r}")
        return found

    def find(self, name: str) -> list[str]:
        """The references of the files that a name or a pattern stands for, empty if there is none."""
        try:
            if is_pattern(name):
                return matches(self.root, self.folder, name, self.limits.cases)
            return [name] if below(self.root, self.folder, name).is_file() else []
        except (FileError, ValueError, OSError, NotImplementedError):
            return []

    def folder_of(self, node: Node) -> Path:
        """The folder of the file that contains `node`."""
        return (self.folder / node.document.file).parent

    def _document(self, text: str, name: str, suffix: str) -> Document:
        if suffix == ".jsonl":
            return read_jsonl(text, name, self.limits)
        if suffix in (".csv", ".tsv"):
            return read_table(text, name, self.limits, self.delimiter or ("\t" if suffix == ".tsv" else ""))
        if suffix == ".json":
            text = _PAIR.sub(_character, text)
        document = read_yaml(text, name, self.limits, merges=True)
        return Document(name, resolved(document.value, self.limits), document.locate)


def _character(match: re.Match[str]) -> str:
    return chr(0x10000 + ((int(match[1], 16) & 0x3FF) << 10) + (int(match[2], 16) & 0x3FF)) if match[1] else match[0]


def is_data_file(name: str) -> bool:
    """Whether a file of this name contains supported data."""
    return PurePosixPath(name).suffix.lower() in (".yaml", ".yml", ".json", ".jsonl", ".csv", ".tsv")


def is_program(name: str) -> bool:
    """Whether a file is a program, also with the name of a function: `make.py:prompt`."""
    return name.endswith(_PROGRAMS) or name.rpartition(":")[0].endswith(_PROGRAMS)
