"""The law of shards: any run, divided into any number of shards, in any order, merges into the same run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import StoreError
from evalharness.evaluation.merge_shards import merged
from evalharness.evaluation.shard_records import ShardRecord, whole_set
from evalharness.gate.decide import decide_run
from evalharness.records import AnswerScore, JudgedAgain, Run, Sample, SampleError, SampleKey, Shard, Stability
from evalharness.store import canonical_run
from evalharness.testing import baseline, run, sample

SEEDS = st.integers(0, 2**32)


def whole_run(random: Random, cases: int, errors: float = 0.02) -> Run:
    """A run of so many cases: two models and repeats, clusters, errors, reruns, and scores of a judge."""
    samples = [
        one
        for number in range(cases)
        for model in ("a", "b")
        for repeat in range(1 + number % 2)
        for one in _samples(random, number, model, repeat, errors)
    ]
    planned = tuple(one.key for one in samples if one.key.purpose == "planned")
    stability = tuple(Stability("a", "plain", f"case-{number}", 1, 5) for number in range(cases) if number % 7 == 0)
    scores = tuple(AnswerScore(f"case-{number}", "digest", "answer", 0.5) for number in range(cases))
    judged = (JudgedAgain("helpful", "v2", "a", "plain", answers=scores),) if cases else ()
    made = run([one for one in samples if one.key.purpose == "planned"] or None, planned=planned)
    return replace(made, samples=tuple(samples), selected=planned, stability=stability, judged_again=judged)


def _samples(random: Random, number: int, model: str, repeat: int, errors: float) -> list[Sample]:
    cluster = f"group-{number % 3}" if number % 2 else ""
    name, score = f"case-{number}", random.choice([0.0, 0.5, 1.0])
    lost = {"error": SampleError("timeout", "no answer")} if random.random() < errors else {"scores": {"exact": score}}
    one = sample(name, model=model, repeat=repeat, cluster=cluster, total_s=random.uniform(0.1, 2), **lost)
    rerun = replace(one, key=SampleKey(name, "plain", model, repeat, "rerun"), failed_stable=())
    broken = number % 7 == 0 and not repeat
    return [replace(one, failed_stable=("broken",)), rerun] if broken else [one]


def divided(whole: Run, of: int) -> list[ShardRecord]:
    """The records of the shards of a run."""
    return [
        ShardRecord(Path(f"{number}/run.jsonl"), part_of(whole, Shard(number, of, "digest")))
        for number in range(1, of + 1)
    ]


def part_of(whole: Run, shard: Shard) -> Run:
    """The run that one shard of a run is."""
    clusters = {one.key.case: one.cluster for one in whole.samples}

    def has(case: str) -> bool:
        return shard.has(case, clusters.get(case, ""))

    mine = [replace(one, answers=tuple(a for a in one.answers if has(a.case))) for one in whole.judged_again]
    return replace(
        whole,
        header=replace(whole.header, id=f"{whole.header.id}-{shard.number:06}", shard=shard),
        samples=tuple(one for one in whole.samples if has(one.key.case)),
        selected=tuple(key for key in whole.selected if has(key.case)),
        stability=tuple(one for one in whole.stability if has(one.case)),
        judged_again=tuple(mine),
    )


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, cases=st.integers(1, 40), of=st.integers(2, 12))
def test_any_division_in_any_order(seed: int, cases: int, of: int) -> None:
    """Any number of shards in any order: the same canonical record, selection, notes on cases, and verdicts."""
    random = Random(seed)
    whole = whole_run(random, cases)
    records = divided(whole, of)
    random.shuffle(records)
    found = merged(whole_set("demo", records)).run
    assert canonical_run(found) == canonical_run(whole)
    assert [one.key for one in found.samples if one.key.purpose == "planned"] == list(whole.header.planned)
    assert found.selected == whole.selected
    assert found.stability == tuple(sorted(whole.stability, key=lambda one: int(one.case.partition("-")[2])))
    assert {one for part in found.judged_again for one in part.answers} == {
        one for part in whole.judged_again for one in part.answers
    }
    accepted = {("a", "plain"): baseline(whole_run(random, cases, errors=0.0)), ("b", "plain"): None}
    assert decide_run(found, accepted, accept_command="") == decide_run(whole, accepted, accept_command="")


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, of=st.integers(2, 12))
def test_any_lost_shard_is_missed(seed: int, of: int) -> None:
    """Without any one of its shards, a run is not merged, however few samples the shard has."""
    random = Random(seed)
    records = divided(whole_run(random, 5), of)
    lost = records.pop(random.randrange(of))
    with pytest.raises(StoreError, match=f"{lost.shard} is missing"):
        whole_set("demo", records)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, of=st.integers(2, 12))
def test_any_stopped_shard_stops(seed: int, of: int) -> None:
    """One stopped shard makes the whole run a stopped one, which has no verdict."""
    random = Random(seed)
    records = divided(whole_run(random, 20), of)
    place = random.randrange(of)
    records[place] = replace(records[place], run=replace(records[place].run, stopped=True))
    assert merged(whole_set("demo", records)).run.stopped
