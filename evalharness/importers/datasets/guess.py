"""Guess what each column becomes, with the reason of each guess."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evalharness.errors import did_you_mean
from evalharness.importers.datasets.fields import Choice, Field, Layout, Plan
from evalharness.importers.datasets.kinds import Kind, find_kind
from evalharness.importers.datasets.names import key, parts, variable_name
from evalharness.importers.datasets.profile import MAX_VALUES, ColumnProfile, Profile
from evalharness.importers.datasets.table import DatasetError
from evalharness.importers.datasets.texts import counted
from evalharness.importers.datasets.uses import Uses
from evalharness.importers.datasets.words import (
    ANSWERS_OF_MODELS,
    BOOKKEEPING,
    CONTEXTS,
    GOLDENS,
    IDS,
    INPUTS,
    ROW_NUMBERS,
    TAGS,
    WEAK_GOLDENS,
)

Rule = Callable[[ColumnProfile], Field | None]
_MAX_TAG_CHARS = 60
_INPUT_GROUPS = ("inputs", "input", "item", "vars", "fields")
_ANSWERS = "answers of a model; docs/python.md shows how to gate them"


def guess(profile: Profile, choice: Choice, labels: Mapping[str, tuple[str, ...]]) -> Plan:
    """The plan for all columns. The columns of `choice` are used as the user says.

    `labels` are the names of the classes of integer columns. Raises DatasetError for an unknown column.
    """
    return Guess(profile, choice, labels).plan()


class Guess:
    """Guesses for one data set. Each column is used by the first rule that fits.

    Raises DatasetError for an unknown column in `choice`.
    """

    def __init__(self, profile: Profile, choice: Choice, labels: Mapping[str, tuple[str, ...]]) -> None:
        for column in choice.columns:
            if column not in profile.columns:
                raise DatasetError(f"no column '{column}' in the data set{did_you_mean(column, profile.columns)}")
        self.profile, self.choice, self.labels = profile, choice, labels
        self.uses = Uses(profile, labels)
        self.fields: dict[str, list[Field]] = {}
        self.is_choice = False

    def plan(self) -> Plan:
        """The fields in the order of the columns."""
        self._chosen()
        kind = self.kind()
        self._of_kind(kind)
        self.is_choice = any(one.role == "golden" for one in kind.fields)
        for rule in self.rules():
            for column in self.profile.columns.values():
                if column.name not in self.fields and (found := rule(column)):
                    self.fields[column.name] = [found]
        self._wanted()
        fields = [one for name in self.profile.columns for one in self.fields.get(name, ())]
        return Plan(fields, kind.layout or self.layout(fields, kind), kind.name)

    def kind(self) -> Kind:
        """What columns belong together."""
        return find_kind(self.profile, self.choice, self.labels, [*self.fields])

    def rules(self) -> Sequence[Rule]:
        """The rules for a column that has no use yet, in order. The last one always fits."""
        return (self.empty, self._id, self._golden, self._bookkeeping, self.tag, self.uses.variable)

    def layout(self, fields: list[Field], kind: Kind) -> Layout:
        """The order of the variables in the default prompt."""
        return _layout(fields, kind)

    def _chosen(self) -> None:
        choice = self.choice
        for name, variable in choice.variables.items():
            self._use(self.uses.variable(self.profile.columns[name], "--var", variable))
        if choice.id:
            self._use(self.uses.id(choice.id, "--id"))
        for name in choice.tags:
            self._use(self.uses.tag(name, "--tag"))
        for name in choice.ignored:
            self._use(Field(name, "left out", "--ignore"))

    def _use(self, found: Field) -> None:
        self.fields.setdefault(found.column, []).append(found)

    def _of_kind(self, kind: Kind) -> None:
        for found in kind.fields:
            self._use(found)
            self.uses.names += [found.name] if found.role == "variable" else []
        for name in self.choice.golden:
            if not any(one.role == "golden" for one in self.fields.get(name, ())):
                self._use(self.uses.golden(name, "--golden"))

    def _wanted(self) -> None:
        """Make variables of tags, ids and columns that would be left out, if the user's prompt uses them."""
        for position, (name, found) in enumerate(self.fields.items(), start=1):
            variable = variable_name(name, position)
            if variable in self.choice.used and variable not in self.uses.names and found[0].role != "golden":
                kept = [one for one in found if one.role != "left out"]
                made = self.uses.variable(self.profile.columns[name], "used by the prompt")
                self.fields[name] = [*kept, made]

    def empty(self, column: ColumnProfile) -> Field | None:
        """Leaves out a column without values."""
        if column.filled:
            return Field(column.name, "left out", "an image or another file") if bytes in column.kinds else None
        return Field(column.name, "left out", "no values")

    def _id(self, column: ColumnProfile) -> Field | None:
        if column.group:
            return None
        if column.key in ROW_NUMBERS and column.counting:
            return Field(column.name, "left out", "row numbers, which change when rows move")
        if self.choice.id or self._has("id") or column.key not in IDS or self._better_id(column):
            return None
        if column.different < self.profile.rows / 2:
            few = f"only {counted(column.different, 'value')} in {counted(self.profile.rows, 'row')}"
            return Field(column.name, "left out", f"named like an id, but {few}; --id uses it")
        return self.uses.id(column.name, "an id in every row" if self._is_whole(column) else "an id in most rows")

    def _is_whole(self, column: ColumnProfile) -> bool:
        return column.different == self.profile.rows

    def _better_id(self, column: ColumnProfile) -> bool:
        """Whether another column with a better name is a usable id."""
        better = IDS[: IDS.index(column.key)]
        return any(
            one.key in better and not one.group and one.different >= self.profile.rows / 2
            for one in self.profile.columns.values()
            if one.name not in self.fields
        )

    def _golden(self, column: ColumnProfile) -> Field | None:
        if column.group in ("inputs", "input", "metadata", "additionalmetadata"):
            return None
        if column.key in ANSWERS_OF_MODELS:
            return Field(column.name, "left out", _ANSWERS)
        if column.series not in (*GOLDENS, *WEAK_GOLDENS):
            return self._output(column)
        adds = f"--golden {column.name!r} adds it"
        if self.choice.golden or self._other_golden(column) or self._better_golden(column):
            is_recorded = column.series in WEAK_GOLDENS and not self.is_choice
            what = "answers of a model" if is_recorded else "another column is golden"
            return Field(column.name, "left out", f"{what}; {adds}")
        if self._are_recorded(column):
            return Field(column.name, "left out", f"answers of a model, as in ragas; {adds}")
        return self.uses.golden(column.name, "named like the right answer")

    def _output(self, column: ColumnProfile) -> Field | None:
        """Outputs of LangSmith: the only one is golden, whatever its name."""
        if column.group not in ("outputs", "output"):
            return None
        if not self.choice.golden and sum(one.group == column.group for one in self.profile.columns.values()) == 1:
            return self.uses.golden(column.name, "the only output")
        return Field(column.name, "left out", f"an output; --golden {column.name!r} uses it")

    def _other_golden(self, column: ColumnProfile) -> bool:
        """Whether a column of another series has the golden answers; `answer1` and `answer2` are one series."""
        goldens = [name for name, found in self.fields.items() for one in found if one.role == "golden"]
        return any(self.profile.columns[name].series != column.series for name in goldens)

    def _better_golden(self, column: ColumnProfile) -> bool:
        order = [*GOLDENS, *WEAK_GOLDENS]
        better = order[: order.index(column.series)]
        return any(
            one.series in better and one.group not in ("inputs", "input", "metadata")
            for one in self.profile.columns.values()
            if one.filled and one.name not in self.fields
        )

    def _are_recorded(self, column: ColumnProfile) -> bool:
        """Whether the answers are those of an application: ragas has them beside lists of contexts."""
        contexts = ("contexts", "retrievedcontexts")
        return column.key in ("answer", "response") and self.profile.by_key(*contexts) is not None

    def _bookkeeping(self, column: ColumnProfile) -> Field | None:
        links = all(value.startswith(("http://", "https://")) for value in column.values) and bool(column.values)
        if links or column.key in BOOKKEEPING:
            return Field(column.name, "left out", "about the row, not for a prompt; --tag or --var uses it")
        return None

    def tag(self, column: ColumnProfile) -> Field | None:
        """Makes tags of a column with few values, and leaves out other metadata."""
        is_metadata = column.group in ("metadata", "additionalmetadata")
        if column.key not in TAGS and not is_metadata:
            return None
        few = len(column.values) <= MAX_VALUES and column.max_chars <= _MAX_TAG_CHARS
        if few and (len(column.values) < column.filled or column.filled < 5):
            return self.uses.tag(column.name, counted(len(column.values), "value"))
        if is_metadata:
            return Field(column.name, "left out", "metadata with many values; --tag or --var uses it")
        return None

    def _has(self, role: str) -> bool:
        return any(one.role == role for found in self.fields.values() for one in found)


def _layout(fields: list[Field], kind: Kind) -> Layout:
    """Contexts before the main input, in the order of the file."""
    names = {one.name: key(parts(one.column)[1]) for one in fields if one.role == "variable"}
    names = {name: column for name, column in names.items() if name not in kind.after}
    known = [next((name for name, column in names.items() if word in (column, key(name))), "") for word in INPUTS]
    main = next(filter(None, known), "")
    contexts = [name for name, column in names.items() if column in CONTEXTS and name != main]
    retrieved = [name for name in contexts if name.startswith("retriev")]
    contexts = retrieved or contexts
    if not main and len(contexts) == 1:
        main, contexts = contexts[0], []
    inputs = [one.name for one in fields if one.role == "variable" and key(parts(one.column)[0]) in _INPUT_GROUPS]
    rest = [name for name in inputs or names if name not in contexts]
    after = [*(name for name in names if name == "input" and main in ("instruction", "task")), *kind.after]
    return Layout((), contexts, [main] if main else rest, after, kind.instruction, kind.metrics)
