"""When requests start, and which: constant, random, replayed, and in blocks."""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path

import pytest
from queues import asked

from evalharness import StoreError
from evalharness.errors import ConfigError
from evalharness.load.arrivals import Arrival, Pattern, check_size, mean_rate, read_trace
from evalharness.load.schedule import schedule


def test_constant_arrivals() -> None:
    """Equal distances from the start on."""
    assert [one.at_s for one in Pattern("constant", 4.0, 1.0).block(0, 1)] == [0, 0.25, 0.5, 0.75]
    assert len(Pattern("constant", 4.0, 1.0, most=3).block(0, 1)) == 3


def test_poisson_arrivals_have_the_rate() -> None:
    """20,000 expected arrivals: within four standard deviations, with the spread of a Poisson process."""
    found = [one.at_s for one in Pattern("poisson", 20.0, 1000.0, seed=7).block(0, 1)]
    assert abs(len(found) - 20_000) < 4 * 20_000**0.5
    gaps = [b - a for a, b in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation / mean == pytest.approx(1.0, abs=0.05)


def test_poisson_arrivals_depend_on_seed_and_block_alone() -> None:
    """The same seed gives the same arrivals, another seed or block others."""
    pattern = Pattern("poisson", 5.0, 60.0, seed=1)
    assert pattern.block(1, 12) == pattern.block(1, 12)
    assert pattern.block(1, 12) != pattern.block(2, 12)
    assert pattern.block(1, 12) != Pattern("poisson", 5.0, 60.0, seed=2).block(1, 12)


def test_the_most_requests_are_shared_by_the_blocks() -> None:
    """Seven requests in three blocks: 3, 2 and 2."""
    pattern = Pattern("constant", 10.0, 3.0, most=7)
    assert [len(pattern.block(number, 3)) for number in range(3)] == [3, 2, 2]


def test_too_many_requests_are_refused() -> None:
    """A record has an end."""
    with pytest.raises(ConfigError, match="6,000,000 requests in 60 s at 100000/s: expected at most 1,000,000"):
        check_size(Pattern("constant", 100_000, 60))
    check_size(Pattern("constant", 100_000, 60, most=10))


def test_a_trace_begins_with_its_first_arrival(tmp_path: Path) -> None:
    """Seconds, JSON, comments and blank lines."""
    path = tmp_path / "trace.jsonl"
    path.write_text('# from production\n\n10.5\n{"at_s": 11, "case": "b"}\n12.5\n')
    found = read_trace(path, ["a", "b"])
    assert found == [Arrival(0.0), Arrival(0.5, "b"), Arrival(2.0)]
    assert mean_rate(found) == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": expected 1 to 1,000,000 arrivals, got 0"),
        ("1\nsoon\n", ":2: expected seconds, or a JSON object with at_s, got 'soon'"),
        ("1\n-1\n", ":2: expected seconds from 0 to 86400, got '-1'"),
        ("NaN\n", ":1: expected seconds from 0 to 86400, got 'nan'"),
        ("true\n", ":1: expected seconds from 0"),
        ("{}\n", ":1: expected seconds from 0 to 86400, got 'None'"),
        ("2\n1\n", ":2: expected 2 s or later, as on the line before, got 1 s"),
        ('{"at_s": 1, "case": "z"}', ":1: the suite has no case 'z'"),
        ('{"at_s": 1, "url": "z"}', ":1: unknown key 'url': expected at_s, and optionally case"),
        ('{"at_s": 1, "case": 3}', ":1: case: expected the id of a case"),
        ("[" * 100_000, ":1: expected seconds, or a JSON object"),
    ],
)
def test_a_wrong_line_of_a_trace_is_named(tmp_path: Path, text: str, message: str) -> None:
    """The error has file and line, and is short."""
    path = tmp_path / "trace"
    path.write_text(text)
    with pytest.raises(StoreError) as raised:
        read_trace(path, ["a"])
    assert f"{path}{message}" in str(raised.value)
    assert len(str(raised.value)) < len(str(path)) + 150


def test_a_trace_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, a device that never ends."""
    for path in (tmp_path / "none", tmp_path, Path("/dev/zero")):
        with pytest.raises(StoreError, match="cannot be read"):
            read_trace(path, ["a"])


def test_every_case_comes_once_before_any_comes_again() -> None:
    """Ten arrivals over four cases, in an order of the seed."""
    requests = [asked(name) for name in "abcd"]
    (one,) = schedule({"candidate": requests}, [[Arrival(float(n)) for n in range(10)]], seed=3)
    cases = [due.request.key.case for due in one.dues]
    assert set(cases[:4]) == set(cases[4:8]) == set("abcd")
    assert cases[:4] == cases[4:8]
    (other,) = schedule({"candidate": requests}, [[Arrival(float(n)) for n in range(10)]], seed=4)
    assert [due.request.key.case for due in other.dues] != cases


def test_a_trace_chooses_the_case() -> None:
    """An arrival with a case gets a request of it."""
    (one,) = schedule({"candidate": [asked("a"), asked("b")]}, [[Arrival(0.0, "b"), Arrival(1.0, "b")]], seed=1)
    assert [due.request.key.case for due in one.dues] == ["b", "b"]


def test_a_pair_of_blocks_is_alike() -> None:
    """The same times and the same cases for both versions; a coin decides which comes first."""
    requests = {"candidate": [asked("a"), asked("b"), asked("c")], "baseline": [asked("c"), asked("b"), asked("a")]}
    times = [[Arrival(0.0), Arrival(1.5)], [Arrival(0.5)]] * 10
    blocks = list(schedule(requests, times, seed=1))  # type: ignore[arg-type]
    firsts = set()
    for _, pair in groupby(blocks, lambda one: one.number):
        first, second = pair
        assert {first.version, second.version} == {"candidate", "baseline"}
        assert [(due.at_s, due.request.key.case) for due in first.dues] == [
            (due.at_s, due.request.key.case) for due in second.dues
        ]
        firsts.add(first.version)
    assert firsts == {"candidate", "baseline"}
    assert [due.index for one in blocks for due in one.dues] == list(range(60))
