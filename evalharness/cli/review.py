"""`evalharness review`: step through changed answers, or compare blindly."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from evalharness.cli._output import ask, confirmed, echo, explained, print_json
from evalharness.cli.accept import list_answers, show_golden
from evalharness.cli.blind import USAGE, BlindOptions, write_page
from evalharness.cli.records import record_of
from evalharness.cli.rejudge import rejudge
from evalharness.cli.review_tui import go_through
from evalharness.config import load_config
from evalharness.evaluation.acceptance import Reason, accept_answers
from evalharness.report import Outcome
from evalharness.report.encode import one_line
from evalharness.report.score_details import score_details
from evalharness.review.decisions import Choice, Decisions
from evalharness.review.diffs import ChangedAnswer, changed_answers, new_answers
from evalharness.review.screen import WORDS, change_of
from evalharness.review.steps import Review
from evalharness.store import in_ci
from evalharness.store.acceptances import ACCEPTANCES
from evalharness.store.baselines import unacceptable

_WIDTH = 79
_STOPPED = 130


@click.command(
    epilog="""\b
Examples:
  evalharness review support
  evalharness review golden/baselines/support/smollm2.concise.jsonl \\
      reports/support --html blind.html
  evalharness review support --html blind.html \\
      --sides smollm2.concise,gemma3.concise --sample 30"""
)
@click.argument("run", required=False)
@click.argument("other", required=False)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page for a blind comparison of RUN and OTHER, or of two sides of RUN.",
)
@click.option(
    "--sides",
    default="",
    metavar="A,B",
    help="With --html: compare two models, two prompts, or two MODEL.PROMPT.",
)
@click.option("--model", "models", multiple=True, help="With --html: compare this model only; repeatable.")
@click.option("--prompt", "prompts", multiple=True, help="With --html: compare this prompt only; repeatable.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --html: show N cases, drawn at random. Default: all.",
)
@click.option(
    "--seed", default="", metavar="TEXT", help="With --html: set the seed of the sample and the sides. Default: random."
)
@click.option("--baseline", metavar="PATH|git:REF", help="Compare with this baseline. Default: that of the gate.")
@click.option("--again", is_flag=True, help="Delete the decisions on this run, and start over.")
@click.option("--json", "as_json", is_flag=True, help="Print the changed answers and the decisions as JSON.")
@click.option("--force", is_flag=True, help="With --html: replace an existing file.")
@click.pass_obj
def review(
    root: Path,
    run: str | None,
    other: str | None,
    html: Path | None,
    sides: str,
    models: tuple[str, ...],
    prompts: tuple[str, ...],
    sample: int | None,
    seed: str,
    baseline: str | None,
    again: bool,
    as_json: bool,
    force: bool,
) -> None:
    """Review the answers of RUN that differ from the baseline, the worst first.

    RUN is a run record, the folder that holds one, or a suite, for its last run. Default: the latest run. Each decision
    is saved immediately in review.jsonl next to the run, and the next review continues there. Accepted answers become
    golden at the end, after one confirmation. Without a terminal, the answers are listed.

    With --html, write a page for a blind comparison of RUN and OTHER, which may be runs or baseline files, or of two
    models or prompts of RUN (--sides).

    Exit status: 0 reviewed, listed or written, 1 error, 2 usage, 130 Ctrl-C.
    """
    options = BlindOptions(sides, models, prompts, sample, seed)
    if html:
        if baseline or again or as_json:
            raise click.UsageError("--baseline, --again and --json have no effect with --html: leave them out")
        write_page(root, run, other, html, options, force=force)
        return
    if other or options.are_set:
        raise click.UsageError(USAGE)
    path = record_of(root, run)
    with explained():
        outcome = rejudge(root, path, baseline)
        steps = _review(outcome, path)
        if again:
            steps = Review(steps.answers, _started_over(steps.decisions), steps.refusal)
        if as_json:
            print_json([_as_json(one, steps) for one in steps.answers])
        elif not (sys.stdin.isatty() and sys.stdout.isatty()):
            _list(steps, path)
        else:
            _in_terminal(root, steps, outcome)


def _review(outcome: Outcome, path: Path) -> Review:
    decisions = Decisions.read(path.parent, outcome.run.header.id, outcome.root)
    for problem in decisions.damage:
        echo(one_line(problem, _WIDTH), err=True)
    refusal = "answers cannot be accepted in CI" if in_ci() else unacceptable(outcome.run)
    details = score_details(outcome.run, outcome.root)
    return Review(changed_answers(outcome.run, outcome.baselines, details), decisions, refusal)


def _started_over(decisions: Decisions) -> Decisions:
    decisions.start_over()
    return decisions


def _as_json(one: ChangedAnswer, steps: Review) -> dict[str, Any]:
    decision = steps.decisions.on(one.key)
    return {
        **one.key._asdict(),
        "decision": WORDS[decision.choice],
        "note": decision.note,
        "golden": list(one.sample.golden),
        "old": one.before.text if one.before else None,
        "new": one.text,
        "failed": list(one.sample.failed_checks),
        "scores": {score.metric: score.value for score in one.sample.scores},
        "changes": dict(one.changes),
        "disputed": one.is_disputed,
    }


def _list(steps: Review, path: Path) -> None:
    count = len(steps.answers)
    if not count:
        echo("no answer differs from the baseline")
        return
    text = f"{count} changed answer{'s' if count > 1 else ''}, {steps.done} reviewed, in {path}"
    echo(one_line(text, _WIDTH))
    for one in steps.answers:
        what = "disputed" if one.is_disputed else "broken" if one.sample.failed_checks else change_of(one)
        word = WORDS[steps.decisions.on(one.key).choice]
        start = f"  {word:<9}{what:>9}  "
        echo(start + one_line(f"{one.key.case} · {one.text}", _WIDTH - len(start)))


def _in_terminal(root: Path, steps: Review, outcome: Outcome) -> None:
    if not steps.answers:
        echo("no answer differs from the baseline")
        return
    try:
        finished = go_through(steps)
        echo("")
        _summary(steps)
        if finished:
            _write(root, steps, outcome)
    except (KeyboardInterrupt, click.Abort):
        echo(f"\nstopped: {steps.done} of {len(steps.answers)} reviewed; the next review continues here")
        raise SystemExit(_STOPPED) from None


def _summary(steps: Review) -> None:
    words: tuple[tuple[Choice, str], ...] = (
        ("golden", "to become golden"),
        ("written", "now golden"),
        ("keep", "kept"),
        ("flag", "flagged"),
        ("", "open"),
    )
    counts = ", ".join(f"{len(found)} {word}" for choice, word in words if (found := steps.chosen(choice)))
    echo(f"{steps.done} of {len(steps.answers)} reviewed: {counts}")
    for one in steps.chosen("flag"):
        note = steps.decisions.on(one.key).note
        echo("  " + one_line(f"flagged: {one.key.case} · {note or one.text}", _WIDTH - 2))


def _write(root: Path, steps: Review, outcome: Outcome) -> None:
    """Confirm once, then write the golden answers."""
    chosen = steps.chosen("golden")
    answers = new_answers(chosen)
    if not answers:
        if steps.done == len(steps.answers):
            echo("nothing to write; pass --again to start over")
        return
    list_answers(answers)
    if not confirmed(f"make these answers to {len(answers)} case{'s' if len(answers) > 1 else ''} golden?"):
        echo("nothing was written; the next review starts with the same answers")
        return
    because = ask(f"reason (kept in {ACCEPTANCES})")
    reason = Reason.of(outcome, " ".join(because.split()))
    path = accept_answers(outcome.run, load_config(root), answers, reason)
    for one in chosen:
        steps.decisions.decide(one.key, "written")
    show_golden(path, root, outcome)
