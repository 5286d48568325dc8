"""`evalharness run`: run a suite without pytest. Reads data only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evalharness.cli._output import echo, explained
from evalharness.cli.complete import complete_destination, complete_model, complete_suite
from evalharness.config import load_config
from evalharness.errors import ConfigError
from evalharness.execution.options import RECORD_MODES
from evalharness.modules import rarely_collected
from evalharness.records.shard import shard_of

_STOPPED = 130


def checked_shard(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The value of `--shard`. Raises click.BadParameter."""
    try:
        shard_of(value or "1/1")
    except ConfigError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command(
    epilog="""\b
Examples:
  evalharness run support --model smollm2 --repeat 3
  evalharness run support --shard 2/4""",
    short_help="Run a suite, compare it with its baseline.",
)
@click.argument("suite", shell_complete=complete_suite)
@click.option("--model", "models", multiple=True, shell_complete=complete_model, help="Run this model; repeatable.")
@click.option("--prompt", "prompts", multiple=True, help="Run this prompt; repeatable.")
@click.option(
    "--repeat",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Set the samples per case; a deterministic model gives one.",
)
@click.option(
    "--settle",
    metavar="N",
    type=click.IntRange(min=1),
    help="Take up to N samples per case and version until each gate decides; 1 takes no fresh ones. Default: 5, and of "
    "an endpoint only where a gate may fail.",
)
@click.option(
    "--shard",
    metavar="I/N",
    callback=checked_shard,
    help="Run the I-th of N parts of the cases; evalharness merge decides the gates of all parts.",
)
@click.option("--baseline", metavar="PATH|git:REF|none", help="Compare with this baseline, or with none.")
@click.option("--against", metavar="REF", help="Run the suite of this commit in turns, and compare with it.")
@click.option("--base", metavar="REF", help="Set the branch this change is merged into.")
@click.option(
    "--record",
    type=click.Choice(RECORD_MODES),
    default="once",
    show_default=True,
    help="Replay recorded responses (once), ignore them (all), or forbid model calls (none).",
)
@click.option("--concurrency", type=click.IntRange(min=1), help="Limit the requests in flight to each model.")
@click.option("--executor", metavar="NAME", help="Run the requests there: local, ray, or another executor.")
@click.option("--budget", "budget_usd", metavar="USD", type=click.FloatRange(min=0), help="Limit the cost of the run.")
@click.option(
    "--deadline", "deadline_s", metavar="SECONDS", type=click.FloatRange(min=0), help="Limit the time of the run."
)
@click.option("--report", metavar="DIR", help="Write the reports here. Default: reports/SUITE.")
@click.option(
    "--publish",
    metavar="NAME",
    multiple=True,
    shell_complete=complete_destination,
    help="Send the verdict to this destination; repeatable.",
)
@click.option(
    "--inconclusive",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="Choose what an inconclusive gate does.",
)
@click.pass_obj
def run(root: Path, /, suite: str, inconclusive: str, **arguments: Any) -> None:
    """Run SUITE and compare it with its baseline, without pytest.

    Ctrl-C closes the record. The next run of the same command replays the recorded responses and continues.

    A shard has no verdict: it ends with 0 if each of its cases has an answer that keeps the hard assertions.

    Exit status: 0 nothing got worse, 1 a regression or no decision, 2 usage, 6 relaxed criteria or, in CI, nothing
    compared, 130 Ctrl-C.
    """
    from evalharness.cli.progress import Progress
    from evalharness.evaluation.api import evaluate

    with explained(), Progress() as progress, rarely_collected():
        try:
            evaluation = evaluate(
                suite,
                config=load_config(root),
                on_start=progress.start,
                on_sample=progress.advance,
                on_message=progress.message,
                **arguments,
            )
        except KeyboardInterrupt:
            if progress.evaluation is None:
                raise
            evaluation = progress.evaluation
    from evalharness.cli.summary import print_summary  # of the reports, which no request needs

    outcome = evaluation.outcome
    assert outcome, "a finished evaluation has an outcome"
    print_summary(outcome)
    if outcome.run.stopped:
        echo("resume    run the same command again: recorded responses are replayed")
        raise SystemExit(_STOPPED)
    raise SystemExit(outcome.exit_status(fail_inconclusive=inconclusive == "fail"))
