"""The HTML report: what it says, and that nothing it shows can act."""

from __future__ import annotations

import base64
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
    Failure,
    Message,
    Response,
    Run,
    RunHeader,
    Sample,
    SampleKey,
    Score,
    Status,
    Timing,
    Usage,
    Verdict,
)
from evalharness.report.html import MAX_TEXT, island, render_html, report_data

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
ISLAND = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def a_sample(name: str = "a", **changes: Any) -> Sample:
    """A scored sample in which every text is `name`, unless `changes` say otherwise."""
    sample = Sample(
        key=SampleKey(f"case {name}", f"prompt {name}", f"model {name}", 0),
        digest="",
        tags=(f"tag {name}",),
        messages=(Message(f"role {name}", f"content {name}"),),
        golden=(f"golden {name}",),
        response=Response(f"answer {name}", "stop", Usage(10, 5), Timing(1.0, 0.2, 50.0, 20.0)),
        scores=(Score(f"metric {name}", 0.5, f"signature {name}"),),
    )
    return replace(sample, **changes)


def a_run(*samples: Sample, name: str = "a", planned: Sequence[SampleKey] = (), **rest: Any) -> Run:
    """A run of these samples with `name` in every text of its header."""
    header = RunHeader(
        id=f"id {name}",
        suite=f"suite {name}",
        file=f"file {name}",
        started_at=f"started {name}",
        models={},
        prompts={},
        params={},
        metrics=(f"metric {name}",),
        signatures={},
        gates=(),
        planned=tuple(planned) or tuple(sample.key for sample in samples),
        machine_class=f"machine {name}",
        environment={"git": {"commit": "0123456789abcdef", "dirty": True}},
    )
    return Run(header, samples, **{"selected": header.planned} | rest)


def a_verdict(name: str = "a", status: Status = "fail", **numbers: Any) -> Verdict:
    """A verdict with `name` in every text."""
    return Verdict(f"model {name}", f"prompt {name}", f"metric {name}", status, f"reason {name}", **numbers)


def a_page(name: str) -> tuple[str, set[str]]:
    """A page with `name` in every text that comes from outside, and these texts."""
    sample = a_sample(name, failed_checks=(f"check {name}",), error=Failure(f"kind {name}", f"message {name}"))
    baseline = {sample.key[:3]: f"before {name}"}
    page = render_html(a_run(sample, name=name), [a_verdict(name)], baseline, "fail", f"sentence {name}")
    words = "id suite file started machine metric model prompt reason sentence case tag role content golden answer"
    return page, {f"{word} {name}" for word in f"{words} signature check kind message".split()}


def read(page: str) -> dict[str, Any]:
    """The data in the island of a page."""
    found = ISLAND.search(page)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def texts_of(value: Any) -> set[str]:
    """Every text in some JSON data."""
    if isinstance(value, str):
        return {value}
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return {text for child in children for text in texts_of(child)}


def data_of(*samples: Sample, baseline: Mapping[tuple[str, str, str], str] | None = None) -> dict[str, Any]:
    """What a page shows of these samples."""
    return report_data(a_run(*samples), [], baseline or {}, "pass", "")


def test_policy() -> None:
    """The policy allows the page's one script and one style sheet by their hashes, and nothing else."""
    page, _ = a_page("a")
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
    page = ISLAND.sub("", a_page("a")[0])
    assert not re.search(r"https?:|//[a-z]|\bsrc=|@import|url\(|<link|<base|<iframe|<form", page)
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)', page))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|\.style\b|srcdoc", page)
    assert not re.search(r"""<[^>]*\s(on\w+|style)=""", page)


@pytest.mark.parametrize("name", HOSTILE)
def test_texts_are_in_the_island_only(name: str) -> None:
    """Whatever a text holds, and wherever it stands, it is in the island to the letter and the rest is as ever."""
    page, texts = a_page(name)
    assert texts <= texts_of(read(page))
    assert ISLAND.sub("", page) == ISLAND.sub("", a_page("a")[0])
    assert page.encode()


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters()))
def test_any_text_survives(name: str) -> None:
    """Any text at all, lone surrogates too, comes out of the island as it went in."""
    page, texts = a_page(name)
    assert texts <= texts_of(read(page))


@given(st.text(st.characters()))
def test_island_is_inert(text: str) -> None:
    """No island holds a character that an HTML parser would act on or change."""
    written = island([text])
    assert json.loads(written) == [text]
    assert not re.search("[<>&\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", written)


def test_worst_first() -> None:
    """Errors come before failed checks, these before low scores; no score is worse than any score."""
    samples = [
        a_sample("good", scores=(Score("m", 0.9, ""), Score("n", 0.8, ""))),
        a_sample("poor", scores=(Score("m", 0.1, ""), Score("n", 0.3, ""))),
        a_sample("unscored", scores=()),
        a_sample("failed", failed_checks=("no",)),
        a_sample("broken", response=None, scores=(), error=Failure("hang", "")),
    ]
    data = data_of(*samples)
    order = [data["texts"][row["case"]] for row in data["cases"]]
    assert order == ["case broken", "case failed", "case unscored", "case poor", "case good"]


def test_gates_that_decide_come_first() -> None:
    """Gates are sorted by how bad they are, after them what is said for information."""
    verdicts = [a_verdict("i", "error", gating=False), *(a_verdict(status, status) for status in get_args(Status))]
    gates = report_data(a_run(), verdicts, {}, "error", "")["gates"]
    assert [gate["status"] for gate in gates] == [
        *("error", "fail", "incomparable", "no baseline", "inconclusive", "pass"),
        "error",
    ]


def test_bound_is_a_drop() -> None:
    """The bound is the largest drop that is left possible; what is not a finite number is shown as unknown."""
    verdict = a_verdict(drop=0.02, margin=0.05, largest_drop=0.06, p_value=math.nan, cases=7)
    gate = report_data(a_run(), [verdict], {}, "fail", "")["gates"][0]
    assert (gate["drop"], gate["bound"], gate["margin"], gate["p_value"], gate["cases"]) == (0.02, 0.06, 0.05, None, 7)


@pytest.mark.parametrize(("metric", "ratio"), [("latency", True), ("cost", True), ("chrf", False)])
def test_unit_of_a_margin(metric: str, ratio: bool) -> None:
    """Latency and cost are shown as ratios, every other gate counts points."""
    gate = report_data(a_run(), [replace(a_verdict(), metric=metric)], {}, "fail", "")["gates"][0]
    assert gate["ratio"] is ratio


def test_groups() -> None:
    """A model and prompt has the mean and count of its scores, and the usual figures of its timing."""
    times = [Timing(float(n), n / 10, None, 10.0 * n) for n in (1, 2, 3)]
    samples = [
        a_sample(response=Response("", "stop", Usage(100, n), timing), scores=(Score("metric a", n / 10, ""),))
        for n, timing in enumerate(times, 1)
    ]
    broken = a_sample(response=None, scores=(), error=Failure("hang", ""))
    (group,) = data_of(*samples, broken, a_sample(failed_checks=("no",), response=None, scores=()))["groups"]
    assert (group["samples"], group["errors"], group["failed"]) == (5, 1, 1)
    assert group["scores"] == [[0.2, 3]]
    assert (group["total_p50_s"], group["total_p95_s"], group["first_token_p50_s"]) == (2.0, 2.9, 0.2)
    assert (group["decode_p50"], group["prompt_tokens"], group["completion_tokens"]) == (20.0, 100.0, 2.0)


def test_missing_samples_are_seen() -> None:
    """A model of which nothing came back has its line all the same, and the page knows how much was planned."""
    planned = [SampleKey("c", "p", "silent", 0), a_sample().key]
    data = report_data(a_run(a_sample(), planned=planned), [], {}, "error", "")
    silent = next(group for group in data["groups"] if group["model"] == "silent")
    assert (silent["samples"], silent["planned"], silent["scores"]) == (0, 1, [[None, 0]])
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
    """A page says whether all of the plan is behind its verdict, and if not, why."""
    assert report_data(a_run(a_sample(), **rest), [], {}, "pass", "")["extent"] == extent


def test_commit() -> None:
    """The commit is named where the run knows one, and so is what it does not hold."""
    run = a_run()
    assert report_data(run, [], {}, "pass", "")["facts"]["commit"] == "0123456789ab with local changes"
    elsewhere = replace(run, header=replace(run.header, environment={"git": None}))
    assert report_data(elsewhere, [], {}, "pass", "")["facts"]["commit"] == ""


@pytest.mark.parametrize(
    ("before", "diff"),
    [
        (None, None),
        ("answer a", "same"),
        ("reply a", [("gone", "reply"), ("new", "answer"), ("same", " a")]),
    ],
)
def test_change_of_an_answer(before: str | None, diff: object) -> None:
    """A row says whether the baseline has no answer, the same one or another one, and then what changed."""
    baseline = {} if before is None else {("case a", "prompt a", "model a"): before}
    assert data_of(a_sample(), baseline=baseline)["cases"][0]["diff"] == diff


def test_repeated_texts_are_stored_once() -> None:
    """A prompt that thousands of samples share is in the file once."""
    shared = Message("system", "policy " * 500)
    page = render_html(a_run(*(a_sample(messages=(shared,)) for _ in range(20))), [], {}, "pass", "")
    assert page.count(shared.content) == 1


def test_long_texts_are_cut_and_say_so() -> None:
    """A text of any length takes a bounded part of the page, which says how much it leaves out and where that is."""
    data = data_of(a_sample(golden=("x" * (MAX_TEXT + 7),)))
    golden = data["texts"][data["cases"][0]["golden"][0]]
    assert golden == "x" * MAX_TEXT + "\n[evalharness: 7 more characters are in run.jsonl]"


def test_five_thousand_samples() -> None:
    """A report of 5,000 samples with changed answers of 60 words stays below 8 MB."""
    answers = {n: " ".join(f"word{(n * k) % 997}" for k in range(60)) for n in range(5_000)}
    samples = [
        a_sample(key=SampleKey(f"case-{n}", "p", "m", 0), response=Response(text, "stop", Usage(9, 9), Timing(1.0)))
        for n, text in answers.items()
    ]
    baseline = {(f"case-{n}", "p", "m"): text.replace("word1", "term") for n, text in answers.items()}
    page = render_html(a_run(*samples), [], baseline, "pass", "")
    assert len(read(page)["cases"]) == 5_000
    assert len(page.encode()) < 8_000_000


@pytest.mark.parametrize("status", get_args(Status))
def test_without_script(status: Status) -> None:
    """Where scripts are off, the page still says the verdict and where the rest is."""
    page = render_html(a_run(), [], {}, status, "")
    assert re.search(rf"<noscript>.*Verdict: {status}\..*run\.jsonl.*</noscript>", page)
