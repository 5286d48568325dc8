"""`evalharness labels`: the choices of people in blind comparisons and on answers for judges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from evalharness.cli._output import echo, explained, print_json
from evalharness.cli.complete import complete_suite
from evalharness.config import load_config
from evalharness.errors import StoreError
from evalharness.records.names import is_name
from evalharness.report.encode import one_line
from evalharness.review.labels import LabelSide, import_labels, read_labels
from evalharness.review.tally import Comparison, Tally, comparison_of, comparisons, tally
from evalharness.store import read_baseline
from evalharness.store.acceptances import read_acceptances
from evalharness.store.answer_labels import LABEL_FOLDER, has_answer_labels, label_path
from evalharness.store.baselines import BASELINE_FOLDER
from evalharness.store.runs import RECORD, stored_lines

_CLEAR = 0.05
_WIDTH = 79


@click.group(epilog="Example: evalharness labels import evalharness-labels.jsonl")
def labels() -> None:
    """Import the choices of a blind comparison, or labels for a judge, and count the choices.

    `evalharness review RUN OTHER --html FILE` writes the page of a comparison, `evalharness judge calibrate SUITE
    --html FILE` that of labels.
    """


@labels.command(
    "import",
    epilog="Example: evalharness labels import evalharness-labels.jsonl",
    short_help="Import the choices of a blind comparison, or labels.",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", default="", metavar="NAME", help="Set the name of the person. Default: the name in FILE.")
@click.option(
    "--run",
    "records",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Pass the record of a run outside reports/; repeatable.",
)
@click.option(
    "--made-by",
    type=click.Choice(["person", "model"]),
    default="person",
    show_default=True,
    help="Mark labels that a model has made: they never calibrate a judge.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the tally as JSON.")
@click.pass_obj
def import_(
    root: Path, file: Path, by: str, records: tuple[Path, ...], made_by: Literal["person", "model"], as_json: bool
) -> None:
    """Add the choices in FILE to golden/labels/SUITE.jsonl. Of a comparison, test for a winner.

    Importing a file again adds nothing. Labels for a judge need the record of the run that they are about.

    Exit status: 0 imported, 1 refused and nothing written, 2 usage.
    """
    with explained():
        if has_answer_labels(file, load_config(root).limits.file_mb):
            _import_answers(root, file, by.strip(), records, made_by, as_json=as_json)
            return
        if made_by == "model":
            raise click.UsageError("--made-by model: expected labels for a judge, got the choices of a comparison")
        done = import_labels(file, load_config(root), _known_runs(root, records), by=by.strip())
    first = next(iter(done.labels), None)
    compared = comparison_of(done.known, first.a, first.b) if first else None
    if as_json:
        found = tally(compared.labels if compared else ())
        print_json({"added": done.added, "changed": done.changed, **asdict(found)}, None)
        return
    path = done.path.relative_to(root).as_posix()
    changed = f", {done.changed} changed" if done.changed else ""
    echo(f"{path}: {done.added} of {len(done.labels)} labels are new{changed}")
    if compared:
        _show(compared)


@labels.command("tally", epilog="Example: evalharness labels tally support", short_help="Count imported choices.")
@click.argument("suite", required=False, shell_complete=complete_suite)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.pass_obj
def tally_(root: Path, suite: str | None, as_json: bool) -> None:
    """Count the choices in golden/labels/SUITE.jsonl, and test each comparison for a winner. Default: all suites.

    Exit status: 0 printed, 1 no choices or an unreadable file, 2 usage.
    """
    with explained():
        found = [(name, one) for name in _suites(root, suite) for one in _comparisons(root, name)]
    if not found:
        raise click.ClickException(
            f"no choices in {LABEL_FOLDER}/{suite or '*'}.jsonl: write a page with evalharness review RUN OTHER "
            "--html FILE, and import its export"
        )
    if as_json:
        print_json([_as_json(name, one) for name, one in found], None)
        return
    for name, one in found:
        echo(f"{label_path(root, name).relative_to(root).as_posix()}: {_voters(one)}")
        _show(one)


def _suites(root: Path, suite: str | None) -> list[str]:
    if suite is None:
        return sorted(path.stem for path in (root / LABEL_FOLDER).glob("*.jsonl") if is_name(path.stem))
    if not is_name(suite):
        raise click.BadParameter(f"expected the name of a suite, got {suite[:60]!r}", param_hint="SUITE")
    return [suite]


def _comparisons(root: Path, suite: str) -> Iterator[Comparison]:
    path = label_path(root, suite)
    if path.exists():
        yield from comparisons(read_labels(path))


def _as_json(suite: str, one: Comparison) -> dict[str, object]:
    sides = {"a": one.a.model_dump(), "b": one.b.model_dump()}
    return {"suite": suite, "sides": sides, "by": _people(one), **asdict(tally(one.labels))}


def _people(one: Comparison) -> list[str]:
    return sorted({label.by for label in one.labels})


def _voters(one: Comparison) -> str:
    return one_line(f"{len(one.labels)} choices by {', '.join(_people(one))}", _WIDTH)


def _import_answers(
    root: Path, file: Path, by: str, records: tuple[Path, ...], made_by: Literal["person", "model"], *, as_json: bool
) -> None:
    from evalharness.cli.judge_labels import import_into

    done = import_into(root, file, records, by=by, made_by=made_by)
    if as_json:
        print_json(asdict(done), None)
        return
    path = label_path(root, done.suite).relative_to(root).as_posix()
    echo(f"{path}: {done.added} of {done.labels} labels are new" + (f", {done.changed} changed" * bool(done.changed)))
    echo(one_line(f"let the judge judge them: evalharness judge calibrate {done.suite} --no-ask", _WIDTH))


def _show(compared: Comparison) -> None:
    found = tally(compared.labels)
    for letter, side, count in (("A", compared.a, found.a), ("B", compared.b, found.b)):
        echo(one_line(f"{letter} better in {count:>4} cases: {_name(side)}", _WIDTH))
    echo(f"no preference {found.even}; people {found.people}")
    echo(meaning(found))


def _name(side: LabelSide) -> str:
    names = ", ".join(filter(None, (side.model, side.prompt)))
    return f"{side.run} ({names})" if names else side.run


def meaning(found: Tally) -> str:
    """The result of the tally in one line."""
    total = found.a + found.b
    if found.p_value is None:
        return "No case has a preference, so there is no result."
    better, count = ("A", found.a) if found.a > found.b else ("B", found.b)
    p_value = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.3f}"
    if found.p_value <= _CLEAR:
        return f"{better} is preferred in {count} of {total} cases: more than chance explains ({p_value})."
    return f"At most {count} of {total} cases favor one side: chance explains this ({p_value}), no winner."


def _known_runs(root: Path, records: tuple[Path, ...]) -> dict[str, set[str]]:
    """The ids of the runs in reports, baselines and history, by suite.

    A damaged file of the project is skipped with a line on standard error: labels of other runs do not need it.
    Raises StoreError for a damaged one of `records`.
    """
    known: dict[str, set[str]] = {}
    for suite, run in (*_named(records), *_recorded(root), *_accepted(root)):
        known.setdefault(suite, set()).add(run)
    for acceptance in read_acceptances(root)[0]:
        known.setdefault(acceptance.suite, set()).add(acceptance.run)
    return known


def _named(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        header = next(stored_lines(path), (1, {}))[1]
        if header.get("kind") == "run":
            yield str(header.get("suite")), str(header.get("id"))


def _recorded(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((root / "reports").rglob(RECORD)):
        try:
            yield from _named([path])
        except StoreError as error:
            _skip(error)


def _accepted(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((root / BASELINE_FOLDER).rglob("*.jsonl")):
        try:
            baseline = read_baseline(path, root)
        except StoreError as error:
            _skip(error)
            continue
        if baseline:
            yield from ((baseline.suite, run.id) for run in baseline.runs)


def _skip(error: StoreError) -> None:
    echo(one_line(f"skipped: {error}", 500), err=True)
