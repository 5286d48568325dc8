"""The `evalharness` command: one file for each sub-command. It reads data only and imports no file of the checkout."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import click

from evalharness import __version__
from evalharness.cli.complete import root_of
from evalharness.errors import POSIX_ONLY

COMMANDS = {
    "accept": "Accept a run as part of its baselines.",
    "calibrate": "Measure the noise of an unchanged suite.",
    "compare": "Compare runs, baselines or commits.",
    "doctor": "Check that everything the suites need is there.",
    "export": "Write a run as a table, one row a sample.",
    "gate": "Decide again from the files of a run.",
    "history": "Show how the accepted runs of a suite developed.",
    "import": "Import suites from the files of other tools.",
    "init": "Write a suite, goldens, configuration, a workflow.",
    "labels": "Import the choices of a blind review.",
    "record": "Export and import recorded responses.",
    "report": "Render runs for pull requests and CI systems.",
    "review": "Step through the answers that changed.",
    "run": "Run a suite, compare it with its baseline.",
    "schema": "Print the JSON Schema of a suite file.",
    "validate": "Check suites, cases, templates and goldens.",
}
"""Each sub-command, and its line in `evalharness --help`."""


class Commands(click.Group):
    """Imports a sub-command when it is used, so that `--help`, `--version` and the tab key answer at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module: `evalharness.cli.NAME`, or NAME_ where NAME is a Python keyword."""
        if cmd_name not in COMMANDS:
            return None
        if os.name != "posix":
            raise click.ClickException(POSIX_ONLY)
        name = "import_" if cmd_name == "import" else cmd_name
        command: click.Command = getattr(importlib.import_module(f"evalharness.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and their lines without an import."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="In CI, pytest runs the suites: pytest --llm-suite=support",
)
@click.version_option(__version__, prog_name="evalharness")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that holds suites/ and golden/. Default: the nearest one upwards with a suites/ folder.",
)
@click.option("-v", "--verbose", count=True, help="Log to stderr what the command does; -vv logs more.")
@click.pass_context
def main(context: click.Context, root: Path | None, verbose: int) -> None:
    """Keep LLM features from getting worse."""
    context.obj = root_of(context)
    if verbose:
        import logging

        from evalharness.logs import logging_to

        context.with_resource(logging_to(logging.StreamHandler(), logging.INFO if verbose == 1 else logging.DEBUG))
