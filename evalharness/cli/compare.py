"""`evalharness compare`: runs, baselines and commits side by side. Calls no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from evalharness.cli._output import echo, explained, print_json
from evalharness.cli.overwrite import refuse_to_replace
from evalharness.records import Baseline, Run
from evalharness.report.comparison import comparison, comparison_lines
from evalharness.report.html import html_pieces, overview
from evalharness.store import write_whole
from evalharness.store.sources import GIT, open_source


@click.command(epilog="Example: evalharness compare golden/baselines/support reports/support")
@click.argument("sources", nargs=-1, required=True, metavar="A [B ...]")
@click.option("--suite", help="Set the suite of git:REF. Default: that of the other sources.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("reports/compare/report.html"),
    show_default=True,
    help="Write the report to this file, relative to the root.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--force", is_flag=True, help="With --output: replace an existing file.")
@click.pass_obj
def compare(root: Path, sources: tuple[str, ...], suite: str | None, output: Path, as_json: bool, force: bool) -> None:
    """Compare runs and baselines: print a table, and write a report with every answer.

    A source is the folder or record of a run (reports/support), the file or folder of a baseline
    (golden/baselines/support), git:REF, the baselines of a commit, or the results of another tool: a log of Inspect
    (.json or .eval), output.json of promptfoo, traces or observations of Langfuse. The first source is compared with
    each other one. A single source compares its own models and prompts.

    Exit status: 0 whatever the result, 1 a source cannot be read, 2 usage.
    """
    with explained():
        refuse_to_replace(root / output, root, force=force)
        page = comparison(_opened(sources, root, suite))
        write_whole(root / output, html_pieces(page))
    data = overview(page)
    if as_json:
        print_json(data)
        return
    for line, colour in comparison_lines(data):
        echo(line, fg=colour or None)
    echo(f"report    {output}")


def _opened(sources: Sequence[str], root: Path, suite: str | None) -> list[tuple[str, Run | list[Baseline]]]:
    """The sources in the given order; those that name their suite set that of `git:REF`."""
    found: dict[str, Run | list[Baseline]] = {}
    for source in sorted(dict.fromkeys(sources), key=lambda given: given.startswith(GIT)):
        found[source] = open_source(source, root, suite)
        suite = suite or _suite(found[source])
    return [(source, found[source]) for source in dict.fromkeys(sources)]


def _suite(source: Run | list[Baseline]) -> str:
    return source.header.suite if isinstance(source, Run) else source[0].suite
