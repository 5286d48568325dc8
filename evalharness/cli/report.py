"""`evalharness report`: what came of a run, in the form that somebody else reads. From files alone; asks no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from evalharness.cli._output import explained
from evalharness.cli.overwrite import refuse_to_replace
from evalharness.cli.rejudge import judged
from evalharness.config import load_config
from evalharness.errors import EvalHarnessError
from evalharness.records import Suite
from evalharness.report import Outcome, page_of, verdict_json
from evalharness.report.findings import Finding, findings
from evalharness.store import write_whole
from evalharness.store.files import LONE_SURROGATES
from evalharness.suites import load_suite

_EPILOG = """\b
Examples:
  evalharness report reports/support                  # markdown: summary.md
  evalharness report reports/support --format gitlab-metrics -o metrics.txt
  evalharness report reports/*/run.jsonl --format github-annotations
"""


@click.command(epilog=_EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "html", "json", "github-annotations", "gitlab-metrics", "gitlab-codequality"]),
    default="markdown",
    show_default=True,
    metavar="FORMAT",
    help="markdown, html, json, github-annotations, gitlab-metrics or gitlab-codequality.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file. Default: print it.")
@click.option(
    "--baseline",
    metavar="PATH|git:REF",
    help="A baseline file or folder, or a commit. Default: golden/baselines/SUITE as of the merge base.",
)
@click.option("--base", metavar="REF", help="What this change is to be merged into.")
@click.option("--force", is_flag=True, help="With --output: replace an existing file.")
@click.pass_obj
def report(
    root: Path,
    runs: tuple[Path, ...],
    form: str,
    output: Path | None,
    baseline: str | None,
    base: str | None,
    force: bool,
) -> None:
    """Judge RUNS, run records or the folders that hold them, as `evalharness gate` does, and say what came of them.

    html and json take one run. Exit status: 0 written, whatever the verdict; 1 a run cannot be read; 2 usage.
    """
    if form in ("html", "json") and len(runs) > 1:
        raise click.UsageError(f"--format {form} takes one run, not {len(runs)}")
    with explained():
        if output is not None:
            refuse_to_replace(output, root, force=force)
        text = _FORMS[form]([judged(root, run, baseline, base) for run in runs], root)
        if output is not None:
            write_whole(output, text)
            return
    click.echo(text.encode(errors=LONE_SURROGATES), nl=False)


def _markdown(outcomes: Sequence[Outcome], root: Path) -> str:
    from evalharness.report.markdown import summary

    return summary(outcomes, root)


def _html(outcomes: Sequence[Outcome], root: Path) -> str:
    from evalharness.report.html import render_html

    return render_html(page_of(outcomes[0]))


def _json(outcomes: Sequence[Outcome], root: Path) -> str:
    return json.dumps(verdict_json(outcomes[0]), ensure_ascii=False, indent=1) + "\n"


def _annotations(outcomes: Sequence[Outcome], root: Path) -> str:
    from evalharness.report.github import workflow_commands

    return workflow_commands(_found(outcomes, root), _folder(root))


def _metrics(outcomes: Sequence[Outcome], root: Path) -> str:
    from evalharness.report.gitlab import metrics

    return metrics(outcomes)


def _code_quality(outcomes: Sequence[Outcome], root: Path) -> str:
    from evalharness.report.gitlab import code_quality

    return code_quality(_found(outcomes, root), _folder(root))


_FORMS: dict[str, Callable[[Sequence[Outcome], Path], str]] = {
    "markdown": _markdown,
    "html": _html,
    "json": _json,
    "github-annotations": _annotations,
    "gitlab-metrics": _metrics,
    "gitlab-codequality": _code_quality,
}


def _found(outcomes: Sequence[Outcome], root: Path) -> list[Finding]:
    return [finding for outcome in outcomes for finding in findings(outcome, _suite(outcome, root))]


def _suite(outcome: Outcome, root: Path) -> Suite | None:
    """For its lines; None where it is not there, or cannot be read, any more."""
    try:
        return load_suite(outcome.run.header.suite, load_config(root))
    except EvalHarnessError:
        return None


def _folder(root: Path) -> str:
    """Where the project lies in its repository: platforms count paths from there. Empty at the top."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    folder = root.relative_to(top).as_posix()
    return "" if folder == "." else f"{folder}/"
