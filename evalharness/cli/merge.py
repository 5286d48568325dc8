"""`evalharness merge`: the shards of a run become one run, which is decided. Calls no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click

from evalharness.cli._output import echo, explained
from evalharness.cli.rejudge import decide_again
from evalharness.cli.summary import print_summary
from evalharness.config import load_config
from evalharness.errors import EvalHarnessError, StoreError
from evalharness.evaluation.acceptance import Reason, accept_run, refuse_ci
from evalharness.evaluation.merge_shards import Merged, merged
from evalharness.evaluation.options import EvaluationOptions
from evalharness.evaluation.report_files import REFERENCE, delete_stale_reports
from evalharness.evaluation.resources import Resources
from evalharness.evaluation.shard_records import ShardRecord, find_records, read_shards, whole_set
from evalharness.records import Run
from evalharness.report import Outcome, write_reports
from evalharness.report.outcome import FAILED, NOT_GREEN, NOTHING_SELECTED
from evalharness.store import RunWriter, merge_base
from evalharness.store.cache_folder import check_cache
from evalharness.store.committed import refuse_committed
from evalharness.store.job_ledger import LEDGER
from evalharness.store.ledger_merge import merge_ledgers
from evalharness.store.runs import RECORD
from evalharness.store.stored_samples import so_far

_SEVERITY = (0, NOT_GREEN, NOTHING_SELECTED, FAILED)
"""Exit statuses from best to worst."""


@dataclass(frozen=True)
class _Deciding:
    """How the merged runs are decided."""

    resources: Resources
    baseline: str | None
    because: str | None
    """Why the runs are accepted; None: they are not."""


@click.command(
    epilog="""\b
Examples:
  evalharness merge shards
  evalharness merge shard-*/support --into reports --accept --because "shorter is intended\"""",
    short_help="Merge the shards of a run, and decide its gates.",
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--ledger",
    "ledgers",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Merge the ledger of a shard into that of this machine, so that the next run replays its answers; repeatable.",
)
@click.option(
    "--into",
    metavar="DIR",
    default="reports",
    show_default=True,
    help="Write the record and the reports of each suite to DIR/SUITE.",
)
@click.option("--baseline", metavar="PATH|git:REF|none", help="Compare with this baseline, or with none.")
@click.option("--base", metavar="REF", help="Set the branch this change is merged into.")
@click.option("--accept", is_flag=True, help="Accept the merged runs as baselines; refused in CI.")
@click.option("--because", metavar="TEXT", help="With --accept: the reason, for golden/HISTORY.jsonl.")
@click.option(
    "--inconclusive",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="Choose what an inconclusive gate does.",
)
@click.pass_obj
def merge(
    root: Path,
    paths: tuple[Path, ...],
    ledgers: tuple[Path, ...],
    into: str,
    baseline: str | None,
    base: str | None,
    accept: bool,
    because: str | None,
    inconclusive: str,
) -> None:
    """Merge the records of all shards of a run, and decide its gates as one run would.

    PATH is a record of a run, or a folder with records in it or below it, such as the downloaded artifacts of a CI
    job. Several suites are merged at once. With --ledger alone, no run is decided. Calls no model.

    Exit status: 0 nothing got worse, 1 a regression, no decision or a missing shard, 2 usage, 5 no case was selected, 6
    relaxed criteria or, in CI, nothing compared.
    """
    if accept != bool((because or "").strip()):
        raise click.UsageError("--accept and --because: expected both, or none of them")
    if not paths and (accept or not ledgers):
        raise click.UsageError("PATH: expected records of shards, or --ledger")
    with explained(), ExitStack() as running:
        if accept:
            refuse_ci()
        if ledgers:
            _merge_ledgers(root, ledgers)
        if not paths:
            return
        records = _read(root, paths)
        options = EvaluationOptions(base=merge_base(root, base), report=_reports(into, list(records)))
        resources = Resources(load_config(root), options, tuple(records))
        running.callback(resources.unlock)
        found = _merged(resources, records)
        deciding = _Deciding(resources, baseline, because if accept else None)
        outcomes = [_decided(deciding, name, one) for name, one in found.items()]
    for outcome in outcomes:
        if len(outcomes) > 1:
            echo(f"llm {outcome.run.header.suite}", bold=True)
        print_summary(outcome)
    statuses = [outcome.exit_status(fail_inconclusive=inconclusive == "fail") for outcome in outcomes]
    raise SystemExit(max(statuses, key=_SEVERITY.index))


def _merge_ledgers(root: Path, ledgers: Sequence[Path]) -> None:
    """Merge them into the ledger of this machine, and print what has changed. Raises EvalHarnessError."""
    folder = load_config(root).cache_dir
    check_cache(folder, root)
    refuse_committed(ledgers, root)
    found = merge_ledgers(folder / LEDGER, ledgers)
    echo(f"ledger    {found.after:,} answers, {found.after - found.before:,} of them new: {folder / LEDGER}")


def _reports(into: str, suites: Sequence[str]) -> str:
    """The folder as an option of a run, which adds the name of the suite only if there are several."""
    return into if len(suites) > 1 else f"{into}/{suites[0]}"


def _read(root: Path, paths: Sequence[Path]) -> Mapping[str, Sequence[ShardRecord]]:
    """The records by suite. Raises EvalHarnessError."""
    files = find_records(paths)
    refuse_committed(files, root)
    return read_shards(files)


def _merged(resources: Resources, records: Mapping[str, Sequence[ShardRecord]]) -> dict[str, Merged]:
    """The merged run of each suite, without the reports of earlier ones. Raises StoreError with all problems."""
    found, problems = {}, []
    for name, mine in records.items():
        _refuse_own_folder(resources.folder(name), mine)
        delete_stale_reports(resources, name)
        try:
            found[name] = merged(whole_set(name, mine))
        except StoreError as error:
            problems.append(str(error))
    if problems:
        raise StoreError("\n".join(problems))
    return found


def _refuse_own_folder(folder: Path, records: Sequence[ShardRecord]) -> None:
    """Raise StoreError for a shard in the folder of the merged record, which would take its place."""
    for one in records:
        if one.path.parent.resolve() == folder.resolve():
            raise StoreError(f"{one.path}: the merged record would replace it: choose another folder with --into")


def _decided(deciding: _Deciding, name: str, one: Merged) -> Outcome:
    """The outcome of a merged run, with its record and reports on disk. Raises EvalHarnessError."""
    resources = deciding.resources
    path = resources.folder(name) / RECORD
    resources.lock(name)
    if one.reference:
        _written(path.with_name(REFERENCE), one.reference, resources.config.root)
    run = _written(path, one.run, resources.config.root)
    outcome = decide_again(resources.merge_base, path, run, deciding.baseline)
    outcome = _accepted(deciding, replace(outcome, warnings=tuple(_warnings(one.run))))
    return replace(outcome, report_errors=tuple(write_reports(outcome, resources.formats)))


def _written(path: Path, run: Run, root: Path) -> Run:
    """The run, whose samples are read from its new record if they are many."""
    writer = RunWriter(path, run.header, root)
    for sample in run.samples:
        writer.append(sample)
    writer.end(run)
    return replace(run, samples=so_far(writer.samples))


def _warnings(run: Run) -> Iterator[str]:
    classes = run.header.machine_classes
    if len(classes) > 1:
        yield f"the shards ran on {len(classes)} classes of machines, so seconds are not compared: {'; '.join(classes)}"


def _accepted(deciding: _Deciding, outcome: Outcome) -> Outcome:
    if deciding.because is None:
        return outcome
    try:
        written = accept_run(outcome.run, deciding.resources.config, Reason.of(outcome, deciding.because.strip()))
    except EvalHarnessError as error:
        return replace(outcome, refusal=str(error))
    return replace(outcome, accepted=tuple(written))
