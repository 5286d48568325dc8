"""`evalharness export`: a run or a baseline as a table for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from evalharness.cli._output import echo, explained, print_data
from evalharness.errors import RefusedError, StoreError
from evalharness.records import Baseline, Run
from evalharness.report.export import Table, csv_lines, is_export, write_csv, write_parquet
from evalharness.store import read_baseline, read_run
from evalharness.store.runs import parse_line, record_in

Format = Literal["csv", "parquet"]
_SUFFIXES: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@click.command(epilog="Example: evalharness export reports/support -o support.parquet")
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file. Default: CSV to stdout.",
)
@click.option(
    "--csv", "form", flag_value="csv", help="Write comma-separated values; the default without -o, and for FILE.csv."
)
@click.option(
    "--parquet", "form", flag_value="parquet", help="Write Parquet; the default for FILE.parquet and FILE.pq."
)
@click.option("--raw", is_flag=True, help="In CSV: do not escape text that spreadsheets run as a formula.")
@click.option("--force", is_flag=True, help="Replace a file that is not an export.")
@click.pass_obj
def export(root: Path, run: Path, output: Path | None, form: Format | None, raw: bool, force: bool) -> None:
    """Export RUN as a table with a row per sample.

    RUN is the folder of a run, its run.jsonl, or a baseline file. docs/data.md explains the columns. An earlier export
    is replaced; any other file only with --force.

    Exit status: 0 written, 1 RUN cannot be read or FILE cannot be written, 2 usage.
    """
    chosen = form or _by_suffix(output)
    if chosen == "parquet" and output is None:
        raise click.UsageError("--parquet requires -o FILE: Parquet is binary")
    if chosen == "parquet" and raw:
        raise click.UsageError("--raw requires CSV: Parquet never escapes text")
    path = record_in(run) if run.is_dir() else run
    with explained():
        table = Table(_read(path, root))
        if output is None:
            print_data(csv_lines(table, raw=raw))
            return
        _refuse_to_replace(output, path, force=force)
        if chosen == "parquet":
            write_parquet(output, table)
        else:
            write_csv(output, table, raw=raw)
    count = sum(1 for _ in table.rows)
    echo(f"{output}: {count} row{'' if count == 1 else 's'}")


def _by_suffix(output: Path | None) -> Format:
    """The format of the file's suffix. Raises click.UsageError for an unknown one."""
    if output is None:
        return "csv"
    if (found := _SUFFIXES.get(output.suffix.lower())) is None:
        raise click.UsageError(f"{output}: unknown suffix: pass --csv or --parquet")
    return found


def _read(path: Path, root: Path) -> Run | Baseline:
    """A run or a baseline, by the kind in its first line. Raises StoreError."""
    kind = _kind(path)
    if kind == "run":
        return read_run(path)
    baseline = read_baseline(path.resolve(), root) if kind == "baseline" else None
    if baseline is None:
        raise StoreError(f"{path}:1: expected the first line of a run or a baseline")
    return baseline


def _kind(path: Path) -> object:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            return parse_line(path, 1, file.readline()).get("kind")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None


def _refuse_to_replace(output: Path, source: Path, *, force: bool) -> None:
    """Raise RefusedError for a file whose replacement could lose work."""
    if not output.exists():
        return
    if output.samefile(source):
        raise RefusedError(f"{output}: the output is the exported file: choose another file")
    if not force and not is_export(output):
        raise RefusedError(f"{output}: the file is not an export: choose another file, or pass --force")
