"""`evalharness init`: a suite, goldens, configuration and a workflow that run at once."""

from __future__ import annotations

import re
from pathlib import Path

import click

from evalharness.cli._output import explained
from evalharness.config import load_config
from evalharness.report.encode import one_line
from evalharness.scaffold import configured_model, scaffold_model, write_project
from evalharness.suites import load_suite

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


def _suite_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not _NAME.fullmatch(value) or value == "all":
        raise click.BadParameter(f"{value!r}: a name has letters, digits, _ and -, and is not 'all'")
    return value


@click.command(
    short_help="Write a suite, goldens, configuration, a workflow.",
    epilog="""\b
Examples:
  evalharness init
  evalharness init support --provider openai --model gpt-4o-mini \\
      --base-url https://api.openai.com/v1 --api-key-env OPENAI_API_KEY""",
)
@click.argument("name", default="bookshop", callback=_suite_name)
@click.option(
    "--provider",
    type=click.Choice(["gguf", "openai", "anthropic"]),
    help="Default: the first model of pyproject.toml, else a small GGUF model from an installed package.",
)
@click.option("--model", help="gguf: a file; else what the endpoint calls the model.")
@click.option("--base-url", metavar="URL", help="Where the endpoint is.")
@click.option("--api-key-env", metavar="VARIABLE", help="The environment variable that holds the key.")
@click.pass_context
def init(
    context: click.Context,
    name: str,
    provider: str | None,
    model: str | None,
    base_url: str | None,
    api_key_env: str | None,
) -> None:
    """Begin here: write a suite called NAME (default: bookshop) with goldens, the configuration and a GitHub workflow.

    Files that are there are never overwritten. Exit status: 0 all is there, 1 it cannot be, 2 usage.
    """
    root = (context.find_root().params.get("root") or Path.cwd()).resolve()
    options = {"model": model, "base_url": base_url, "api_key_env": api_key_env}
    with explained():
        own = None if provider or any(options.values()) else configured_model(load_config(root))
        changes = write_project(root, name, own or scaffold_model(provider, **options, root=root))
        for change in changes:
            reason = f": {change.reason}" if change.reason else ""
            click.echo(f"{change.action:<11} {one_line(change.path)}{reason}")
        suite = load_suite(name, load_config(root))
    if not any(change.added for change in changes):
        click.echo("nothing was missing, and nothing was changed")
    click.echo(f"\n{len(suite.cases)} cases for {', '.join(suite.models)}. Next:\n\n  pytest --llm-suite={name}")
