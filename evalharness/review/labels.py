"""`golden/labels/SUITE.jsonl`: who preferred which answer, from which runs. What comes in is untrusted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from evalharness.config import Config
from evalharness.errors import StoreError, did_you_mean
from evalharness.report.blind import first_side
from evalharness.store import write_whole
from evalharness.store.files import locked
from evalharness.store.runs import stored_lines
from evalharness.suites import load_suite

LABEL_FOLDER = "golden/labels"
_MOST_CHARS = 200


def _short(text: str) -> str:
    if len(text) > _MOST_CHARS:
        raise ValueError(f"longer than {_MOST_CHARS} characters")
    return text


_Text = Annotated[str, AfterValidator(_short)]
_Side = Literal["a", "b"]
_Choice = Literal["a", "b", "equal", "bad", "skip"]
_T = TypeVar("_T", bound=BaseModel)


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


class PartyLine(_Line):
    """One of the two that were compared."""

    run: _Text
    model: _Text
    prompt: _Text


class _Header(_Line):
    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["labels"]
    suite: _Text
    seed: _Text
    a: PartyLine
    b: PartyLine
    cases: int
    by: _Text
    exported_at: _Text


class _Made(_Line):
    case: _Text
    model: _Text
    prompt: _Text
    first: _Side
    choice: _Choice


class Label(_Line):
    """What one person chose in one case."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["label"] = "label"
    a: PartyLine
    b: PartyLine
    case: _Text
    model: _Text
    prompt: _Text
    first: _Side
    """Who stood on the left."""
    choice: _Choice
    seed: _Text
    by: _Text
    at: _Text

    @property
    def identity(self) -> tuple[object, ...]:
        """One person chooses once in one showing of a case."""
        return self.a, self.b, self.case, self.model, self.prompt, self.seed, self.by


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    path: Path
    labels: tuple[Label, ...]
    """Of the file that came in."""
    added: int
    changed: int
    alike: tuple[Label, ...]
    """All that are known now of these two, whoever chose."""


def import_labels(file: Path, config: Config, runs: Mapping[str, Collection[str]], *, by: str = "") -> Imported:
    """Take the labels of an export. `runs` are the known ones by suite. Raises StoreError with file and line."""
    labels = _exported(file, config, runs, by)
    suite = _first(file)["suite"]
    path = config.root / LABEL_FOLDER / f"{suite}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        known = {label.identity: label for label in read_labels(path)} if path.exists() else {}
        before = dict(known)
        for label in labels:
            old = known.get(label.identity)
            known[label.identity] = old if old and old.choice == label.choice else label
        if known != before:
            write_whole(path, (label.model_dump_json(by_alias=True) + "\n" for label in known.values()))
    added = sum(identity not in before for identity in known)
    changed = sum(known[identity] != label for identity, label in before.items())
    alike = tuple(label for label in known.values() if labels and (label.a, label.b) == (labels[0].a, labels[0].b))
    return Imported(path, tuple(labels), added, changed, alike)


def read_labels(path: Path) -> list[Label]:
    """Those in a file of ours. Raises StoreError with file and line."""
    return [_parsed(Label, value, path, number) for number, value in stored_lines(path)]


def _first(file: Path) -> dict[str, Any]:
    return next(stored_lines(file))[1]


def _exported(file: Path, config: Config, runs: Mapping[str, Collection[str]], by: str) -> list[Label]:
    _check_size(file, config)
    lines = stored_lines(file)
    number, first = next(lines, (1, {}))
    header = _parsed(_Header, first, file, number)
    cases = {case.id for case in load_suite(header.suite, config).cases}
    for side in (header.a, header.b):
        if side.run not in runs.get(header.suite, ()):
            raise StoreError(
                f"{file}:1: the run '{side.run}' is not known here: name its record with --run, or check that the "
                "file is of this project"
            )
    who = by or header.by.strip()
    if not who:
        raise StoreError(f"{file}:1: it does not say who chose: name the person with --by")
    found: dict[tuple[object, ...], Label] = {}
    for number, value in lines:
        label = _label(_parsed(_Made, value, file, number), header, who)
        if label.case not in cases:
            raise StoreError(f"{file}:{number}: there is no case '{label.case}'{did_you_mean(label.case, cases)}")
        if label.first != first_side(label.seed, label.case, label.model, label.prompt):
            raise StoreError(f"{file}:{number}: the sides of '{label.case}' do not fit the seed: export the page again")
        if label.identity in found:
            raise StoreError(f"{file}:{number}: the case '{label.case}' stands here twice")
        found[label.identity] = label
    return list(found.values())


def _check_size(file: Path, config: Config) -> None:
    if not file.is_file():
        raise StoreError(f"{file}: it is not a regular file")
    size_mb = file.stat().st_size / 1e6
    if size_mb > config.limits.file_mb:
        raise StoreError(f"{file}: it has {size_mb:.1f} MB, limits.file_mb is {config.limits.file_mb:g}")


def _label(made: _Made, header: _Header, by: str) -> Label:
    return Label(**dict(made), a=header.a, b=header.b, seed=header.seed, by=by, at=header.exported_at)


def _parsed(model: type[_T], value: dict[str, Any], file: Path, number: int) -> _T:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise StoreError(f"{file}:{number}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each side was preferred, and what that means."""

    a: int
    """Cases in which more people preferred A than B."""
    b: int
    even: int
    """Cases with choices, and neither ahead."""
    people: int
    p_value: float | None
    """Two-sided sign test over cases: how often chance alone is so clear. None where no case has a preference."""


def tally(labels: Iterable[Label]) -> Tally:
    """One vote a case: people who judge the same case are not independent. Skipped cases do not count."""
    from scipy.stats import binomtest

    net: dict[tuple[str, str, str], int] = {}
    people = set()
    for label in labels:
        if label.choice != "skip":
            people.add(label.by)
            place = (label.case, label.model, label.prompt)
            net[place] = net.get(place, 0) + (label.choice == "b") - (label.choice == "a")
    a, b = sum(value < 0 for value in net.values()), sum(value > 0 for value in net.values())
    p_value = float(binomtest(b, a + b, 0.5).pvalue) if a + b else None
    return Tally(a, b, len(net) - a - b, len(people), p_value)
