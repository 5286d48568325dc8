"""Ids of imported cases: from a column, or from the content, and stable when the file changes."""

from __future__ import annotations

import random
import re

import pytest
from dataset_projects import DatasetProject, csv_text, table

ROWS = [(f"Who is {n}?", f"Answer {n}") for n in range(30)]
HEAD = ("question", "answer")


def test_ids_from_the_content(project: DatasetProject) -> None:
    """A row keeps its id when rows are added, removed or moved, and when its golden answer changes."""
    before = project.convert("a.csv", csv_text(HEAD, *ROWS))
    others = [(f"Else {n}?", "x") for n in range(5)]
    mixed = random.Random(0).sample([*ROWS[5:], *others], 30)

    after = project.convert("a.csv", csv_text(HEAD, *((question, "New") for question, _ in mixed)))

    ids = dict(zip((row["question"] for row in before.vars), before.ids, strict=True))
    same = dict(zip((row["question"] for row in after.vars), after.ids, strict=True))
    assert all(re.fullmatch("[0-9a-f]{12}", name) for name in before.ids)
    assert len({*before.ids}) == 30
    assert all(same[question] == ids[question] for question in ids.keys() & same.keys())


def test_the_format_does_not_matter(project: DatasetProject) -> None:
    """The same texts have the same ids in CSV and JSON Lines."""
    table_ids = project.convert("a.csv", csv_text(HEAD, *ROWS)).ids

    assert project.convert("a.jsonl", [dict(zip(HEAD, row, strict=True)) for row in ROWS]).ids == table_ids


def test_equal_rows(project: DatasetProject) -> None:
    """Rows with equal variables get numbers in order, and the output names them."""
    imported = project.convert("a.csv", csv_text(HEAD, ("Who?", "a"), ("When?", "b"), ("Who?", "a"), ("Who?", "c")))

    first = imported.ids[0]
    assert imported.ids[2:] == [f"{first}-2", f"{first}-3"]
    assert "2 rows with repeated variables (line 4 repeats line 2, line 5 repeats line 2)" in imported.output


def test_ids_from_a_column(project: DatasetProject) -> None:
    """A column named like an id is used, in any script, and its values stay as they are."""
    imported = project.convert("a.csv", "ID,question,answer\n007,a,x\nfrage-ä,b,x\n問題/1,c,x\n")

    assert imported.ids == ["007", "frage-ä", "問題/1"]
    assert imported.vars[0] == {"question": "a"}


def test_characters_that_an_id_cannot_have(project: DatasetProject) -> None:
    """Other characters become a hyphen, a reserved id gets an ending, and the output says so."""
    imported = project.convert("a.csv", "id,question,answer\na b: c,q1,x\ngate,q2,x\n(d),q3,x\n")

    assert imported.ids == ["a-b-c", "gate-case", "d"]
    assert "3 ids with characters that an id cannot have: 'a b: c' becomes 'a-b-c'" in imported.output


def test_repeated_and_missing_ids(project: DatasetProject) -> None:
    """A repeated id gets a number that no other row has, a missing one is made from the content; both are named."""
    text = "id,question,answer\nr,q1,x\nr-2,q2,x\nr,q3,x\n,q4,x\nr,q5,x\ns,q6,x\nt,q7,x\n"

    imported = project.convert("a.csv", text)

    assert imported.ids[:3] == ["r", "r-2", "r-3"]
    assert re.fullmatch("[0-9a-f]{12}", imported.ids[3])
    assert imported.ids[4] == "r-4"
    assert "2 rows with a repeated id ('r'): they get -2, -3, ..." in imported.output
    assert "1 row without an id: made from the content" in imported.output


def test_a_column_that_repeats_is_no_id(project: DatasetProject) -> None:
    """A column whose values mostly repeat groups rows, so it is no id; --id uses it all the same."""
    text = "question_id,question,answer\n" + "".join(f"g{n // 4},q{n},x\n" for n in range(12))

    output = project.preview("a.csv", text)

    assert table(output)["question_id"] == "left out named like an id, but only 3 values in 12 rows; --id uses it"
    assert project.convert("a.csv", text, "--id", "question_id").ids[:5] == ["g0", "g0-2", "g0-3", "g0-4", "g1"]


@pytest.mark.parametrize("column", ["index", "Unnamed: 0", "", "row_idx", "No."])
@pytest.mark.parametrize("first", [0, 1])
def test_row_numbers_are_no_ids(project: DatasetProject, column: str, first: int) -> None:
    """A column that counts the rows is left out, because its values move with the rows."""
    rows = [(str(number + first), *row) for number, row in enumerate(ROWS)]

    output = project.preview("a.csv", csv_text((column, *HEAD), *rows))

    assert table(output)[column or "column 1"] == "left out row numbers, which change when rows move"


def test_the_better_name_is_the_id(project: DatasetProject) -> None:
    """Of several columns with ids, the one with the clearest name is used."""
    output = project.preview("a.csv", "uuid,id,question,answer\nu1,1,q1,x\nu2,2,q2,x\n")

    assert table(output)["id"].startswith("id")
    assert table(output)["uuid"] == "variable uuid"


def test_a_name_is_no_id(project: DatasetProject) -> None:
    """A column of names can be needed in a prompt, so it stays a variable."""
    output = project.preview("a.csv", "name,question,answer\nAda,q1,x\nBob,q2,x\nCyd,q3,x\n")

    assert table(output)["name"] == "variable name"


@pytest.mark.parametrize("name", ["unique_id", "problem_id"])
def test_ids_of_problems(project: DatasetProject, name: str) -> None:
    """The ids of MATH-500 and of other collections of problems are kept."""
    rows = [{name: f"test/{index}", "problem": f"{index}?", "answer": "x"} for index in range(3)]
    assert project.convert("a.jsonl", rows).ids == ["test/0", "test/1", "test/2"]
