"""A load test over time: which moment a request belongs to, its percentiles, and what the charts show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from loads import BOUNDS, HOSTILE, LEVEL, a_header, a_load, capacity, in_turns, nothing_sent

from evalharness.records.load import LoadBound, LoadRequest, LoadRun, ServiceLevel
from evalharness.report.load_charts import charts_of, milliseconds
from evalharness.report.load_moments import MOST_MOMENTS, meets, moments_of
from evalharness.report.load_page import load_html, page_data


def a_request(at_s: float, *, ttft: float | None = 0.1, e2el: float | None = 0.5, **changes: Any) -> LoadRequest:
    """A request with these latencies from its scheduled time on."""
    first, ended = (None if one is None else at_s + one for one in (ttft, e2el))
    made = LoadRequest(0, "candidate", 0, "case", "plain", at_s, at_s, first, ended, output_tokens=10)
    return replace(made, **changes)


def a_run(requests: Sequence[LoadRequest], **changes: Any) -> LoadRun:
    """A record of these requests over 100 seconds."""
    return LoadRun(a_header(duration_s=100.0, **changes), tuple(requests))


def test_a_moment_has_the_requests_scheduled_in_it() -> None:
    """A slow answer counts where its request was due, and not where it ended."""
    requests = [a_request(n / 2, e2el=10.0 if n == 0 else 0.25) for n in range(200)]
    moments = moments_of(a_run(requests), ["e2el"])
    assert [one.scheduled for one in moments] == [20] * 10
    assert [(one.start_s, one.end_s) for one in moments[:2]] == [(0.0, 10.0), (10.0, 20.0)]
    assert moments[0].percentiles["e2el"] == {50: 0.25, 90: 0.25, 95: 0.25, 99: 10.0}
    assert [one.ended for one in moments] == [19, 21, *[20] * 8]
    assert [one.met for one in moments[:2]] == [19, 20]


def test_percentiles_are_measured_values() -> None:
    """The percentile is the nearest rank."""
    requests = [a_request(n * 5.0, e2el=(n + 1) / 10) for n in range(19)]
    (moment,) = moments_of(a_run(requests), ["e2el", "itl"])
    assert moment.percentiles == {"e2el": pytest.approx({50: 1.0, 90: 1.8, 95: 1.9, 99: 1.9})}


@pytest.mark.parametrize(
    ("request_", "bounds", "expected"),
    [
        (a_request(3.0), BOUNDS, True),
        (a_request(0.0, ttft=0.3), BOUNDS, False),  # a bound is met by what is smaller
        (a_request(0.0, e2el=2.5), BOUNDS, False),
        (a_request(0.0, error="timeout"), BOUNDS, False),
        (a_request(0.0, ttft=None), BOUNDS, False),
        (a_request(0.0, output_tokens=1), (LoadBound("tpot", 0.01),), True),
        (a_request(0.0), (LoadBound("tpot", 0.04),), False),
        (a_request(0.0), (), True),
    ],
)
def test_which_requests_are_in_time(request_: LoadRequest, bounds: Sequence[LoadBound], expected: bool) -> None:
    """A request is in time if it has no error and every latency is below its bound."""
    assert meets(request_, bounds) == expected


def test_versions_have_moments_of_their_own() -> None:
    """In turns, no moment mixes both versions, and there are as many as a page can show."""
    run, _ = in_turns()
    moments = moments_of(run, ["ttft"])
    assert {one.version for one in moments} == {"candidate", "baseline"}
    assert sum(one.scheduled for one in moments) == len(run.requests)
    assert len(moments) <= 2 * MOST_MOMENTS
    assert [one.start_s for one in moments] == sorted(one.start_s for one in moments)


def test_charts() -> None:
    """Each chart has a scale that holds its lines and its bound."""
    run, _ = a_load()
    charts = charts_of(run.header, moments_of(run, ["ttft", "e2el"]))
    assert [one["title"].split(" (")[0] for one in charts] == [
        "Time to first token", "End-to-end latency", "Arrivals and complete answers", "Attainment", "Errors",
    ]  # fmt: skip
    assert [one["limit"] and one["limit"]["shown"] for one in charts] == [
        "ttft < 300 ms", "e2el < 2.00 s", None, "attainment>=95%", None,
    ]  # fmt: skip
    for chart in charts:
        values = [value for line in chart["lines"] for _, value in line["points"]]
        values += [chart["limit"]["value"]] if chart["limit"] else []
        assert chart["ticks"][0]["value"] <= min(values) <= max(values) <= chart["ticks"][-1]["value"]
        assert all(len(line["points"]) == len(line["shown"]) for line in chart["lines"])


def test_no_chart_without_values() -> None:
    """Answers without a first token, bounds or errors have three charts less."""
    run = a_run([a_request(n / 2, ttft=None) for n in range(100)], service_level=ServiceLevel("", (), ()))
    charts = charts_of(run.header, moments_of(run, ["ttft", "e2el"]))
    assert [one["title"] for one in charts] == ["End-to-end latency (e2el)", "Arrivals and complete answers"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 ms"),
        (6.3e-5, "63 µs"),
        (0.0872, "87.2 ms"),
        (0.412, "412 ms"),
        (0.9996, "1.00 s"),
        (1.234, "1.23 s"),
        (61.25, "61.2 s"),
    ],
)
def test_seconds(seconds: float, shown: str) -> None:
    """Latencies have three significant digits."""
    assert milliseconds(seconds) == shown


def test_a_load_without_requests() -> None:
    """A load that sent nothing has a page with its verdict and without charts."""
    data = page_data(*nothing_sent())
    assert (data["status"], data["headline"], data["charts"], data["moments"]) == (
        "invalid", "no request was sent.", [], [],
    )  # fmt: skip


def test_what_the_page_says() -> None:
    """The terms, the comparison and the probes have their intervals as text."""
    assert page_data(*a_load())["objectives"] == [
        {
            "text": "attainment>=95%",
            "status": "inconclusive",
            "share": "95.0 %",
            "interval": "93.0 % to 97.0 %",
            "target": "95.0 %",
            "met": "546 of 575",
            "independent": "210",
            "more": "about 400 more requests would decide",
        }
    ]
    compared = page_data(*in_turns())["comparison"]
    assert (compared["difference"], compared["goodput"]) == (
        "−11.0 pts (−13.0 pts to −8.0 pts)",
        "0.88x (0.85x to 0.91x)",
    )
    searched = page_data(*capacity())["capacity"]
    assert [one["rate"] for one in searched["probes"]] == ["2/s", "4/s", "5/s", "8/s"]


@pytest.mark.parametrize(
    ("low", "high", "status", "headline"),
    [
        (4.0, 8.0, "pass", "The service level holds at 4/s, and no longer at 8/s."),
        (4.0, None, "pass", "The service level holds at 4/s, the highest rate tried."),
        (None, 8.0, "fail", "The service level holds at no rate that was tried, the lowest was 8/s."),
        (None, None, "fail", "The service level holds at no rate that was tried."),
    ],
)
def test_the_verdict_of_a_search(low: float | None, high: float | None, status: str, headline: str) -> None:
    """A search passes if a rate holds, whatever its last probe was."""
    run, result = capacity()
    assert result.capacity
    found = replace(result, status="fail", capacity=replace(result.capacity, low_per_s=low, high_per_s=high))
    data = page_data(run, found)
    assert (data["status"], data["headline"]) == (status, headline)


def test_texts_of_a_server_stay_text() -> None:
    """No text of a server ends the script or becomes markup, and none is longer than an excerpt."""
    run, result = a_load()
    version = replace(result.versions[0], messages={"timeout": HOSTILE + "x" * 100_000})
    html = load_html(replace(run, header=replace(run.header, suite=HOSTILE)), replace(result, versions=(version,)))
    assert html.count("</script>") == 2
    assert "<img" not in html
    assert len(html) < 100_000
    assert LEVEL.text.replace("<", "\\u003c").replace(">", "\\u003e") in html
