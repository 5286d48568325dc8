"""`evalharness judge`: calibrate judges with labels of people."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli._output import explained
from evalharness.cli.complete import complete_suite
from evalharness.cli.records import record_of
from evalharness.config import load_config
from evalharness.store.acceptances import person
from evalharness.store.answer_labels import read_answer_labels, update_calibrations_of_judges


@click.group(epilog="Example: evalharness judge calibrate support")
def judge() -> None:
    """Calibrate judges with labels of people."""


@judge.command(
    epilog="""\b
Examples:
  evalharness judge calibrate support
  evalharness judge calibrate support --metric polite --html label.html""",
    short_help="Label answers, and measure the error of a judge.",
)
@click.argument("suite", shell_complete=complete_suite)
@click.option("--metric", default="", metavar="NAME", help="Calibrate this judge. Default: all judges of the suite.")
@click.option(
    "--sample",
    default=40,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=1),
    help="Draw the answers to at most N cases.",
)
@click.option("--seed", default="", metavar="TEXT", help="Set the seed of the draw. Default: from the accepted runs.")
@click.option("--by", default="", metavar="NAME", help="Set the name of the person. Default: that of git.")
@click.option("--run", metavar="RECORD", help="Draw from this run. Default: the latest run of SUITE.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page for labelling, and end.")
@click.option("--force", is_flag=True, help="With --html: replace an existing file.")
@click.option("--no-ask", is_flag=True, help="Ask for no labels, and only judge the labelled answers.")
@click.option("--budget", "budget_usd", metavar="USD", type=click.FloatRange(min=0), help="Limit the cost of judging.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON; implies --no-ask.")
@click.pass_obj
def calibrate(
    root: Path,
    suite: str,
    metric: str,
    sample: int,
    seed: str,
    by: str,
    run: str | None,
    html: Path | None,
    force: bool,
    no_ask: bool,
    budget_usd: float | None,
    as_json: bool,
) -> None:
    """Label answers of the latest run of SUITE, and measure the error of its judges.

    The answers are drawn at random from those that differ from the baseline, both versions, in an order that hides
    which is which. Each label is saved immediately in golden/labels/SUITE.jsonl, and the same command continues there.
    Then the judge judges the labelled answers, and its verdicts are saved in golden/labels/SUITE.judges.jsonl.

    With --html, write a page for people without a terminal; evalharness labels import reads what it exports.

    Exit status: 0 measured or written, 1 no labels, or an answer without a verdict, 2 usage, 130 Ctrl-C.
    """
    from evalharness.cli.judge_labels import ask_for_labels, describe, judge_all, measured, opened, write_page

    with explained():
        config = load_config(root)
        labelling = opened(config, suite, record_of(root, run or suite), metric=metric, sample=sample, seed=seed)
        if not as_json:
            describe(labelling)
        if html:
            write_page(root, html, labelling, sample, force=force)
            return
        if not (no_ask or as_json):
            ask_for_labels(root, labelling, by.strip() or person(root))
        labels = read_answer_labels(root, suite)
        judged = judge_all(config, labelling, labels, budget_usd)
        if found := [one.calibration for one in judged.values() if one.calibration.values]:
            update_calibrations_of_judges(root, suite, found)
    raise SystemExit(measured(labelling, labels, judged, as_json=as_json))
