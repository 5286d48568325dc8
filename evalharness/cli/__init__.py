"""The `evalharness` command: one file for each sub-command. It reads data only and imports no file of the checkout."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness import __version__
from evalharness.cli.calibrate import calibrate
from evalharness.cli.compare import compare
from evalharness.cli.gate import gate
from evalharness.cli.record import record
from evalharness.cli.report import report
from evalharness.cli.schema import schema
from evalharness.cli.validate import validate


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Suites are run by pytest: pytest --llm-suite=support",
)
@click.version_option(__version__, prog_name="evalharness")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that holds suites/ and golden/. Default: the nearest one upwards with a suites/ folder.",
)
@click.pass_context
def main(context: click.Context, root: Path | None) -> None:
    """Keep LLM features from getting worse."""
    context.obj = (root or _nearest_root(Path.cwd())).resolve()


def _nearest_root(start: Path) -> Path:
    return next((folder for folder in (start, *start.parents) if (folder / "suites").is_dir()), start)


main.add_command(validate)
main.add_command(schema)
main.add_command(record)
main.add_command(gate)
main.add_command(compare)
main.add_command(report)
main.add_command(calibrate)
