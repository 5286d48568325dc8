"""Read golden answers from `golden/NAME.yaml` or `golden/NAME.jsonl`.

YAML maps a case id to its answers; JSONL has one `{"id": ..., "golden": [...]}` per line.
"""

from __future__ import annotations

from array import array
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
_MAX_PROBLEMS = 1_000


class GoldenLineSchema(StrictSchema):
    """One line of a golden file in JSONL."""

    id: Text
    golden: TextOrList


_MAPPING, _LINES = TypeAdapter(dict[Text, TextOrList]), TypeAdapter(list[GoldenLineSchema])


@dataclass(frozen=True, slots=True)
class Golden:
    """The golden answers of a suite by case id, and the problems of the file."""

    file: str
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    is_missing: bool = False


def read_golden(name: str, config: Config, case_ids: Sequence[str]) -> Golden:
    """The golden answers of the suite `name`, empty if there is no file."""
    folder = config.root / GOLDEN_FOLDER
    found = [path for path in (folder / f"{name}.yaml", folder / f"{name}.jsonl") if path.exists()]
    file = f"{GOLDEN_FOLDER}/{found[0].name if found else name + '.yaml'}"
    if len(found) > 1:
        return Golden(
            file, problems=(problem(file, 0, 0, f"{found[0].name} and {found[1].name} both exist: keep one of them"),)
        )
    return _read(found[0], file, config, case_ids) if found else Golden(file, is_missing=True)


def _read(path: Path, file: str, config: Config, case_ids: Sequence[str]) -> Golden:
    checks = _Entries(IdIndex(case_ids))
    try:
        if path.suffix == ".jsonl" and is_large(path):
            return _in_parts(path, file, config, checks)
        reader, adapter = (read_yaml, _MAPPING) if path.suffix == ".yaml" else (read_jsonl, _LINES)
        document = reader(read_text(path, config.root, config.limits), file, config.limits)
    except FileError as error:
        return Golden(file, problems=(problem(file, error.line, 0, str(error)),))
    except DocumentError as error:
        return Golden(file, problems=(error.problem,))
    value, problems = validate(adapter, document, GoldenLineSchema)
    if problems:
        return Golden(file, problems=tuple(problems))
    answers = {case: texts for loc, case, texts in _pairs(value) if checks.add(document, loc, case, texts)}
    return Golden(file, answers, tuple(checks.problems))


def _in_parts(path: Path, file: str, config: Config, checks: _Entries) -> Golden:
    """The golden answers of a large file, which stay on disk. The first part with an invalid line ends the reading."""
    places = array("i", [-1]) * len(checks.known)

    def entries() -> Iterator[tuple[str, ...]]:
        count = 0
        for document in json_parts(path, config.root, config.limits):
            value, problems = validate(_LINES, document, GoldenLineSchema)
            checks.problems += problems
            for loc, case, texts in _pairs(value or ()):
                if checks.add(document, loc, case, texts) and (place := checks.known.place(case)) is not None:
                    places[place], count = count, count + 1
                    yield texts
            if problems:
                return

    answers = _StoredAnswers(checks.known, Spool(entries()), places)
    return Golden(file, answers, tuple(checks.problems[:_MAX_PROBLEMS]))


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

    def add(self, document: Document, loc: Loc, case: str, texts: Sequence[str]) -> bool:
        """Note what is wrong with an entry. Returns whether it is the first of its case."""
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
        if not texts or not all(text.strip() for text in texts):
            message = f"empty golden answer for '{case}': write one or remove the entry"
            self.problems.append(document.problem(loc, message))
        return is_new


class _StoredAnswers(Mapping[str, tuple[str, ...]]):
    """Golden answers on disk, by case."""

    def __init__(self, known: IdIndex, spool: Spool, places: Sequence[int]) -> None:
        """`places`: of the answers of each known case in the spool, or -1."""
        self._known, self._spool, self._places = known, spool, places

    def __getitem__(self, case: str) -> tuple[str, ...]:
        place = self._known.place(case)
        if place is None or self._places[place] < 0:
            raise KeyError(case)
        answers: tuple[str, ...] = self._spool[self._places[place]]
        return answers

    def __iter__(self) -> Iterator[str]:
        return (case for case, place in zip(self._known, self._places, strict=True) if place >= 0)

    def __len__(self) -> int:
        return len(self._spool)
