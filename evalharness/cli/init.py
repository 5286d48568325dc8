"""`evalharness init`: a suite with goldens and a workflow, ready to run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from evalharness.cli._output import echo, explained
from evalharness.config import load_config
from evalharness.records.names import is_name
from evalharness.report.encode import one_line
from evalharness.scaffold import configured_model, scaffold_model, write_project
from evalharness.scaffold.action_source import action_source
from evalharness.scaffold.project import variable_note
from evalharness.suites import load_suite

_OF_MODEL = ("provider", "model", "base_url", "api_key_env")
_OF_APP = ("app", "prompt", "cases", "runs", "yes", "dry_run", "force")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _suite_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not is_name(value) or value == "all":
        raise click.BadParameter(f"expected a name of letters, digits, _ and - other than 'all', got {value!r}")
    return value


@click.command(
    short_help="Create a suite with goldens and a workflow.",
    epilog="""\b
Examples:
  evalharness init
  evalharness init --from app --cases questions.csv
  evalharness init support --provider openai --model gpt-4o-mini \\
      --base-url https://api.openai.com/v1 --api-key-env OPENAI_API_KEY""",
)
@click.argument("name", required=False, callback=_suite_name)
@click.option("--from", "source", type=click.Choice(["app"]), help="Test the application that the project has.")
@click.option("--app", metavar="NAME", help="With --from app: test this one, as the list names it.")
@click.option("--prompt", type=_FILE, help="With --from app: the prompt file of the application.")
@click.option("--cases", type=_FILE, help="With --from app: the questions: CSV, JSON Lines, or a line each in a .txt.")
@click.option("--run", "runs", is_flag=True, help="With --from app: run the suite, and propose its answers as golden.")
@click.option("--yes", is_flag=True, help="With --run: make the answers golden without a question.")
@click.option("--dry-run", is_flag=True, help="With --from app: show what would be written.")
@click.option("--force", is_flag=True, help="With --from app: replace the files of the suite.")
@click.option(
    "--provider",
    type=click.Choice(["gguf", "openai", "anthropic"]),
    help="Set the provider. Default: the first model of pyproject.toml, or a small GGUF model of an installed package.",
)
@click.option("--model", help="Set the model: a GGUF file, or the endpoint's name of the model.")
@click.option("--base-url", metavar="URL", help="Set the URL of the endpoint.")
@click.option("--api-key-env", metavar="VARIABLE", help="Set the environment variable that holds the key.")
@click.option(
    "--action",
    metavar="REPOSITORY[@REF]",
    help="Set the repository of evalharness on GitHub, for the workflow. Default: the one that it was installed from.",
)
@click.pass_context
def init(context: click.Context, /, name: str | None, **given: Any) -> None:
    """Create the suite NAME with goldens, configuration and a GitHub workflow.

    With --from app, the suite tests the application of the project: a route of FastAPI or Flask, a function, or the
    model that the code calls. Its Python files are read, and not run. Default of NAME: bookshop, or app.

    Existing files are never overwritten without --force.

    Exit status: 0 all files exist, 1 a file cannot be written, 2 usage.
    """
    root = (context.find_root().params.get("root") or Path.cwd()).resolve()
    if given["source"] is None:
        if extra := [option for option in _OF_APP if given[option]]:
            raise click.UsageError(f"--{extra[0].replace('runs', 'run').replace('_', '-')} requires --from app")
        _write(root, name or "bookshop", given["action"], **{option: given[option] for option in _OF_MODEL})
        return
    if extra := [option for option in _OF_MODEL if given[option]]:
        raise click.UsageError(f"--{extra[0].replace('_', '-')} cannot be combined with --from app")
    _from_app(root, name or "app", given)


def _from_app(root: Path, name: str, given: Mapping[str, Any]) -> None:
    from evalharness.cli.first_run import first_run
    from evalharness.cli.init_app import AppOptions, init_app

    if given["runs"] and not given["dry_run"] and not given["yes"] and not sys.stdin.isatty():
        raise click.ClickException("no terminal to confirm on: pass --yes, or leave out --run")
    options = AppOptions(
        given["app"], given["prompt"], given["cases"], given["dry_run"], given["force"], given["action"]
    )
    with explained():
        dataset = init_app(root, name, options)
        if given["dry_run"]:
            return
        if given["runs"]:
            first_run(root, name, dataset, yes=given["yes"])
    accept = f"pytest --llm-suite={name} --llm-accept"
    echo(f"\nNext:\n\n  pytest --llm-suite={name}\n  {accept}    # when the answers are right")


def _write(root: Path, name: str, action: str | None, *, provider: str | None, **options: str | None) -> None:
    with explained():
        source = action_source(action)
        own = None if provider or any(options.values()) else configured_model(load_config(root))
        changes = write_project(root, name, own or scaffold_model(provider, **options, root=root), source)
        for change in changes:
            reason = f": {change.reason}" if change.reason else ""
            echo(f"{change.action:<11} {one_line(change.path)}{reason}")
        suite = load_suite(name, load_config(root))
    if note := variable_note(changes):
        echo(f"\n{note}")
    if not any(change.added for change in changes):
        echo("all files exist, nothing was changed")
    echo(f"\n{len(suite.cases)} cases for {', '.join(suite.models)}. Next:\n\n  pytest --llm-suite={name}")
