"""`evalharness compare` reads result files of Inspect, promptfoo and Langfuse.

The shapes follow inspect_ai 0.3 (`EvalLog`), promptfoo 0.121 (src/types/index.ts: `OutputFile`, `EvaluateResult`) and
the API of Langfuse 3 (`TraceWithFullDetails`, `ObservationsView`). The texts are made up.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness import compare
from evalharness.errors import StoreError
from evalharness.records import Run
from evalharness.store.sources import open_source
from evalharness.testing import Project

QUESTIONS = [f"Who wrote book {number}?" for number in range(8)]


def inspect_sample(number: int, grade: Any, epoch: int = 1) -> dict[str, Any]:
    """A sample of Inspect."""
    answer = {"role": "assistant", "content": [{"type": "text", "text": f"Ada {number}"}]}
    return {
        "id": number,
        "epoch": epoch,
        "input": QUESTIONS[number],
        "target": "Ada",
        "messages": [{"role": "user", "content": QUESTIONS[number]}, answer],
        "output": {
            "model": "gpt-x",
            "choices": [{"message": answer, "stop_reason": "stop"}],
            "completion": f"Ada {number}",
            "usage": {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14},
            "time": 0.5,
        },
        "scores": {"match": {"value": grade, "answer": "Ada", "explanation": "as expected"}},
        "model_usage": {
            "openai/gpt-x": {
                "input_tokens": 10,
                "output_tokens": 4,
                "total_tokens": 20,
                "input_tokens_cache_read": 6,
                "total_cost": 0.002,
            },
            "openai/grader": {"input_tokens": 900, "output_tokens": 90, "total_tokens": 990},
        },
        "working_time": 3.0,
    }


def inspect_log(grades: Iterable[Any], **changes: Any) -> dict[str, Any]:
    """A log of Inspect."""
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "run_id": "r1",
            "created": "2026-01-02T03:04:05+00:00",
            "task": "books",
            "model": "openai/gpt-x",
            "dataset": {"name": "books", "samples": 8, "sample_ids": list(range(8))},
            "config": {"epochs": 1},
            "revision": {"type": "git", "origin": "x", "commit": "abc1234"},
            "scorers": [{"name": "match", "options": {"location": "end"}}],
        },
        "samples": [inspect_sample(number, grade) for number, grade in enumerate(grades)],
    } | changes


def promptfoo_row(number: int, passed: bool, **changes: Any) -> dict[str, Any]:
    """A result of promptfoo."""
    assertion = {"type": "contains", "value": "Ada"}
    part = {"pass": passed, "score": float(passed), "reason": "must contain Ada", "assertion": assertion}
    return {
        "promptIdx": 0,
        "testIdx": number,
        "testCase": {"vars": {"q": QUESTIONS[number]}, "assert": [assertion]},
        "provider": {"id": "openai:gpt-x", "label": "fast"},
        "prompt": {"raw": f'[{{"role": "user", "content": "{QUESTIONS[number]}"}}]', "label": "asked"},
        "vars": {"q": QUESTIONS[number]},
        "response": {
            "output": f"Ada {number}",
            "tokenUsage": {"total": 14, "prompt": 10, "completion": 4},
            "cached": False,
        },
        "failureReason": 0 if passed else 1,
        "success": passed,
        "score": float(passed),
        "latencyMs": 500,
        "cost": 0.002,
        "namedScores": {"style": 0.5},
        "gradingResult": {"pass": passed, "score": float(passed), "reason": "r", "componentResults": [part]},
    } | changes


def promptfoo_file(rows: list[Any]) -> dict[str, Any]:
    """The file of `promptfoo eval -o output.json`."""
    summary = {"version": 3, "timestamp": "2026-01-02T03:04:05Z", "prompts": [], "results": rows, "stats": {}}
    return {"evalId": "eval-1", "results": summary, "config": {"description": "books"}, "shareableUrl": None}


def trace(number: int, score: Any) -> dict[str, Any]:
    """A trace of Langfuse with its generation."""
    return {
        "id": f"t{number}-{score}",
        "timestamp": f"2026-01-02T03:04:0{number}Z",
        "name": "ask",
        "input": {"question": QUESTIONS[number]},
        "output": {"role": "assistant", "content": f"Ada {number}"},
        "sessionId": None,
        "environment": "default",
        "latency": 0.5,
        "totalCost": 0.002,
        "observations": [
            {"id": "o", "type": "GENERATION", "model": "gpt-x", "usageDetails": {"input": 10, "output": 4}},
            {"id": "s", "type": "SPAN"},
        ],
        "scores": [{"name": "correct", "value": score, "dataType": "NUMERIC", "comment": "as expected"}],
    }


def generation(number: int) -> dict[str, Any]:
    """A generation of Langfuse."""
    return {
        "id": f"o{number}",
        "trace_id": f"t{number}",
        "type": "GENERATION",
        "start_time": "2026-01-02T03:04:05.000Z",
        "end_time": "2026-01-02T03:04:05.500Z",
        "completion_start_time": "2026-01-02T03:04:05.100Z",
        "model": "gpt-x",
        "input": [{"role": "user", "content": QUESTIONS[number]}],
        "output": f"Ada {number}",
        "usage": {"input": 10, "output": 4, "total": 14, "unit": "TOKENS"},
        "calculated_total_cost": 0.002,
        "prompt_name": "asked",
    }


GOOD, WORSE = [1.0] * 8, [0.0, 0.0, *[1.0] * 6]
FILES = {
    "inspect": (inspect_log("CCCCCCCC"), inspect_log("IICCCCCC"), "match"),
    "promptfoo": (
        promptfoo_file([promptfoo_row(n, bool(value)) for n, value in enumerate(GOOD)]),
        promptfoo_file([promptfoo_row(n, bool(value)) for n, value in enumerate(WORSE)]),
        "pass",
    ),
    "langfuse": (
        {"data": [trace(n, value) for n, value in enumerate(GOOD)], "meta": {"page": 1}},
        [trace(n, value) for n, value in enumerate(WORSE)],
        "correct",
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty folder."""
    return Project(tmp_path)


def opened(project: Project, value: Any, name: str = "a.json") -> Run:
    """The run of a file with this content."""
    content = value if isinstance(value, str) else json.dumps(value)
    found = open_source(str(project.write(name, content)), project.root)
    assert isinstance(found, Run)
    return found


@pytest.mark.parametrize("tool", FILES)
def test_two_files(project: Project, tool: str) -> None:
    """Two files of a tool are compared case by case: scores, tokens, dollars and seconds."""
    before, after, metric = FILES[tool]
    project.write("a.json", json.dumps(before))
    project.write("b.json", json.dumps(after))

    result = project.command("compare", "a.json", "b.json", "--json")

    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    (pair,) = [one for one in data["pairwise"] if one["metric"] == metric]
    assert (pair["before"], pair["after"], pair["cases"]) == (100.0, 75.0, 8)
    first = data["columns"][0]
    assert (first["samples"], first["errors"], first["completion_tokens"]) == (8, 0, 4.0)
    assert first["cost_per_1000_usd"] == 2.0
    assert first["total_p50_s"] == (None if tool == "inspect" else 0.5)  # a cached prompt is no comparable time
    assert data["gates"] == []
    page = project.read("reports/compare/report.html")
    assert "report.html" in project.command("compare", "a.json", "b.json", "--force").output
    assert "<script" in page


def test_a_sample_of_inspect(project: Project) -> None:
    """A sample has its texts, the score with its explanation, the tokens of its model and the finish reason."""
    cut = inspect_sample(1, "P")
    cut["output"]["choices"][0]["stop_reason"] = "max_tokens"
    del cut["model_usage"]
    run = opened(project, inspect_log([]) | {"samples": [inspect_sample(0, "C"), cut]})
    first, second = run.samples
    assert first.key[:4] == ("0", "books", "openai/gpt-x", 0)
    assert [message.content for message in first.messages] == [QUESTIONS[0]]
    assert (first.golden, first.response and first.response.text) == (("Ada",), "Ada 0")
    assert (first.scores[0].value, first.scores[0].explanation) == (1.0, "as expected")
    assert first.response is not None
    assert second.response is not None
    assert (first.response.usage.prompt_tokens, first.response.usage.cached_tokens) == (16, 6)
    assert (second.response.usage.prompt_tokens, second.response.finish_reason) == (10, "length")
    assert (second.scores[0].value, second.latency_s) == (0.5, 0.5)
    assert (len(run.header.planned), run.complete, run.header.environment["git"]) == (8, False, {"commit": "abc1234"})


@pytest.mark.parametrize(
    ("value", "scores"),
    [
        ("C", {"match": 1.0}),
        ("N", {"match": 0.0}),
        ("yes", {"match": 1.0}),
        ("0.25", {"match": 0.25}),
        (True, {"match": 1.0}),
        ({"clear": 0.5, "short": "C"}, {"match.clear": 0.5, "match.short": 1.0}),
        (7, {}),
        (-1, {}),
        (float("nan"), {}),
        pytest.param(10**400, {}, id="huge"),
        ("good", {}),
        (None, {}),
        ([1, 0], {}),
    ],
)
def test_values_of_inspect(project: Project, value: Any, scores: dict[str, float]) -> None:
    """Grades are numbers from 0 to 1; a value that is none is left out and counted, and never a 0."""
    run = opened(project, inspect_log([value]))
    assert {score.metric: score.value for score in run.samples[0].scores} == scores
    noted = run.header.environment["left_out"]
    assert noted == ([] if scores else ["1 x score of 'match' that is not a number from 0 to 1"])


def test_epochs_and_errors_of_inspect(project: Project) -> None:
    """Epochs are repeats, a sample that failed is an error, and a log that did not finish is a stopped run."""
    failed = inspect_sample(1, "C") | {"error": {"message": "boom"}, "output": {"choices": []}, "scores": {}}
    samples = [inspect_sample(0, "C"), inspect_sample(0, "I", epoch=2), inspect_sample(0, "I", epoch=2), failed, {}]
    run = opened(project, inspect_log([], status="error") | {"samples": samples})
    assert [(sample.key.case, sample.key.repeat) for sample in run.samples] == [("0", 0), ("0", 1), ("1", 0)]
    assert run.stopped
    assert str(run.samples[2].error) == "error: boom"
    assert run.header.environment["left_out"] == [
        "1 x repeated result of one case and epoch",
        "1 x sample without an id",
    ]


def test_other_scorer_options(project: Project) -> None:
    """Scores of a scorer with other options are not compared."""
    other = inspect_log("IIIIIIII")
    other["eval"] = other["eval"] | {"scorers": [{"name": "match", "options": {"location": "any"}}]}
    project.write("a.json", json.dumps(FILES["inspect"][0]))
    project.write("b.json", json.dumps(other))
    data = compare(project.root / "a.json", project.root / "b.json").data
    assert data["pairwise"] == []


def archive(log: dict[str, Any], *, header: bool = True) -> bytes:
    """A log of Inspect as an archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for sample in log["samples"]:
            file.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
        if header:
            file.writestr("header.json", json.dumps({key: value for key, value in log.items() if key != "samples"}))
    return data.getvalue()


def test_an_archive_of_inspect(project: Project) -> None:
    """An `.eval` archive is the same run as the JSON of its log; one without a header is refused."""
    log = inspect_log("CIC")
    (project.root / "a.eval").write_bytes(archive(log))
    (project.root / "b.eval").write_bytes(archive(log, header=False))
    packed = open_source("a.eval", project.root)
    assert isinstance(packed, Run)
    assert packed.samples == opened(project, log).samples
    with pytest.raises(StoreError, match=r"no header\.json"):
        open_source("b.eval", project.root)


def test_a_result_of_promptfoo(project: Project) -> None:
    """A result has its prompt as it was sent, its answer, its scores, and a message for each assertion that fails."""
    run = opened(project, promptfoo_file([promptfoo_row(0, False)]))
    (one,) = run.samples
    assert one.key[1:4] == ("asked", "fast", 0)
    assert [(message.role, message.content) for message in one.messages] == [("user", QUESTIONS[0])]
    assert {score.metric: score.value for score in one.scores} == {"pass": 0.0, "score": 0.0, "style": 0.5}
    assert one.failed_checks == ("contains: must contain Ada",)
    assert (one.error, one.cost_usd, one.latency_s) == (None, 0.002, 0.5)
    assert run.header.suite == "books"


def test_lines_of_promptfoo(project: Project) -> None:
    """`output.jsonl`, a result on each line, has the samples of `output.json`."""
    rows = [promptfoo_row(0, True), promptfoo_row(1, False)]
    lines = opened(project, "".join(json.dumps(row) + "\n" for row in rows), "a.jsonl")
    assert lines.samples == opened(project, promptfoo_file(rows)).samples


def test_errors_of_promptfoo(project: Project) -> None:
    """A result with an error has no scores; one of the cache has no seconds and no cost."""
    failed = promptfoo_row(0, False, failureReason=2, error="429", response={}, score=0)
    older = promptfoo_row(1, False, error="503")
    del older["failureReason"], older["response"]
    cached = promptfoo_row(2, True)
    cached["response"] = cached["response"] | {"cached": True}
    run = opened(project, promptfoo_file([failed, older, cached, promptfoo_row(2, True), "x"]))
    assert [sample.error and sample.error.message for sample in run.samples] == ["429", "503", None, None]
    assert [len(sample.scores) for sample in run.samples] == [0, 0, 3, 3]
    assert [sample.key.repeat for sample in run.samples] == [0, 0, 0, 1]
    assert (run.samples[2].latency_s, run.samples[2].cost_usd) == (None, None)
    assert run.header.environment["left_out"] == ["1 x result without a response"]


def test_a_verdict_that_promptfoo_does_not_give(project: Project) -> None:
    """A missing verdict and a NaN, which JSON writes as null, are counted: the means of the others do not hide them."""
    rows = [promptfoo_row(0, True, success=None, score=None), promptfoo_row(1, True, score=float("nan"))]
    run = opened(project, promptfoo_file(rows))
    assert [[score.metric for score in sample.scores] for sample in run.samples] == [["style"], ["pass", "style"]]
    assert run.header.environment["left_out"] == [
        "1 x score of 'pass' that is not a number from 0 to 1",
        "2 x score of 'score' that is not a number from 0 to 1",
    ]


def test_samples_that_are_missing(project: Project) -> None:
    """A log with fewer samples than the data set shows how many were planned."""
    project.write("a.json", json.dumps(inspect_log("CCC")))
    assert "3 of 8 answers" in project.command("compare", "a.json").output


def test_another_test_of_promptfoo(project: Project) -> None:
    """A test with other assertions is another case: its scores are not compared."""
    changed = copy.deepcopy(FILES["promptfoo"][1])
    for row in changed["results"]["results"]:
        row["testCase"]["assert"] = [{"type": "contains", "value": "A"}]
    project.write("a.json", json.dumps(FILES["promptfoo"][0]))
    project.write("b.json", json.dumps(changed))
    assert compare(project.root / "a.json", project.root / "b.json").data["pairwise"] == []


def test_generations_of_langfuse(project: Project) -> None:
    """Generations in JSON Lines are samples with their model, tokens and seconds; other observations are left out."""
    rows = [generation(0), generation(0), generation(1) | {"level": "ERROR", "status_message": "429"}]
    rows += [generation(2) | {"type": "SPAN"}, generation(3) | {"input": None}]
    run = opened(project, "".join(json.dumps(row) + "\n" for row in rows), "a.jsonl")
    assert [sample.key.repeat for sample in run.samples] == [0, 1, 0]
    first = run.samples[0]
    assert first.key[1:3] == ("asked", "gpt-x")
    assert first.response is not None
    assert (first.response.text, first.response.usage.completion_tokens, first.cost_usd) == ("Ada 0", 4, 0.002)
    assert (first.latency_s, first.timings["first_token"]) == (0.5, 0.1)
    assert run.samples[2].error is not None
    assert run.header.environment["left_out"] == [
        "1 x observation that is not a generation",
        "1 x trace or generation without an input",
    ]


def test_what_is_left_out_is_shown(project: Project) -> None:
    """Values that the comparison cannot hold are listed under the table, in the JSON and on the page."""
    project.write("a.json", json.dumps([trace(0, 0.5), trace(1, 12)]))
    output = project.command("compare", "a.json").output
    assert "left out  a.json: 1 x score of 'correct' that is not a number from" in output
    data = json.loads(project.command("compare", "a.json", "--json", "--force").stdout)
    assert data["facts"]["left out"].startswith("a.json: 1 x score")


def test_tokens_that_are_not_known(project: Project) -> None:
    """A file without tokens, dollars and seconds has none in the table, and not 0."""
    rows = [{key: value for key, value in trace(n, 1).items() if key not in ("latency", "totalCost")} for n in range(3)]
    for row in rows:
        row["observations"] = []
    project.write("a.json", json.dumps(rows))
    (column,) = json.loads(project.command("compare", "a.json", "--json").stdout)["columns"]
    figures = ("completion_tokens", "prompt_tokens", "cost_per_1000_usd", "total_p50_s")
    assert [column[name] for name in figures] == [None] * 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "expected a run, a baseline, or results of Inspect"),
        ("[]", "expected a run, a baseline, or results of Inspect"),
        ('[{"id": 1, "timestamp": "x"}]', "expected a run, a baseline, or results of Inspect"),
        ('{"a": [1,\n 2', "a.json:2:3: not JSON"),
        ('{"a": 1}\n{"b": ', "a.json:2: not JSON"),
        ("[" * 100_000, "unsupported JSON"),
        (f'{{"eval": {"9" * 5000}}}', "unsupported JSON"),
        ("no JSON", "a.json:1"),
        (json.dumps(inspect_log("")), "a log of Inspect without samples"),
        ("PK\x03\x04 broken", "not a log of Inspect"),
    ],
)
def test_other_files(project: Project, content: str, message: str) -> None:
    """Another file, or a damaged one, is refused with its place."""
    project.write("a.json", content)
    result = project.command("compare", "a.json")
    assert result.exit_code == 1
    assert message in result.output


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("tool", FILES)
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files(project: Project, tool: str, data: st.DataObject) -> None:
    """Whatever stands in a field, the file is a run with scores from 0 to 1 that can be shown, or is refused."""
    content = copy.deepcopy(FILES[tool][0])
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = content
        while True:
            key = data.draw(st.sampled_from([*place] if isinstance(place, dict) else range(len(place))))
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                place[key] = data.draw(VALUES)
                break
            place = inner
    try:
        run = opened(project, content)
    except StoreError:
        return
    assert all(0 <= score.value <= 1 for sample in run.samples for score in sample.scores)
    assert all(sample.response is None or not sample.response.problem for sample in run.samples)
    assert compare(run).data["columns"] is not None
