"""Baselines: what is accepted, what is refused, and that a damaged file is never a smaller one."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from stored_records import ASKED, HOSTILE, a_run, a_sample, accepted, broken

from evalharness.errors import RefusedError, StoreError
from evalharness.records import Baseline, BaselineSample, Response, Run, SampleKey, Score, Timing, Usage
from evalharness.store import accept, read_baseline


def read(path: Path, root: Path) -> Baseline:
    """The baseline, which is there."""
    found = read_baseline(path, root)
    assert found
    return found


def test_accepted_run_comes_back(tmp_path: Path) -> None:
    """An accepted run is read as it was, with its place."""
    baseline = read(accepted(tmp_path, a_run()), tmp_path)
    assert (baseline.file, baseline.suite) == ("golden/baselines/demo/m.p.jsonl", "demo")
    assert (baseline.model, baseline.prompt) == ("m", "p")
    assert [(run.id, run.request_digest, run.machine_class) for run in baseline.runs] == [("run-1", "asked", "here")]
    assert baseline.cases["a"].samples == (
        BaselineSample("run-1", "Yes.", {"exact": 0.123457}, 9, 3, 0.25, 0.1, 0.024691),
    )
    assert [(case.digest, case.line) for case in baseline.cases.values()] == [("digest-a", 2), ("digest-b", 3)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_answers(tmp_path: Path, text: str) -> None:
    """An answer comes back to the character, and stays on its line."""
    path = accepted(tmp_path, a_run([a_sample(text=text)]))
    assert read(path, tmp_path).cases["a"].samples[0].text == text
    assert path.read_bytes().count(b"\n") == 2


def test_no_baseline(tmp_path: Path) -> None:
    """No file is no baseline."""
    assert read_baseline(tmp_path / "none.jsonl", tmp_path) is None


def test_same_runs_same_bytes(tmp_path: Path) -> None:
    """The same runs give the same bytes, whatever the order of their samples; cases are sorted by id."""
    samples = [a_sample(case, repeat=repeat) for case in "cab" for repeat in (0, 1)]
    one = accepted(tmp_path / "one", a_run(samples)).read_bytes()
    two = accepted(tmp_path / "two", a_run(samples[::-1])).read_bytes()
    assert one == two
    assert [json.loads(line)["case"] for line in one.splitlines()[1:]] == ["a", "b", "c"]


def test_accepting_again_changes_nothing(tmp_path: Path) -> None:
    """A run that is accepted twice is in the baseline once."""
    once = accepted(tmp_path, a_run()).read_bytes()
    assert accepted(tmp_path, a_run()).read_bytes() == once


def test_five_runs_are_kept(tmp_path: Path) -> None:
    """Accepted runs join up to five; then the oldest goes, with its draws."""
    baseline = read(accepted(tmp_path, *(a_run(name=f"run-{n}") for n in range(7))), tmp_path)
    kept = [f"run-{n}" for n in range(2, 7)]
    assert [run.id for run in baseline.runs] == kept
    assert [draw.run for draw in baseline.cases["a"].samples] == kept


@pytest.mark.parametrize(
    ("signatures", "asked", "runs"),
    [
        (None, "asked", ["run-1", "run-2"]),
        (None, "another prompt", ["run-2"]),
        ({"exact": "exact|v:2"}, "asked", ["run-2"]),
    ],
)
def test_starts_anew(tmp_path: Path, signatures: dict[str, str] | None, asked: str, runs: list[str]) -> None:
    """A run that was asked something else, or is scored otherwise, starts a baseline of its own."""
    accepted(tmp_path, a_run())
    path = accepted(tmp_path, a_run(name="run-2", signatures=signatures), asked=asked)
    assert [run.id for run in read(path, tmp_path).runs] == runs


def test_edited_case_keeps_the_new_draw_only(tmp_path: Path) -> None:
    """An edited case forgets what was answered to its old version; the others keep it; a deleted one goes."""
    accepted(tmp_path, a_run([a_sample("a"), a_sample("b"), a_sample("gone")]))
    edited = a_run([a_sample("a", digest="edited", text="New."), a_sample("b"), a_sample("c")], name="run-2")
    cases = read(accepted(tmp_path, edited), tmp_path).cases
    drawn = {case: [draw.run for draw in stored.samples] for case, stored in cases.items()}
    assert drawn == {"a": ["run-2"], "b": ["run-1", "run-2"], "c": ["run-2"]}
    assert cases["a"].digest == "edited"


def test_several_models(tmp_path: Path) -> None:
    """Each model and prompt has a file of its own, with its own samples."""
    samples = [a_sample(), a_sample(key=SampleKey("a", "p", "n", 0), text="Other.")]
    run = a_run(samples)
    written = accept(run, root=tmp_path, digests=ASKED | {("n", "p"): "asked"}, accepted_at="now")
    assert [path.name for path in written] == ["m.p.jsonl", "n.p.jsonl"]
    assert [read(path, tmp_path).cases["a"].samples[0].text for path in written] == ["Yes.", "Other."]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (a_run(stopped=True), "the run has 2 of 2 answers"),
        (a_run([a_sample("a"), broken("b")]), "1 of 2"),
        (replace(a_run(), samples=(a_sample("a"),)), "1 of 2"),
        (a_run([a_sample("a"), a_sample("b", response=None)]), "a baseline is a whole run"),
        (replace(a_run(), samples=()), "0 of 2"),
        (a_run([a_sample()], planned=()), "of 0 answers"),
        (a_run([a_sample(), a_sample()]), "case a was answered twice"),
        (a_run([a_sample(scores=(Score("exact", math.nan, ""),))]), "case a has a score that is not in"),
        (a_run([a_sample(scores=(Score("exact", 1.5, ""),))]), "case a has a score that is not in"),
    ],
    ids=["stopped", "errored", "lost", "no response", "nothing", "nothing planned", "twice", "NaN", "above 1"],
)
def test_refused(tmp_path: Path, run: Run, said: str) -> None:
    """What is not a whole, sound run is not accepted, and no file is touched."""
    with pytest.raises(RefusedError, match=f"not accepted: .*{said}"):
        accept(run, root=tmp_path, digests=ASKED, accepted_at="now")
    assert not list(tmp_path.rglob("*"))


def test_damaged_baseline_is_replaced(tmp_path: Path) -> None:
    """Accepting a run over a damaged baseline starts anew."""
    path = accepted(tmp_path, a_run())
    path.write_text("<<<<<<< HEAD\n")
    assert [run.id for run in read(accepted(tmp_path, a_run(name="run-2")), tmp_path).runs] == ["run-2"]


def test_truncated_anywhere(tmp_path: Path) -> None:
    """A baseline cut at any byte is refused, but for its last line end, which holds nothing."""
    path = accepted(tmp_path, a_run([a_sample("a", text="é"), a_sample("b"), a_sample("c")]))
    whole, full = path.read_bytes(), read(path, tmp_path)
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"golden/baselines/demo/m\.p\.jsonl"):
            read_baseline(path, tmp_path)
    path.write_bytes(whole[:-1])
    assert read(path, tmp_path) == full


def test_every_deleted_line(tmp_path: Path) -> None:
    """A baseline that lost any one line is refused, with file and line."""
    path = accepted(tmp_path, a_run([a_sample(case) for case in "abcdef"]))
    lines = path.read_text().splitlines(keepends=True)
    for number in range(len(lines)):
        path.write_text("".join(lines[:number] + lines[number + 1 :]))
        with pytest.raises(StoreError, match=r"^golden/baselines/demo/m\.p\.jsonl:1: "):
            read_baseline(path, tmp_path)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends(tmp_path: Path, ending: str) -> None:
    """A checkout that rewrote the line ends is the same baseline."""
    path = accepted(tmp_path, a_run([a_sample(text="cr\rlf\n")]))
    full = read(path, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", ending.encode()))
    assert read(path, tmp_path) == full


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        (1, '"kind": "baseline"', '"kind": "run"', "1: not a baseline"),
        (
            1,
            '"schema": 2',
            '"schema": 3',
            "1: schema 3, this version reads 1 to 2; a newer evalharness wrote it",
        ),
        (1, '"schema": 2', '"schema": 0', "1: schema 0, this version reads 1 to 2; expected a known schema"),
        (1, '"schema": 2, ', "", "1: schema null, this version reads 1 to 2; expected a known schema"),
        (1, '"cases": 2', '"cases": 3', "1: the header says 3 cases, 2 follow"),
        (1, '"cases": 2', '"cases": "many"', "1: cases:"),
        (1, '"suite"', '"sweet"', "1: suite:"),
        (1, '"request_digest": "asked"', '"request_digest": "asked", "note": 1', "1: runs.0.note:"),
        (1, '"runs": [{', '"runs": [], "more": [{', "1: more:"),
        (2, "0.123457", "NaN", "2: NaN is not a number"),
        (2, "0.123457", "Infinity", "2: Infinity is not a number"),
        (2, "0.123457", "1e999", "2: 1e999 is not a number"),
        (2, "0.123457", '"nan"', "2: samples.0.scores.exact:"),
        (2, "0.123457", "1.5", "2: a score lies in [0, 1], not exact: 1.5"),
        (2, "0.123457", "-0.1", "2: a score lies in [0, 1], not exact: -0.1"),
        (2, '{"exact": 0.123457}', "{}", "2: the case 'a' lacks a score that its runs have"),
        (2, '"exact"', '"inexact"', "2: the case 'a' lacks a score that its runs have"),
        (2, '"run": "run-1"', '"run": "run-9"', "2: the case 'a' has no draw of an accepted run"),
        (2, '"prompt_tokens": 9', '"prompt_tokens": -9', "2: samples.0.prompt_tokens:"),
        (2, '"total_s": 0.25', '"total_s": "soon"', "2: samples.0.total_s:"),
        (2, '"text": "Yes."', '"text": 5', "2: samples.0.text:"),
        (3, '"case": "b"', '"case": "a"', "3: the case 'a' stands here twice"),
        (3, '{"case"', '<<<<<<< HEAD\n{"case"', "3:1: not JSON"),
        (3, '{"case": "b"', '["b"', "3:15: not JSON"),
        (3, "\n", "\n\n", "4:1: not JSON"),
    ],
)
def test_damaged_line(tmp_path: Path, line: int, old: str, new: str, said: str) -> None:
    """A damaged baseline is refused, and the refusal names file and line."""
    path = accepted(tmp_path, a_run())
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("".join(lines))
    with pytest.raises(StoreError, match="^" + re.escape(f"golden/baselines/demo/m.p.jsonl:{said}")):
        read_baseline(path, tmp_path)


@pytest.mark.parametrize("place", ["demo/n.p.jsonl", "demo/m.q.jsonl", "other/m.p.jsonl", "m.p.jsonl"])
def test_misplaced_baseline(tmp_path: Path, place: str) -> None:
    """A baseline that was copied or renamed is not one of another suite, model or prompt; outside of
    golden/baselines, where somebody has named it, it may be called anything.
    """
    path = accepted(tmp_path, a_run())
    copy, elsewhere = tmp_path / "golden" / "baselines" / place, tmp_path / "main.jsonl"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(path.read_bytes())
    elsewhere.write_bytes(path.read_bytes())
    with pytest.raises(StoreError, match=r":1: this is the baseline of golden/baselines/demo/m\.p\.jsonl"):
        read_baseline(copy, tmp_path)
    assert read(elsewhere, tmp_path).cases == read(path, tmp_path).cases


@pytest.mark.parametrize("key", ["request_digest", "signatures"])
def test_runs_of_another_kind(tmp_path: Path, key: str) -> None:
    """Accepted runs that were asked or scored otherwise than one another do not make one baseline."""
    path = accepted(tmp_path, a_run(), a_run(name="run-2"))
    header, *cases = path.read_text().splitlines(keepends=True)
    runs = json.loads(header)["runs"]
    edited = {"request_digest": "other", "signatures": {"exact": "exact|v:9"}}
    changed = json.loads(header) | {"runs": [runs[0] | {key: edited[key]}, runs[1]]}
    path.write_text("".join([json.dumps(changed) + "\n", *cases]))
    with pytest.raises(StoreError, match=":1: the accepted runs are not of one kind"):
        read_baseline(path, tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff", b"null", b"{}", b"\xef\xbb\xbf{}", b"version https://git-lfs"]
)
def test_no_baseline_at_all(tmp_path: Path, content: bytes) -> None:
    """A file that is something else is refused, never taken for no baseline."""
    (tmp_path / "b.jsonl").write_bytes(content)
    with pytest.raises(StoreError, match=r"^b\.jsonl"):
        read_baseline(tmp_path / "b.jsonl", tmp_path)


def test_baseline_without_cases(tmp_path: Path) -> None:
    """A baseline from which every case was taken, header and all, is refused."""
    path = accepted(tmp_path, a_run())
    path.write_text(path.read_text().splitlines()[0].replace('"cases": 2', '"cases": 0') + "\n")
    with pytest.raises(StoreError, match=":1: "):
        read_baseline(path, tmp_path)


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """A folder where the file should be is an error, not an absence; a file outside the root has its whole path."""
    with pytest.raises(StoreError, match=re.escape(f"{tmp_path}: cannot be read")):
        read_baseline(tmp_path, tmp_path / "elsewhere")


def test_seconds_are_rounded(tmp_path: Path) -> None:
    """Times are stored to the microsecond, so that a diff is short."""
    response = Response("Yes.", "stop", Usage(1, 1), Timing(0.12345678901))
    path = accepted(tmp_path, a_run([a_sample(response=response)]))
    assert read(path, tmp_path).cases["a"].samples[0].total_s == 0.123457


def test_who_answered_is_kept(tmp_path: Path) -> None:
    """The identity of the model comes back with the accepted run; a file from before it was kept is read as ever."""
    run = a_run()
    known = replace(run, header=replace(run.header, models={"m": {"provider": "p", "urls": ["a"], "size": 1}}))
    path = accepted(tmp_path, known)
    assert read(path, tmp_path).runs[0].identity == {"provider": "p", "urls": ["a"], "size": 1}
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    header = json.loads(first)
    del header["runs"][0]["identity"]
    path.write_text(json.dumps(header) + "\n" + rest, encoding="utf-8")
    assert read(path, tmp_path).runs[0].identity is None
