"""`golden/labels/SUITE.jsonl`: preferences of people between two runs.

Imported files are untrusted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from evalharness.config import Config
from evalharness.errors import StoreError, did_you_mean
from evalharness.report.blind import first_side
from evalharness.store import write_below
from evalharness.store.answer_labels import ANSWER, answer_lines, dumped, label_path
from evalharness.store.checked_line import check_size, checked_line
from evalharness.store.folders import writing
from evalharness.store.locks import locked
from evalharness.store.runs import stored_lines
from evalharness.suites import load_suite

_MAX_CHARS = 200


_Text = Annotated[str, Field(max_length=_MAX_CHARS)]
_Side = Literal["a", "b"]
_Preference = Literal["a", "b", "equal", "bad", "skip"]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


class LabelSide(_Line):
    """One of the two compared sides."""

    run: _Text
    model: _Text
    prompt: _Text


class _Header(_Line):
    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["labels"]
    suite: _Text
    seed: _Text
    a: LabelSide
    b: LabelSide
    cases: int
    of: int = 0
    """Number of cases with different answers, of which `cases` are a random sample; 0 if the page did not store it."""
    by: _Text
    exported_at: _Text


class _Made(_Line):
    case: _Text
    model: _Text
    prompt: _Text
    first: _Side
    choice: _Preference


class Label(_Line):
    """The preference of one person in one case."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["label"] = "label"
    a: LabelSide
    b: LabelSide
    case: _Text
    model: _Text
    prompt: _Text
    first: _Side
    """The side shown on the left."""
    choice: _Preference
    seed: _Text
    by: _Text
    at: _Text

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two choices of one person in the same page and case."""
        return self.a, self.b, self.case, self.model, self.prompt, self.seed, self.by


@dataclass(frozen=True, slots=True)
class ImportedLabels:
    """The result of an import."""

    path: Path
    labels: tuple[Label, ...]
    """The labels of the imported file."""
    added: int
    changed: int
    known: tuple[Label, ...]
    """All labels of the suite, of all people."""


def import_labels(file: Path, config: Config, runs: Mapping[str, Collection[str]], *, by: str = "") -> ImportedLabels:
    """Add the labels of an export to the project.

    `runs`: ids of known runs by suite. Raises StoreError with file:line.
    """
    labels = _exported(file, config, runs, by)
    suite = _first(file)["suite"]
    path = label_path(config.root, suite)
    with writing(path), locked(path.parent, config.root):
        known = {label.identity: label for label in read_labels(path)} if path.exists() else {}
        before = dict(known)
        for label in labels:
            old = known.get(label.identity)
            known[label.identity] = old if old and old.choice == label.choice else label
        if known != before:
            kept = [dumped(line) for _, line in answer_lines(path)]
            mine = (label.model_dump_json(by_alias=True) + "\n" for label in known.values())
            write_below(config.root, path, [*kept, *mine])
    added = sum(identity not in before for identity in known)
    changed = sum(known[identity] != label for identity, label in before.items())
    return ImportedLabels(path, tuple(labels), added, changed, tuple(known.values()))


def read_labels(path: Path) -> list[Label]:
    """The preferences in a file in golden/labels/. Raises StoreError with file:line."""
    lines = (pair for pair in stored_lines(path) if pair[1].get("kind") != ANSWER)
    return [checked_line(Label, path, number, value) for number, value in lines]


def _first(file: Path) -> dict[str, Any]:
    return next(stored_lines(file))[1]


def _exported(file: Path, config: Config, runs: Mapping[str, Collection[str]], by: str) -> list[Label]:
    check_size(file, config.limits.file_mb)
    lines = stored_lines(file)
    number, first = next(lines, (1, {}))
    header = checked_line(_Header, file, number, first)
    cases = {case.id for case in load_suite(header.suite, config).cases}
    for side in (header.a, header.b):
        if side.run not in runs.get(header.suite, ()):
            raise StoreError(
                f"{file}:1: unknown run '{side.run}': pass its record with --run, or check that the file belongs to "
                "this project"
            )
    person = by or header.by.strip()
    if not person:
        raise StoreError(f"{file}:1: the name of the person is missing: pass it with --by NAME")
    found: dict[tuple[object, ...], Label] = {}
    for number, value in lines:
        label = _label(checked_line(_Made, file, number, value), header, person)
        if label.case not in cases:
            raise StoreError(f"{file}:{number}: unknown case '{label.case}'{did_you_mean(label.case, cases)}")
        if label.first != first_side(label.seed, label.case, label.model, label.prompt):
            raise StoreError(f"{file}:{number}: the sides of '{label.case}' do not match the seed: export again")
        if label.identity in found:
            raise StoreError(f"{file}:{number}: duplicate case '{label.case}'")
        found[label.identity] = label
    return list(found.values())


def _label(made: _Made, header: _Header, by: str) -> Label:
    return Label(**dict(made), a=header.a, b=header.b, seed=header.seed, by=by, at=header.exported_at)
