"""Reads labels from the page of `evalharness judge calibrate --html`. Every line is checked against the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from evalharness.config import Config
from evalharness.errors import StoreError, did_you_mean
from evalharness.evaluation.label_draw import draw, other_items
from evalharness.evaluation.labelling import Labelling
from evalharness.records.answer_label import AnswerLabel, LabelItem, Labelled
from evalharness.store.answer_labels import add_answer_labels
from evalharness.store.checked_line import check_size, checked_line
from evalharness.store.runs import stored_lines

_Name = Annotated[str, Field(max_length=200)]
_Digest = Annotated[str, Field(max_length=64)]
_Items = Mapping[str, Mapping[Labelled, LabelItem]]
"""By metric."""
OpenRun = Callable[[str, str], Labelling]
"""Returns the answers to a suite from the run with an id. Raises EvalHarnessError: there is no such run."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Header(_Strict):
    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["answer-labels"]
    suite: _Name
    run: _Name
    seeds: dict[_Name, _Name]
    sample: Annotated[int, Field(ge=1)]
    by: _Name
    exported_at: _Name


class _Of(_Strict):
    question: _Digest
    case: _Name
    digest: _Digest
    answer: _Digest
    against: _Digest = ""


class _Line(_Strict):
    of: _Of
    metric: _Name
    choice: Annotated[str, Field(max_length=2_000)]


@dataclass(frozen=True, slots=True)
class ImportedAnswerLabels:
    """The result of an import."""

    suite: str
    labels: int
    """Number of labels in the file."""
    added: int
    changed: int


def import_answer_labels(
    file: Path, config: Config, open_run: OpenRun, *, by: str = "", made_by: Literal["person", "model"] = "person"
) -> ImportedAnswerLabels:
    """Add the labels of an export to the project; all, or none. Raises StoreError with file:line, EvalHarnessError."""
    check_size(file, config.limits.file_mb)
    lines = stored_lines(file)
    number, first = next(lines)
    header = checked_line(_Header, file, number, first)
    if not (person := by or header.by.strip()):
        raise StoreError(f"{file}:1: the name of the person is missing: pass it with --by")
    items = _items(open_run(header.suite, header.run), header)
    found: dict[Labelled, AnswerLabel] = {}
    for number, value in lines:
        line = checked_line(_Line, file, number, value)
        item = _item(items, line, f"{file}:{number}", header.run)
        if item.of in found:
            raise StoreError(f"{file}:{number}: duplicate answer to '{line.of.case}'")
        worth = _worth(item, line.choice, f"{file}:{number}")
        at = header.exported_at
        label = AnswerLabel(item.of, line.metric, line.choice, worth, person, at, True, item.seed, item.drawn, made_by)
        found[item.of] = label
    added, changed = add_answer_labels(config.root, header.suite, found.values())
    return ImportedAnswerLabels(header.suite, len(found), added, changed)


def _items(labelling: Labelling, header: _Header) -> _Items:
    """The answers that labels can be about. Which are drawn follows from the run, not from the file."""
    found: dict[str, dict[Labelled, LabelItem]] = {}
    for name, mine in labelling.metrics.items():
        seed = header.seeds.get(name, mine.draw.seed)
        drawn = draw(mine.metric, mine.known, seed, header.sample).items
        known = (*other_items(mine.metric, mine.known, seed), *drawn)
        found[name] = {item.of: item for item in known}
    return found


def _item(items: _Items, line: _Line, where: str, run: str) -> LabelItem:
    of = Labelled(**dict(line.of))
    mine = items.get(line.metric)
    if mine is None:
        raise StoreError(f"{where}: unknown judge '{line.metric}'{did_you_mean(line.metric, items)}")
    if of in mine:
        return mine[of]
    if all(of.question != one.question for one in mine):
        raise StoreError(f"{where}: the question of '{line.metric}' has changed since: write the page again")
    if all((of.case, of.digest) != (one.case, one.digest) for one in mine):
        raise StoreError(f"{where}: the case '{of.case}' is unknown, or was edited since: write the page again")
    raise StoreError(f"{where}: the answer to '{of.case}' is neither in run {run} nor in its baseline")


def _worth(item: LabelItem, choice: str, where: str) -> float:
    known = dict(item.choices)
    if choice not in known:
        raise StoreError(f"{where}: expected one of {', '.join(known)}, got {choice[:60]!r}")
    return known[choice]
