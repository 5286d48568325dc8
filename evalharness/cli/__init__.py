"""The `evalharness` command: one file per sub-command.

Commands read data and import no file of the checkout.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from evalharness import __version__
from evalharness.cli.complete import root_of
from evalharness.errors import POSIX_ONLY

COMMANDS = {
    "accept": "Accept a run as a baseline, or answers as golden.",
    "audit": "List what was accepted, by whom and why.",
    "calibrate": "Measure the noise and false alarms of a suite.",
    "compare": "Compare runs, baselines or commits.",
    "doctor": "Check everything that the suites need.",
    "export": "Export a run as a table with a row per sample.",
    "gate": "Decide a recorded run again.",
    "history": "Show the trend of the accepted runs of a suite.",
    "import": "Import suites from other tools, and data sets.",
    "init": "Create a suite with goldens and a workflow.",
    "judge": "Calibrate judges with labels of people.",
    "labels": "Import labels and the choices of comparisons.",
    "load": "Load-test a model with the requests of a suite.",
    "merge": "Merge the shards of a run, and decide its gates.",
    "publish": "Send runs to chat, mail and dashboards.",
    "record": "Export or import recorded responses.",
    "report": "Render runs for pull requests and CI systems.",
    "review": "Step through the changed answers of a run.",
    "run": "Run a suite and compare it with its baseline.",
    "schema": "Print the JSON Schema of a suite file.",
    "validate": "Check suites, cases, templates and goldens.",
    "verify": "Check that each suite has a verdict of this commit.",
    "view": "Show runs in the browser, live while they run.",
}
"""Each sub-command with its line in `evalharness --help`."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of a write to a full or broken device. One to a file has its name, and becomes a StoreError."""


class Commands(click.Group):
    """A group that imports a sub-command on use.

    So `--help`, `--version` and completion respond immediately.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command. An output that cannot be written is an error of one line; a closed pipe is silent."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.errno not in _FULL or error.filename is not None:
                raise
            _discard_output()
            from evalharness.cli._output import echo

            with suppress(OSError):
                echo(f"Error: the output cannot be written: {error.strerror}", err=True)
            raise SystemExit(1) from None

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """The context, with the errors of the options encoded."""
        with _encoded_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command, with its errors encoded."""
        with _encoded_errors():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the sub-commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`; None if there is none.

        Its module is `evalharness.cli.NAME`, or NAME_ where NAME is a Python keyword.
        """
        if cmd_name not in COMMANDS:
            return None
        if os.name != "posix":
            raise click.ClickException(POSIX_ONLY)
        from evalharness.modules import end_without_collection, not_collected

        end_without_collection()
        name = "import_" if cmd_name == "import" else cmd_name
        with not_collected():
            command: click.Command = getattr(importlib.import_module(f"evalharness.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and lines without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@contextmanager
def _encoded_errors() -> Iterator[None]:
    """Encode the message of a ClickException, which click prints."""
    try:
        yield
    except click.ClickException as error:
        from evalharness.report.encode import for_terminal

        error.format_message = partial(str, for_terminal(error.format_message()))  # type: ignore[method-assign]
        raise


def _discard_output() -> None:
    """Discard what standard output still holds: Python writes it when it ends, and reports an error again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError, AttributeError):  # closed, or a replacement without a file
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: evalharness run support. In CI: pytest --llm-suite=support",
)
@click.version_option(__version__, prog_name="evalharness")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Set the folder that holds suites/ and golden/. Default: the nearest parent folder with suites/.",
)
@click.option("-v", "--verbose", count=True, help="Log to stderr what the command does; -vv logs more.")
@click.pass_context
def main(context: click.Context, root: Path | None, verbose: int) -> None:
    """Run LLM suites, compare them with accepted baselines, and fail on a regression."""
    context.obj = root_of(context)
    if verbose:
        import logging

        from evalharness.logs import logging_to

        context.with_resource(logging_to(logging.StreamHandler(), logging.INFO if verbose == 1 else logging.DEBUG))
