"""Which cases belong to a shard, and how a shard is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import ConfigError
from evalharness.records import Shard
from evalharness.records.shard import shard_of


@given(st.text(), st.text(max_size=3), st.integers(1, 10_000))
def test_each_case_is_in_one_shard(case: str, cluster: str, of: int) -> None:
    """Each case belongs to one shard, and to that of its cluster."""
    homes = [number for number in range(1, min(of, 40) + 1) if Shard(number, min(of, 40)).has(case, cluster)]
    assert len(homes) == 1
    if cluster:
        assert Shard(homes[0], min(of, 40)).has("another", cluster)


def test_the_division_is_fixed() -> None:
    """A case stays in its shard from version to version: the shards of a run may come from different machines."""
    homes = {case: next(n for n in range(1, 5) if Shard(n, 4).has(case)) for case in ("a", "refund", "x-17", "é")}
    assert homes == {"a": 3, "refund": 3, "x-17": 4, "é": 4}


def test_shards_are_about_equal() -> None:
    """10,000 cases in 16 shards: none has more than 10 % more or fewer than the others on average."""
    shard_sizes = [sum(Shard(number, 16).has(f"case-{case}") for case in range(10_000)) for number in range(1, 17)]
    assert sum(shard_sizes) == 10_000
    assert min(shard_sizes) > 0.9 * 625
    assert max(shard_sizes) < 1.1 * 625


def test_written() -> None:
    """An option is `i/n`, and 1/1 is the whole suite."""
    assert shard_of("2/4") == Shard(2, 4)
    assert shard_of("1/1") is None
    assert (str(Shard(2, 4)), Shard(2, 4).option) == ("shard 2 of 4", "2/4")


@pytest.mark.parametrize(
    "written", ["", "x", "0/4", "5/4", "1", "1/", "/4", "-1/4", "1/10001", " 1/4", "1/4 ", "\u0661/4"]
)
def test_no_shard(written: str) -> None:
    """Another form is an error that shows the expected one."""
    with pytest.raises(ConfigError, match="expected i/n"):
        shard_of(written)


@pytest.mark.parametrize(("number", "of"), [(0, 4), (5, 4), (1, 10_001)])
def test_impossible_shard(number: int, of: int) -> None:
    """A record cannot hold a shard that no option names."""
    with pytest.raises(ValueError, match="expected a shard from 1"):
        Shard(number, of)
