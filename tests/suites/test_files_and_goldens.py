"""Case files and golden files: supported formats, reported problems, rejected paths."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hang import in_time

Make = Callable[..., Any]
_ROW = '{"id": "a", "vars": {"q": "x"}}\n'


@pytest.mark.parametrize(
    ("name", "text", "variables"),
    [
        ("c.jsonl", _ROW, {"q": "x"}),
        ("c.jsonl", "\n \n" + _ROW.replace("\n", "\r\n") + "\n", {"q": "x"}),
        ("c.jsonl", '{"id": "a", "vars": {"q": 7, "r": 1.50, "s": 2.5, "t": true, "u": null}}',
         {"q": 7, "r": "1.50", "s": 2.5, "t": True, "u": None}),
        ("c.csv", "id,q,tags\na,x,s; t\n", {"q": "x"}),
        ("c.csv", '\ufeffid,q\na,"say ""hi"",\nthen no"\n', {"q": 'say "hi",\nthen no'}),
        ("c.csv", "id,q\r\na,012\r\n", {"q": "012"}),
        ("c.csv", 'id,q\r\na,"x\r\ny"\r\n', {"q": "x\ny"}),
        ("c.csv", f"id,q\na,{'x' * 200_000}\n", {"q": "x" * 200_000}),
        ("c.yaml", "- {id: a, vars: {q: no}}\n", {"q": "no"}),
        ("deep/er/c.yaml", "- {id: a, vars: {q: no}}\n", {"q": "no"}),
    ],
)  # fmt: skip
def test_case_files(project: Make, head: str, name: str, text: str, variables: dict[str, Any]) -> None:
    """Cases load from JSONL, CSV and YAML; CSV cells are text, and JSON numbers keep their spelling."""
    (case,) = project(head + f"cases: {name}\n", files={f"suites/{name}": text}).load().cases

    assert (case.id, case.vars) == ("a", variables)


def test_csv_tags(project: Make, head: str) -> None:
    """The column `tags` holds tags separated by semicolons; duplicates are dropped."""
    (case,) = project(head + "cases: c.csv\n", files={"suites/c.csv": "id,q,tags\na,x,s; t;;s\n"}).load().cases

    assert case.tags == ("s", "t")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (_ROW + _ROW, "2:1: duplicate id 'a': first used at suites/c.jsonl:1:1"),
        ("\n" + _ROW + '{"id": "b", "vars": {"q": NaN}}', "3:1: NaN is not valid JSON"),
        ('{"id": "a", "vars": {"q": -Infinity}}', "1:1: -Infinity is not valid JSON"),
        ('{"id": "a", "id": "b"}', "1:1: duplicate key 'id'"),
        ('{"id": "a", "vars": {"q": {"r": 1, "r": 2}}}', "1:1: duplicate key 'r'"),
        (_ROW + "[1]", "2:1: this must be a mapping (key: value), got a list"),
        (_ROW + "\n7", "3:1: this must be a mapping (key: value), got '7'"),
        (_ROW + "{'id': 1}", "2:2: invalid JSON: Expecting property name enclosed in double quotes"),
        (_ROW + '{"id": "b"} x', "2:13: invalid JSON: Extra data"),
        ('{"id": "a", "varz": {}}', "1:1: unknown key 'varz'; did you mean 'vars'?"),
        ('{"id": "a", "vars": {"q": "\\ud800"}}', "1:1: a lone surrogate is not a character: write the whole"),
        ('{"id": "a", "vars": {"\\udc00": "x"}}', "1:1: a lone surrogate is not a character"),
        ('{"id": "a\0"}', ":1: NUL character found"),
        *[
            ('{"id": "a", "vars": {"q": ' + "[" * n + "]" * n + "}}", "1:1: nested deeper than limits.depth = 32")
            for n in (31, 300, 600, 900, 5_000, 200_000)
        ],
        (
            '{"id": "a", "vars": {' + ", ".join(f'"k{i % 10**5}": 1' for i in range(10**5 + 1)) + "}}",
            "1:1: duplicate key 'k0'",
        ),
    ],
)  # fmt: skip
def test_jsonl_refusals(project: Make, head: str, text: str, wanted: str) -> None:
    """A problem in JSONL has its line number, however deep or wide the line is."""
    with in_time():
        line = project(head + "cases: c.jsonl\n", files={"suites/c.jsonl": text}).problems()[0]

    assert line.startswith("suites/c.jsonl:" + wanted.removeprefix(":"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("id,q\na,x,y\n", "2:1: expected 2 cells as in the header, got 3"),
        ('id,q\na,"x\ny\nz"\nb\n', "5:1: expected 2 cells as in the header, got 1"),
        ('id,q\na,"x\ny\nz"\na,x\n', "5:1: duplicate id 'a': first used at suites/c.csv:2:1"),
        ("id,q,q\na,x,y\n", "1:1: duplicate column 'q'"),
        ('id,q\na,"x\n', "2:1: invalid CSV: unexpected end of data"),
        ('id,q\na,"x"y\n', "2:1: invalid CSV: ',' expected after '\"'"),
        ("q\nx\n", "2:1: 'id' is missing"),
        ("id,q\na,x\0\n", "2: NUL character found"),
        ("id,q\n a b,x\n", "2:1: id: ' a b' may contain only letters"),
    ],
)
def test_csv_refusals(project: Make, head: str, text: str, wanted: str) -> None:
    """A problem in CSV has the line where its row starts, even after multi-line cells."""
    line = project(head + "cases: c.csv\n", files={"suites/c.csv": text}).problems()[0]

    assert line.startswith("suites/c.csv:" + wanted)


@pytest.mark.parametrize(
    ("name", "text", "limits", "wanted"),
    [
        ("c.jsonl", "{}\n" * 50, {"cases": 9}, "suites/c.jsonl:10: more lines than limits.cases = 9"),
        ("c.csv", "id\n" + "a\n" * 50, {"cases": 9}, "suites/c.csv:11:1: more rows than limits.cases = 9"),
        ("c.csv", "id,q\n" + "a,b\n" * 50, {"nodes": 50}, "suites/c.csv:27:1: more than limits.nodes = 50 cells"),
        ("c.jsonl", '{"id": [' + "1," * 99 + "1]}", {"nodes": 50}, "suites/c.jsonl:1:1: more than limits.nodes = 50"),
        ("c.jsonl", "x" * 2_000, {"file_mb": 0.001}, "suites/c.jsonl: 0.0 MB exceed limits.file_mb = 0.001"),
    ],
)
def test_row_limits(project: Make, head: str, name: str, text: str, limits: dict[str, Any], wanted: str) -> None:
    """Limits stop the reading of rows, and the error names the setting."""
    suite = head.replace("schema: 1", "schema: 1\ndescription: x")

    lines = project(suite + f"cases: {name}\n", files={f"suites/{name}": text}, **limits).problems()

    assert lines[0].startswith(wanted)


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        ("../golden/s.yaml", "leaves its folder with '..'"),
        ("x/../../../etc/passwd", "leaves its folder with '..'"),
        ("..\\\\golden\\\\s.yaml", "leaves its folder with '..'"),
        ("/etc/passwd", "is an absolute path"),
        ("//server/share/c.yaml", "is an absolute path"),
        ("file:///etc/passwd", "is an absolute path"),
        ("C:\\\\c.yaml", "is an absolute path"),
        ("~/c.yaml", "case file '~/c.yaml' not found"),
        ("~", "expected a case file that ends in .yaml, .jsonl, .csv or .parquet"),
        (".", "expected the path of a file"),
        ("./", "expected the path of a file"),
        ("", "expected the path of a file"),
        (" ", "expected the path of a file"),
        ("a\\0.yaml", "expected the path of a file"),
        ("missing.yaml", "case file 'missing.yaml' not found in the folder of this suite"),
        ("c.yml", "expected a case file that ends in .yaml, .jsonl, .csv or .parquet"),
        ("c.json", "expected a case file that ends in .yaml, .jsonl, .csv or .parquet"),
        ("x" * 5_000 + ".yaml", "invalid path: File name too long"),
        ("x/" * 3_000 + "c.yaml", "invalid path: File name too long"),
        ("link.yaml", "'suites/link.yaml' goes through a symbolic link (suites/link.yaml): use the real path"),
        ("loop.yaml", "'suites/loop.yaml' goes through a symbolic link (suites/loop.yaml)"),
        ("folder/c.yaml", "'suites/folder/c.yaml' goes through a symbolic link (suites/folder)"),
        ("dir.yaml", "suites/dir.yaml: not a regular file"),
        ("fifo.jsonl", "suites/fifo.jsonl: not a regular file"),
    ],
)
def test_case_file_references(project: Make, head: str, tmp_path: Path, reference: str, wanted: str) -> None:
    """Only a regular file below the suite's folder is a valid case file; no reference hangs."""
    made = project(head + f'cases: "{reference}"\n')
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/c.yaml").write_text("- {id: a, vars: {q: secret}}")
    (tmp_path / "suites/link.yaml").symlink_to(tmp_path / "elsewhere/c.yaml")
    (tmp_path / "suites/loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "suites/folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "suites/dir.yaml").mkdir()
    os.mkfifo(tmp_path / "suites/fifo.jsonl")

    (line,) = made.problems()

    assert line.startswith("suites/")
    assert wanted in line
    assert "secret" not in line


@pytest.mark.parametrize("folder", ["suites", "golden"])
def test_linked_folders(project: Make, good: str, tmp_path: Path, folder: str) -> None:
    """A link in place of the folder itself is rejected."""
    made = project(good)
    (tmp_path / folder).rename(tmp_path / "elsewhere")
    (tmp_path / folder).symlink_to("elsewhere")

    (line,) = made.problems()

    assert line == f"{folder}/s.yaml: '{folder}/s.yaml' goes through a symbolic link ({folder}): use the real path"


def test_a_root_behind_a_link(project: Make, tmp_path: Path) -> None:
    """The root itself may be a link: the user chose it."""
    made = project()
    (tmp_path / "there").symlink_to(tmp_path)

    assert type(made)(tmp_path / "there", made.limits).load().name == "s"


@pytest.mark.parametrize("name", ["suites/s.yaml", "golden/s.yaml"])
@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_not_regular(project: Make, tmp_path: Path, name: str, kind: str) -> None:
    """A FIFO or a folder in place of a suite or a golden file is rejected without waiting."""
    made = project()
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name) if kind == "fifo" else (tmp_path / name).mkdir()

    assert made.problems() == [f"{name}: not a regular file"]


@pytest.mark.parametrize(
    ("golden", "wanted"),
    [
        (None, "golden/s.yaml: file not found: the metric rouge_l needs golden answers"),
        ("", "golden/s.yaml: the file is empty: expected a mapping (key: value)"),
        ("[a]\n", "golden/s.yaml:1:1: this must be a mapping"),
        ("b: x\na: y\n", "golden/s.yaml:1:1: no case 'b' in the suite; known: a"),
        ("a:\n", "golden/s.yaml:1:1: empty golden answer for 'a': write one or remove the entry"),
        ("a: ' '\n", "golden/s.yaml:1:1: empty golden answer for 'a'"),
        ("a: []\n", "golden/s.yaml:1:1: empty golden answer for 'a'"),
        ("a: [x, '']\n", "golden/s.yaml:1:1: empty golden answer for 'a'"),
        ("a: x\na: y\n", "golden/s.yaml:2:1: duplicate key 'a'"),
        ("a: {b: c}\n", "golden/s.yaml:1:1: a: must be a valid string, got a mapping"),
        ("a: [[x]]\n", "golden/s.yaml:1:5: a: must be a valid string, got a list"),
        ("a: !x y\n", "golden/s.yaml:1:4: YAML tag !x is not supported"),
    ],
)
def test_golden_mistakes(project: Make, good: str, golden: str | None, wanted: str) -> None:
    """A golden file holds non-empty answers for existing cases."""
    assert project(good, golden).problems()[0].startswith(wanted)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ('{"id": "a", "golden": "x"}\n\n{"id": "a", "golden": "y"}\n', "3:1: duplicate entry for 'a'"),
        ('{"id": "b", "golden": "x"}\n', "1:1: no case 'b' in the suite; known: a"),
        ('{"id": "a", "golden": []}\n', "1:1: empty golden answer for 'a'"),
        ('{"id": "a", "golden": null}\n', "1:1: golden: must be a valid string, got nothing"),
        ('{"id": "a", "golden": "x", "gold": 1}\n', "1:1: unknown key 'gold'; did you mean 'golden'?"),
        ('{"golden": "x"}\n', "1:1: 'id' is missing"),
        ('{"id": "a", "golden": "\\ud83d"}\n', "1:1: a lone surrogate"),
    ],
)
def test_golden_line_mistakes(project: Make, good: str, lines: str, wanted: str) -> None:
    """A problem of a JSONL golden file has its line number."""
    assert project(good, None, files={"golden/s.jsonl": lines}).problems()[0].startswith("golden/s.jsonl:" + wanted)


def test_two_golden_files(project: Make, good: str) -> None:
    """Two golden files for one suite are an error."""
    lines = project(good, files={"golden/s.jsonl": '{"id": "a", "golden": "x"}'}).problems()

    assert lines == ["golden/s.yaml: s.yaml and s.jsonl both exist: keep one of them"]


def test_no_golden_needed(project: Make, good: str) -> None:
    """A suite whose metrics need no golden answer loads without a golden file."""
    assert project(good.replace("rouge_l", "json_valid"), None).load().cases[0].golden == ()


def test_golden_text_is_not_rendered(project: Make, good: str) -> None:
    """Template syntax in a golden answer stays text."""
    assert project(good, "a: '{{ 7 * 7 }}'\n").load().cases[0].golden == ("{{ 7 * 7 }}",)


def lines_run(work: Callable[[], object]) -> int:
    """The number of Python lines that `work` executes."""
    count, before = 0, sys.gettrace()

    def trace(frame: object, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_work_grows_with_the_cases(project: Make, head: str) -> None:
    """Loading takes time linear in the number of cases."""

    def work(cases: int) -> int:
        rows = "".join(f'{{"id": "c{i}", "vars": {{"q": "x"}}}}\n' for i in range(cases))
        golden = "".join(f'{{"id": "c{i}", "golden": "x"}}\n' for i in range(cases))
        made = project(head + "cases: c.jsonl\n", None, files={"suites/c.jsonl": rows, "golden/s.jsonl": golden})
        assert len(made.load().cases) == cases
        return lines_run(made.load)

    assert work(2_000) <= 2 * work(1_000)


def test_digest_follows_variables_and_goldens(project: Make, good: str) -> None:
    """The digest of a case changes with its variables and golden answers, not with its tags or position."""
    first = project(good).load().cases[0].digest

    assert project(good.replace("hello", "hallo")).load().cases[0].digest != first
    assert project(good, "a: [world, earth]\n").load().cases[0].digest != first
    assert project("# moved\n" + good + "    tags: [t]\n").load().cases[0].digest == first
