"""`evalharness audit`: what was accepted, relaxed, labelled and calibrated, for a release."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click

from evalharness.audit import audit_of
from evalharness.cli._output import explained, print_data, print_json
from evalharness.cli.complete import complete_suite
from evalharness.errors import StoreError, did_you_mean
from evalharness.report.audit import audit_json, audit_markdown
from evalharness.store.acceptances import read_acceptances
from evalharness.suites.load import suite_names


@click.command(epilog="Example: evalharness audit --since v1.4.0 > audit.md")
@click.argument("suites", nargs=-1, shell_complete=complete_suite)
@click.option(
    "--since",
    "start",
    default="",
    metavar="REF|DATE",
    help="Start after this commit, branch or tag, or on this date (YYYY-MM-DD). Default: everything.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="Set the format.",
)
@click.pass_obj
def audit(root: Path, suites: tuple[str, ...], start: str, form: str) -> None:
    """List what was accepted in SUITES, by whom, when and why, and with which relaxed criteria.

    Also lists the calibrated judges with their error, and the people who labelled answers. Reads golden/HISTORY.jsonl
    and golden/labels/. With --since COMMIT, lists the entries that the files of the commit do not have, and reports
    removed ones. With --since DATE, lists the entries by the time that each of them states.

    Exit status: 0 shown, 1 a line is damaged or removed, an unknown suite, or git failed, 2 usage.
    """
    with explained():
        _refuse_unknown(root, suites)
        found = audit_of(root, suites, start)
    if form == "json":
        print_json(audit_json(found))
    else:
        print_data([audit_markdown(found)])
    raise SystemExit(1 if found.problems else 0)


def _refuse_unknown(root: Path, suites: Collection[str]) -> None:
    """Raise StoreError for a suite that does not exist and was never accepted."""
    if suites:
        known = {*suite_names(root), *(one.suite for one in read_acceptances(root)[0])}
        if unknown := next((name for name in suites if name not in known), None):
            raise StoreError(f"unknown suite {unknown!r}{did_you_mean(unknown, known)}")
