"""`evalharness publish`: send recorded runs to chat, mail and dashboards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from evalharness.cli._output import echo, explained
from evalharness.cli.complete import complete_destination, complete_run
from evalharness.cli.rejudge import rejudge
from evalharness.config import load_config


@click.command(
    short_help="Send runs to chat, mail and dashboards.",
    epilog="""\b
Examples:
  evalharness publish reports/support --to slack
  evalharness publish reports/* --to prometheus --to mlflow""",
)
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), shell_complete=complete_run
)
@click.option(
    "--to",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    shell_complete=complete_destination,
    help="Publish to [tool.evalharness.publish.NAME] of pyproject.toml; repeatable.",
)
@click.option("--always", is_flag=True, help="Publish runs that pass too, whatever the configuration says.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a destination does not take a run.")
@click.option(
    "--baseline",
    metavar="PATH|git:REF",
    help="Compare with a baseline file or folder, or a commit. Default: golden/baselines/SUITE as of the merge base.",
)
@click.option("--base", metavar="REF", help="Set the branch this change is merged into.")
@click.pass_obj
def publish(
    root: Path,
    runs: tuple[Path, ...],
    names: tuple[str, ...],
    always: bool,
    strict: bool,
    baseline: str | None,
    base: str | None,
) -> None:
    """Decide RUNS again, as `evalharness gate` does, and send the verdicts to the destinations.

    RUNS are run records, or folders that hold one. All destinations together have 10 seconds. A run that a destination
    refuses, or does not take in time, is a warning.

    Exit status: 0 published, whatever the verdict, also with a warning; 1 a run or the configuration cannot be read,
    or with --strict a warning; 2 usage.
    """
    from evalharness.publish import deliver, open_destinations

    with explained():
        opened = open_destinations(names, load_config(root))
        opened = tuple(replace(one, when="always") for one in opened) if always else opened
        outcomes = [rejudge(root, run, baseline, base) for run in runs]
        found = deliver(outcomes, opened)
    for one in found:
        echo(f"warning: {one}" if one.problem else str(one), err=bool(one.problem))
    raise SystemExit(1 if strict and any(one.problem for one in found) else 0)
