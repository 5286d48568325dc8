"""Verdicts of load tests from their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from evalharness.load.service_level import service_level
from evalharness.load.verdict import result_of
from evalharness.records.load import LoadEnd, LoadHeader, LoadRequest, LoadRun, Version
from evalharness.records.load_result import LoadResult

SLO = "ttft<300ms, e2el<2s, attainment>=95%"
WHOLE = LoadEnd(61.0)


def header(slo: str = SLO, **fields: Any) -> LoadHeader:
    """The header of a load of 10 requests a second."""
    known: dict[str, Any] = {
        "id": "load",
        "suite": "demo",
        "file": "suites/demo.yaml",
        "started_at": "2026-01-01T00:00:00+00:00",
        "seed": 1,
        "arrivals": "constant",
        "rate_per_s": 10.0,
        "duration_s": 60.0,
        "scheduled": 600,
        "warmup_s": 0.0,
        "most_in_flight": 1000,
        "timeout_s": 120.0,
        "service_level": service_level(slo, 10.0),
        "model": "fake",
        "models": {"candidate": {}},
        "prompts": ("plain",),
        "late_s": 0.03,
    }
    return LoadHeader(**known | fields)


def answer(index: int, total_s: float = 1.0, *, version: Version = "candidate", block: int = 0) -> LoadRequest:
    """An answer of 11 tokens, the first after 0.1 s."""
    at_s = index / 10
    return LoadRequest(
        index, version, block, "a", "plain", at_s, at_s, at_s + 0.1, at_s + total_s, 11, gaps_s=(0.05, 0.15)
    )


def failed(index: int, kind: str = "connection") -> LoadRequest:
    """A request that was sent and failed."""
    return LoadRequest(index, "candidate", 0, "a", "plain", index / 10, index / 10, None, index / 10, error=kind)


def lost(index: int, kind: str = "in-flight") -> LoadRequest:
    """A request that never left."""
    return LoadRequest(index, "candidate", 0, "a", "plain", index / 10, error=kind, message="too many")


def decided(requests: Sequence[LoadRequest], slo: str = SLO, end: LoadEnd | None = WHOLE, **fields: Any) -> LoadResult:
    """The result of these requests."""
    return result_of(LoadRun(header(slo, **fields), tuple(requests), end))


def mixed(count: int, every: int) -> list[LoadRequest]:
    """Answers, and each `every`-th one too slow."""
    return [answer(index, 3.0 if index % every == 0 else 1.0) for index in range(count)]


def test_good_answers_pass() -> None:
    """600 answers within the bounds show more than 95 %."""
    found = decided([answer(index) for index in range(600)])
    candidate = found.versions[0]
    assert (found.status, candidate.attainment.value, candidate.goodput_per_s.value) == ("pass", 1.0, 10.0)
    assert found.headline.startswith("PASS: attainment>=95%: 100.0 % of 600 requests (")


def test_slow_answers_fail() -> None:
    """Each third one is too slow."""
    found = decided(mixed(600, 3))
    assert (found.status, found.versions[0].goodput_per_s.value) == ("fail", pytest.approx(6.667, abs=1e-3))
    assert found.headline.startswith("FAIL: attainment>=95%: 66.7 % of 600 requests (")


def test_between_the_bounds_nothing_is_decided() -> None:
    """96 % of 300 requests: the estimate is above the target, its lower bound is not."""
    found = decided(mixed(300, 25))
    assert found.status == "inconclusive"
    more = found.versions[0].objectives[0].more
    assert more is not None
    assert more > 1000
    assert f"about {more:,} more would decide" in found.headline


def test_errors_are_misses() -> None:
    """A cut stream or a timeout counts as slow, whatever its seconds."""
    requests = [failed(index, "truncated") if index % 3 == 0 else answer(index) for index in range(600)]
    found = decided(requests)
    assert (found.status, found.versions[0].errors) == ("fail", {"truncated": 200})
    assert found.versions[0].latencies[3].count == 400


def test_errors_alone_can_be_bounded() -> None:
    """Without a bound on a latency, the attainment is the share of complete answers."""
    assert decided([answer(index, 100.0) for index in range(600)], "attainment>=95%").status == "pass"
    assert decided([failed(index) for index in range(60)] + [answer(61)], "attainment>=95%").status == "fail"


def test_percentiles_are_measured_values() -> None:
    """The nearest rank of 100 answers of 10 to 1,000 ms."""
    latencies = decided([answer(index, (index + 1) / 100) for index in range(100)]).versions[0].latencies
    assert latencies[3].percentiles == pytest.approx({50: 0.5, 90: 0.9, 95: 0.95, 99: 0.99})
    assert [one.word for one in latencies] == ["ttft", "tpot", "itl", "e2el"]
    assert latencies[2].count == 200
    assert latencies[2].percentiles[50] == pytest.approx(0.05)


def test_a_percentile_has_its_own_verdict() -> None:
    """p95(ttft) holds while the attainment fails; FAIL counts."""
    found = decided(mixed(600, 3), f"{SLO}, p95(ttft)<300ms")
    assert [one.status for one in found.versions[0].objectives] == ["fail", "pass"]
    assert found.status == "fail"


def test_goodput_has_its_own_verdict() -> None:
    """9 of 10 requests a second."""
    assert decided([answer(index) for index in range(600)], "e2el<2s, goodput>=9/s").status == "pass"
    assert decided(mixed(600, 3), "e2el<2s, goodput>=9/s").status == "fail"


def test_the_warm_up_counts_for_nothing() -> None:
    """The first second was slow."""
    requests = [answer(index, 9.0 if index < 10 else 1.0) for index in range(600)]
    found = decided(requests, warmup_s=1.0).versions[0]
    assert (found.scheduled, found.counted, found.attainment.value) == (600, 590, 1.0)
    assert found.goodput_per_s.value == pytest.approx(10.0)


@pytest.mark.parametrize("slow", [1.0, 3.0])
def test_a_late_client_is_no_verdict_on_the_server(slow: float) -> None:
    """2 % of the sends were late: INVALID, whatever the latencies."""
    requests = [answer(index, slow) for index in range(600)]
    requests[::50] = [replace(one, sent_s=one.scheduled_s + 0.05) for one in requests[::50]]
    found = decided(requests)
    assert found.status == "invalid"
    assert "could not send 10.0/s: 2.0 % of the sends were more than 30.0 ms late" in found.headline
    assert "candidate: 12 sends were late, the latest by 50.0 ms" in found.warnings


def test_unsent_requests_never_pass_and_fail_only_for_certain() -> None:
    """5 % were not sent: nothing is known of them. Of two thirds answered too slowly, it is."""
    unsent = [lost(index) if index % 20 == 0 else answer(index) for index in range(600)]
    found = decided(unsent)
    assert found.status == "invalid"
    assert "30 requests were not sent because 1,000 were in flight" in found.headline
    slow = [lost(index) if index % 20 == 0 else answer(index, 5.0) for index in range(600)]
    assert decided(slow).status == "fail"


@pytest.mark.parametrize(("end", "word"), [(None, "killed"), (LoadEnd(9.0, "interrupt"), "interrupted")])
def test_an_early_end_never_passes(end: LoadEnd | None, word: str) -> None:
    """However good the answers so far; FAIL stays possible."""
    found = decided([answer(index) for index in range(600)], end=end)
    assert (found.status, f"it was {word}" in found.headline) == ("inconclusive", True)
    assert found.warnings == (f"the load ended early: it was {word}",)
    assert decided(mixed(600, 3), end=end).status == "fail"


def test_a_bound_without_a_measurement_is_invalid() -> None:
    """A model that does not stream has no time to the first token: that is not met, and not missed."""
    found = decided([replace(answer(index), first_token_s=None, gaps_s=()) for index in range(600)])
    assert found.status == "invalid"
    assert "reports no time that a bound needs" in found.headline


def test_an_answer_of_one_token_meets_bounds_on_the_others() -> None:
    """As in `vllm bench serve`."""
    requests = [replace(answer(index), output_tokens=1, gaps_s=()) for index in range(600)]
    assert decided(requests, "tpot<1ms, itl<1ms, attainment>=95%").status == "pass"


def test_a_wrong_address_is_invalid() -> None:
    """No request was answered, and none reached the server."""
    found = decided([replace(failed(index, "connect"), message="no connection") for index in range(10)])
    assert (found.status, found.headline) == ("invalid", "INVALID: no request was answered: no connection")


def test_no_request_is_inconclusive() -> None:
    """Nothing missing is green."""
    found = decided([])
    assert found.status == "inconclusive"
    assert decided([answer(0)], warmup_s=5.0).status == "inconclusive"


def paired(blocks: int, slow_every: int, end: LoadEnd | None = WHOLE, slo: str = SLO) -> LoadResult:
    """The candidate's answers, each `slow_every`-th too slow, against a good baseline, in blocks of 30."""
    requests = []
    for index in range(blocks * 30):
        slow = 3.0 if index % slow_every == 0 else 1.0
        requests += [answer(index, slow, block=index // 30), answer(index, version="baseline", block=index // 30)]
    models: dict[str, Any] = {"candidate": {}, "baseline": {}}
    return decided(requests, slo, end, models=models, blocks=blocks, against="main")


def test_a_candidate_that_lost_a_fifth_fails_against_the_baseline() -> None:
    """Also without a target."""
    found = paired(12, 5, slo="e2el<2s")
    assert found.comparison is not None
    assert (found.status, found.comparison.difference.value) == ("fail", pytest.approx(-0.2))
    assert found.headline.startswith("FAIL: attainment -20.0 (")
    assert "points against main" in found.headline


def test_an_equal_candidate_passes_against_the_baseline() -> None:
    """A drop of 5 points is ruled out; a load that was stopped rules out nothing."""
    assert paired(12, 10**6, slo="e2el<2s").status == "pass"
    assert paired(12, 10**6, LoadEnd(9.0, "interrupt"), slo="e2el<2s").status == "inconclusive"


def test_a_worse_candidate_that_holds_the_target_still_fails() -> None:
    """Both verdicts count."""
    found = paired(12, 10, slo="e2el<2s, attainment>=50%")
    assert [one.status for one in found.versions[0].objectives] == ["pass"]
    assert found.status == "fail"
