"""`evalharness history`: the trend of a suite over its accepted runs in git."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath

import click

from evalharness.cli._output import echo, explained, print_json
from evalharness.cli.overwrite import refuse_to_replace
from evalharness.config import load_config
from evalharness.errors import StoreError, did_you_mean
from evalharness.history import history_of
from evalharness.records.history import History
from evalharness.report.encode import one_line
from evalharness.report.history import history_html, history_json
from evalharness.report.history_terminal import history_lines, plain
from evalharness.store import write_whole
from evalharness.store.baselines import accepted_suites
from evalharness.store.runs import record_in
from evalharness.suites.load import suite_names


@click.command(epilog="Example: evalharness history support --html history.html")
@click.argument("suite")
@click.option(
    "--run",
    type=click.Path(exists=True, path_type=Path),
    help="Set the record or folder of the newest run. Default: reports/SUITE.",
)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page in one HTML file.")
@click.option("--json", "as_json", is_flag=True, help="Print all points and changes as JSON.")
@click.option("--force", is_flag=True, help="With --html: replace an existing file.")
@click.pass_obj
def history(root: Path, suite: str, run: Path | None, html: Path | None, as_json: bool, force: bool) -> None:
    """Show the trend of SUITE: each metric, tokens and seconds by model and prompt.

    The points are the accepted runs in the order of their commits (golden/baselines/SUITE, first parents of HEAD),
    followed by the newest run. Each change of level is marked with its commit.

    Exit status: 0 shown, 1 unknown suite or git failed, 2 usage.
    """
    if not suite or PurePath(suite).name != suite or "\0" in suite:
        raise click.BadParameter(f"expected the name of a suite, got {suite!r}", param_hint="SUITE")
    newest = run or root / "reports" / suite
    with explained():
        prices = {name: model.price for name, model in load_config(root).models.items() if model.price}
        found = history_of(root, suite, record_in(newest) if newest.is_dir() else newest, prices)
        if not found.series:
            _refuse_unknown(root, suite)
        if html:
            _write_page(html, root, found, force=force)
    if as_json:
        print_json(history_json(found))
        return
    _show(found)
    if html:
        echo(f"page      {html}")


def _refuse_unknown(root: Path, suite: str) -> None:
    """Raise StoreError for a suite that does not exist and never did."""
    known = {*suite_names(root), *accepted_suites(root)}
    if suite not in known:
        raise StoreError(f"unknown suite {suite!r}{did_you_mean(suite, known)}")


def _write_page(path: Path, root: Path, found: History, *, force: bool) -> None:
    """Write the HTML file. Raises StoreError."""
    refuse_to_replace(path, root, force=force)
    write_whole(path, history_html(found))


def _show(found: History) -> None:
    if not found.series:
        echo(
            f"{one_line(found.suite)}: no accepted run yet. Accept one with\n"
            f"pytest --llm-suite={one_line(found.suite)} --llm-accept, and commit golden/baselines/."
        )
        for note in found.notes:
            echo(f"note: {one_line(note, 1000)}")
        return
    lines = list(history_lines(found))
    simple = not _fits("".join(line for line, _ in lines))
    for line, colour in lines:
        echo(plain(line) if simple else line, fg=colour)


def _fits(text: str) -> bool:
    """Whether the output's encoding has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
