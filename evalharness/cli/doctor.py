"""`evalharness doctor`: is everything there that the suites of this project need?"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click

from evalharness.doctor import CheckResult, Status, diagnose
from evalharness.report.encode import one_line

_SYMBOLS: dict[Status, tuple[str, str]] = {"ok": ("✓", "green"), "missing": ("–", "yellow"), "broken": ("✗", "red")}  # noqa: RUF001
_WIDTH, _INDENT = 79, 13


@click.command(epilog="Example: evalharness doctor --load", short_help="Is everything there that the suites need?")
@click.option("--load", is_flag=True, help="Open each local model and have it answer one token.")
@click.option("--ping", is_flag=True, help="Ask each endpoint for one token. It may cost a fraction of a cent.")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
@click.pass_obj
def doctor(root: Path, load: bool, ping: bool, as_json: bool) -> None:
    """Look at what is installed, the configuration, suites, models, keys, the repository and the ledger.

    A key is never shown, only whether its variable is set. Exit status: 0 all that the suites need is there, 1 some of
    it is missing or broken, 2 usage.
    """
    findings = diagnose(root, load=load, ping=ping)
    found = list(findings) if as_json else list(_shown(findings))
    bad = [finding for finding in found if finding.blocking]
    if as_json:
        click.echo(json.dumps({"ok": not bad, "findings": [asdict(finding) for finding in found]}, indent=1))
    elif bad:
        what = "thing that the suites need is" if len(bad) == 1 else "things that the suites need are"
        click.secho(f"\n{len(bad)} {what} missing or broken", fg="red")
    else:
        click.secho("\nall that the suites need is there", fg="green")
    raise SystemExit(bool(bad))


def _shown(findings: Iterable[CheckResult]) -> Iterable[CheckResult]:
    """Print each as it comes, for a model may take its time."""
    for section, group in groupby(findings, key=lambda finding: finding.section):
        click.echo(section)
        for finding in group:
            for number, line in enumerate(finding.text.splitlines()):
                _print(finding.status if number == 0 else None, line)
            yield finding


def _print(status: Status | None, line: str) -> None:
    first, *rest = textwrap.wrap(one_line(line, 1000), _WIDTH - _INDENT, break_on_hyphens=False) or [""]
    symbol, colour = _SYMBOLS[status] if status else (" ", None)
    click.secho(f"  {symbol} {status or '':<8} ", fg=colour, nl=False)
    click.echo(first)
    for more in rest:
        click.echo(f"{'':<{_INDENT}}{more}")
