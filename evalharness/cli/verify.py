"""`evalharness verify`: check that each suite has a verdict of this commit. Calls no model."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

import click

from evalharness.cli._output import echo, explained, print_json
from evalharness.cli.complete import complete_model, complete_suite
from evalharness.config import load_config
from evalharness.evaluation.merge_base import MergeBase
from evalharness.modules import import_modules
from evalharness.report.encode import one_line
from evalharness.store import merge_base

_ALL = "all"
_NO_SUITE = "NO VERDICT: no suite here, and none at the merge base"
_MOST_CHARS = 1000


@click.command(
    epilog="""\b
Examples:
  evalharness verify
  evalharness verify support,billing --base origin/main --json""",
    short_help="Check that each suite has a verdict of this commit.",
)
@click.argument("suites", metavar="[SUITE]...", nargs=-1, shell_complete=complete_suite)
@click.option(
    "--model",
    "models",
    multiple=True,
    shell_complete=complete_model,
    help="Expect this model instead of the suite's models; repeatable.",
)
@click.option(
    "--prompt", "prompts", multiple=True, help="Expect this prompt instead of the suite's prompts; repeatable."
)
@click.option("--baseline", metavar="PATH|git:REF|none", help="Set the baseline of the run, if not the default.")
@click.option("--base", metavar="REF", help="Set the branch this change is merged into.")
@click.option("--report", metavar="DIR", help="Read the reports here. Default: reports/SUITE.")
@click.option(
    "--inconclusive",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="Choose what an inconclusive gate does.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def verify(
    root: Path, /, suites: tuple[str, ...], base: str | None, inconclusive: str, as_json: bool, **settings: Any
) -> None:
    """Check that each SUITE has a verdict of this commit: fresh, complete, and the one that its record gives.

    Without SUITE or with `all`, checks the suites of the work tree and of the merge base. Calls no model, and prints
    the worst result first. In CI, run it last: a job whose pytest has evaluated nothing may end with 0.

    Exit status: 0 all verified, 1 a regression, no decision or an error, 2 usage, 5 a suite has no fresh verdict, 6
    relaxed criteria or nothing compared.
    """
    from evalharness.cli import verification

    # the criteria list files in the root that shadow loaded modules: those of a run are loaded here too
    import_modules(["pytest", "evalharness.gate.decide"])
    with explained():
        there = MergeBase(load_config(root), merge_base(root, base))
        names = _names(suites) or verification.suites_to_verify(there)
        wanted = verification.RunSettings(fail_inconclusive=inconclusive == "fail", **settings)
        found = verification.verify_suites(there, names, wanted)
    status = max((one.exit_status for one in found), key=verification.SEVERITY.index, default=verification.NO_VERDICT)
    if as_json:
        print_json(verification.as_json(found, status, there))
    else:
        for line in map(str, found) if found else [_NO_SUITE]:
            echo(one_line(line, _MOST_CHARS))
        if missing := [one.suite for one in found if one.exit_status == verification.NO_VERDICT]:
            echo(one_line(f"for a verdict, run pytest --llm-suite={quote(','.join(missing))}", _MOST_CHARS))
    raise SystemExit(status)


def _names(given: tuple[str, ...]) -> list[str]:
    """The named suites, as `--llm-suite` reads them; empty for all. Raises click.BadParameter."""
    names = [name.strip() for argument in given for name in argument.split(",")]
    if not all(names):  # as from an unset variable
        raise click.BadParameter("expected the names of suites, got an empty one", param_hint="SUITE")
    return [] if _ALL in names else list(dict.fromkeys(names))
