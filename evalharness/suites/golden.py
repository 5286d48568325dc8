"""Read golden answers from `golden/NAME.yaml` or `golden/NAME.jsonl`.

YAML maps a case id to its answers; JSONL has one `{"id": ..., "golden": [...]}` per line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evalharness.config import Config
from evalharness.errors import Problem, did_you_mean
from evalharness.records import IdIndex
from evalharness.suites.document import Document, DocumentError, Loc, problem, read_yaml
from evalharness.suites.field_types import StrictSchema, Text, TextOrList
from evalharness.suites.files import FileError, read_text
from evalharness.suites.large_files import is_large, json_parts
from evalharness.suites.rows import read_jsonl
from evalharness.suites.spool import Spool
from evalharness.suites.validation import validate

GOLDEN_FOLDER = "golden"
_MAX_HINTS = 20
"""Finding similar names among many cases is slow."""


class GoldenLineSchema(StrictSchema):
    """One line of a golden file in JSONL."""

    id: Text
    golden: TextOrList


_MAPPING, _LINES = TypeAdapter(dict[Text, TextOrList]), TypeAdapter(list[GoldenLineSchema])


@dataclass(frozen=True, slots=True)
class Golden:
    """The golden answers of a suite by case id."""

    file: str
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The first ones for each id."""
    problems: tuple[Problem, ...] = ()
    """Why the file cannot be read."""
    is_missing: bool = False
    path: Path | None = None
    is_suspect: bool = False
    """Whether an entry is repeated or empty."""


def read_golden(name: str, config: Config) -> Golden:
    """The golden answers of the suite `name`, empty if there is no file."""
    folder = config.root / GOLDEN_FOLDER
    found = [path for path in (folder / f"{name}.yaml", folder / f"{name}.jsonl") if path.exists()]
    file = f"{GOLDEN_FOLDER}/{found[0].name if found else name + '.yaml'}"
    if len(found) > 1:
        return Golden(
            file, problems=(problem(file, 0, 0, f"{found[0].name} and {found[1].name} both exist: keep one of them"),)
        )
    return _read(found[0], file, config) if found else Golden(file, is_missing=True)


def entry_problems(golden: Golden, known: IdIndex, config: Config) -> list[Problem]:
    """What is wrong with the entries for a suite with these cases. Reads the file again if there is something."""
    if golden.path is None or not (golden.is_suspect or any(case not in known for case in golden.answers)):
        return []
    checks = _Entries(known)
    try:
        for document in _documents(golden.path, golden.file, config):
            for loc, case, texts in _pairs(_validated(document)):
                checks.add(document, loc, case, texts)
    except _GoldenError as error:  # the file has changed
        checks.problems += error.problems
    return checks.problems


def _read(path: Path, file: str, config: Config) -> Golden:
    try:
        entries = _ReadEntries(_documents(path, file, config))
        answers = entries.stored() if _is_in_parts(path) else entries.held()
    except _GoldenError as error:
        return Golden(file, problems=error.problems)
    return Golden(file, answers, path=path, is_suspect=entries.are_suspect)


def _is_in_parts(path: Path) -> bool:
    return path.suffix == ".jsonl" and is_large(path)


def _documents(path: Path, file: str, config: Config) -> Iterator[Document]:
    """The file, in parts if it is large. Raises _GoldenError if it cannot be read."""
    try:
        if _is_in_parts(path):
            yield from json_parts(path, config.root, config.limits)
        else:
            reader = read_yaml if path.suffix == ".yaml" else read_jsonl
            yield reader(read_text(path, config.root, config.limits), file, config.limits)
    except FileError as error:
        raise _GoldenError(problem(file, error.line, 0, str(error))) from None
    except DocumentError as error:
        raise _GoldenError(error.problem) from None


class _GoldenError(Exception):
    """A golden file is invalid."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems


def _validated(document: Document) -> Any:
    """The value of a golden file, or of a part of one. Raises _GoldenError."""
    adapter = _MAPPING if document.file.endswith(".yaml") else _LINES
    value, problems = validate(adapter, document, GoldenLineSchema)
    if problems:
        raise _GoldenError(*problems)
    return value


class _ReadEntries:
    """Reads the entries of a golden file, without the cases."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = documents
        self.are_suspect = False
        """Whether an entry is repeated or empty."""

    def held(self) -> Mapping[str, tuple[str, ...]]:
        """The answers in memory. Raises _GoldenError."""
        found: dict[str, tuple[str, ...]] = {}
        for case, texts in self._entries():
            self.are_suspect |= case in found
            found.setdefault(case, texts)
        return found

    def stored(self) -> Mapping[str, tuple[str, ...]]:
        """The answers on disk. Raises _GoldenError."""
        ids = list[str]()

        def texts() -> Iterator[tuple[str, ...]]:
            for case, found in self._entries():
                ids.append(sys.intern(case))  # as the ids of cases
                yield found

        spool = Spool(texts())  # which fills `ids`
        answers = _StoredAnswers(spool, IdIndex(ids))
        self.are_suspect |= bool(answers.ids.repeated)
        return answers

    def _entries(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for document in self._documents:
            for _, case, texts in _pairs(_validated(document)):
                self.are_suspect |= not _are_answers(texts)
                yield case, texts


def _are_answers(texts: Sequence[str]) -> bool:
    return bool(texts) and all(text.strip() for text in texts)


def _pairs(value: Any) -> Iterator[tuple[Loc, str, tuple[str, ...]]]:
    """The place, case and answers of each entry."""
    if isinstance(value, dict):
        found: Iterable[tuple[Loc, str, Any]] = (((case,), case, given) for case, given in value.items())
    else:
        found = (((index, "id"), line.id, line.golden) for index, line in enumerate(value))
    return ((loc, case, (given,) if isinstance(given, str) else tuple(given)) for loc, case, given in found)


class _Entries:
    """Checks the entries of a golden file."""

    def __init__(self, known: IdIndex) -> None:
        """`known`: the ids of the cases."""
        self.known, self.problems = known, list[Problem]()
        self._seen, self._unknown = bytearray(len(known)), set[str]()

    def add(self, document: Document, loc: Loc, case: str, texts: Sequence[str]) -> None:
        """Note what is wrong with an entry."""
        place = self.known.place(case)
        is_new = case not in self._unknown if place is None else not self._seen[place]
        if not is_new:
            self.problems.append(document.problem(loc, f"duplicate entry for '{case}'"))
        if place is None:
            hint = did_you_mean(case, self.known)[:200] if len(self.problems) < _MAX_HINTS else ""
            self.problems.append(document.problem(loc, f"no case '{case}' in the suite{hint}"))
            self._unknown.add(case)
        else:
            self._seen[place] = 1
        if not _are_answers(texts):
            message = f"empty golden answer for '{case}': write one or remove the entry"
            self.problems.append(document.problem(loc, message))


class _StoredAnswers(Mapping[str, tuple[str, ...]]):
    """Golden answers on disk, by case."""

    def __init__(self, spool: Spool, ids: IdIndex) -> None:
        """`ids`: of the cases in the spool."""
        self._spool, self.ids = spool, ids

    def __getitem__(self, case: str) -> tuple[str, ...]:
        if (place := self.ids.place(case)) is None:
            raise KeyError(case)
        return tuple(self._spool[place])

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)
