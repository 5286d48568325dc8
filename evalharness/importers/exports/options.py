"""Questions with options, whose answer is the letter of one: samples of Inspect."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from evalharness.importers.datasets.choices import Choices
from evalharness.importers.datasets.fields import Field
from evalharness.importers.datasets.kinds import EXACT, LETTER, Kind
from evalharness.importers.datasets.table import Values

OPTIONS = "choices"
"""The column with the list of options."""


def options_kind(answer: str) -> Kind:
    """The options as a variable, and the letter in the column `answer` as the golden answer."""
    choices = Choices((OPTIONS,), answer, 0)
    options = Field(OPTIONS, "variable", "the options, one per line", "choices", choices.lines)
    letter = Field(answer, "golden", "the letter of the right option", read=partial(_letter, answer))
    return Kind("multiple choice", [options, letter], None, ["choices"], LETTER, [EXACT])


def options_problem(answer: str, row: Values) -> str:
    """Why a row is not a question with one right option; "" if it is."""
    labels, _ = Choices((OPTIONS,), answer, 0).read(row)
    if not labels:
        return f"no '{OPTIONS}', unlike other rows, left out"
    letters = [*_letter(answer, row)]
    if len(letters) != 1 or letters[0] not in labels:
        return f"expected one letter of an option in '{answer}', left out"
    return ""


def _letter(answer: str, row: Values) -> Iterator[str]:
    value = row.get(answer)
    for letter in value if isinstance(value, list) else [value]:
        if isinstance(letter, str) and letter.strip():
            yield letter.strip()
