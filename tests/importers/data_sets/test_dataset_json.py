"""JSON files of every layout become rows, and their numbers keep their digits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dataset_projects import DatasetProject

ROWS = [{"question": "Who?", "answer": "Ada"}, {"question": "When?", "answer": "1843"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", ROWS),
        ("a.jsonl", ROWS),
        ("a.json", "\n".join(map(json.dumps, ROWS))),
        ("a.jsonl", json.dumps(ROWS)),
        ("a.jsonl", json.dumps(ROWS, indent=2)),
        ("a.jsonl", "\n\n".join(map(json.dumps, ROWS)) + "\r\n"),
        ("a.json", {"version": 2, "goldens": ROWS}),
        ("a.json", {"question": ["Who?", "When?"], "answer": ["Ada", "1843"]}),
        ("a.json", {"question": {"0": "Who?", "1": "When?"}, "answer": {"0": "Ada", "1": "1843"}}),
        ("a.json", {"columns": ["question", "answer"], "index": [0, 1], "data": [["Who?", "Ada"], ["When?", "1843"]]}),
        ("a.json", {"test": ROWS}),
        ("a.json", {"train": ROWS[:1], "test": ROWS}),
        ("a.json", [row | {"split": "test"} for row in ROWS] + [ROWS[0] | {"split": "train"}]),
    ],
)  # fmt: skip
def test_layouts(project: DatasetProject, name: str, content: Any) -> None:
    """Lists, lines, columns and splits give the same cases, whatever the name of the file."""
    options = ["--split", "test"] if "test" in json.dumps(content) else []

    imported = project.convert(name, content, *options)

    assert [row["question"] for row in imported.vars] == ["Who?", "When?"]
    assert imported.answers == [["Ada"], ["1843"]]


def test_one_row(project: DatasetProject) -> None:
    """A file with a single line is one row, also if the row holds a list of objects."""
    row = {"question": "Who?", "answers": [{"text": "Ada"}, {"text": "Ada L."}]}

    assert project.convert("a.jsonl", [row]).answers == [["Ada", "Ada L."]]


def test_rows_by_id(project: DatasetProject) -> None:
    """The keys of an object of rows are ids."""
    assert project.convert("a.json", {"k1": ROWS[0], "k2": ROWS[1]}).ids == ["k1", "k2"]


def test_several_splits(project: DatasetProject) -> None:
    """A file with several splits needs a choice, and the message lists them with their sizes."""
    message = project.refusal("a.json", {"train": ROWS, "test": ROWS[:1]})

    assert "has several splits: train (2), test (1). Choose one with --split NAME" in message
    assert "unknown split 'dev'; known: train, test" in project.refusal(
        "b.json", {"train": ROWS, "test": ROWS}, "--split", "dev"
    )


def test_numbers(project: DatasetProject) -> None:
    """Numbers that JSON writes in the same way stay numbers; others stay text with all their digits."""
    text = '{"question": "a", "n": [NUMBER], "answer": 1.50}\n'
    numbers = ["7", "0.5", "1.10", "1e5", "-0", "12345678901234567890123456789", "0.1000000000000000055511151231257827"]

    imported = project.convert("a.jsonl", "".join(text.replace("[NUMBER]", number) for number in numbers))

    assert [row["n"] for row in imported.vars] == [7, 0.5, *numbers[2:]]
    assert imported.answers[0] == ["1.50"]


def test_nested_values(project: DatasetProject) -> None:
    """A list of texts becomes one text; other nested values become JSON; a missing value becomes empty text."""
    row = {
        "question": "a",
        "facts": ["x", "y"],
        "extra": {"k": [1, None]},
        "note": None,
        "mixed": [1, "a"],
        "answer": "b",
    }

    imported = project.convert("a.json", [row, row | {"note": "n", "question": "c"}])

    assert imported.vars[0] == {
        "question": "a", "facts": "x\n\ny", "extra": '{"k": [1, null]}', "note": "", "mixed": '[1, "a"]',
    }  # fmt: skip


def test_characters_that_are_none(project: DatasetProject) -> None:
    """Half of a surrogate pair, which no UTF-8 file can hold, becomes the replacement character."""
    imported = project.convert("a.jsonl", '{"question": "a\\ud800b", "answer": "x\\udfff"}\n')

    assert (imported.vars, imported.answers) == ([{"question": "a\ufffdb"}], [["x\ufffd"]])


def test_lines_that_are_not_json(project: DatasetProject) -> None:
    """A broken line is left out with its number; the others are imported."""
    imported = project.convert("a.jsonl", f"{json.dumps(ROWS[0])}\n{{broken\n{json.dumps(ROWS[1])}\n")

    assert len(imported.cases) == 2
    assert "1 row: not JSON, left out (line 2)" in imported.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "a.json is empty"),
        ("12", "expected JSON, a list or objects, got '1'"),
        ('[{"question": "a"}, {"question": ]', "a.json: row 2: invalid JSON: Expecting value"),
        ('[{"question": "a"}', "a.json: row 1: invalid JSON: the file ends inside the list"),
        ('[{"question": "a"} {"question": "b"}]', "a.json: row 1: invalid JSON: expected ',' or ']'"),
        ('{"question": "a",\n "answer"}', "a.json:2:10: invalid JSON"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "a.json: invalid JSON: nested too deeply"),
        ("[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("[]", "a.json has no rows"),
    ],
)
def test_invalid_json(project: DatasetProject, content: str, message: str) -> None:
    """A file that is not JSON is refused with the place."""
    assert message in " ".join(project.refusal("a.json", content).split())


def test_a_list_is_streamed(project: DatasetProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are longer than a piece of the file, and pieces that end inside of a row, are read whole."""
    monkeypatch.setattr("evalharness.importers.datasets.json_rows._CHUNK_CHARS", 7)
    rows = [{"question": f'{n} é [{{\\" ' * n, "answer": str(n)} for n in range(1, 40)]

    imported = project.convert("a.json", json.dumps(rows, ensure_ascii=False, indent=1))

    assert [row["question"] for row in imported.vars] == [row["question"] for row in rows]
