"""Whether and when a request is retried: bounded for every sequence of errors, and never too early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import (
    BilledError,
    ModelUnavailableError,
    ProviderError,
    RetryableError,
    ThrottledError,
    UnknownOutcomeError,
)
from evalharness.wire.retry import Tries

FINAL = [ProviderError, BilledError, ModelUnavailableError]
RETRYABLE = [RetryableError, ThrottledError, UnknownOutcomeError]
RETRYABLE_ERRORS = st.builds(
    lambda kind, wait_s: kind("failed", wait_s=wait_s), st.sampled_from(RETRYABLE), st.none() | st.floats(0, 120)
)
ERRORS = st.sampled_from(FINAL).map(lambda kind: kind("failed")) | RETRYABLE_ERRORS


def failed(wait_s: float | None = None) -> ProviderError:
    """A failed attempt."""
    return RetryableError("failed", wait_s=wait_s)


@given(st.integers(0, 10), st.lists(ERRORS, min_size=15, max_size=15))
def test_bounded(most: int, errors: list[ProviderError]) -> None:
    """At most `most` retries, one after an unknown outcome, and none after a final error."""
    tries, retried = Tries(most), []
    for error in errors:
        if tries.wait_s(error) is None:
            break
        retried.append(type(error))
    assert len(retried) <= most
    assert retried.count(UnknownOutcomeError) <= 1
    assert not set(FINAL) & set(retried)


@given(st.integers(1, 10), RETRYABLE_ERRORS)
def test_never_before_the_requested_wait(most: int, error: RetryableError) -> None:
    """A requested wait is never shortened, and at most a second longer."""
    wait_s = Tries(most).wait_s(error)
    if wait_s is not None and error.wait_s is not None:
        assert error.wait_s <= wait_s <= error.wait_s + 1


@pytest.mark.parametrize(
    ("row", "tries"),
    [
        ([RetryableError] * 5, 3),
        ([UnknownOutcomeError] * 5, 2),
        ([ProviderError] * 5, 1),
        ([RetryableError, UnknownOutcomeError, RetryableError], 3),
        ([UnknownOutcomeError, RetryableError, RetryableError], 3),
        ([UnknownOutcomeError, RetryableError, UnknownOutcomeError], 3),
        ([UnknownOutcomeError, UnknownOutcomeError, RetryableError], 2),
        ([RetryableError, ProviderError, RetryableError], 2),
    ],
)
def test_by_default(row: list[type[ProviderError]], tries: int) -> None:
    """Two retries; one if the outcome is unknown and may have a price."""
    state = Tries(2)
    posts = 1
    for kind in row:
        if state.wait_s(kind("failed")) is None:
            break
        posts += 1
    assert posts == tries


@pytest.mark.parametrize(
    ("most", "serving", "tries"), [(2, [True] * 9, 7), (2, [False] * 9, 3), (2, [True, False] * 9, 6), (0, [True], 1)]
)
def test_turned_away(most: int, serving: list[bool], tries: int) -> None:
    """Three times as many retries at an endpoint that serves other requests in between."""
    state = Tries(most)
    error = ThrottledError("slowly")
    waits = [state.wait_s(error, serving=others) for others in serving]
    assert waits.index(None) + 1 == tries


@pytest.mark.parametrize(("number", "most_s"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (20, 8)])
def test_full_jitter(number: int, most_s: float) -> None:
    """The wait is random between nothing and a bound that doubles, so that clients do not return together."""
    waits = [Tries(99, failed=number - 1).wait_s(failed()) or 0.0 for _ in range(400)]
    assert 0 <= min(waits) < most_s / 10
    assert most_s * 0.9 < max(waits) <= most_s
    assert len(set(waits)) > 390


@pytest.mark.parametrize(("wait_s", "spread_s"), [(0.0, 0.05), (0.02, 0.052), (1.0, 0.15), (120.0, 1.0)])
def test_jitter_after_a_requested_wait(wait_s: float, spread_s: float) -> None:
    """After the same requested wait, retries are spread over a short time."""
    waits = [Tries(9).wait_s(failed(wait_s=wait_s)) or 0.0 for _ in range(400)]
    assert wait_s <= min(waits) < wait_s + spread_s / 10
    assert wait_s + spread_s * 0.9 < max(waits) <= wait_s + spread_s
    assert len(set(waits)) > 390
