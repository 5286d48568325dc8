"""`evalharness view`: the pages of runs in a browser, live while a run is in progress."""

from __future__ import annotations

import os
import secrets
import threading
import webbrowser
from functools import partial
from pathlib import Path

import click

from evalharness.cli._output import echo, explained
from evalharness.cli.complete import complete_viewed
from evalharness.cli.records import record_of
from evalharness.cli.rejudge import rejudge
from evalharness.errors import StoreError
from evalharness.report import Outcome
from evalharness.store.runs import PART, RECORD, record_in
from evalharness.store.together import JOURNAL
from evalharness.suites.load import suite_names

_TOKEN_BYTES = 24


@click.command(
    epilog="""\b
Examples:
  evalharness view
  evalharness view support --no-browser --port 8765"""
)
@click.argument("run", required=False, metavar="[RUN|SUITE]", shell_complete=complete_viewed)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Set the port. Default: a free one.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@click.pass_obj
def view(root: Path, run: str | None, port: int, no_browser: bool) -> None:
    """Show runs in the browser, also while they are in progress. Ctrl-C ends it.

    RUN is a folder with a run, or a suite, for its last run. Without one, the page lists all runs below reports/. The
    pages are served to this machine only, at an address with a random token, and follow the changes of the files.

    A run that has ended is decided again, as `evalharness report` does. While it is in progress, no gate is decided.

    Exit status: 0 ended with Ctrl-C, 1 no such run, or the port is in use, 2 usage.
    """
    from evalharness.view.listing import RunFolder
    from evalharness.view.server import serve
    from evalharness.view.site import Site

    reports, given, start = root / "reports", None, ""
    if run in suite_names(root) and not record_in(reports / str(run)).exists():
        echo(f"view      {run} has no run yet: the page lists it when its first answer is there")
    elif run is not None:
        folder = _folder(root, run)
        inside = folder.is_relative_to(reports.resolve())
        shown = RunFolder(folder, folder.relative_to(reports.resolve()).as_posix() if inside else str(folder))
        given, start = None if inside else shown, f"run/{shown.key}/"
    try:
        with explained():
            site = Site(reports, partial(_decided, root), given)
            serve(site, port, secrets.token_urlsafe(_TOKEN_BYTES), partial(_open, start, browser=not no_browser))
    except KeyboardInterrupt:
        echo("\nview      ended")


def _folder(root: Path, run: str) -> Path:
    """The folder of a run. Raises click.ClickException."""
    path = record_of(root, run)
    if path.name not in (RECORD, f"{RECORD}{PART}"):
        raise click.ClickException(f"{run}: expected a folder with {RECORD}, or a suite with a run")
    return path.parent.resolve()


def _decided(root: Path, record: Path) -> Outcome:
    """The outcome of a record, which changes no file. Raises EvalHarnessError."""
    if os.path.lexists(root / JOURNAL):
        raise StoreError("an acceptance was interrupted: run evalharness accept again, then reload this page")
    return rejudge(root, record)


def _open(start: str, url: str, *, browser: bool) -> None:
    """Print the address, and open it in a thread: some browsers run in this terminal until they are closed."""
    echo(f"view      {url}{start} (Ctrl-C ends it)")
    if browser:
        threading.Thread(target=_browse, args=(url + start,), daemon=True).start()


def _browse(address: str) -> None:
    if not webbrowser.open(address):
        echo("browser   none was found: open the address above", err=True)
