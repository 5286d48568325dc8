"""`evalharness schema`: the JSON Schema of a suite file, for editors."""

from __future__ import annotations

import click

from evalharness.cli._output import print_json
from evalharness.suites.schema import json_schema


@click.command(epilog="Example: evalharness schema > suite.schema.json")
def schema() -> None:
    """Print the JSON Schema of a suite file.

    An editor with a YAML language server completes and checks a suite that starts with

      # yaml-language-server: $schema=../suite.schema.json

    Exit status: 0 printed, 2 usage.
    """
    print_json(json_schema(), 2)
