"""What an application adds to its answer: checked, stored, and shown as text."""

from __future__ import annotations

import base64
import gzip
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plans import open_pipeline

from evalharness import Citation, Context, Message, Response, SampleView, ToolCall
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Sample
from evalharness.records.application import MOST_CHARS, MOST_DEPTH, MOST_VALUES
from evalharness.report.columns import columns_of
from evalharness.report.rows import packed, rows_of
from evalharness.scoring.scorer import Scorer
from evalharness.store import RunWriter, read_run, sample_from_json, sample_to_json
from evalharness.store.recorded import Recorded, canonical, request_key, response_from_json, response_to_json
from evalharness.store.recordings import read_recording, write_recording
from evalharness.testing import case, request, response, run

FULL = replace(
    response("Returns are open for 30 days."),
    contexts=(Context("Open for 30 days.", "faq#2", 0.75), Context("No id.")),
    tool_calls=(ToolCall("search", {"q": "returns", "k": 3}, [{"id": "faq#2"}], "c0"), ToolCall("noop")),
    data={"days": 30, "sure": None, "list": [1, 2.5, True, ""]},
    turns=(
        Message("user", "Hello"),
        Message("assistant", "", (ToolCall("search", {"q": 1}, id="c1"),)),
        Message("tool", "[]", call_id="c1"),
        Message("assistant", "Hi"),
    ),
    cost_usd=0.002,
    reasoning="The FAQ says so.",
    refusal="",
    citations=(Citation("https://a.example", "FAQ", "Open for 30 days.", 0, 29), Citation("faq#2")),
)
TEXTS = {
    "Contexts": "[1] faq#2 (score 0.75)\nOpen for 30 days.\n\n[2]\nNo id.",
    "Tool calls": 'search(q="returns", k=3) -> [{"id": "faq#2"}]\nnoop()',
    "Data": '{\n  "days": 30,\n  "list": [\n    1,\n    2.5,\n    true,\n    ""\n  ],\n  "sure": null\n}',
    "Conversation": "user: Hello\n\nassistant: search(q=1)\n\ntool: []\n\nassistant: Hi",
    "Citations": "[1] FAQ https://a.example (characters 0 to 29)\nOpen for 30 days.\n\n[2] faq#2",
    "Reasoning": "The FAQ says so.",
}


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def answered(given: Response) -> Sample:
    """The sample of a request that a provider answers with this response."""
    with open_pipeline({"m": ScriptedProvider(lambda _: given)}) as pipeline:
        return pipeline.submit(case("a"), request("a", case="a", model="m"), Scorer([])).result(60)


def test_everything_reaches_the_sample() -> None:
    """All fields arrive unchanged, and the cost of the application is that of the sample."""
    sample = answered(FULL)
    assert sample.response == FULL
    assert sample.cost_usd == 0.002


def test_a_context_may_be_a_text() -> None:
    """A plain text becomes a context without an id."""
    sample = answered(replace(FULL, contexts=("Open.",)))  # type: ignore[arg-type]
    assert sample.response is not None
    assert sample.response.contexts == (Context("Open."),)


def test_files_keep_everything(tmp_path: Path) -> None:
    """Run record, recording, ledger and xdist keep all fields; empty ones take no space."""
    of_run = run([answered(FULL)])
    writer = RunWriter(tmp_path / "run.jsonl", of_run.header)
    writer.append(of_run.samples[0])
    writer.end(of_run)
    assert read_run(tmp_path / "run.jsonl").samples == of_run.samples
    text = canonical({"repeat": 0})
    rows = [Recorded(request_key(text), text, FULL, "2026-01-01T00:00:00+00:00")]
    write_recording(tmp_path / "a.jsonl", "demo", rows)
    assert read_recording(tmp_path / "a.jsonl") == rows
    assert sample_from_json(sample_to_json(of_run.samples[0])) == of_run.samples[0]
    stored = response_to_json(response("Yes."))
    assert (
        not {"contexts", "tool_calls", "data", "turns", "cost_usd", "reasoning", "refusal", "citations"} & stored.keys()
    )


@pytest.mark.parametrize("empty", [("contexts",), ("tool_calls",), ("contexts", "tool_calls")])
def test_nothing_is_not_unknown(empty: tuple[str, ...]) -> None:
    """A response that retrieved nothing, or called no tool, keeps that through a run and its files."""
    sample = answered(replace(response("Yes."), empty=empty))
    assert sample.response is not None
    assert sample.response.empty == empty
    assert response_from_json(response_to_json(sample.response)).empty == empty
    assert "empty" not in response_to_json(response("Yes."))


@pytest.mark.parametrize("data", [0, "", [], {}, False, 10**40, "deep"], ids=repr)
def test_data_that_is_false_is_kept(data: Any) -> None:
    """Only None means that there are no data; long numbers and deep values stay whole."""
    data = deep(MOST_DEPTH - 2) if data == "deep" else data
    assert response_from_json(response_to_json(response(data=data))).data == data


def test_files_of_earlier_versions(tmp_path: Path) -> None:
    """Contexts that are texts are read as contexts without ids, from recordings and run records."""
    old = response_to_json(response("Yes.")) | {"contexts": ["Open.", "Closed."]}
    assert response_from_json(old).contexts == (Context("Open."), Context("Closed."))
    of_run = run([answered(response("Yes."))])
    writer = RunWriter(tmp_path / "run.jsonl", of_run.header)
    writer.append(of_run.samples[0])
    writer.end(of_run)
    lines = (tmp_path / "run.jsonl").read_text().splitlines()
    line = json.loads(lines[1])
    line["sample"]["response"]["contexts"] = ["Open."]
    (tmp_path / "run.jsonl").write_text("\n".join([lines[0], json.dumps(line), *lines[2:]]) + "\n")
    (sample,) = read_run(tmp_path / "run.jsonl").samples
    assert sample.response is not None
    assert sample.response.contexts == (Context("Open."),)


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
UNSOUND = [
    ({"empty": ["contexts"]}, "empty: expected names of empty fields among contexts, tool_calls"),
    ({"empty": ("turns",)}, "empty: expected names of empty fields among contexts, tool_calls"),
    ({"empty": ("contexts",), "contexts": (Context("a"),)}, "empty: expected names of empty fields among contexts"),
    ({"data": math.nan}, "response.data: expected a finite number, got nan"),
    ({"data": {"a": [math.inf]}}, "response.data.a[0]: expected a finite number, got inf"),
    ({"data": 10**400}, "response.data: expected a finite number"),
    ({"data": {1: 2}}, "response.data: expected texts as keys, got int"),
    ({"data": {"a": {1, 2}}}, "response.data.a: expected a JSON value, got set"),
    ({"data": b"x"}, "response.data: expected a JSON value, got bytes"),
    ({"data": deep(MOST_DEPTH)}, f"expected at most {MOST_DEPTH} levels of nesting"),
    ({"data": CYCLE}, f"expected at most {MOST_DEPTH} levels of nesting"),
    ({"data": [0] * MOST_VALUES}, f"expected at most {MOST_VALUES:,} values"),
    ({"data": "x" * (MOST_CHARS + 1)}, f"response: expected at most {MOST_CHARS:,} characters"),
    ({"data": {"k" * MOST_CHARS: "x"}}, f"response: expected at most {MOST_CHARS:,} characters"),
    ({"contexts": ["a"]}, "contexts: expected a tuple of Context records"),
    ({"contexts": (7,)}, "contexts: expected a tuple of Context records"),
    ({"contexts": (Context(7),)}, "contexts: text: expected a str, got int"),  # type: ignore[arg-type]
    ({"contexts": (Context("a", score=math.nan),)}, "response.contexts[0].score: expected a finite number, got nan"),
    ({"contexts": (Context("a", score=True),)}, "contexts: score: expected a number, got bool"),
    ({"tool_calls": ("search",)}, "tool_calls: expected a tuple of ToolCall records"),
    ({"tool_calls": (ToolCall(None),)}, "tool_calls: name: expected a str, got NoneType"),  # type: ignore[arg-type]
    ({"tool_calls": (ToolCall("a", {"b": object()}),)}, "response.tool_calls[0].arguments.b: expected a JSON value"),
    ({"tool_calls": (ToolCall("a", {}, -math.inf),)}, "response.tool_calls[0].result: expected a finite number"),
    ({"turns": ("Hello",)}, "turns: expected a tuple of Message records"),
    ({"turns": (Message("user", 3),)}, "turns: expected a str, got int"),  # type: ignore[arg-type]
    ({"tool_calls": (ToolCall("a", id=None),)}, "tool_calls: id: expected a str, got NoneType"),  # type: ignore[arg-type]
    ({"turns": (Message("user", "a", ("b",)),)}, "turns: tool_calls: expected a tuple of ToolCall"),  # type: ignore[arg-type]
    ({"turns": (Message("tool", "a", (), None),)}, "turns: expected a str, got NoneType"),  # type: ignore[arg-type]
    ({"citations": ("a",)}, "citations: expected a tuple of Citation records"),
    ({"citations": (Citation(7),)}, "citations: expected a str, got int"),  # type: ignore[arg-type]
    ({"citations": (Citation("a", start=1.5),)}, "citations: expected integers as start and end"),  # type: ignore[arg-type]
    ({"reasoning": 3}, "reasoning: expected a str, got int"),
    ({"refusal": ["no"]}, "refusal: expected a str, got list"),
    ({"cost_usd": math.nan}, "cost_usd: expected a finite number from 0, got nan"),
    ({"cost_usd": -1.0}, "cost_usd: expected a finite number from 0, got -1.0"),
]


@pytest.mark.parametrize(("fields", "message"), UNSOUND, ids=[f"{n}" for n in range(len(UNSOUND))])
def test_unsound_responses(fields: dict[str, Any], message: str) -> None:
    """A value that no file can hold is the error of its sample, with the place of the value."""
    error = answered(response(**fields)).error
    assert error is not None
    assert message in error.message
    assert len(error.message) < 1_000


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("contexts", [{"text": "a", "color": 1}], "contexts[0].color: unknown field"),
        ("contexts", [{"text": "a", "score": "0.5"}], "contexts[0].score: expected float, got '0.5'"),
        ("contexts", [3], "contexts"),
        ("tool_calls", [{"arguments": 1}], "tool_calls.0.name"),
        ("turns", [{"role": "user", "content": "a", "x": 1}], "turns[0].x: unknown field"),
        (
            "turns",
            [{"role": "user", "content": "a", "tool_calls": [{"name": "f", "x": 1}]}],
            "turns[0].tool_calls[0].x",
        ),
        ("citations", [{"source": "a", "page": 1}], "citations[0].page: unknown field"),
        ("data", [float("nan")], "data[0]: expected NoneType, got 'nan'"),
        ("cost_usd", -1, "cost_usd: expected a finite number of at least 0"),
        ("reasoning", 3, "reasoning"),
    ],
)
def test_recordings_are_untrusted(field: str, value: Any, message: str) -> None:
    """Validation of a recorded response ignores and converts nothing."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        response_from_json(response_to_json(response("Yes.")) | {field: value})
    assert message in str(caught.value)


def test_texts_that_no_file_can_hold() -> None:
    """Lone surrogates are replaced in every field."""
    bad = "a\ud800b"
    given = response(
        contexts=(Context(bad, bad),), tool_calls=(ToolCall(bad, {bad: bad}, [bad]),), data={bad: [bad]},
        turns=(Message("user", bad, (ToolCall(bad, bad, id=bad),), bad),), reasoning=bad, refusal=bad,
        citations=(Citation(bad, bad, bad),),
    )  # fmt: skip
    sample = answered(given)
    assert sample.response is not None
    assert json.dumps(sample_to_json(sample), ensure_ascii=False).encode()
    assert sample.response.data == {"a\ufffdb": ["a\ufffdb"]}


def test_metrics_and_the_page_show_texts() -> None:
    """A metric reads all parts as texts; the page has the same texts, and nothing for a bare answer."""
    assert dict(SampleView(FULL).added) == TEXTS
    assert SampleView.of("Yes.").added == {}
    shown = rows_of(columns_of(run([answered(FULL), answered(response("Yes."))]), {}), [])
    rows = json.loads(gzip.decompress(base64.b64decode(packed(shown))))
    (parts,) = rows["added"].values()
    texts = [rows["texts"][index] for index in parts]
    assert dict(zip(texts[::2], texts[1::2], strict=True)) == TEXTS


def test_refusals_are_shown() -> None:
    """A refusal is a part of its own."""
    assert SampleView(response("", refusal="I cannot do that.")).added == {"Refusal": "I cannot do that."}
