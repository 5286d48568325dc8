"""The samples of a large run stay in its record: they read as they were written, and nothing else differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_records import HOSTILE, a_run, a_sample, broken, write

from evalharness.records import Run, SampleKey
from evalharness.records.marks import (
    IndexedSamples,
    Mark,
    count_marked,
    has_marked,
    marked,
    marked_keys,
    metrics_of,
    numbers_in,
)
from evalharness.records.numbers import Numbers
from evalharness.store import RunWriter, canonical_run, read_run, stored_samples
from evalharness.store.stored_samples import so_far

EVERY = Mark(sum(Mark))


@pytest.fixture(autouse=True)
def few_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only two samples of a run stay in memory."""
    monkeypatch.setattr(stored_samples, "IN_MEMORY", 2)


def hostile_run() -> Run:
    """A run whose texts are easy to damage, with an error and a broken assertion."""
    texts = [a_sample(f"c{number}", text=text) for number, text in enumerate(HOSTILE)]
    return a_run([*texts, broken("lost"), a_sample("bad", failed_checks=("must be 'x'",))])


def test_a_large_run_is_read_as_written(tmp_path: Path) -> None:
    """The samples in the record equal those in memory, each alone, in slices and in order."""
    run = hostile_run()
    found = read_run(write(tmp_path / "run.jsonl", run))
    assert isinstance(found.samples, IndexedSamples)
    assert found == run
    assert list(found.samples) == list(run.samples)
    assert [found.samples[place] for place in range(len(run.samples))] == list(run.samples)
    assert found.samples[-2:] == run.samples[-2:]
    assert canonical_run(found) == canonical_run(run)


def plain(one: Numbers) -> Numbers:
    """The numbers with a list of scores, which equals another list."""
    return one._replace(values=list(one.values))


def test_marks_and_keys_need_no_reading(tmp_path: Path) -> None:
    """Samples are chosen by their marks as those in memory are, and their keys, numbers and metrics are known."""
    run = hostile_run()
    path = write(tmp_path / "run.jsonl", run)
    found = read_run(path)
    for wanted, without in [(Mark.ERROR, Mark.NONE), (Mark.FAILED | Mark.ERROR, Mark.NONE), (Mark.ANY, Mark.FAILED)]:
        assert list(marked(found.samples, wanted, without)) == list(marked(run.samples, wanted, without))
        assert count_marked(found.samples, wanted, without) == count_marked(run.samples, wanted, without)
    path.write_text("")  # from here on, only what is in memory
    assert [(marks, plain(one)) for marks, one in numbers_in(found.samples, EVERY)] == [
        (marks, plain(one)) for marks, one in numbers_in(run.samples, EVERY)
    ]
    assert list(marked_keys(found.samples)) == [sample.key for sample in run.samples]
    assert list(marked_keys(found.samples, Mark.FAILED)) == [SampleKey("bad", "p", "m", 0)]
    assert list(metrics_of(found.samples)) == ["exact"]
    assert not has_marked(found.samples, Mark.RERUN)


def test_a_writer_reads_what_it_has_written(tmp_path: Path) -> None:
    """While a record grows, its samples can be read; a sequence of them does not grow with it."""
    run = hostile_run()
    writer = RunWriter(tmp_path / "run.jsonl", run.header)
    seen = []
    for sample in run.samples:
        writer.append(sample)
        seen.append(so_far(writer.samples))
    writer.end(run)
    assert [len(samples) for samples in seen] == list(range(1, len(run.samples) + 1))
    assert all(samples == run.samples[: len(samples)] for samples in seen)
    assert writer.samples[0] == run.samples[0]


def test_a_later_run_does_not_change_the_samples(tmp_path: Path) -> None:
    """The samples of a run stay readable after another run has replaced the record."""
    run = hostile_run()
    found = read_run(write(tmp_path / "run.jsonl", run))
    write(tmp_path / "run.jsonl", a_run([a_sample("other")]))
    assert found == run


def test_a_large_record_of_schema_1(tmp_path: Path) -> None:
    """The samples of an old record are upgraded each time that they are read."""
    run = a_run([a_sample(name) for name in "abcd"])
    path = write(tmp_path / "run.jsonl", run)
    old = path.read_text().replace('"schema":3', '"schema":1').replace(',"planned"]', "]")
    path.write_text(old.replace('"max_stages"', '"looks"'))
    assert list(read_run(path).samples) == list(run.samples)
