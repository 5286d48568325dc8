"""`evalharness gate`: decide again from files alone. Asks no model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from evalharness.cli._output import explained
from evalharness.cli.complete import complete_run
from evalharness.cli.rejudge import judged
from evalharness.records import GateRule
from evalharness.report import verdict_json
from evalharness.report.terminal import summary_lines


@click.command(
    epilog="Example: evalharness gate reports/support --margin embedding=3%",
    short_help="Judge a run again, from files alone.",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path), shell_complete=complete_run)
@click.option(
    "--baseline",
    metavar="PATH|git:REF",
    help="A baseline file or folder, or a commit. Default: golden/baselines/SUITE as of the merge base.",
)
@click.option("--base", metavar="REF", help="What this change is to be merged into.")
@click.option(
    "--margin", "margins", multiple=True, metavar="METRIC=VALUE", help="Another margin: 0.03 or 3%; repeatable."
)
@click.option(
    "--inconclusive",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="What an inconclusive gate does.",
)
@click.option("--json", "as_json", is_flag=True, help="The verdict as JSON.")
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
    """Judge RUN, a run record or the folder that holds one, against its baseline.

    Exit status: 0 nothing got worse, 1 something did or cannot be judged, 2 usage.
    """
    with explained():
        outcome = judged(root, run, baseline, base, lambda rules: _with_margins(rules, margins))
    if as_json:
        click.echo(json.dumps(verdict_json(outcome), ensure_ascii=False, indent=1))
    else:
        for line, markup in list(summary_lines(outcome, root))[:-1]:  # the last one says where the report is
            click.secho(line, fg=next((colour for colour in ("red", "green", "yellow") if markup.get(colour)), None))
    good = {"pass", "inconclusive"} if inconclusive == "warn" else {"pass"}
    raise SystemExit(outcome.status not in good)


def _with_margins(rules: Sequence[GateRule], margins: Sequence[str]) -> list[GateRule]:
    """The rules, with other margins where some are given. Raises click.BadParameter."""
    given = dict(_margin(text) for text in margins)
    if unknown := sorted(given.keys() - {rule.metric for rule in rules}):
        known = ", ".join(dict.fromkeys(rule.metric for rule in rules))
        raise click.BadParameter(f"no gate on {', '.join(unknown)}; there are gates on {known}", param_hint="--margin")
    return [rule._replace(margin=given.get(rule.metric, rule.margin)) for rule in rules]


def _margin(text: str) -> tuple[str, float]:
    metric, _, value = text.partition("=")
    try:
        margin = float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        margin = 0.0
    if not 0 < margin <= 1:
        raise click.BadParameter(f"{text!r}: write METRIC=0.03 or METRIC=3%", param_hint="--margin")
    return metric, margin
