"""The cases of a suite as written: from its own file, or from a file of cases (in parts if it is large)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evalharness.errors import Problem
from evalharness.records import USER, IdIndex, Location
from evalharness.suites.document import Document, Loc, read_yaml
from evalharness.suites.files import FileError, inside
from evalharness.suites.large_files import is_large, json_parts
from evalharness.suites.reading import Reading
from evalharness.suites.rows import read_csv, read_jsonl, without_missing_ids
from evalharness.suites.schema import CaseSchema

Row = tuple[CaseSchema, tuple[Document, Loc]]
"""A case as written, and its place."""
Rows = Callable[[], Iterable[Row]]
"""Reads the cases again at each call."""
_READERS: dict[str, Callable[..., Document]] = {".yaml": read_yaml, ".jsonl": read_jsonl, ".csv": read_csv}
_DATASETS = (".json", ".ndjson", ".tsv", ".txt", ".gz")
_CASES = TypeAdapter(list[CaseSchema])
_RESERVED = "the id 'gate' is reserved for gate results: choose another id"


@dataclass(slots=True)
class Survey:
    """What the cases of a suite have together."""

    ids: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    """Those that cases set, with that of their turns."""
    asserts: bool = False
    """Whether a case has assertions of its own."""
    talks: bool = False
    """Whether a case has messages besides those of the prompt."""

    def add(self, case: CaseSchema) -> None:
        """Add a case, or a turn of one."""
        self.ids.append(sys.intern(case.id))  # baselines repeat ids
        self.tags.update(case.tags)
        self.variables.update(case.vars)
        self.variables |= {USER} if case.turns or case.user else set()
        self.asserts, self.talks = self.asserts or bool(case.assert_), self.talks or case.is_conversation


class CaseReader:
    """Reads the cases of one suite, and notes what is wrong with them."""

    def __init__(self, reading: Reading, document: Document, given: str | Sequence[CaseSchema]) -> None:
        """`given`: a list in the suite's own document, or the path of a file of cases. Raises SuiteError."""
        self.is_in_parts = False
        """Whether the cases are in a large file, which is read as they are wanted."""
        self._reading, self._document, self.survey = reading, document, Survey()
        self._written = self._of_file(given) if isinstance(given, str) else _listed(given, document, ("cases",))

    def rows(self) -> Iterator[Row]:
        """The cases, with one for each turn in place of those with turns. To be read once: `survey` then has them.

        Notes what is wrong with a conversation. Raises SuiteError for an invalid part of a large file.
        """
        for written in self._written():
            if written[0].is_conversation:
                self._reading.problems += _conversation_problems(written)
            for row in _turns(written):
                self.survey.add(row[0])
                yield row

    def ids(self) -> IdIndex:
        """The ids of the cases that were read. Notes what is wrong with them."""
        found = IdIndex(self.survey.ids)
        self._check_number(len(found))
        if "gate" in found or found.repeated:
            self._check_ids(found.repeated)
        return found

    def _check_number(self, number: int) -> None:
        most = self._reading.config.limits.cases
        if not number:
            self._reading.note(self._document, ("cases",), "the suite has no cases: add at least one")
        if number > most:
            self._reading.note(self._document, ("cases",), f"{number} cases exceed limits.cases = {most}")

    def _check_ids(self, repeated: Collection[str]) -> None:
        """Read the cases again, to note where ids are reserved or repeated."""
        first: dict[str, Location] = {}
        for case, (document, loc) in (row for written in self._written() for row in _turns(written)):
            if case.id == "gate":
                self._reading.note(document, (*loc, "id"), _RESERVED)
            if case.id in first:
                message = f"duplicate id '{case.id}': first used at {first[case.id]}"
                self._reading.note(document, (*loc, "id"), message)
            elif case.id in repeated:
                first[case.id] = document.locate((*loc, "id"))

    def _of_file(self, reference: str) -> Rows:
        root, limits = self._reading.config.root, self._reading.config.limits
        path = self._path(reference)
        if path.suffix == ".parquet":
            from evalharness.suites.parquet import parquet_parts  # few suites have one

            self.is_in_parts = True
            return lambda: self._in_parts(path, _cases_of(parquet_parts(path, root, limits)))
        if path.suffix == ".jsonl" and is_large(path):
            self.is_in_parts = True
            return lambda: self._in_parts(path, json_parts(path, root, limits))
        cases = self._reading.read(path, _READERS[path.suffix])
        if path.suffix == ".csv":
            cases = Document(cases.file, [_from_row(row) for row in cases.value], cases.locate)
        cases, missing = without_missing_ids(cases)
        return _listed(self._reading.checked(_CASES, cases, missing), cases, ())

    def _in_parts(self, path: Path, parts: Iterable[Document]) -> Iterator[Row]:
        """The cases of a large file. Raises SuiteError with the problems of the first part that has some."""
        for document in self._reading.parts(path, parts):
            cases, missing = without_missing_ids(document, is_part=True)
            yield from _listed(self._reading.checked(_CASES, cases, missing), cases, ())()

    def _path(self, reference: str) -> Path:
        root = self._reading.config.root
        try:
            path = inside(root, self._reading.path.parent, reference)
            if path.suffix not in (*_READERS, ".parquet"):
                raise FileError(_other_format(reference, path.relative_to(root).as_posix()))
            if not path.exists():
                raise FileError(f"case file '{reference}' not found in the folder of this suite")
        except FileError as error:
            raise self._reading.error(self._document.problem(("cases",), str(error))) from None
        return path


def _listed(cases: Sequence[CaseSchema], document: Document, at: Loc) -> Rows:
    return lambda: ((case, (document, (*at, index))) for index, case in enumerate(cases))


def _conversation_problems(row: Row) -> Iterable[Problem]:
    from evalharness.suites.conversations import case_problems

    return case_problems(*row)


def _turns(row: Row) -> Iterable[Row]:
    """The case, or each turn of it."""
    if not row[0].turns:
        return (row,)
    from evalharness.suites.conversations import turns_of

    return turns_of(*row)


def _other_format(reference: str, file: str) -> str:
    message = f"expected a case file that ends in .yaml, .jsonl, .csv or .parquet, got '{reference}'"
    known = Path(reference).suffix.lower() in _DATASETS
    return f"{message}. To convert a data set: evalharness import dataset {file}" if known else message


def _cases_of(parts: Iterable[Document]) -> Iterator[Document]:
    return (Document(part.file, [_from_row(row) for row in part.value], part.locate) for part in parts)


def _from_row(row: dict[str, Any]) -> dict[str, Any]:
    """A case from a row: `id`, `tags` (a list, or separated by ;), and all other columns as variables."""
    tags = row.get("tags") or ""
    tags = [tag.strip() for tag in tags.split(";") if tag.strip()] if isinstance(tags, str) else tags
    variables = {name: cell for name, cell in row.items() if name not in ("id", "tags")}
    return {**({"id": row["id"]} if "id" in row else {}), "tags": tags, "vars": variables}
