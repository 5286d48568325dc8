"""`evalharness record`: move recorded responses between the ledger and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace as with_fields
from pathlib import Path

import click

from evalharness.cli._output import echo, explained
from evalharness.cli.complete import complete_model, complete_suite
from evalharness.config import Config, load_config
from evalharness.evaluation.compared_answers import with_accepted
from evalharness.evaluation.merge_base import MergeBase
from evalharness.evaluation.plan import make_plan
from evalharness.evaluation.recorded import RecordedPlan
from evalharness.evaluation.stored_answers import stored_answers
from evalharness.report.encode import one_line
from evalharness.store import in_ci
from evalharness.store.imported import origin_of
from evalharness.store.job_ledger import open_ledger
from evalharness.store.ledger import Ledger
from evalharness.store.recorded import Recorded
from evalharness.store.recordings import read_recording, write_recording
from evalharness.suites import load_suite

_SHOWN = 5


@click.group(
    short_help="Export or import recorded responses.",
    epilog="""\b
Examples:
  evalharness record export support
  evalharness record import golden/recordings/support.jsonl
  pytest --llm-suite=support --llm-record=none""",
)
def record() -> None:
    """Export recorded responses to commit them, or import them to replay them.

    With --llm-record=none, a run replays them without model, key or network.
    """


@record.command("export", epilog="Example: evalharness record export support")
@click.argument("suite", shell_complete=complete_suite)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file. Default: golden/recordings/SUITE.jsonl.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    shell_complete=complete_model,
    help="Export responses of this model only; repeatable.",
)
@click.option("--prompt", "prompts", multiple=True, help="Export responses to this prompt only; repeatable.")
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(min=1), help="Set the samples per case.")
@click.option("--partial", is_flag=True, help="Export even if responses are missing.")
@click.pass_obj
def export_(
    root: Path,
    suite: str,
    output: Path | None,
    models: tuple[str, ...],
    prompts: tuple[str, ...],
    repeat: int,
    partial: bool,
) -> None:
    """Export the recorded responses to the current requests of SUITE.

    Exit status: 0 all written, 1 some are missing, 2 usage.
    """
    with explained():
        config = load_config(root)
        plan = make_plan(load_suite(suite, config), config, models=models, prompts=prompts, repeat=repeat)
        base = MergeBase(config, None)
        plan = with_accepted(plan, base, None)
        with closing(_ledger(config)) as ledger:
            recorded = RecordedPlan(plan, ledger.find)
            of_metrics = recorded.metric_keys(stored_answers(plan, recorded.answered, base))
            found = recorded.found | ledger.find(of_metrics)
        wanted = recorded.wanted | of_metrics
    missing = [sample for key, sample in wanted.items() if key not in found]
    if missing and not partial:
        names = ", ".join(f"{key.case}[{key.model}-{key.prompt}]" for key in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise click.ClickException(
            f"{len(missing)} of {len(wanted)} responses are not recorded: {one_line(names, 500)}{more}; "
            f"run pytest --llm-suite={suite} first, or pass --partial to export the others"
        )
    path = output or root / "golden" / "recordings" / f"{suite}.jsonl"
    with explained():
        count = write_recording(path, suite, found.values(), None if output else root)
    echo(f"{path}: {count} of {len(wanted)} responses")


@record.command("import", epilog="Example: evalharness record import golden/recordings/support.jsonl")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace existing responses to the same requests.")
@click.pass_obj
def import_(root: Path, files: tuple[Path, ...], replace: bool) -> None:
    """Import the responses of FILES into the ledger of this machine.

    Import only what you would accept as golden: replayed responses are scored like fresh ones.

    Exit status: 0 all imported, 1 a file is invalid or, outside of CI, conflicts with the ledger, 2
    usage.
    """
    with explained():
        recordings = [(file, _imported(file, root)) for file in files]
        with closing(_ledger(load_config(root))) as ledger:
            known = ledger.find(row.key for _, rows in recordings for row in rows)
            if not replace and not in_ci():  # in CI, the answers of an earlier attempt of the job stay
                _refuse_conflicts(recordings, known)
            for file, rows in recordings:
                ledger.keep(rows, replace=replace)
                new = sum(row.key not in known for row in rows)
                echo(f"{file}: {len(rows)} responses, {new} of them new")


def _imported(file: Path, root: Path) -> list[Recorded]:
    """The responses of a recording, with their origin."""
    origin = origin_of(file, root)
    return [with_fields(row, origin=origin) for row in read_recording(file)]


def _refuse_conflicts(recordings: Sequence[tuple[Path, Sequence[Recorded]]], known: Mapping[str, Recorded]) -> None:
    """Raise click.ClickException where the ledger has another response to a request of the files."""
    for file, rows in recordings:
        other = [row for row in rows if row.key in known and known[row.key].response != row.response]
        if other:
            raise click.ClickException(
                f"{file}: the ledger has other responses to {len(other)} of its requests "
                f"(first: {other[0].key[:12]}): pass --replace to import those of the file"
            )


def _ledger(config: Config) -> Ledger:
    return open_ledger(config.cache_dir, config.root)
