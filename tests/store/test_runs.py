"""The record of a run: what was written comes back, or an error that names the line."""

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
from evalharness.records import Run, SampleKey
from evalharness.store import RunWriter, read_run, sample_from_json, sample_to_json


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
    """A run comes back equal, whatever its texts hold, half a surrogate pair too."""
    assert read_run(write(tmp_path / "deep" / "run.jsonl", run)) == run


def test_logprobs_round_trip(tmp_path: Path) -> None:
    """Log-probabilities come back, and a record without them has no word of them."""
    bare = a_sample()
    assert bare.response is not None
    likely = replace(bare.response, logprobs=(-0.5,), golden_logprobs=((-0.25, 0.0), (-3.0,)))
    run = a_run([replace(bare, response=likely)])
    assert read_run(write(tmp_path / "run.jsonl", run)) == run
    assert "logprobs" not in write(tmp_path / "bare.jsonl", a_run()).read_text()


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(), max_size=40))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text at all survives, but that two halves of a surrogate pair that stand together become the pair."""
    run = a_run([a_sample(text=text)])
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    path = write(tmp_path_factory.getbasetemp() / "any" / "run.jsonl", run)
    assert read_run(path) == a_run([a_sample(text=joined)])


def test_sample_travels_as_json() -> None:
    """A sample is plain JSON between xdist processes."""
    sample = a_sample(text="\u2028", failed_checks=("no",))
    assert sample_from_json(json.loads(json.dumps(sample_to_json(sample)))) == sample
    with pytest.raises(StoreError, match="not a sample"):
        sample_from_json({"key": "a"})


def test_same_run_same_bytes(tmp_path: Path) -> None:
    """One line a sample, and the same run gives the same bytes."""
    first, second = (write(tmp_path / name, a_run()).read_bytes() for name in ("one.jsonl", "two.jsonl"))
    assert first == second
    assert [next(iter(json.loads(line))) for line in first.splitlines()] == ["schema", "sample", "sample", "end"]


def test_every_line_is_there_at_once(tmp_path: Path) -> None:
    """A run that is killed leaves what has come in, as a stopped run."""
    run = a_run()
    writer = RunWriter(tmp_path / "run.jsonl", run.header)
    writer.append(sample_to_json(run.samples[0]))
    found = read_run(tmp_path / "run.jsonl")
    assert (found.samples, found.stopped, found.complete) == (run.samples[:1], True, False)
    writer.end(run)


def test_truncated_anywhere(tmp_path: Path) -> None:
    """A record cut at any byte is refused, or says itself that it is not whole."""
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
    """A record that lost a line is refused or not complete; a sample's line is missed by its selection."""
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
    ("line", "old", "new", "said"),
    [
        (HEADER, '"kind": "run"', '"kind": "baseline"', "1: not a run"),
        (HEADER, '"schema": 2', '"schema": 3', "1: schema 3, this version reads 1 to 2; a newer evalharness wrote it"),
        (HEADER, '"schema": 2', '"schema": 10', "a newer evalharness"),
        (HEADER, '"schema": 2', '"schema": 0', "schema 0, this version reads 1 to 2; expected a known schema"),
        (HEADER, '"schema": 2', '"schema": "9"', 'schema "9", this version reads 1 to 2; expected'),
        (HEADER, '"schema": 2, ', "", "1: schema null, this version reads 1 to 2; expected a known schema"),
        (HEADER, '"id": "run-1"', '"id": null', "1: not a record of a run"),
        (SAMPLE, "0.123457", "NaN", "2: NaN is not a number that a record can hold"),
        (SAMPLE, "0.123457", "-Infinity", "2: -Infinity is not a number"),
        (SAMPLE, "0.123457", "1e999", "2: 1e999 is not a number"),
        (SAMPLE, "0.123457", "9" * 5_000, "2: not JSON that a record can hold"),
        (SAMPLE, "0.123457", "[" * 100_000, "2: not JSON that a record can hold"),
        (SAMPLE, "0.123457", '"good"', "2: not a record of a run"),
        (SAMPLE, "0.123457", "-1e7", "2: not a record of a run: the score exact is not within ±1,000,000"),
        (SAMPLE, "0.123457", '"nan"', "2: not a record of a run: "),
        (
            SAMPLE,
            '_tokens": 9',
            '_tokens": ' + "9" * 400,
            "2: not a record of a run: more than 1,000,000,000,000 tokens",
        ),
        (
            SAMPLE,
            '_tokens": 3',
            '_tokens": ' + "3" * 400,
            "2: not a record of a run: more than 1,000,000,000,000 tokens",
        ),
        (SAMPLE, '"stop"', '"banana"', "2: not a record of a run"),
        (SAMPLE, '{"sample"', '{"simple"', "2: not a record of a run: neither a sample nor its end"),
        (SAMPLE, '{"sample": {', "[1]", "2:4: not JSON"),
        (SAMPLE, '{"sample"', '"', "2:"),
        (END, '{"end": {', '{"end": [', "4:"),
        (END, '"stopped": false', '"stoped": false', "4: not a record of a run"),
        (END, '"stopped": false', '"stopped": null', "4: not a record of a run"),
        (END, "}}\n", '}}\n{"end": {"selected": [], "stopped": false}}\n', "5: not a record of a run"),
        (END, "}}\n", "}}\n\n", "5:1: not JSON"),
    ],
)
def test_damaged_line(tmp_path: Path, line: int, old: str, new: str, said: str) -> None:
    """A damaged record is refused, and the refusal names the line."""
    path = write(tmp_path / "run.jsonl", a_run())
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    path.write_text("".join(lines))
    with pytest.raises(StoreError, match=re.escape(f"run.jsonl:{said}" if said[0].isdigit() else said)):
        read_run(path)


@pytest.mark.parametrize("end", ["[1]", '"x"', "null", "{}", "3"])
def test_end_that_is_none(tmp_path: Path, end: str) -> None:
    """An end line that does not say what was selected is refused."""
    path = write(tmp_path / "run.jsonl", a_run())
    path.write_text("".join([*path.read_text().splitlines(keepends=True)[:-1], f'{{"end": {end}}}\n']))
    with pytest.raises(StoreError, match=r"run\.jsonl:4: not a record of a run"):
        read_run(path)


def test_two_records_in_one_file(tmp_path: Path) -> None:
    """Two runs in one file are not one run."""
    path = write(tmp_path / "run.jsonl", a_run())
    path.write_text(path.read_text() * 2)
    with pytest.raises(StoreError, match=r"run\.jsonl:5: not a record"):
        read_run(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"null\n", b"[]\n", b"\xef\xbb\xbf{}\n", b"\x00" * 9])
def test_no_record_at_all(tmp_path: Path, content: bytes) -> None:
    """A file that is something else is refused."""
    (tmp_path / "run.jsonl").write_bytes(content)
    with pytest.raises(StoreError, match=r"run\.jsonl"):
        read_run(tmp_path / "run.jsonl")


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, cannot be read."""
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
    """A run is complete when all that was planned, and that is something, has an answer."""
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
    """A sample without an answer is never fine, whether or not somebody noted an error."""
    assert sample.ok is ok
