"""`evalharness report`: render recorded runs in any report format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from evalharness import registry
from evalharness.cli._output import explained, print_data
from evalharness.cli.overwrite import refuse_to_replace
from evalharness.cli.rejudge import rejudge
from evalharness.errors import EvalHarnessError
from evalharness.foreign import describe
from evalharness.report import Outcome, ReportFormat, open_format
from evalharness.store import write_whole


class _FormatName(click.ParamType[str]):
    """The name of a report format. Reads the installed entry points when it is used, not when it is imported."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        known = registry.names("report_formats")
        return click.Choice(known).convert(value, param, ctx)


@click.command(
    short_help="Render runs for pull requests and CI systems.",
    epilog="""\b
Examples:
  evalharness report reports/support
  evalharness report reports/support --format gitlab-metrics -o metrics.txt
  evalharness report reports/*/run.jsonl --format github-annotations""",
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "name",
    type=_FormatName(),
    default="markdown",
    show_default=True,
    metavar="FORMAT",
    help="Set the format: csv, github-annotations, gitlab-codequality, gitlab-metrics, html, json, markdown, parquet, "
    "svg, or one of another package.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file, not to stdout.")
@click.option(
    "--baseline",
    metavar="PATH|git:REF",
    help="Compare with a baseline file or folder, or a commit. Default: golden/baselines/SUITE as of the merge base.",
)
@click.option("--base", metavar="REF", help="Set the branch this change is merged into.")
@click.option("--force", is_flag=True, help="With --output: replace an existing file.")
@click.pass_obj
def report(
    root: Path,
    runs: tuple[Path, ...],
    name: str,
    output: Path | None,
    baseline: str | None,
    base: str | None,
    force: bool,
) -> None:
    """Decide RUNS again, as `evalharness gate` does, and render the result.

    RUNS are run records, or folders that hold one. markdown and the formats of GitHub and GitLab take several runs.

    Exit status: 0 written, whatever the verdict; 1 a run cannot be read; 2 usage.
    """
    with explained():
        if output is not None:
            refuse_to_replace(output, root, force=force)
        chosen = open_format(name)
        if len(runs) > 1 and chosen.render_all is None:
            raise click.UsageError(f"--format {name} takes one run, got {len(runs)}")
        content = _rendered(chosen, [rejudge(root, run, baseline, base) for run in runs])
        if output is not None:
            write_whole(output, content)
            return
    print_data(content)


def _rendered(chosen: ReportFormat, outcomes: Sequence[Outcome]) -> list[str | bytes]:
    """The pieces of the file. Raises click.ClickException: the format's code failed."""
    try:
        content = chosen.render_all(outcomes) if chosen.render_all else chosen.render(outcomes[0])
        return [content] if isinstance(content, str | bytes) else list(content)
    except EvalHarnessError:
        raise
    except Exception as error:  # code of another package may raise anything
        raise click.ClickException(f"the report format raised {describe(error)}") from error
