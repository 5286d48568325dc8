"""`evalharness doctor`: check everything that the suites of this project need."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click

from evalharness.cli._output import echo, print_json
from evalharness.doctor import CheckResult, Status, diagnose
from evalharness.report.encode import one_line

_SYMBOLS: dict[Status, tuple[str, str]] = {"ok": ("✓", "green"), "missing": ("–", "yellow"), "broken": ("✗", "red")}  # noqa: RUF001
_WIDTH, _INDENT = 79, 13


@click.command(epilog="Example: evalharness doctor --load", short_help="Check everything that the suites need.")
@click.option("--load", is_flag=True, help="Load each local model and generate one token.")
@click.option("--ping", is_flag=True, help="Send one short request to each endpoint and application behind HTTP.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
def doctor(root: Path, load: bool, ping: bool, as_json: bool) -> None:
    """Check packages, configuration, suites, models, keys and the repository.

    A key is never shown, only whether its variable is set.

    Exit status: 0 the suites can run, 1 something they need is missing or broken, 2 usage.
    """
    findings = diagnose(root, load=load, ping=ping)
    found = list(findings) if as_json else list(_shown(findings))
    bad = [finding for finding in found if finding.blocking]
    if as_json:
        print_json({"ok": not bad, "findings": [asdict(finding) for finding in found]})
    elif bad:
        echo(f"\n{len(bad)} problem{'s' if len(bad) > 1 else ''} to fix before the suites can run", fg="red")
    elif all(finding.status == "missing" for finding in found if finding.section == "suites"):
        echo("\nno suites yet: evalharness init creates one")
    else:
        echo("\nthe suites can run", fg="green")
    raise SystemExit(bool(bad))


def _shown(findings: Iterable[CheckResult]) -> Iterable[CheckResult]:
    """Print each finding immediately, because models load slowly."""
    for section, group in groupby(findings, key=lambda finding: finding.section):
        echo(section)
        for finding in group:
            for number, line in enumerate(finding.text.splitlines()):
                _print(finding.status if number == 0 else None, line)
            yield finding


def _print(status: Status | None, line: str) -> None:
    first, *rest = textwrap.wrap(one_line(line, 1000), _WIDTH - _INDENT, break_on_hyphens=False) or [""]
    symbol, colour = _SYMBOLS[status] if status else (" ", None)
    echo(f"  {symbol} {status or '':<8} ", fg=colour, nl=False)
    echo(first)
    for more in rest:
        echo(f"{'':<{_INDENT}}{more}")
