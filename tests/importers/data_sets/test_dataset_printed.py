"""Cells of a table that hold lists and objects as Python and numpy print them.

pandas' `to_csv` writes the list columns of a data set in this form: numpy prints no commas between the items
(numpy.org/doc/stable/reference/generated/numpy.array2string.html), and arrays in an object as `array([...])`.
"""

from __future__ import annotations

import pytest
from dataset_projects import DatasetProject

from evalharness.importers.datasets.printed import printed_value


def quoted(text: str) -> str:
    """The text as a quoted cell."""
    return '"' + text.replace('"', '""') + '"'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("['a', 'b']", ["a", "b"]),
        ("['a' 'b']", ["a", "b"]),
        ("['a'\n \"b's\" 'c, d']", ["a", "b's", "c, d"]),
        ("[]", []),
        ("[1 2.5 3]", [1, 2.5, 3]),
        ("{'text': array(['a b'], dtype=object), 'start': array([3], dtype=int32)}", {"text": ["a b"], "start": [3]}),
        ("[{'x': 'p'}\n {'x': None}]", [{"x": "p"}, {"x": None}]),
        ("[np.str_('a'), np.int64(4), nan]", ["a", 4, None]),
    ],
)
def test_values(text: str, value: object) -> None:
    """Items keep their borders with and without commas, and arrays become lists."""
    assert printed_value(text) == value


@pytest.mark.parametrize(
    "text", ["['a' ... 'z']", "[open('x')]", "array()", "[a b]", "['a", "[" * 500, "['a' for x in y]", "[1 2 -"]
)
def test_other_texts(text: str) -> None:
    """A shortened array and code are not values, and nothing is run."""
    with pytest.raises(ValueError, match="expected a value"):
        printed_value(text)


def test_a_table_of_pandas(project: DatasetProject) -> None:
    """Options, contexts and answers of a table that pandas wrote are those of the data set."""
    answers = "{'text': array(['Ada', 'A. L.'], dtype=object), 'answer_start': array([1, 9], dtype=int32)}"
    row = ["Who?", quoted("['One text.'\n 'Another one.']"), quoted(answers)]

    imported = project.convert("a.csv", f"question,contexts,answers\n{','.join(row)}\n")

    assert imported.vars == [{"question": "Who?", "contexts": "One text.\n\nAnother one."}]
    assert imported.answers == [["Ada", "A. L."]]


def test_options(project: DatasetProject) -> None:
    """The options of a multiple-choice question without commas between them get their letters."""
    options = quoted("['red' 'blue']")

    imported = project.convert("a.csv", f"question,choices,answer\nWhich?,{options},1\n")

    assert imported.vars == [{"question": "Which?", "choices": "A. red\nB. blue"}]
    assert imported.answers == [["B"]]


def test_conversations(project: DatasetProject) -> None:
    """Messages without commas between them are a conversation."""
    turns = "[{'from': 'human', 'value': 'Hi'}\n {'from': 'gpt', 'value': 'Hello'}]"

    imported = project.convert("a.csv", f"id,conversations\nx,{quoted(turns)}\n")

    assert imported.vars == [{"user": "Hi"}]
    assert imported.answers == [["Hello"]]
