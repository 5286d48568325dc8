"""`evalharness schema`: the JSON Schema of a suite file, for editors, and that of verdict.json, for programs."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli._output import print_json
from evalharness.config import load_config
from evalharness.suites.schema import json_schema


@click.command(epilog="Example: evalharness schema > suite.schema.json")
@click.option("--verdict", is_flag=True, help="Print the JSON Schema of verdict.json instead.")
@click.pass_obj
def schema(root: Path, verdict: bool) -> None:
    """Print the JSON Schema of a suite file, with the metrics and the checks of this project.

    An editor with a YAML language server completes and checks a suite that starts with

      # yaml-language-server: $schema=../suite.schema.json

    Exit status: 0 printed, 1 the configuration is invalid, 2 usage.
    """
    if verdict:
        from evalharness.report.verdict_schema import verdict_schema

        print_json(verdict_schema(), 2)
    else:
        print_json(json_schema(load_config(root)), 2)
