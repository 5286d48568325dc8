"""`evalharness init`: a suite with goldens and a workflow, ready to run."""

from __future__ import annotations

from pathlib import Path

import click

from evalharness.cli._output import echo, explained
from evalharness.config import load_config
from evalharness.records.names import is_name
from evalharness.report.encode import one_line
from evalharness.scaffold import configured_model, scaffold_model, write_project
from evalharness.suites import load_suite


def _suite_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not is_name(value) or value == "all":
        raise click.BadParameter(f"expected a name of letters, digits, _ and - other than 'all', got {value!r}")
    return value


@click.command(
    short_help="Create a suite with goldens and a workflow.",
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
    help="Set the provider. Default: the first model of pyproject.toml, or a small GGUF model of an installed package.",
)
@click.option("--model", help="Set the model: a GGUF file, or the endpoint's name of the model.")
@click.option("--base-url", metavar="URL", help="Set the URL of the endpoint.")
@click.option("--api-key-env", metavar="VARIABLE", help="Set the environment variable that holds the key.")
@click.pass_context
def init(
    context: click.Context,
    name: str,
    provider: str | None,
    model: str | None,
    base_url: str | None,
    api_key_env: str | None,
) -> None:
    """Create the suite NAME with goldens, configuration and a GitHub workflow.

    Existing files are never overwritten.

    Exit status: 0 all files exist, 1 a file cannot be written, 2 usage.
    """
    root = (context.find_root().params.get("root") or Path.cwd()).resolve()
    options = {"model": model, "base_url": base_url, "api_key_env": api_key_env}
    with explained():
        own = None if provider or any(options.values()) else configured_model(load_config(root))
        changes = write_project(root, name, own or scaffold_model(provider, **options, root=root))
        for change in changes:
            reason = f": {change.reason}" if change.reason else ""
            echo(f"{change.action:<11} {one_line(change.path)}{reason}")
        suite = load_suite(name, load_config(root))
    if not any(change.added for change in changes):
        echo("all files exist, nothing was changed")
    echo(f"\n{len(suite.cases)} cases for {', '.join(suite.models)}. Next:\n\n  pytest --llm-suite={name}")
