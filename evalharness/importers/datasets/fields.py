"""What each column becomes: an id, a variable, a golden answer, a tag, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from evalharness.importers.datasets.table import Values

Role = Literal["id", "variable", "messages", "golden", "tag", "left out"]


@dataclass(frozen=True, slots=True)
class Field:
    """One use of a column."""

    column: str
    role: Role
    reason: str
    name: str = ""
    """Of the variable or the tag."""
    read: Callable[[Values], Any] = lambda row: None
    """The value of the variable, the earlier messages, or an iterable of texts for golden answers and tags."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a default prompt needs to know about the variables."""

    turns: Sequence[tuple[str, str]] = ()
    """Roles and variables of a conversation."""
    before: Sequence[str] = ()
    main: Sequence[str] = ()
    after: Sequence[str] = ()
    instruction: str = ""
    """A last sentence, such as `Answer with the letter of the right option only.`"""
    metrics: Sequence[Any] = ()
    """Fixed by the kind of data; by default chosen from the golden answers."""


@dataclass
class Plan:
    """The uses of all columns, and the layout of the default prompt."""

    fields: list[Field] = field(default_factory=list)
    layout: Layout = Layout()
    kind: str = ""
    """The kind of data for readers: `multiple choice`."""
    problem: Callable[[Values], str] = lambda row: ""
    """Why a row cannot be a case; "" if it can."""

    @property
    def main(self) -> list[str]:
        """The variables that a case needs: without a text in one of them there is nothing to answer."""
        return [name for role, name in self.layout.turns if role == "user"] or [*self.layout.main]

    def of(self, role: Role) -> Iterator[Field]:
        """The uses with a role."""
        return (one for one in self.fields if one.role == role)

    def variables(self, row: Values) -> dict[str, Any]:
        """The variables of a row, without those that are None."""
        found = ((one.name, one.read(row)) for one in self.of("variable"))
        return {name: value for name, value in found if value is not None}

    def messages(self, row: Values) -> list[dict[str, str]]:
        """The messages before the question of a row, each with its role."""
        return [message for one in self.of("messages") for message in one.read(row) or ()]

    def golden(self, row: Values) -> list[str]:
        """The golden answers of a row, each once."""
        return list(dict.fromkeys(text for one in self.of("golden") for text in one.read(row)))

    def tags(self, row: Values) -> list[str]:
        """The tags of a row, each once."""
        return list(dict.fromkeys(text for one in self.of("tag") for text in one.read(row)))


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns that the user names. Each overrides the guess."""

    id: str | None = None
    golden: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """Column -> name of the variable."""
    tags: Sequence[str] = ()
    ignored: Sequence[str] = ()
    used: Collection[str] = ()
    """Variables of the user's prompt."""

    @property
    def columns(self) -> list[str]:
        """All named columns."""
        return [*([self.id] if self.id else []), *self.golden, *self.variables, *self.tags, *self.ignored]
