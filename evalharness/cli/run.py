"""`evalharness run`: run a suite without pytest. Reads data only, like every other command."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli._output import explained
from evalharness.cli.complete import complete_model, complete_suite
from evalharness.config import load_config
from evalharness.execution.options import RECORD_MODES, RecordMode
from evalharness.report.terminal import summary_lines


@click.command(
    epilog="Example: evalharness run support --model smollm2 --repeat 3",
    short_help="Run a suite, compare it with its baseline.",
)
@click.argument("suite", shell_complete=complete_suite)
@click.option("--model", "models", multiple=True, shell_complete=complete_model, help="Instead of the suite's own.")
@click.option("--prompt", "prompts", multiple=True, help="Instead of the suite's own prompts; repeatable.")
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(min=1), help="Samples per case.")
@click.option("--baseline", metavar="PATH|git:REF|none", help="Compare with this baseline; none: do not compare.")
@click.option("--against", metavar="REF", help="Also run the suite of this commit, in turns, and compare with it.")
@click.option("--base", metavar="REF", help="The branch that this change goes to.")
@click.option("--record", type=click.Choice(RECORD_MODES), default="once", show_default=True, help="As --llm-record.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Most requests in flight for each model.")
@click.option("--budget", "budget_usd", metavar="USD", type=click.FloatRange(min=0), help="Most that the run may cost.")
@click.option("--deadline", "deadline_s", metavar="S", type=click.FloatRange(min=0), help="Seconds for the whole run.")
@click.option("--report", metavar="DIR", help="Folder of the reports. Default: reports/SUITE.")
@click.option(
    "--inconclusive",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="What an inconclusive gate does.",
)
@click.pass_obj
def run(
    root: Path,
    suite: str,
    models: tuple[str, ...],
    prompts: tuple[str, ...],
    repeat: int,
    baseline: str | None,
    against: str | None,
    base: str | None,
    record: RecordMode,
    concurrency: int | None,
    budget_usd: float | None,
    deadline_s: float | None,
    report: str | None,
    inconclusive: str,
) -> None:
    """Run SUITE and compare it with its baseline: `pytest --llm-suite=SUITE` without pytest.

    Exit status: 0 nothing got worse, 1 something did or cannot be judged, 2 usage.
    """
    from evalharness.evaluation.api import evaluate

    with explained():
        evaluation = evaluate(
            suite,
            models=models,
            prompts=prompts,
            repeat=repeat,
            baseline=baseline,
            against=against,
            base=base,
            record=record,
            budget_usd=budget_usd,
            deadline_s=deadline_s,
            concurrency=concurrency,
            report=report,
            config=load_config(root),
            on_message=lambda line: click.echo(line, err=True),
        )
    outcome = evaluation.outcome
    assert outcome, "evaluate() returns a finished evaluation"
    for line, markup in summary_lines(outcome, root):
        click.secho(line, fg=next((colour for colour in ("red", "green", "yellow") if markup.get(colour)), None))
    raise SystemExit(int(outcome.is_red(fail_inconclusive=inconclusive == "fail")))
