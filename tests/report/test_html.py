"""The HTML report: its content, and that no text in it takes effect."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.records import (
    CriteriaChange,
    Message,
    Response,
    Run,
    Sample,
    SampleError,
    SampleKey,
    Score,
    Status,
    Timing,
    Usage,
    Verdict,
)
from evalharness.report.columns import BaselineView, columns_of
from evalharness.report.html import Page, extent_of, facts_of, overview, render_html
from evalharness.report.rows import MAX_TEXT, packed, rows_of
from evalharness.report.single_file import island
from evalharness.testing import run as run_of
from evalharness.testing import sample as sample_of

HOSTILE = (
    "</script><script>alert(1)</script>",
    "</SCRIPT\t><b>",
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "-->",
    "]]>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "https://evil.example/?q=",
    "&lt;b&gt;&amp;",
    "{{ 7 * 7 }}{% raw %}",
    "a\u2028b\u2029c",
    "admin\u202egpj.exe",
    "zero\u200bwidth\ufeff\U000e0041",
    "nul\x00esc\x1b[31m del\x7f csi\x9b",
    "lone \ud800 surrogate",
    "line\r\nbreak\ttab",
    "__proto__",
)
ISLAND = re.compile(r'<script type="application/(?:json|octet-stream)" id="(data|rows)">(.*?)</script>', re.DOTALL)
Before = Mapping[tuple[str, str], Mapping[str, BaselineView]]


def a_sample(name: str = "a", **changes: Any) -> Sample:
    """A scored sample in which every text is `name`, unless `changes` replace it."""
    made = sample_of(
        f"case {name}",
        f"answer {name}",
        scores=[Score(f"metric {name}", 0.5, f"signature {name}")],
        prompt=f"prompt {name}",
        model=f"model {name}",
        digest="",
        tags=(f"tag {name}",),
        messages=(Message(f"role {name}", f"content {name}"),),
        golden=(f"golden {name}",),
        usage=Usage(10, 5),
        timing=Timing(1.0, 0.2, 50.0, 20.0),
    )
    return replace(made, **changes)


def a_run(*samples: Sample, name: str = "a", planned: Sequence[SampleKey] = (), **rest: Any) -> Run:
    """A run of these samples with `name` in every text of its header."""
    known = {
        "id": f"id {name}",
        "suite": f"suite {name}",
        "file": f"file {name}",
        "started_at": f"started {name}",
        "metrics": (f"metric {name}",),
        "planned": tuple(planned) or tuple(sample.key for sample in samples),
        "machine_class": f"machine {name}",
        "environment": {"git": {"commit": "0123456789abcdef", "dirty": True}},
    }
    return run_of(samples, gates={}, **known | rest)


def a_verdict(name: str = "a", status: Status = "fail", **rest: Any) -> Verdict:
    """A verdict with `name` in every text."""
    return Verdict(f"model {name}", f"prompt {name}", f"metric {name}", status, f"reason {name}", **rest)


def a_page(
    run: Run, verdicts: Sequence[Verdict] = (), before: Before | None = None, status: Status = "pass", **rest: Any
) -> Page:
    """The report of a run."""
    columns = columns_of(run, before or {})
    planned = len(run.header.planned)
    answered = sum(sample.error is None for sample in run.samples)
    head = {"facts": facts_of(run), "extent": extent_of(run), "answered": answered, "planned": planned}
    return Page(**{"overall": status, "headline": "", "columns": columns, "verdicts": verdicts} | head | rest)


def a_file(name: str) -> tuple[str, set[str]]:
    """A report with `name` in every untrusted text."""
    sample = a_sample(name, failed_checks=(f"check {name}",), error=SampleError(f"kind {name}", f"message {name}"))
    before = {(sample.key.model, sample.key.prompt): {sample.key.case: BaselineView(f"before {name}", {})}}
    change = CriteriaChange(f"what {name}", f"then {name}", f"now {name}", relaxes=True)
    rest = {"headline": f"headline {name}", "criteria": [change], "earlier": f"earlier {name}"}
    page = a_page(a_run(sample, name=name), [a_verdict(name, tag=f"gate {name}")], before, "fail", **rest)
    words = "id suite file started machine metric model prompt reason headline case tag role content golden answer"
    more = "signature check kind message what then now before earlier gate"
    return render_html(page), {f"{word} {name}" for word in f"{words} {more}".split()}


def read(page: str) -> dict[str, Any]:
    """The data in the islands of a page."""
    found = dict(ISLAND.findall(page))
    data: dict[str, Any] = json.loads(found["data"])
    return data | {"rows": unpacked(found["rows"])}


def unpacked(island: str) -> dict[str, Any]:
    """The rows in a compressed island."""
    rows: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(island, validate=True)))
    return rows


def texts_of(value: Any) -> set[str]:
    """Every text in some JSON data."""
    if isinstance(value, str):
        return {value}
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return {text for child in children for text in texts_of(child)}


def overview_of(*samples: Sample, **rest: Any) -> dict[str, Any]:
    """The figures of a page with these samples."""
    return overview(a_page(a_run(*samples), **rest))


def rows(*samples: Sample, before: Before | None = None) -> dict[str, Any]:
    """And of each of them."""
    page = a_page(a_run(*samples), before=before)
    return unpacked(packed(rows_of(page.columns, page.metrics)))


def test_policy() -> None:
    """The policy allows the page's one script and one style sheet by their hashes, and nothing else."""
    page, _ = a_file("a")
    digests = {
        tag: base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        for tag, content in re.findall(r"<(script|style)>(.*?)</\1>", page, re.DOTALL)
    }
    policy = (
        f"default-src 'none'; script-src 'sha256-{digests['script']}'; style-src 'sha256-{digests['style']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_nothing_from_elsewhere() -> None:
    """The page names no address, loads nothing, and its script uses no way to turn text into markup or code."""
    page = re.sub(r"sha256-[\w+/]+", "", ISLAND.sub("", a_file("a")[0]))  # a hash may hold //a
    assert not re.search(r"https?:|//[a-z]|\bsrc=|@import|url\(|<link|<base|<iframe|<form", page)
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)', page))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|\.style\b|srcdoc", page)
    assert not re.search(r"""<[^>]*\s(on\w+|style)=""", page)


@pytest.mark.parametrize("name", HOSTILE)
def test_texts_are_in_the_island_only(name: str) -> None:
    """Any text in any field is unchanged in the island, and the rest of the page is the same."""
    page, texts = a_file(name)
    assert texts <= texts_of(read(page))
    assert ISLAND.sub("", page) == ISLAND.sub("", a_file("a")[0])
    assert page.encode()


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters()))
def test_any_text_survives(name: str) -> None:
    """Any text survives the island, lone surrogates included."""
    page, texts = a_file(name)
    assert texts <= texts_of(read(page))


@given(st.text(st.characters()))
def test_island_is_inert(text: str) -> None:
    """No island holds a character that an HTML parser would act on or change."""
    written = island([text])
    assert json.loads(written) == [text]
    assert not re.search("[<>&\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", written)


def test_worst_first() -> None:
    """Errors come before failed checks, these before low scores; a missing score is the lowest."""
    samples = [
        a_sample("good", scores=(Score("m", 0.9, ""), Score("n", 0.8, ""))),
        a_sample("poor", scores=(Score("m", 0.1, ""), Score("n", 0.3, ""))),
        a_sample("unscored", scores=()),
        a_sample("failed", failed_checks=("no",)),
        a_sample("broken", response=None, scores=(), error=SampleError("hang", "")),
    ]
    data = rows(*samples)
    order = [data["texts"][case] for case in data["case"]]
    assert order == ["case broken", "case failed", "case unscored", "case poor", "case good"]


def test_notes() -> None:
    """A sample has the note of each score that is limited."""
    score = Score("embedding", 1.0, "", note="the model read 256 of 377 tokens of the answer")
    data = rows(a_sample("long", scores=(score, Score("m", 0.5, ""))), a_sample("short", scores=(Score("m", 1.0, ""),)))
    (text,) = data["notes"]["0"]
    assert data["texts"][text] == "embedding: the model read 256 of 377 tokens of the answer"
    assert list(data["notes"]) == ["0"]


def test_gates_that_decide_come_first() -> None:
    """Gates are sorted by severity, followed by measurements without a gate."""
    verdicts = [a_verdict("i", "error", gating=False), *(a_verdict(status, status) for status in get_args(Status))]
    gates = overview_of(verdicts=verdicts)["gates"]
    assert [gate["status"] for gate in gates] == [
        *("error", "fail", "incomparable", "no baseline", "inconclusive", "pass"),
        "error",
    ]


def test_numbers_of_a_gate() -> None:
    """A gate has its means, its change and its bounds as they are shown; what is not finite is unknown."""
    numbers = {"before": 78.24, "after": 64.91, "change": -13.33, "low": -18.444, "high": math.inf, "margin": 5.0}
    gate = overview_of(verdicts=[a_verdict(**numbers, p_value=math.nan, cases=7)])["gates"][0]
    shown = {"before": 78.2, "after": 64.9, "change": -13.3, "low": -18.4, "high": None, "margin": 5.0}
    assert {name: gate[name] for name in shown} == shown
    assert (gate["p_value"], gate["cases"], gate["unit"], gate["level_unit"]) == (None, 7, "points", "points")


def test_groups() -> None:
    """A model and prompt has the mean and count of its scores, and the usual figures of its timing."""
    times = [Timing(float(n), n / 10, None, 10.0 * n) for n in (1, 2, 3)]
    samples = [
        a_sample(response=Response("", "stop", Usage(100, n), timing), scores=(Score("metric a", n / 10, ""),))
        for n, timing in enumerate(times, 1)
    ]
    broken = a_sample(response=None, scores=(), error=SampleError("hang", ""))
    (group,) = overview_of(*samples, broken, a_sample(failed_checks=("no",), response=None, scores=()))["columns"]
    assert (group["samples"], group["errors"], group["failed"]) == (5, 1, 1)
    assert group["scores"] == [[20.0, None, None, 3]]  # three runs of one case tell nothing of other cases
    assert (group["total_p50_s"], group["total_p95_s"], group["first_token_p50_s"]) == (2.0, 2.9, 0.2)
    assert (group["decode_p50"], group["prompt_tokens"], group["completion_tokens"]) == (20.0, 100.0, 2.0)


def test_missing_samples_are_seen() -> None:
    """A model without samples has a row, and the page has the number of planned samples."""
    planned = [SampleKey("c", "p", "silent", 0), a_sample().key]
    data = overview(a_page(a_run(a_sample(), planned=planned)))
    silent = next(group for group in data["columns"] if group["model"] == "silent")
    assert (silent["samples"], silent["planned"], silent["scores"]) == (0, 1, [[None, None, None, 0]])
    assert (data["extent"], data["answered"], data["planned"]) == ("incomplete", 1, 2)


@pytest.mark.parametrize(
    ("rest", "extent"),
    [
        ({}, "complete"),
        ({"stopped": True}, "stopped"),
        ({"planned": [a_sample().key, a_sample("b").key], "selected": (a_sample().key,)}, "partial"),
    ],
)
def test_extent(rest: dict[str, Any], extent: str) -> None:
    """A page shows whether the run is complete, partial, incomplete or stopped."""
    assert overview(a_page(a_run(a_sample(), **rest)))["extent"] == extent


def test_commit() -> None:
    """The commit is shown if the run has one, with local changes."""
    run = a_run()
    assert overview(a_page(run))["facts"]["commit"] == "0123456789ab with local changes"
    elsewhere = replace(run, header=replace(run.header, environment={"git": None}))
    assert overview(a_page(elsewhere))["facts"]["commit"] == ""


def test_what_was_there_before() -> None:
    """A row has the earlier answer and the earlier scores of its case, where there are any."""
    samples = [a_sample(), a_sample(key=SampleKey("case b", "prompt a", "model a", 0))]
    way = {"metric a": "signature a"}
    before = {("model a", "prompt a"): {"case a": BaselineView("reply a", {"metric a": 0.75}, signatures=way)}}
    data = rows(*samples, before=before)
    assert [data["texts"][case] for case in data["case"]] == ["case a", "case b"]
    assert [None if old is None else data["texts"][old] for old in data["old"]] == ["reply a", None]
    assert (data["scores"], data["before"]) == ([[0.5, 0.5]], [[0.75, None]])


def test_what_does_not_compare() -> None:
    """An edited case has no baseline; a score of another signature has none, but its answer has one."""
    way, pair = {"metric a": "signature a"}, ("model a", "prompt a")
    edited = {pair: {"case a": BaselineView("reply a", {"metric a": 0.75}, "another digest", way)}}
    other_signature = {pair: {"case a": BaselineView("reply a", {"metric a": 0.75}, signatures={"metric a": "v2"})}}
    data = rows(a_sample(), before=edited)
    assert (data["old"], data["before"]) == ([None], [[None]])
    data = rows(a_sample(), before=other_signature)
    assert (data["texts"][data["old"][0]], data["before"]) == ("reply a", [[None]])


@pytest.mark.parametrize(
    ("change", "compared"), [({}, 1), ({"digest": "edited"}, 0), ({"scores": (Score("metric a", 0.5, "v2"),)}, 0)]
)
def test_only_what_compares_is_compared(change: dict[str, Any], compared: int) -> None:
    """Two columns meet where they have the same version of a case and the same way of measuring."""
    other = a_sample(key=SampleKey("case a", "prompt b", "model a", 0), **change)
    assert len(overview_of(a_sample(), other)["pairwise"]) == compared


def test_repeated_texts_are_stored_once() -> None:
    """A prompt that thousands of samples share is in the file once."""
    shared = Message("system", "policy " * 500)
    data = rows(*(a_sample(messages=(shared,)) for _ in range(20)))
    assert data["texts"].count(shared.content) == 1
    assert len(data["prompts"]) == 1


def test_long_texts_are_cut_with_a_note() -> None:
    """A long text is cut, with the number of omitted characters and the file that has them."""
    data = rows(a_sample(golden=("x" * (MAX_TEXT + 7),)))
    golden = data["texts"][data["golden"][0][0]]
    assert golden == "x" * MAX_TEXT + "\n[evalharness: 7 more characters are in run.jsonl]"


def test_ten_thousand_samples() -> None:
    """A report of 10,000 samples with changed answers of 60 words stays below 3 MB: 300 bytes for each."""
    words = [f"word{number}" for number in range(997)]
    samples, before = [], {}
    for number in range(10_000):
        answer = " ".join(words[number * k % 997] for k in range(60))
        key = SampleKey(f"case-{number % 2_500}", "p", f"m{number // 2_500}", 0)
        samples.append(a_sample(key=key, response=Response(answer, "stop", Usage(9, 9), Timing(1.0))))
        before.setdefault((key.model, "p"), {})[key.case] = BaselineView(
            answer.replace("word1", "term"), {"metric a": 0.5}, signatures={"metric a": "signature a"}
        )
    page = render_html(a_page(a_run(*samples), before=before))
    assert len(read(page)["rows"]["case"]) == 10_000
    assert len(page.encode()) < 3_000_000


@pytest.mark.parametrize("status", get_args(Status))
def test_without_script(status: Status) -> None:
    """Without JavaScript, the page shows the verdict and names the files with the rest."""
    page = render_html(a_page(a_run(), status=status))
    assert re.search(rf"<noscript>.*Verdict: {status}\..*run\.jsonl.*</noscript>", page)


def test_tokens_that_were_not_counted() -> None:
    """An application that counts no tokens has none on the page, in place of 0."""
    made = a_sample()
    assert made.response is not None
    uncounted = replace(made, response=replace(made.response, usage=Usage(0, 0)))
    assert read(render_html(a_page(a_run(uncounted))))["rows"]["tokens"] == [None]
    assert read(render_html(a_page(a_run(made))))["rows"]["tokens"][0] is not None
