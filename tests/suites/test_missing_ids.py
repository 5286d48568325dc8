"""A case file without ids has one problem, which says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
HINT = "If the file is a data set, convert it: evalharness import dataset suites/"


def rows(count: int, *, ids: bool = False) -> str:
    """JSON Lines of a data set."""
    return "".join(
        json.dumps(({"id": f"c{n}"} if ids else {}) | {"question": f"q{n}", "answer": "a"}) + "\n" for n in range(count)
    )


@pytest.mark.parametrize(
    ("file", "text", "place", "count"),
    [
        ("c.jsonl", rows(900), "1:1", "900 of 900"),
        ("c.csv", "question,answer\n" + "q,a\n" * 400, "2:1", "400 of 400"),
        ("c.csv", "id;question\n" + "1;q\n" * 400, "2:1", "400 of 400"),
        ("c.csv", "id,q\na,x\n,y\nb,z\n ,w\n", "3:1", "2 of 4"),
        ("c.yaml", "- vars: {q: a}\n" * 30, "1:3", "30 of 30"),
        ("c.jsonl", '{"id": "a", "vars": {"q": "x"}}\n{"id": null}\n', "2:1", "1 of 2"),
    ],
)
def test_rows_without_ids(project: Make, head: str, file: str, text: str, place: str, count: str) -> None:
    """All rows without an id are one problem with their number, the first line and the command that helps."""
    problems = project(head + f"cases: {file}\n", files={f"suites/{file}": text}).problems()

    assert problems == [
        f"suites/{file}:{place}: 'id' is missing in {count} rows, first here. Add an id to each row. {HINT}{file}"
    ]


def test_other_rows_are_still_checked(project: Make, head: str) -> None:
    """Problems of rows with an id are listed as well, at their own lines."""
    text = '{"vars": {"q": "x"}}\n{"id": "a", "varz": {}}\n{"id": "b", "tags": "x"}\n'

    problems = project(head + "cases: c.jsonl\n", files={"suites/c.jsonl": text}).problems()

    assert [problem.partition(": ")[0] for problem in problems] == [
        "suites/c.jsonl:1:1",
        "suites/c.jsonl:2:1",
        "suites/c.jsonl:3:1",
    ]
    assert "unknown key 'varz'" in problems[1]


def test_equal_problems_are_counted(project: Make, head: str) -> None:
    """A problem that many rows have is reported once, with the number of the others."""
    problems = project(head + "cases: c.jsonl\n", files={"suites/c.jsonl": rows(900, ids=True)}).problems()

    assert len(problems) == 2
    assert {problem.split("'")[1] for problem in problems} == {"question", "answer"}
    assert all(problem.endswith("(899 more like this)") for problem in problems)


def test_cases_in_the_suite(project: Make, head: str) -> None:
    """Cases in the suite itself without an id are one problem too."""
    problems = project(head + "cases:\n" + "  - vars: {q: x}\n" * 40).problems()

    assert len(problems) == 1
    assert problems[0].endswith("'id' is missing (39 more like this)")


@pytest.mark.parametrize("file", ["c.ndjson", "c.tsv", "c.json"])
def test_formats_of_data_sets(project: Make, head: str, file: str) -> None:
    """A case file in a format of data sets names the command that converts it."""
    (problem,) = project(head + f"cases: {file}\n", files={f"suites/{file}": "x"}).problems()

    assert problem.endswith(f"got '{file}'. To convert a data set: evalharness import dataset suites/{file}")
