"""Service levels, durations and rates: what they mean, and what the errors say."""

from __future__ import annotations

import pytest

from evalharness.load.quantities import duration_text, per_second, rate_text, seconds, share
from evalharness.load.service_level import service_level, terms_of
from evalharness.records.load import LoadBound, LoadObjective


def test_attainment_needs_all_bounds() -> None:
    """Each plain term bounds a request; the attainment is over all of them."""
    level = service_level(" ttft<300ms, e2el <= 2s,attainment>=95% ", 5.0)
    bounds = (LoadBound("ttft", 0.3), LoadBound("e2el", 2.0))
    assert level.bounds == bounds
    assert level.objectives == (LoadObjective("attainment>=95%", bounds, 0.95),)


def test_a_percentile_is_a_share_of_one_bound() -> None:
    """p95(ttft)<300ms: 95 % of the requests have their first token within 300 ms, whatever else they do."""
    level = service_level("e2el<2s, attainment>=90%, P95(TTFT)<300ms", 5.0)
    assert level.bounds == (LoadBound("e2el", 2.0),)
    assert level.objectives[1] == LoadObjective("p95(ttft)<300ms", (LoadBound("ttft", 0.3),), 0.95)


def test_goodput_is_a_share_of_the_rate() -> None:
    """4 good requests a second of 5 that arrive: 80 %."""
    level = service_level("ttft<1s, goodput>=4/s", 5.0)
    assert level.objectives == (LoadObjective("goodput>=4/s", (LoadBound("ttft", 1.0),), 0.8),)
    with pytest.raises(ValueError, match="goodput>=4/s: expected less than the rate of arrivals, 3/s"):
        service_level("goodput>=4/s", 3.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected 1 to 12 terms, such as 'ttft<300ms"),
        ("ttft", "'ttft': expected a bound and its value"),
        ("ttft<300", "'ttft<300': expected a duration with a unit, such as 300ms, 2s or 5min, got '300'"),
        ("ttft<-1s", "expected a duration with a unit"),
        ("ttft<0s", "expected a duration above 0"),
        ("ttft>300ms", "expected ttft<VALUE, got ttft>VALUE"),
        ("tttf<300ms", "unknown word 'tttf'; did you mean 'ttft'"),
        ("attainment<95%", "expected attainment>=VALUE, got attainment<VALUE"),
        ("attainment>=100%", "no number of requests can show"),
        ("attainment>=95", "expected a share between 0% and 100%"),
        ("goodput>=4", "expected a rate with a unit, such as 5/s"),
        ("p95<300ms", "expected a percentile from p1 to p99.9 of a latency"),
        ("p0(ttft)<1s", "expected a percentile from p1"),
        ("max(ttft)<1s", "expected a percentile such as p95(ttft)<300ms"),
        ("ttft<1s, ttft<2s", "ttft has two terms: remove one"),
        ("ttft<1s,", "'': expected a bound and its value"),
        ("x" * 5000, "expected a bound and its value"),
    ],
)
def test_errors_say_what_to_write(text: str, message: str) -> None:
    """Each error names the term and an example, and is short whatever the input."""
    with pytest.raises(ValueError, match=r"expected|unknown|two terms") as raised:
        terms_of(text)
    assert message in str(raised.value)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(("text", "value"), [("300ms", 0.3), ("2s", 2.0), ("1.5min", 90.0), (".5 h", 1800.0)])
def test_durations(text: str, value: float) -> None:
    """Units from microseconds to hours."""
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize(("text", "value"), [("5/s", 5.0), ("300/min", 5.0), ("0.5 / s", 0.5), ("90/h", 0.025)])
def test_rates(text: str, value: float) -> None:
    """Requests a second, a minute or an hour."""
    assert per_second(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "5", "5/d", "-1/s", "nan/s", "1e9/s", "0/s", "1000000/s"])
def test_other_rates_are_refused(text: str) -> None:
    """No unit, no positive number, or more than one machine can send."""
    with pytest.raises(ValueError, match="expected a rate"):
        per_second(text)


def test_shares() -> None:
    """Percent and fractions."""
    assert (share("95%"), share("0.95")) == (0.95, 0.95)


def test_texts_have_three_digits() -> None:
    """Durations and rates for people."""
    assert [duration_text(one) for one in (0.000012, 0.0123, 0.345, 1.5, 12.34, 123.4, 7200.0)] == [
        "12 us",
        "12.3 ms",
        "345 ms",
        "1.50 s",
        "12.3 s",
        "123 s",
        "120 min",
    ]
    assert [rate_text(one) for one in (0.05, 5.0, 50.0, 5000.0)] == ["0.05/s", "5.00/s", "50.0/s", "5,000/s"]
