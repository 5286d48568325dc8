"""The `evalharness` command: one file for each sub-command. It reads data only and imports no file of the checkout."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness import __version__
from evalharness.cli.accept import accept
from evalharness.cli.calibrate import calibrate
from evalharness.cli.compare import compare
from evalharness.cli.complete import root_of
from evalharness.cli.doctor import doctor
from evalharness.cli.export import export
from evalharness.cli.gate import gate
from evalharness.cli.history import history
from evalharness.cli.import_ import import_
from evalharness.cli.init import init
from evalharness.cli.labels import labels
from evalharness.cli.record import record
from evalharness.cli.report import report
from evalharness.cli.review import review
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
    context.obj = root_of(context)


main.add_command(init)
main.add_command(doctor)
main.add_command(import_)
main.add_command(validate)
main.add_command(schema)
main.add_command(record)
main.add_command(gate)
main.add_command(compare)
main.add_command(report)
main.add_command(calibrate)
main.add_command(accept)
main.add_command(review)
main.add_command(labels)
main.add_command(export)
main.add_command(history)
