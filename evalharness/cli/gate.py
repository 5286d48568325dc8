"""`evalharness gate`: decide a recorded run again. Calls no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from evalharness.cli._output import explained, print_json
from evalharness.cli.complete import complete_run
from evalharness.cli.rejudge import rejudge
from evalharness.cli.summary import print_summary
from evalharness.records import GateRule
from evalharness.report.verdict_file import verdict_json


@click.command(
    epilog="Example: evalharness gate reports/support --margin embedding=3%",
    short_help="Decide a recorded run again.",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path), shell_complete=complete_run)
@click.option(
    "--baseline",
    metavar="PATH|git:REF",
    help="Compare with a baseline file or folder, or a commit. Default: golden/baselines/SUITE as of the merge base.",
)
@click.option("--base", metavar="REF", help="Set the branch this change is merged into.")
@click.option(
    "--margin", "margins", multiple=True, metavar="METRIC=VALUE", help="Set another margin, as 0.03 or 3%; repeatable."
)
@click.option(
    "--inconclusive",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="Choose what an inconclusive gate does.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.pass_obj
def gate(
    root: Path,
    run: Path,
    baseline: str | None,
    base: str | None,
    margins: tuple[str, ...],
    inconclusive: str,
    as_json: bool,
) -> None:
    """Decide RUN, a run record or the folder that holds one, against its baseline.

    Exit status: 0 nothing got worse, 1 a regression or no decision, 2 usage, 5 no case was selected, 6 relaxed
    criteria or, in CI, nothing compared.
    """
    with explained():
        outcome = rejudge(root, run, baseline, base, lambda rules: _with_margins(rules, margins))
    if as_json:
        print_json(verdict_json(outcome))
    else:
        print_summary(outcome, report=False)
    raise SystemExit(outcome.exit_status(fail_inconclusive=inconclusive == "fail"))


def _with_margins(rules: Sequence[GateRule], margins: Sequence[str]) -> list[GateRule]:
    """The rules with the given margins. Raises click.BadParameter for a metric without a gate."""
    given = dict(_margin(text) for text in margins)
    if unknown := sorted(given.keys() - {rule.metric for rule in rules}):
        known = ", ".join(dict.fromkeys(rule.metric for rule in rules))
        raise click.BadParameter(f"no gate on {', '.join(unknown)}; known: {known}", param_hint="--margin")
    return [rule._replace(margin=given.get(rule.metric, rule.margin)) for rule in rules]


def _margin(text: str) -> tuple[str, float]:
    metric, _, value = text.partition("=")
    try:
        margin = float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        margin = 0.0
    if not 0 < margin <= 1:
        raise click.BadParameter(f"expected METRIC=0.03 or METRIC=3%, got {text!r}", param_hint="--margin")
    return metric, margin
