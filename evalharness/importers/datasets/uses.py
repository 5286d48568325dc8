"""How a column is read as an id, a variable, golden answers or tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from evalharness.importers.datasets import texts
from evalharness.importers.datasets.fields import Field
from evalharness.importers.datasets.names import key, parts, unique, variable_name
from evalharness.importers.datasets.profile import ColumnProfile, Profile
from evalharness.importers.datasets.table import Values

Labels = tuple[str, ...] | None


class Uses:
    """Makes the fields of a data set, with a name for each variable that no other has."""

    def __init__(self, profile: Profile, labels: Mapping[str, tuple[str, ...]]) -> None:
        self.profile, self.labels = profile, labels
        self.names: list[str] = []

    def variable(self, column: ColumnProfile, reason: str = "", name: str = "") -> Field:
        """The column as a variable, by default named like the column."""
        position = [*self.profile.columns].index(column.name) + 1
        wanted = name or variable_name(column.name, position)
        given = unique(wanted, self.names)
        self.names.append(given)
        if given != wanted:
            reason = f"another variable is named {wanted}"
        read = partial(_variable, column.name, self.labels.get(column.name))
        return Field(column.name, "variable", reason or self._remark(column), given, read)

    def _remark(self, column: ColumnProfile) -> str:
        if list in column.kinds:
            return "lists: texts are joined by blank lines"
        if dict in column.kinds:
            return "objects: as JSON"
        missing = self.profile.rows - column.filled
        return f"{texts.counted(missing, 'row')} without a value" if missing else ""

    def id(self, column: str, reason: str) -> Field:
        """The column as the id of the case."""
        return Field(column, "id", reason, read=lambda row: row.get(column))

    def golden(self, column: str, reason: str) -> Field:
        """The column as golden answers."""
        labels, profile = self.labels.get(column), self.profile.columns[column]
        separated = profile.key == "correctanswers" and profile.kinds == {str}
        yes_no = bool in profile.kinds and self.profile.by_key("question") is not None
        if yes_no:
            reason += ", booleans as yes and no"
        elif separated:
            reason += ", several separated by ;"
        elif labels:
            reason += ", class numbers as names"
        return Field(column, "golden", reason, read=partial(_golden, column, labels, separated, yes_no))

    def tag(self, column: str, reason: str) -> Field:
        """The column as tags: `topic=refunds`, or the values alone if the column is named tags."""
        name = "" if key(parts(column)[1]) in ("tags", "tag") else variable_name(column, 1)
        return Field(column, "tag", reason, name, partial(_tags, column, name, self.labels.get(column)))


def _variable(column: str, labels: Labels, row: Values) -> Any:
    return texts.variable(_named(row.get(column), labels))


def _golden(column: str, labels: Labels, separated: bool, yes_no: bool, row: Values) -> Iterator[str]:
    value = _named(row.get(column), labels)
    return texts.separated(value) if separated else texts.goldens(value, yes_no=yes_no)


def _tags(column: str, name: str, labels: Labels, row: Values) -> Iterator[str]:
    return texts.tags(_named(row.get(column), labels), name)


def _named(value: Any, labels: Labels) -> Any:
    """The name of a class for its number."""
    if labels and isinstance(value, str) and value.isdecimal() and int(value) < len(labels):
        return labels[int(value)]
    return value
