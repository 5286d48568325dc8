"""Run records: they are read as written, or the error names the line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_records import HOSTILE, a_run, a_sample, broken, write

from evalharness.errors import StoreError
from evalharness.records import KeyGrid, Run, SampleKey
from evalharness.store import RunWriter, read_run, sample_from_json, sample_to_json
from evalharness.store.runs import record_in


@pytest.mark.parametrize(
    "run",
    [
        a_run(),
        a_run([a_sample(text=text) for text in HOSTILE]),
        a_run([broken(message=text) for text in HOSTILE]),
        a_run([a_sample(failed_checks=("must be 'x'",))]),
        a_run([a_sample()], planned=(SampleKey("a", "p", "m", 0), SampleKey("z", "p", "m", 0))),
        a_run(stopped=True),
        replace(a_run(), samples=()),
    ],
    ids=["plain", "hostile", "errors", "failed checks", "partial", "stopped", "lost"],
)
def test_round_trip(tmp_path: Path, run: Run) -> None:
    """A run is read as written, with any texts, including half a surrogate pair."""
    assert read_run(write(tmp_path / "deep" / "run.jsonl", run)) == run


GRID = KeyGrid(["a", "b"], ["p"], {"m": 2})


def test_the_plan_of_a_suite_is_stored_by_its_cases(tmp_path: Path) -> None:
    """Each case is stored once; a selection of all is a word, and a part of it a list."""
    run = a_run([a_sample(case, repeat=repeat) for case in "ab" for repeat in (0, 1)])
    run = replace(run, header=replace(run.header, planned=GRID), selected=GRID)
    path = write(tmp_path / "run.jsonl", run)
    first, *_, last = map(json.loads, path.read_text().splitlines())
    assert first["planned"] == {"cases": ["a", "b"], "prompts": ["p"], "models": {"m": 2}}
    assert last["end"]["selected"] == "planned"
    found = read_run(path)
    assert found == run
    assert (type(found.header.planned), found.selected is found.header.planned, found.complete) == (KeyGrid, True, True)
    part = read_run(write(tmp_path / "part.jsonl", replace(run, selected=GRID[1:])))
    assert (part.selected, part.is_whole) == (GRID[1:], False)


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        ({"cases": ["a", "a"], "prompts": ["p"], "models": {"m": 1}}, "each planned case and prompt once"),
        (
            {"cases": ["a"], "prompts": ["p"], "models": {"m": 10**9}},
            "at most 20,000,000 planned samples, got",
        ),
        ({"cases": ["a"], "prompts": ["p"], "models": {"m": -1}}, "greater than or equal to 0"),
        ({"cases": ["a"], "prompts": ["p"], "models": {"m": True}}, "a valid integer"),
        ({"cases": "a", "prompts": ["p"], "models": {"m": 1}}, "a valid tuple"),
        ({"prompts": ["p"]}, "Field required"),
        ("planned", "a valid tuple"),
    ],
)
def test_an_impossible_plan_is_refused(tmp_path: Path, planned: object, expected: str) -> None:
    """A plan from elsewhere has each case once, and no more samples than a machine can count."""
    path = write(tmp_path / "run.jsonl", a_run())
    first, *others = path.read_text().splitlines(keepends=True)
    path.write_text("".join([json.dumps(json.loads(first) | {"planned": planned}) + "\n", *others]))
    with pytest.raises(StoreError, match=expected):
        read_run(path)


def test_logprobs_round_trip(tmp_path: Path) -> None:
    """Log-probabilities are read as written, and a record without them has no field for them."""
    bare = a_sample()
    assert bare.response is not None
    likely = replace(bare.response, logprobs=(-0.5,), golden_logprobs=((-0.25, 0.0), (-3.0,)))
    run = a_run([replace(bare, response=likely)])
    assert read_run(write(tmp_path / "run.jsonl", run)) == run
    assert "logprobs" not in write(tmp_path / "bare.jsonl", a_run()).read_text()


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(), max_size=40))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text is read as written, except that two adjacent halves of a surrogate pair become the pair."""
    run = a_run([a_sample(text=text)])
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    path = write(tmp_path_factory.getbasetemp() / "any" / "run.jsonl", run)
    assert read_run(path) == a_run([a_sample(text=joined)])


def test_sample_travels_as_json() -> None:
    """A sample can be sent as plain JSON between xdist processes."""
    sample = a_sample(text="\u2028", failed_checks=("no",))
    assert sample_from_json(json.loads(json.dumps(sample_to_json(sample)))) == sample
    with pytest.raises(StoreError, match="not a sample"):
        sample_from_json({"key": "a"})


def test_same_run_same_bytes(tmp_path: Path) -> None:
    """A record has one line per sample, and the same run gives the same bytes."""
    first, second = (write(tmp_path / name, a_run()).read_bytes() for name in ("one.jsonl", "two.jsonl"))
    assert first == second
    assert [next(iter(json.loads(line))) for line in first.splitlines()] == ["schema", "sample", "sample", "end"]


def test_a_record_moves_into_place_when_whole(tmp_path: Path) -> None:
    """Until its end, a record has another name, and the record of the last run stays as it is."""
    path = write(tmp_path / "run.jsonl", a_run(name="old"))
    writer = RunWriter(path, a_run(name="new").header)
    assert (read_run(path).header.id, read_run(tmp_path / "run.jsonl.part").header.id) == ("old", "new")
    writer.end(a_run(name="new"))
    assert [file.name for file in tmp_path.iterdir()] == ["run.jsonl"]
    assert read_run(path).header.id == "new"


def test_every_line_is_written_at_once(tmp_path: Path) -> None:
    """The record of a killed run has its finished samples, and is read as a stopped run."""
    run = a_run()
    writer = RunWriter(tmp_path / "run.jsonl", run.header)
    writer.append(run.samples[0])
    assert record_in(tmp_path).name == "run.jsonl.part"
    found = read_run(record_in(tmp_path))
    assert (found.samples, found.stopped, found.complete) == (run.samples[:1], True, False)
    writer.end(run)
    assert record_in(tmp_path).name == "run.jsonl"


def test_truncated_anywhere(tmp_path: Path) -> None:
    """A record that is cut off at any byte is refused, or read as a stopped run."""
    whole = write(tmp_path / "run.jsonl", a_run([a_sample("a", text="é\u2028"), broken("b")])).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.jsonl").write_bytes(whole[:length])
        try:
            run = read_run(tmp_path / "cut.jsonl")
        except StoreError:
            continue
        assert run.stopped
        assert not run.complete


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_deleted_line(tmp_path: Path, number: int) -> None:
    """A record without one of its lines is refused or incomplete; a missing sample is still in the selection."""
    path = write(tmp_path / "run.jsonl", a_run())
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: number - 1] + lines[number:]))
    if number == 1:
        with pytest.raises(StoreError, match=r"run\.jsonl:1: not a run"):
            read_run(path)
    else:
        run = read_run(path)
        assert not run.complete
        assert run.stopped or len(run.selected) > len(run.samples)


HEADER, SAMPLE, END = 0, 1, 3


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (HEADER, '"kind":"run"', '"kind":"baseline"', "1: not a run"),
        (HEADER, '"schema":3', '"schema":4', "1: schema 4, this version reads 1 to 3: upgrade evalharness"),
        (HEADER, '"schema":3', '"schema":10', "schema 10, this version reads 1 to 3: upgrade"),
        (HEADER, '"schema":3', '"schema":0', "schema 0, this version reads 1 to 3"),
        (HEADER, '"schema":3', '"schema":"9"', 'schema "9", this version reads 1 to 3'),
        (HEADER, '"schema":3,', "", "1: schema null, this version reads 1 to 3"),
        (HEADER, '"id":"run-1"', '"id":null', "1: invalid run record"),
        (SAMPLE, "0.123457", "NaN", "2: expected a finite number, got NaN"),
        (SAMPLE, "0.123457", "-Infinity", "2: expected a finite number, got -Infinity"),
        (SAMPLE, "0.123457", "1e999", "2: expected a finite number, got 1e999"),
        (SAMPLE, "0.123457", "9" * 5_000, "2: unsupported JSON"),
        (SAMPLE, "0.123457", "[" * 100_000, "2: unsupported JSON"),
        (SAMPLE, "0.123457", '"good"', "2: invalid run record"),
        (SAMPLE, "0.123457", "-1e7", "2: invalid run record: expected a score of exact within ±1,000,000"),
        (SAMPLE, "0.123457", '"nan"', "2: invalid run record: "),
        (
            SAMPLE,
            '_tokens":9',
            '_tokens":' + "9" * 400,
            "2: invalid run record: expected at most 1,000,000,000,000 tokens",
        ),
        (
            SAMPLE,
            '_tokens":3',
            '_tokens":' + "3" * 400,
            "2: invalid run record: expected at most 1,000,000,000,000 tokens",
        ),
        (SAMPLE, '"stop"', '"banana"', "2: invalid run record"),
        (SAMPLE, '{"sample"', '{"simple"', "2: invalid run record: expected a sample, or one end line"),
        (SAMPLE, '{"sample":{', "[1]", "2:4: not JSON"),
        (SAMPLE, '{"sample"', '"', "2:"),
        (END, '{"end":{', '{"end":[', "4:"),
        (END, '"stopped":false', '"stoped":false', "4: invalid run record"),
        (END, '"stopped":false', '"stopped":null', "4: invalid run record"),
        (END, "}}\n", '}}\n{"end":{"selected":[], "stopped":false}}\n', "5: invalid run record"),
        (END, "}}\n", "}}\n\n", "5:1: not JSON"),
    ],
)
def test_damaged_line(tmp_path: Path, line: int, old: str, new: str, message: str) -> None:
    """A damaged record is refused, with the line."""
    path = write(tmp_path / "run.jsonl", a_run())
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    path.write_text("".join(lines))
    with pytest.raises(StoreError, match=re.escape(f"run.jsonl:{message}" if message[0].isdigit() else message)):
        read_run(path)


@pytest.mark.parametrize("end", ["[1]", '"x"', "null", "{}", "3"])
def test_invalid_end(tmp_path: Path, end: str) -> None:
    """An end line without the selection is refused."""
    path = write(tmp_path / "run.jsonl", a_run())
    path.write_text("".join([*path.read_text().splitlines(keepends=True)[:-1], f'{{"end": {end}}}\n']))
    with pytest.raises(StoreError, match=r"run\.jsonl:4: invalid run record"):
        read_run(path)


def test_two_records_in_one_file(tmp_path: Path) -> None:
    """A file with two runs is refused."""
    path = write(tmp_path / "run.jsonl", a_run())
    path.write_text(path.read_text() * 2)
    with pytest.raises(StoreError, match=r"run\.jsonl:5: invalid run record"):
        read_run(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"null\n", b"[]\n", b"\xef\xbb\xbf{}\n", b"\x00" * 9])
def test_other_content(tmp_path: Path, content: bytes) -> None:
    """A file with other content is refused."""
    (tmp_path / "run.jsonl").write_bytes(content)
    with pytest.raises(StoreError, match=r"run\.jsonl"):
        read_run(tmp_path / "run.jsonl")


def test_no_file(tmp_path: Path) -> None:
    """A missing file and a folder cannot be read."""
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(StoreError, match="cannot be read"):
            read_run(path)


COMPLETE: list[tuple[Any, bool]] = [
    (a_run(), True),
    (a_run(stopped=True), False),
    (a_run([a_sample("a"), broken("b")]), False),
    (a_run([a_sample("a"), a_sample("b", response=None)]), False),
    (replace(a_run(), samples=a_run().samples[:1]), False),
    (a_run([a_sample()], planned=(SampleKey("z", "p", "m", 0),)), False),
    (a_run(planned=()), False),
    (replace(a_run(planned=()), samples=(), selected=()), False),
]


@pytest.mark.parametrize(("run", "complete"), COMPLETE)
def test_complete(run: Run, complete: bool) -> None:
    """A run is complete if there are planned samples, and all of them have a response."""
    assert run.complete is complete


@pytest.mark.parametrize(
    ("sample", "ok"),
    [
        (a_sample(), True),
        (broken(), False),
        (a_sample(failed_checks=("no",)), False),
        (a_sample(response=None, scores=()), False),
    ],
)
def test_ok(sample: Any, ok: bool) -> None:
    """A sample without a response is not ok, with or without an error."""
    assert sample.ok is ok
