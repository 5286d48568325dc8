"""`evalharness accept`: make a run the baseline, or its answers golden."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from evalharness.cli._output import confirmed, echo, explained
from evalharness.cli.records import record_of
from evalharness.cli.rejudge import rejudge
from evalharness.config import load_config
from evalharness.errors import did_you_mean
from evalharness.evaluation.acceptance import Reason, accept_answers, accept_run, refuse_ci
from evalharness.report import Outcome
from evalharness.report.encode import one_line
from evalharness.review.diffs import ChangedAnswer, changed_answers, new_answers
from evalharness.store.acceptances import ACCEPTANCES, read_acceptances

_WIDTH = 79


@click.command(
    epilog="""\b
Examples:
  evalharness accept support --because 'shorter answers are intended'
  evalharness accept support --golden --case refund-window --because 'also right'"""
)
@click.argument("run")
@click.option("--because", required=True, metavar="TEXT", help=f"Give the reason, which {ACCEPTANCES} keeps.")
@click.option("--by", default="", metavar="NAME", help="Set the name of the person. Default: git's user.name.")
@click.option("--golden", is_flag=True, help="Make answers golden, not the run a baseline.")
@click.option("--case", "cases", multiple=True, metavar="ID", help="With --golden: accept this case; repeatable.")
@click.option("--model", "models", multiple=True, help="With --golden: accept this model only; repeatable.")
@click.option("--prompt", "prompts", multiple=True, help="With --golden: accept this prompt only; repeatable.")
@click.option("--replace", is_flag=True, help="With --golden: replace the existing golden answers.")
@click.option("--yes", is_flag=True, help="Skip the confirmation.")
@click.pass_obj
def accept(
    root: Path,
    run: str,
    because: str,
    by: str,
    golden: bool,
    cases: tuple[str, ...],
    models: tuple[str, ...],
    prompts: tuple[str, ...],
    replace: bool,
    yes: bool,
) -> None:
    """Accept RUN as part of its baselines.

    RUN is a run record, the folder that holds one, or a suite, whose last run is accepted. The run must be complete.

    With --golden, its changed answers, or those of some cases, become golden answers. Then run the suite with
    --llm-accept, because golden answers change its scores.

    Exit status: 0 accepted, 1 refused, 2 usage.
    """
    chosen = (*cases, *models, *prompts, *(["--replace"] if replace else []))
    if chosen and not golden:
        raise click.UsageError("--case, --model, --prompt and --replace require --golden: a baseline is a complete run")
    if not because.strip():
        raise click.BadParameter("expected a reason, got an empty text", param_hint="--because")
    path = record_of(root, run)
    with explained():
        refuse_ci()
        outcome = rejudge(root, path)
        reason = Reason.of(outcome, because.strip(), by.strip())
        if golden:
            answers = _answers(outcome, cases, models, prompts)
            _accept_golden(root, outcome, answers, reason, replace=replace, confirmed=yes or bool(cases))
        else:
            _show(accept_run(outcome.run, load_config(root), reason), root)
    for problem in _damage(root):
        echo(one_line(problem, 1000), err=True)


def _show(paths: Sequence[Path], root: Path) -> None:
    for path in paths:
        echo(f"accepted  {path.relative_to(root).as_posix()}: commit it, and {ACCEPTANCES}")


def _answers(
    outcome: Outcome, cases: Sequence[str], models: Sequence[str], prompts: Sequence[str]
) -> dict[str, list[str]]:
    """The answers to make golden, by case. Raises click.ClickException for a name that is not in the run."""
    planned = outcome.run.header.planned
    for given, known, what in (
        (cases, {case for pair in planned.pairs for case in planned.cases(*pair)}, "case"),
        (models, {model for model, _ in planned.pairs}, "model"),
        (prompts, {prompt for _, prompt in planned.pairs}, "prompt"),
    ):
        if unknown := [name for name in given if name not in known]:
            hint = did_you_mean(unknown[0], known)
            raise click.ClickException(f"this run has no {what} '{unknown[0]}'{hint}")
    baselines = {} if cases else outcome.baselines  # named cases are accepted even if unchanged
    return new_answers([one for one in changed_answers(outcome.run, baselines) if _is_of(one, cases, models, prompts)])


def _is_of(one: ChangedAnswer, cases: Sequence[str], models: Sequence[str], prompts: Sequence[str]) -> bool:
    pairs = ((one.key.case, cases), (one.key.model, models), (one.key.prompt, prompts))
    return all(not given or name in given for name, given in pairs)


def _accept_golden(
    root: Path,
    outcome: Outcome,
    answers: Mapping[str, Sequence[str]],
    reason: Reason,
    *,
    replace: bool,
    confirmed: bool,
) -> None:
    if not answers:
        echo("nothing to accept: every answer is golden already")
        return
    list_answers(answers)
    if not confirmed and not _confirmed(len(answers)):
        raise click.ClickException("cancelled: nothing was changed")
    path = accept_answers(outcome.run, load_config(root), answers, reason, replace=replace)
    show_golden(path, root, outcome)


def list_answers(answers: Mapping[str, Sequence[str]]) -> None:
    """Print the answers that become golden, a line each."""
    for case, texts in answers.items():
        for text in texts:
            echo("  " + one_line(f"{case} · {text}", _WIDTH - 2))


def show_golden(path: Path, root: Path, outcome: Outcome) -> None:
    """Print the written file and the next command."""
    echo(f"accepted  {path.relative_to(root).as_posix()}: commit it, and {ACCEPTANCES}")
    echo(f"next      {outcome.accept_command}")
    echo("          scores the answers again with the new golden answers")


def _confirmed(cases: int) -> bool:
    if not sys.stdin.isatty():
        raise click.ClickException("no terminal to confirm on: choose cases with --case, or pass --yes")
    return confirmed(f"make these answers to {cases} case{'s' if cases > 1 else ''} golden?")


def _damage(root: Path) -> list[str]:
    """The problems in the history file, which nothing else reads."""
    with explained():
        return read_acceptances(root)[1]
