"""Import a data set: read it, guess what its columns become, and convert its rows to cases."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from evalharness.config import Config, Limits
from evalharness.importers.datasets.cases import Cases, ImportedRow, sampled
from evalharness.importers.datasets.fields import Choice, Plan
from evalharness.importers.datasets.form import ANY_TABLE, Form
from evalharness.importers.datasets.names import key, parts
from evalharness.importers.datasets.profile import Profile, profile_rows
from evalharness.importers.datasets.prompt import Messages, default_prompt, own_prompt, variables_of
from evalharness.importers.datasets.reading import ReadOptions, open_table
from evalharness.importers.datasets.suite import metrics_for, suite_of
from evalharness.importers.datasets.table import DatasetError, Row, Skipped, Table
from evalharness.importers.datasets.texts import counted

_SHOWN = 2
_MAX_GOLDENS = 500


@dataclass(frozen=True, slots=True)
class DatasetOptions:
    """What the user chooses; everything else is guessed."""

    read: ReadOptions = field(default_factory=ReadOptions)
    columns: Choice = field(default_factory=Choice)
    prompt: str | None = None
    """A template for the user message."""
    models: Sequence[str] = ()
    limit: int | None = None
    """Only the first rows."""
    sample: int | None = None
    """Only as many rows, chosen by `seed`."""
    seed: int = 0
    form: Form = ANY_TABLE


@dataclass
class Dataset:
    """A data set that can be written as a suite. `cases()` reads the file again on each call."""

    file: Path
    table: Table
    plan: Plan
    rows: int
    """In the file, without those that cannot be read."""
    options: DatasetOptions
    limits: Limits
    messages: Messages = field(default_factory=list)
    metrics: list[Any] = field(default_factory=list)
    shown: list[ImportedRow] = field(default_factory=list)
    """The first cases."""
    count: int = 0
    """Cases."""
    with_golden: int = 0
    """Cases with a golden answer."""
    notes: list[str] = field(default_factory=list)
    """What is left out or changed, in the order of importance."""
    prompt: Any = None
    """The prompt as the suite has it, in place of the messages: one that names a file."""
    prompt_file: str = ""
    """The file that it names, relative to the root."""
    chosen: set[int] | None = None
    cases_of: Cases | None = None

    @property
    def has_golden(self) -> bool:
        """Whether a column has golden answers."""
        return any(self.plan.of("golden"))

    def cases(self) -> Iterator[ImportedRow]:
        """The cases, one at a time."""
        assert self.cases_of is not None
        return self.cases_of.of(self.chosen_rows(Skipped()))

    def chosen_rows(self, skipped: Skipped) -> Iterator[Row]:
        """The rows within `limit` and `sample`."""
        rows = _read(self.table, self.options, skipped)
        return rows if self.chosen is None else (row for row in rows if row.number in self.chosen)

    def suite(self, name: str) -> dict[str, Any]:
        """The suite as plain data."""
        described = f"{self.file.name}: {self.count:,} cases"
        gated = self.with_golden if self.with_golden * 2 >= self.count else self.count
        return suite_of(name, self.prompt or self.messages, self.metrics, self.options.models, gated, described)


def import_dataset(file: Path, options: DatasetOptions, config: Config) -> Dataset:
    """The data set of a file, after reading all of it.

    Raises DatasetError: unreadable, no rows, an unknown column or variable, nothing for a prompt. Raises
    MissingExtraError for Parquet without pyarrow.
    """
    table = open_table(file, options.read, config.limits)
    skipped = Skipped(table.unit)
    profile = profile_rows(_read(table, options, skipped))
    _check(file, profile, options, skipped)
    used = variables_of(options.prompt, config.limits) if options.prompt is not None else set()
    plan = options.form.plan(profile, replace(options.columns, used=used), table.labels)
    dataset = Dataset(file, table, plan, profile.rows, options, config.limits)
    if options.sample is not None:
        dataset.chosen = sampled(_read(table, options, Skipped()), options.sample, options.seed)
    dataset.messages = _messages(dataset, profile, used)
    _convert(dataset, skipped)
    return dataset


def _messages(dataset: Dataset, profile: Profile, used: Collection[str]) -> Messages:
    """The prompt: the user's own, or one from the layout of the data."""
    plan = dataset.plan
    names = [one.name for one in plan.of("variable")]
    if not names:
        raise DatasetError(f"{dataset.file.name}: no column is left for the prompt: name one with --var NAME=COLUMN")
    if dataset.options.prompt is not None:
        plan.layout = replace(plan.layout, turns=(), main=[name for name in names if name in used])
        return own_prompt(dataset.options.prompt, used, names)
    optional = [one.name for one in plan.of("variable") if profile.columns[one.column].filled < profile.rows]
    return default_prompt(plan.layout, optional)


def _read(table: Table, options: DatasetOptions, skipped: Skipped) -> Iterator[Row]:
    """The rows of the chosen split within `limit`, with their wrappers spread out."""
    rows = _formed(table.rows(skipped), options.form, skipped)
    split = options.read.split
    if split is not None and not table.splits:
        rows = (row for row in rows if _in_split(row, split))
    return islice(rows, options.limit)


def _formed(rows: Iterator[Row], form: Form, skipped: Skipped) -> Iterator[Row]:
    for row in rows:
        found = form.read(row.values)
        if isinstance(found, str):
            skipped.add(found, row.number)
        else:
            yield Row(row.number, found)


def _in_split(row: Row, split: str) -> bool:
    names = [name for name in row.values if key(parts(name)[1]) in ("split", "datasetsplit", "subset")]
    values = [row.values[name] for name in names]
    return any(split in value if isinstance(value, list) else str(value) == split for value in values)


def _check(file: Path, profile: Profile, options: DatasetOptions, skipped: Skipped) -> None:
    if not profile.rows:
        split = f" in the split '{options.read.split}'" if options.read.split else ""
        expected = [options.form.expected] if options.form.expected else []
        raise DatasetError("\n".join([f"{file.name} has no rows{split}", *skipped.lines(), *expected]))
    if any(name.strip().startswith("__expected") for name in profile.columns):
        raise DatasetError(
            f"{file.name} is a test table of promptfoo: import the configuration that uses it with "
            "evalharness import promptfoo promptfooconfig.yaml"
        )


def _convert(dataset: Dataset, skipped: Skipped) -> None:
    """Go through all cases, to count them, choose the metrics and collect the notes."""
    cases = Cases(dataset.plan, dataset.table.unit, dataset.limits.prompt_chars)
    dataset.cases_of = cases
    goldens = _count(dataset)
    missing = dataset.count - dataset.with_golden
    few = dataset.with_golden < missing
    dataset.metrics = [*(metrics_for((), ()) if few and goldens else ())]
    dataset.metrics += metrics_for(goldens, dataset.plan.layout.metrics)
    dataset.notes = [*dataset.table.notes, *skipped.lines(), *cases.notes()]
    if goldens and missing:
        gate = ", and the gate is on length" if few else ""
        note = (
            f"{counted(missing, 'row')} without a golden answer: metrics that compare with one skip these cases{gate}"
        )
        dataset.notes.append(note)
    if not dataset.count:
        raise DatasetError("\n".join([f"{dataset.file.name}: no row makes a case:", *dataset.notes]))


def _count(dataset: Dataset) -> list[str]:
    """A sample of the golden answers. Sets the numbers of the data set and its first cases."""
    dataset.count, dataset.with_golden, dataset.shown = 0, 0, []
    goldens: list[str] = []
    for case in dataset.cases():
        dataset.count += 1
        dataset.with_golden += bool(case.golden)
        dataset.shown += [case] if len(dataset.shown) < _SHOWN else []
        goldens += case.golden if len(goldens) < _MAX_GOLDENS else ()
    return goldens
