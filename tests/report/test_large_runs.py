"""A run whose samples stay on disk: gates and reports are those of the same run in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from outcomes import METRICS, a_run, a_sample, broken

from evalharness.records import IndexedCases, Run, Sample, SampleKey, Score, Violation
from evalharness.records.marks import IndexedSamples
from evalharness.report import Outcome, diffs, open_formats, shown
from evalharness.report.html import overview, page_of
from evalharness.report.markdown_tables import usage_table
from evalharness.report.rows import rows_of
from evalharness.report.terminal import summary_lines
from evalharness.report.usage import usage_lines
from evalharness.store import (
    RunWriter,
    accepted_baselines,
    baseline_path,
    baselines,
    read_baseline,
    read_run,
    stored_samples,
    write_below,
)
from evalharness.testing import outcome

PAIR = ("smollm2", "concise")


def varied() -> list[Sample]:
    """Samples of every kind that a report lists: errors, broken assertions, drops, gains, reruns, repeats."""
    samples = [a_sample(number, 0.2 + 0.02 * number, cluster="talk" if number < 4 else "") for number in range(30)]
    samples[3] = replace(samples[3], failed_checks=("must be short",), tags=())
    samples[5] = replace(samples[5], recorded_at="2026-01-01T00:00:00+00:00", cost_usd=0.25, attempts=2)
    samples[7] = replace(samples[7], scores=(Score("chrf", 0.5, "chrf|v:1", note="cut"),))
    samples[9] = replace(samples[9], violations=(Violation("contains x", "must have x", 0.9),))
    samples.append(broken(30))
    again = [replace(one, key=one.key._replace(purpose="rerun")) for one in samples[:2]]
    return [*samples, *again]


def accepted(root: Path, samples: list[Sample], value: float = 0.8) -> Path:
    """The file of a baseline with the same cases, all scored `value`."""
    kept = [replace(one, scores=tuple(Score(name, value, way) for name, way in METRICS.items())) for one in samples]
    whole = [replace(one, error=None, response=one.response or samples[0].response) for one in kept]
    then = a_run(whole, id="accepted", started_at="2026-01-01")
    found = accepted_baselines(then, root=root, digests={PAIR: "digest"}, accepted_at="2026-01-02T00:00:00+00:00")
    for path, text in found.items():
        write_below(root, path, text)
    return baseline_path(root, "support", *PAIR)


def outcomes(tmp_path: Path, run: Run, known: Path | None) -> Iterator[Outcome]:
    """The decided run, with its samples and its baseline on disk, and in memory."""
    writer = RunWriter(tmp_path / "run.jsonl", run.header)
    for sample in run.samples:
        writer.append(sample)
    writer.end(run)
    for most in (2, 1_000):
        with pytest.MonkeyPatch.context() as patch:
            for module in (stored_samples, baselines):
                patch.setattr(module, "IN_MEMORY", most)
            found = read_run(tmp_path / "run.jsonl")
            baseline = read_baseline(known, tmp_path) if known else None
        assert isinstance(found.samples, IndexedSamples) is (most == 2)
        assert baseline is None or isinstance(baseline.cases, IndexedCases) is (most == 2)
        yield outcome(found, baselines={PAIR: baseline}, folder=tmp_path / "reports/support", root=tmp_path)


def texts(of: Outcome) -> dict[str, str]:
    """Every report that an outcome gives, by its name."""
    names = ("json", "markdown", "csv", "svg", "github-annotations", "gitlab-metrics", "gitlab-codequality", "html")
    rendered = {name: one.render(of) for name, one in open_formats(names).items()}
    pieces = {name: found if isinstance(found, str) else "".join(map(str, found)) for name, found in rendered.items()}
    return pieces | {"terminal": "\n".join(line for line, _ in summary_lines(of))}


def test_gates_and_figures_read_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts, figures, counts and usage come from memory: the record and the baseline can be empty by then."""
    monkeypatch.setattr(diffs, "MOST_LISTED", 0)
    samples = [one for one in varied() if one.purpose == "planned" and one.ok and not one.violations]
    known = accepted(tmp_path, samples)
    stored, kept = outcomes(tmp_path, a_run(samples), known)
    for path in (tmp_path / "run.jsonl", known):
        with path.open("r+") as file:
            file.truncate()
    again = outcome(stored.run, baselines=stored.baselines, folder=stored.folder, root=tmp_path)
    assert again.verdicts == kept.verdicts
    assert {one.status for one in again.verdicts} & {"pass", "fail", "inconclusive"}
    assert again.contents.figures == kept.contents.figures
    assert again.contents.answers.counts == kept.contents.answers.counts
    assert usage_table(again) == usage_table(kept)
    assert list(usage_lines(again.run)) == list(usage_lines(kept.run))


@pytest.mark.parametrize(
    "samples",
    [varied(), [a_sample(number) for number in range(9)], [a_sample(number % 4) for number in range(5)]],
    ids=["varied", "good", "a sample twice"],
)
@pytest.mark.parametrize("is_compared", [True, False])
def test_equal_verdicts_and_reports(tmp_path: Path, samples: list[Sample], is_compared: bool) -> None:
    """Reading the samples from the record changes no verdict and no byte of a report."""
    run = a_run(samples, params={"max_tokens": 50})
    once = {one.key: one for one in samples if one.purpose == "planned"}
    known = accepted(tmp_path, list(once.values())) if is_compared else None
    stored, kept = outcomes(tmp_path, run, known)
    assert stored.verdicts == kept.verdicts
    assert texts(stored) == texts(kept)
    assert stored.run.means == kept.run.means


def test_a_page_shows_the_telling_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with too many samples has the failed, the changed and some at random, and says which are left out."""
    monkeypatch.setattr(shown, "MOST_ROWS", 20)
    monkeypatch.setattr(shown, "QUOTA", 4)
    monkeypatch.setattr(diffs, "MOST_CHANGED", 1)
    samples = [one for one in varied() if one.purpose == "planned"]
    stored, _ = outcomes(tmp_path, a_run(samples), accepted(tmp_path, samples, 0.5))
    page = page_of(stored)
    note = overview(page)["facts"]["shown"]
    assert re.fullmatch(
        r"17 of 31 samples: 3 with an error or a broken assertion, 2 with the largest changes, 4 with the lowest "
        r"scores, 4 with the highest scores, 4 chosen at random \(seed \S+\); all are in run\.jsonl",
        note,
    )
    rows = dict(rows_of(page.columns, page.metrics, page.details, page.pictures, page.shown.samples))
    names = list(rows["texts"])
    cases = {names[number] for number in rows["case"]}
    assert {"case-30", "case-3", "case-9", "case-0", "case-29"} <= cases
    assert len(rows["case"]) == len(page.shown.samples) == 17
    assert page_of(stored).shown == page.shown


def test_a_page_of_an_ordinary_run_shows_everything(tmp_path: Path) -> None:
    """Nothing is left out of it, and it says nothing about that."""
    stored, kept = outcomes(tmp_path, a_run(varied()), None)
    for one in (stored, kept):
        assert overview(page_of(one))["facts"]["shown"] == ""
        assert len(page_of(one).shown.samples) == 31


def test_a_summary_counts_what_it_does_not_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the worse answers of a large run only the worst are kept; the summary counts the others."""
    monkeypatch.setattr(diffs, "MOST_LISTED", 2)
    samples = [a_sample(number, 0.3) for number in range(9)]
    stored, _ = outcomes(tmp_path, a_run(samples), accepted(tmp_path, samples))
    assert [one.sample.key for one in stored.contents.answers.of("worse")] == [
        SampleKey(f"case-{number}", "concise", "smollm2", 0) for number in range(2)
    ]
    assert "... and 7 more cases: the report and `run.jsonl` have all of them" in texts(stored)["markdown"]
