"""Baselines: accepted and refused runs, and damaged files, which are never read as smaller baselines."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from stored_records import DIGESTS, HOSTILE, a_run, a_sample, accepted, broken

from evalharness.errors import RefusedError, StoreError
from evalharness.records import Baseline, BaselineSample, IndexedCases, Response, Run, SampleKey, Score, Timing, Usage
from evalharness.store import accepted_baselines, baselines, read_baseline


def read(path: Path, root: Path) -> Baseline:
    """The baseline in an existing file."""
    found = read_baseline(path, root)
    assert found
    return found


def test_accepted_run_comes_back(tmp_path: Path) -> None:
    """An accepted run is read as written, with its place."""
    baseline = read(accepted(tmp_path, a_run()), tmp_path)
    assert (baseline.file, baseline.suite) == ("golden/baselines/demo/m.p.jsonl", "demo")
    assert (baseline.model, baseline.prompt) == ("m", "p")
    assert [(run.id, run.request_digest, run.machine_class) for run in baseline.runs] == [("run-1", "request", "here")]
    assert baseline.cases["a"].samples == (
        BaselineSample("run-1", "Yes.", {"exact": 0.123457}, 9, 3, 0.25, 0.1, 0.024691),
    )
    assert [(case.digest, case.line) for case in baseline.cases.values()] == [("digest-a", 2), ("digest-b", 3)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_answers(tmp_path: Path, text: str) -> None:
    """An answer is read as written, and stays on its line."""
    path = accepted(tmp_path, a_run([a_sample(text=text)]))
    assert read(path, tmp_path).cases["a"].samples[0].text == text
    assert path.read_bytes().count(b"\n") == 2


def test_a_large_baseline_is_read_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cases stay in the file, and read as those in memory do, also after another run was accepted."""
    first, second = (
        a_run([a_sample(f"c{n}", text=text) for n, text in enumerate(HOSTILE)], name=name) for name in "xy"
    )
    path = accepted(tmp_path, first)
    kept = read(path, tmp_path)
    monkeypatch.setattr(baselines, "IN_MEMORY", 3)
    stored = read(path, tmp_path)
    accepted(tmp_path, first, second)
    assert isinstance(stored.cases, IndexedCases)
    assert stored == kept
    assert list(stored.cases) == list(kept.cases)
    assert len(read(path, tmp_path).runs) == 2
    assert "z" not in stored.cases
    sample = stored.cases["c1"].samples[0]
    assert replace(sample, run="other") == replace(kept.cases["c1"].samples[0], run="other")
    assert sample.text_hash == kept.cases["c1"].samples[0].text_hash


def test_a_large_baseline_with_a_case_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the line, whether the cases stay in the file or not."""
    path = accepted(tmp_path, a_run([a_sample(name) for name in "abcd"]))
    header, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, *lines[:3], lines[0]]))
    for most in (3, 20):
        monkeypatch.setattr(baselines, "IN_MEMORY", most)
        with pytest.raises(StoreError, match="5: duplicate case 'a'"):
            read_baseline(path, tmp_path)


def test_no_baseline(tmp_path: Path) -> None:
    """Without a file there is no baseline."""
    assert read_baseline(tmp_path / "none.jsonl", tmp_path) is None


def test_same_runs_same_bytes(tmp_path: Path) -> None:
    """The same runs give the same bytes, in any order of samples; cases are sorted by id."""
    samples = [a_sample(case, repeat=repeat) for case in "cab" for repeat in (0, 1)]
    one = accepted(tmp_path / "one", a_run(samples)).read_bytes()
    two = accepted(tmp_path / "two", a_run(samples[::-1])).read_bytes()
    assert one == two
    assert [json.loads(line)["case"] for line in one.splitlines()[1:]] == ["a", "b", "c"]


def test_accepting_again_changes_nothing(tmp_path: Path) -> None:
    """Accepting the same run again changes nothing."""
    once = accepted(tmp_path, a_run()).read_bytes()
    assert accepted(tmp_path, a_run()).read_bytes() == once


def test_five_runs_are_kept(tmp_path: Path) -> None:
    """A baseline keeps the latest five accepted runs with their samples."""
    baseline = read(accepted(tmp_path, *(a_run(name=f"run-{n}") for n in range(7))), tmp_path)
    kept = [f"run-{n}" for n in range(2, 7)]
    assert [run.id for run in baseline.runs] == kept
    assert [sample.run for sample in baseline.cases["a"].samples] == kept


@pytest.mark.parametrize(
    ("signatures", "request_digest", "runs"),
    [
        (None, "request", ["run-1", "run-2"]),
        (None, "another prompt", ["run-2"]),
        ({"exact": "exact|v:2"}, "request", ["run-2"]),
    ],
)
def test_new_baseline(tmp_path: Path, signatures: dict[str, str] | None, request_digest: str, runs: list[str]) -> None:
    """A run with another request or other metric settings starts a new baseline."""
    accepted(tmp_path, a_run())
    path = accepted(tmp_path, a_run(name="run-2", signatures=signatures), request=request_digest)
    assert [run.id for run in read(path, tmp_path).runs] == runs


def test_edited_case_keeps_the_new_sample_only(tmp_path: Path) -> None:
    """An edited case loses the samples of its old version; the others keep theirs; a deleted case is removed."""
    accepted(tmp_path, a_run([a_sample("a"), a_sample("b"), a_sample("gone")]))
    edited = a_run([a_sample("a", digest="edited", text="New."), a_sample("b"), a_sample("c")], name="run-2")
    cases = read(accepted(tmp_path, edited), tmp_path).cases
    runs = {case: [sample.run for sample in stored.samples] for case, stored in cases.items()}
    assert runs == {"a": ["run-2"], "b": ["run-1", "run-2"], "c": ["run-2"]}
    assert cases["a"].digest == "edited"


def test_several_models(tmp_path: Path) -> None:
    """Each model and prompt has its own file with its own samples."""
    samples = [a_sample(), a_sample(key=SampleKey("a", "p", "n", 0), text="Other.")]
    run = a_run(samples)
    digests = DIGESTS | {("n", "p"): "request"}
    written = accepted_baselines(run, root=tmp_path, digests=digests, accepted_at="now")
    assert [path.name for path in written] == ["m.p.jsonl", "n.p.jsonl"]
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert [read(path, tmp_path).cases["a"].samples[0].text for path in written] == ["Yes.", "Other."]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (a_run(stopped=True), "it has 2 of 2 samples and was stopped"),
        (a_run([a_sample("a"), broken("b")]), "1 of 2"),
        (replace(a_run(), samples=(a_sample("a"),)), "1 of 2"),
        (a_run([a_sample("a"), a_sample("b", response=None)]), "expected a complete run"),
        (replace(a_run(), samples=()), "0 of 2"),
        (a_run([a_sample()], planned=()), "of 0 samples"),
        (a_run([a_sample(), a_sample()]), "case a has duplicate samples"),
        (a_run([a_sample(scores=(Score("exact", math.nan, ""),))]), "case a has a score outside of"),
        (a_run([a_sample(scores=(Score("exact", 1.5, ""),))]), "case a has a score outside of"),
    ],
    ids=["stopped", "errored", "lost", "no response", "nothing", "nothing planned", "twice", "NaN", "above 1"],
)
def test_refused(tmp_path: Path, run: Run, message: str) -> None:
    """A run that is incomplete or invalid is not accepted, and no file is written."""
    with pytest.raises(RefusedError, match=f"not accepted: .*{message}"):
        accepted_baselines(run, root=tmp_path, digests=DIGESTS, accepted_at="now")
    assert not list(tmp_path.rglob("*"))


def test_damaged_baseline_is_replaced(tmp_path: Path) -> None:
    """Accepting a run replaces a damaged baseline."""
    path = accepted(tmp_path, a_run())
    path.write_text("<<<<<<< HEAD\n")
    assert [run.id for run in read(accepted(tmp_path, a_run(name="run-2")), tmp_path).runs] == ["run-2"]


def test_truncated_anywhere(tmp_path: Path) -> None:
    """A baseline that is cut off at any byte is refused. Only the last line end may be missing."""
    path = accepted(tmp_path, a_run([a_sample("a", text="é"), a_sample("b"), a_sample("c")]))
    whole, full = path.read_bytes(), read(path, tmp_path)
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"golden/baselines/demo/m\.p\.jsonl"):
            read_baseline(path, tmp_path)
    path.write_bytes(whole[:-1])
    assert read(path, tmp_path) == full


def test_every_deleted_line(tmp_path: Path) -> None:
    """A baseline without any one of its lines is refused, with file and line."""
    path = accepted(tmp_path, a_run([a_sample(case) for case in "abcdef"]))
    lines = path.read_text().splitlines(keepends=True)
    for number in range(len(lines)):
        path.write_text("".join(lines[:number] + lines[number + 1 :]))
        with pytest.raises(StoreError, match=r"^golden/baselines/demo/m\.p\.jsonl:1: "):
            read_baseline(path, tmp_path)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends(tmp_path: Path, ending: str) -> None:
    """A checkout with other line ends is the same baseline."""
    path = accepted(tmp_path, a_run([a_sample(text="cr\rlf\n")]))
    full = read(path, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", ending.encode()))
    assert read(path, tmp_path) == full


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (1, '"kind": "baseline"', '"kind": "run"', "1: not a baseline"),
        (
            1,
            '"schema": 2',
            '"schema": 3',
            "1: schema 3, this version reads 1 to 2: upgrade evalharness",
        ),
        (1, '"schema": 2', '"schema": 0', "1: schema 0, this version reads 1 to 2"),
        (1, '"schema": 2, ', "", "1: schema null, this version reads 1 to 2"),
        (1, '"cases": 2', '"cases": 3', "1: expected 3 cases, got 2"),
        (1, '"cases": 2', '"cases": "many"', "1: cases:"),
        (1, '"suite"', '"sweet"', "1: suite:"),
        (1, '"request_digest": "request"', '"request_digest": "request", "note": 1', "1: runs.0.note:"),
        (1, '"runs": [{', '"runs": [], "more": [{', "1: more:"),
        (2, "0.123457", "NaN", "2: expected a finite number, got NaN"),
        (2, "0.123457", "Infinity", "2: expected a finite number, got Infinity"),
        (2, "0.123457", "1e999", "2: expected a finite number, got 1e999"),
        (2, "0.123457", '"nan"', "2: samples.0.scores.exact:"),
        (2, "0.123457", "1.5", "2: case 'a': expected scores in [0, 1], got exact 1.5"),
        (2, "0.123457", "-0.1", "2: case 'a': expected scores in [0, 1], got exact -0.1"),
        (2, '{"exact": 0.123457}', "{}", "2: case 'a': expected a score for each metric of its runs"),
        (2, '"exact"', '"inexact"', "2: case 'a': expected a score for each metric of its runs"),
        (2, '"run": "run-1"', '"run": "run-9"', "2: case 'a': expected samples of accepted runs only"),
        (2, '"prompt_tokens": 9', '"prompt_tokens": -9', "2: samples.0.prompt_tokens:"),
        (2, '"prompt_tokens": 9', '"prompt_tokens": 9000000000000', "2: samples.0.prompt_tokens:"),
        (2, '"total_s": 0.25', '"total_s": "soon"', "2: samples.0.total_s:"),
        (2, '"text": "Yes."', '"text": 5', "2: samples.0.text:"),
        (3, '"case": "b"', '"case": "a"', "3: duplicate case 'a'"),
        (3, '{"case"', '<<<<<<< HEAD\n{"case"', "3:1: not JSON"),
        (3, '{"case": "b"', '["b"', "3:15: not JSON"),
        (3, "\n", "\n\n", "4:1: not JSON"),
    ],
)
def test_damaged_line(tmp_path: Path, line: int, old: str, new: str, message: str) -> None:
    """A damaged baseline is refused, with file and line."""
    path = accepted(tmp_path, a_run())
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("".join(lines))
    with pytest.raises(StoreError, match="^" + re.escape(f"golden/baselines/demo/m.p.jsonl:{message}")):
        read_baseline(path, tmp_path)


@pytest.mark.parametrize("place", ["demo/n.p.jsonl", "demo/m.q.jsonl", "other/m.p.jsonl", "m.p.jsonl"])
def test_misplaced_baseline(tmp_path: Path, place: str) -> None:
    """A copied or renamed baseline is refused in golden/baselines. In other folders it may have any name."""
    path = accepted(tmp_path, a_run())
    copy, elsewhere = tmp_path / "golden" / "baselines" / place, tmp_path / "main.jsonl"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(path.read_bytes())
    elsewhere.write_bytes(path.read_bytes())
    with pytest.raises(
        StoreError, match=r":1: expected the baseline of this path, got that of golden/baselines/demo/m\.p\.jsonl"
    ):
        read_baseline(copy, tmp_path)
    assert read(elsewhere, tmp_path).cases == read(path, tmp_path).cases


@pytest.mark.parametrize("key", ["request_digest", "signatures"])
def test_runs_of_another_kind(tmp_path: Path, key: str) -> None:
    """Accepted runs with different requests or metric settings are not one baseline."""
    path = accepted(tmp_path, a_run(), a_run(name="run-2"))
    header, *cases = path.read_text().splitlines(keepends=True)
    runs = json.loads(header)["runs"]
    edited = {"request_digest": "other", "signatures": {"exact": "exact|v:9"}}
    changed = json.loads(header) | {"runs": [runs[0] | {key: edited[key]}, runs[1]]}
    path.write_text("".join([json.dumps(changed) + "\n", *cases]))
    with pytest.raises(StoreError, match=":1: the accepted runs differ in request or metric settings"):
        read_baseline(path, tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff", b"null", b"{}", b"\xef\xbb\xbf{}", b"version https://git-lfs"]
)
def test_other_content(tmp_path: Path, content: bytes) -> None:
    """A file with other content is refused, not read as a missing baseline."""
    (tmp_path / "b.jsonl").write_bytes(content)
    with pytest.raises(StoreError, match=r"^b\.jsonl"):
        read_baseline(tmp_path / "b.jsonl", tmp_path)


def test_baseline_without_cases(tmp_path: Path) -> None:
    """A baseline without cases is refused."""
    path = accepted(tmp_path, a_run())
    path.write_text(path.read_text().splitlines()[0].replace('"cases": 2', '"cases": 0') + "\n")
    with pytest.raises(StoreError, match=":1: "):
        read_baseline(path, tmp_path)


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """A folder instead of the file is an error, not a missing baseline; outside of the root, its path is absolute."""
    with pytest.raises(StoreError, match=re.escape(f"{tmp_path}: cannot be read")):
        read_baseline(tmp_path, tmp_path / "elsewhere")


def test_seconds_are_rounded(tmp_path: Path) -> None:
    """Times are stored in microseconds, so that a diff is short."""
    response = Response("Yes.", "stop", Usage(1, 1), Timing(0.12345678901))
    path = accepted(tmp_path, a_run([a_sample(response=response)]))
    assert read(path, tmp_path).cases["a"].samples[0].total_s == 0.123457


def test_identity_is_kept(tmp_path: Path) -> None:
    """The identity of the model is stored with the accepted run; an older file without one is read too."""
    run = a_run()
    known = replace(run, header=replace(run.header, models={"m": {"provider": "p", "urls": ["a"], "size": 1}}))
    path = accepted(tmp_path, known)
    assert read(path, tmp_path).runs[0].identity == {"provider": "p", "urls": ["a"], "size": 1}
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    header = json.loads(first)
    del header["runs"][0]["identity"]
    path.write_text(json.dumps(header) + "\n" + rest, encoding="utf-8")
    assert read(path, tmp_path).runs[0].identity is None
