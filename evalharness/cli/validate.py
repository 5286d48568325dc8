"""`evalharness validate`: check suites, cases, templates and goldens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from evalharness import registry
from evalharness.cli._output import echo, explained
from evalharness.cli.complete import complete_suite
from evalharness.config import Config, load_config
from evalharness.errors import EvalHarnessError, SuiteError
from evalharness.records import Suite
from evalharness.report.encode import one_line
from evalharness.scoring.metrics import open_metric
from evalharness.store.acceptances import ACCEPTANCES, read_acceptances
from evalharness.suites import load_suite, suite_names
from evalharness.suites.applicable import coverage_of_suite


@click.command(epilog="Example: evalharness validate support", short_help="Check suites, cases, templates and goldens.")
@click.argument("names", nargs=-1, shell_complete=complete_suite)
@click.pass_obj
def validate(root: Path, names: tuple[str, ...]) -> None:
    """Check the suites NAMES, and list every problem with its place.

    Default: all suites, and the history. Models with `provider = "python"` or `"http"`, and checks and metrics of the
    project, are checked without importing a module or sending a request.

    Exit status: 0 valid, 1 problems found, 2 usage.
    """
    with explained():
        config = load_config(root)
    chosen = names or tuple(suite_names(root))
    if not chosen:
        raise click.ClickException(f"no suite found in {root / 'suites'}")
    problems = sum(_report(name, config) for name in chosen) + (0 if names else _history(config))
    problems += _applications(config)
    if problems:
        echo(f"{problems} problem{'s' if problems > 1 else ''} found", err=True)
        raise SystemExit(1)


def _report(name: str, config: Config) -> int:
    """Print the summary or the problems of a suite. Returns the number of problems."""
    try:
        suite = load_suite(name, config)
    except SuiteError as error:
        for problem in error.problems:
            echo(one_line(str(problem), 1000))
        return len(error.problems)
    echo(_summary(suite))
    metrics = {spec.score_name: open_metric(spec, config) for spec in suite.metrics}
    for coverage in coverage_of_suite(suite.cases, metrics):
        echo(f"  {one_line(str(coverage), 1000)}")
    for line in dict.fromkeys(line for prompt in suite.prompts.values() for line in prompt.ignored):
        echo(one_line(line, 1000))
    return 0


def _applications(config: Config) -> int:
    """Print the problems of the functions that the configuration names. Returns their number."""
    from evalharness.providers import open_provider  # most projects have no function

    names = [name for name, model in config.models.items() if model.provider in ("http", "python")]
    opening: list[Callable[[], object]] = [partial(open_provider, name, config) for name in names]
    opening += [partial(registry.find, "checks", name, config) for name in config.checks]
    opening += [partial(registry.find, "metrics", name, config) for name in config.metrics]
    problems = _prompts(config)
    for opened in opening:
        try:
            opened()
        except EvalHarnessError as error:
            place = "" if str(error).startswith("pyproject.toml:") else "pyproject.toml: "
            echo(one_line(f"{place}{error}", 1000))
            problems += 1
    return problems


def _prompts(config: Config) -> int:
    """Print the problems of the prompts that the configuration names, without importing a module."""
    problems = 0
    for name, settings in config.prompts.items():
        from evalharness.application.prompt_source import prompt_code  # most projects have none

        try:
            prompt_code(name, settings, config.root.resolve())
        except EvalHarnessError as error:
            echo(one_line(f"pyproject.toml: {error}", 1000))
            problems += 1
    return problems


def _history(config: Config) -> int:
    """The same for `golden/HISTORY.jsonl`, if it exists."""
    with explained():
        acceptances, problems = read_acceptances(config.root)
    for problem in problems:
        echo(one_line(problem, 1000))
    if acceptances and not problems:
        echo(f"{ACCEPTANCES}: ok: {_count(len(acceptances), 'acceptance')}")
    return len(problems)


def _summary(suite: Suite) -> str:
    tags = {tag for case in suite.cases for tag in case.tags}
    parts = [
        f"{_count(len(suite.cases), 'case')} in {_count(len(tags), 'tag')}",
        f"{_count(len(suite.prompts), 'prompt')} ({', '.join(suite.prompts)})",
        _count(len(suite.metrics), "metric"),
        _count(len(suite.gates), "gate"),
    ]
    return f"{suite.file}: ok: {', '.join(parts)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
