"""Recognize multiple-choice questions: MMLU, ARC, HellaSwag, CommonsenseQA, and tables with a column per option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.importers.datasets.profile import Profile
from evalharness.importers.datasets.table import Values
from evalharness.importers.datasets.texts import whole
from evalharness.importers.datasets.words import CHOICE_ANSWERS, CHOICE_LISTS

_COLUMN_SETS = (
    tuple("abcdefgh"),
    *(
        tuple(f"{stem}{sign}" for sign in signs)
        for stem in ("option", "choice", "answer", "ending", "sol", "op")
        for signs in ("abcdefgh", "12345678", "0123456")
    ),
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Choices:
    """Where the options and the right one are."""

    options: tuple[str, ...]
    """One column with a list, or a column for each option."""
    answer: str
    first: int
    """The number of the first option, 0 or 1, where the answer is a number."""

    def read(self, row: Values) -> tuple[list[str], list[str]]:
        """The labels and the texts of the options, both empty if there are none."""
        if len(self.options) > 1:
            cells = [row.get(name) for name in self.options]
            return _labelled([str(text) for text in cells if text not in (None, "")])
        value = row.get(self.options[0])
        if isinstance(value, Mapping) and isinstance(value.get("text"), list):
            labels = [str(label) for label in value.get("label") or ()]
            texts = [str(text) for text in value["text"]]
            return (labels, texts) if len(labels) == len(texts) else _labelled(texts)
        if isinstance(value, Mapping):
            return [str(label) for label in value], [str(text) for text in value.values()]
        return _labelled([_option(item) for item in value] if isinstance(value, list) else [])

    def lines(self, row: Values) -> str:
        """The options, one per line: `A. Paris`."""
        return whole("\n".join(f"{label}. {text}" for label, text in zip(*self.read(row), strict=True)))

    def letter(self, row: Values) -> str:
        """The label of the right option, "" if the row has none."""
        labels, texts = self.read(row)
        given = row.get(self.answer)
        answer = str(given).strip() if given is not None else ""
        if answer in labels:
            return answer
        if answer.upper() in labels:
            return answer.upper()
        if answer in texts:
            return labels[texts.index(answer)]
        index = int(answer) - self.first if answer.isascii() and answer.isdecimal() else -1
        return labels[index] if 0 <= index < len(labels) else ""


def _option(item: Any) -> str:
    return str(item.get("text", item)) if isinstance(item, Mapping) else str(item)


def _labelled(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    return list(_LETTERS[: len(texts)]), list(texts[: len(_LETTERS)])


def find_choices(profile: Profile, answer: str | None) -> Choices | None:
    """The options and the right one, None if this is another kind of data.

    `answer` is the column that the user names. The right option of nearly all rows must be found.
    """
    options = _options(profile)
    if not options:
        return None
    taken = {profile.columns[name].key for name in options}
    column = (
        profile.columns.get(answer)
        if answer
        else profile.by_key(*(name for name in CHOICE_ANSWERS if name not in taken))
    )
    if column is None or column.name in options:
        return None
    fits = {first: _fits(Choices(options, column.name, first), profile.sample) for first in (0, 1)}
    first = 1 if fits[1] > fits[0] and "0" not in column.values else 0
    asked = sum(bool(one) for one in (Choices(options, column.name, 0).read(row)[0] for row in profile.sample))
    return Choices(options, column.name, first) if fits[first] and fits[first] >= 0.9 * asked else None


def _fits(choices: Choices, rows: Sequence[Values]) -> int:
    """The number of rows whose answer is among their options."""
    return sum(bool(choices.letter(row)) for row in rows)


def _options(profile: Profile) -> tuple[str, ...]:
    column = profile.by_key(*CHOICE_LISTS)
    if column and column.kinds <= {list, dict} and not column.sequences:
        return (column.name,)
    known = {one.key: one.name for one in profile.columns.values() if one.filled}
    for names in _COLUMN_SETS:
        present = [known[name] for name in names if name in known]
        if len(present) >= 2 and [*names[: len(present)]] == [name for name in names if name in known]:
            return tuple(present)
    return ()
