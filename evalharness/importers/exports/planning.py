"""What the columns of an export become, and which rows cannot be cases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from evalharness.importers.datasets.fields import Choice, Field, Layout, Plan
from evalharness.importers.datasets.form import Form
from evalharness.importers.datasets.guess import Guess, Rule
from evalharness.importers.datasets.kinds import Kind
from evalharness.importers.datasets.profile import ColumnProfile, Profile
from evalharness.importers.datasets.table import DatasetError, Values
from evalharness.importers.datasets.texts import is_empty, json_text, whole
from evalharness.importers.exports.export import EARLIER, Export
from evalharness.importers.exports.options import OPTIONS, options_kind, options_problem
from evalharness.importers.exports.tools import EXPORTS

CALLS = "tool_calls"
"""The variable that the metric `tool_calls` reads."""
Labels = Mapping[str, tuple[str, ...]]


def form_of(export: Export) -> Form:
    """The form of the data sets that a tool exports."""
    expected = f"expected {export.title} ({export.input}, {export.golden}); evalharness import dataset reads any table"
    return Form(export.command, export.read, partial(_plan, export), expected)


def _plan(export: Export, profile: Profile, choice: Choice, labels: Labels) -> Plan:
    return ExportPlan(export, profile, choice, labels).plan()


class ExportPlan(Guess):
    """Uses each column as the documentation of the tool says, unless the user says something else."""

    def __init__(self, export: Export, profile: Profile, choice: Choice, labels: Labels) -> None:
        super().__init__(profile, choice, labels)
        self.export = export
        self.has_options = export.uses.get(OPTIONS) == "variable" and self._filled(OPTIONS) > 0
        parts = [name for name in profile.columns if export.is_input(name) and name != export.input]
        self.most_are_objects = max(map(self._filled, parts), default=0) > self._filled(export.input)
        self._refuse_another()

    def _refuse_another(self) -> None:
        """Raise DatasetError for a file without the answers of this tool and with those of another one."""
        if any(map(self.export.is_answer, self.profile.columns)):
            return
        others = (one for one in EXPORTS.values() if one.knows_answer(self.profile.columns))
        other = max(others, key=lambda one: one.known(self.profile.columns), default=None)
        if other is not None:
            raise DatasetError(
                f"no '{self.export.golden}' in any row: these look like {other.title}: "
                f"use evalharness import {other.command}, or evalharness import dataset"
            )

    def plan(self) -> Plan:
        """The fields in the order of the columns."""
        plan = super().plan()
        plan.problem = partial(self._problem, [one.column for one in plan.of("golden")])
        return plan

    def kind(self) -> Kind:
        """Questions with options, or any others."""
        return options_kind(self.export.golden) if self.has_options and not self.choice.golden else Kind()

    def rules(self) -> Sequence[Rule]:
        """The documented use of a column; others are left out with a reason."""
        return (self._calls, self.empty, self._documented, self._input, self._answer, self._metadata, self._other)

    def layout(self, fields: list[Field], kind: Kind) -> Layout:
        """The last turn of a conversation, or all variables of the input."""
        variables = [one for one in fields if one.role == "variable"]
        chats = [one.column.removesuffix(EARLIER) for one in fields if one.role == "messages"]
        asked = [one.name for one in variables if one.column in chats]
        asked = asked or [one.name for one in variables if self.export.is_input(one.column)]
        return Layout((), (), asked or [one.name for one in variables], kind.after, kind.instruction, kind.metrics)

    def _calls(self, column: ColumnProfile) -> Field | None:
        name = column.name
        if not self.export.calls or name != self.export.calls:
            return None
        if not column.filled and all(row.get(name) is None for row in self.profile.sample):
            return Field(name, "left out", "no values")
        self.uses.names.append(CALLS)
        return Field(name, "variable", "expected calls, for the metric tool_calls", CALLS, partial(_as_data, name))

    def _documented(self, column: ColumnProfile) -> Field | None:
        name = column.name
        if name in self.export.dropped:
            return Field(name, "left out", self.export.dropped[name])
        use = self.export.uses.get(name)
        if use == "variable":
            return self.uses.variable(column, "not in the prompt; --prompt can use it")
        return None if use is None else self.uses.tag(name, "tags") if use == "tag" else self._identified(name)

    def _identified(self, name: str) -> Field:
        other = self.choice.id or any(one.role == "id" for found in self.fields.values() for one in found)
        return Field(name, "left out", "another column is the id") if other else self.uses.id(name, "an id")

    def _input(self, column: ColumnProfile) -> Field | None:
        name = column.name
        if name.endswith(EARLIER):
            return Field(name, "messages", "the conversation before the question", read=lambda row: row.get(name))
        if not self.export.is_input(name):
            return None
        if (name == self.export.input) == self.most_are_objects:
            what = "a text" if name == self.export.input else "an object"
            return Field(name, "left out", f"the input of few rows is {what}")
        return self.uses.variable(column)

    def _answer(self, column: ColumnProfile) -> Field | None:
        name = column.name
        if not self.export.is_answer(name):
            return None
        if self.choice.golden:
            return Field(name, "left out", f"another column is golden; --golden {name!r} adds it")
        if sum(map(self._filled, filter(self.export.is_answer, self.profile.columns))) > column.filled:
            return Field(name, "left out", f"one of several outputs; --golden {name!r} uses it")
        return Field(name, "golden", "the right answer", read=partial(_golden, name, self.export.several))

    def _metadata(self, column: ColumnProfile) -> Field | None:
        name = self.export.metadata
        if name and column.name == name:
            return Field(name, "left out", "metadata that is not an object; --tag or --var uses it")
        return self.tag(column) if name and column.name.startswith(f"{name}.") else None

    def _other(self, column: ColumnProfile) -> Field:
        reason = f"not a field of {self.export.title}; --tag or --var uses it"
        return Field(column.name, "left out", reason)

    def _filled(self, name: str) -> int:
        return self.profile.columns[name].filled if name in self.profile.columns else 0

    def _problem(self, goldens: Sequence[str], row: Values) -> str:
        """Why a row cannot be a case, "" if it can."""
        has_text = not is_empty(row.get(self.export.input))
        if has_text == self.most_are_objects and not self.choice.variables:
            return f"'{self.export.input}' is {'a text' if has_text else 'an object'}, unlike most rows, left out"
        if self.has_options and goldens == [self.export.golden]:
            return options_problem(self.export.golden, row)
        return next(filter(None, (_golden_problem(name, self.export.several, row) for name in goldens)), "")


def _as_data(column: str, row: Values) -> Any:
    """The value of a column as plain JSON."""
    return json.loads(json_text(row.get(column)))


def _golden(column: str, several: bool, row: Values) -> Iterator[str]:
    yield from (_text(answer) for answer in _answers(column, several, row) if not is_empty(answer))


def _answers(column: str, several: bool, row: Values) -> Sequence[Any]:
    value = row.get(column)
    return value if several and isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return whole(value) if isinstance(value, str) else json_text(value)


def _golden_problem(column: str, several: bool, row: Values) -> str:
    if not any(isinstance(answer, list | dict) and answer for answer in _answers(column, several, row)):
        return ""
    return f"the answer in '{column}' is not one text, left out; --ignore {column!r} keeps the row without an answer"
