"""Read golden answers from `golden/NAME.yaml` or `golden/NAME.jsonl`.

YAML maps a case id to its answers; JSONL has one `{"id": ..., "golden": [...]}` per line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evalharness.config import Config
from evalharness.errors import Problem, did_you_mean
from evalharness.suites.document import Document, DocumentError, Loc, problem, read_yaml
from evalharness.suites.field_types import StrictSchema, Text, TextOrList
from evalharness.suites.files import FileError, read_text
from evalharness.suites.rows import read_jsonl
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
    """The golden answers of a suite by case id, and the problems of the file."""

    file: str
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)
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
    reader, adapter = (read_yaml, _MAPPING) if path.suffix == ".yaml" else (read_jsonl, _LINES)
    try:
        document = reader(read_text(path, config.root, config.limits), file, config.limits)
    except FileError as error:
        return Golden(file, problems=(problem(file, error.line, 0, str(error)),))
    except DocumentError as error:
        return Golden(file, problems=(error.problem,))
    value, problems = validate(adapter, document, GoldenLineSchema)
    return Golden(file, problems=tuple(problems)) if problems else _collect(value, document, case_ids)


def _collect(value: Any, document: Document, case_ids: Sequence[str]) -> Golden:
    pairs: list[tuple[Loc, str, Any]]
    if isinstance(value, dict):
        pairs = [((case_id,), case_id, answers) for case_id, answers in value.items()]
    else:
        pairs = [((index, "id"), line.id, line.golden) for index, line in enumerate(value)]
    answers: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    known = set(case_ids)
    for loc, case_id, given in pairs:
        texts = (given,) if isinstance(given, str) else tuple(given)
        if case_id in answers:
            problems.append(document.problem(loc, f"duplicate entry for '{case_id}'"))
        if case_id not in known:
            hint = did_you_mean(case_id, known)[:200] if len(problems) < _MAX_HINTS else ""
            problems.append(document.problem(loc, f"no case '{case_id}' in the suite{hint}"))
        if not texts or not all(text.strip() for text in texts):
            problems.append(
                document.problem(loc, f"empty golden answer for '{case_id}': write one or remove the entry")
            )
        answers[case_id] = texts
    return Golden(document.file, answers, tuple(problems))
