"""The page of a blind comparison: `evalharness review RUN [OTHER] --html FILE`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from evalharness.cli._output import echo, explained
from evalharness.cli.overwrite import refuse_to_replace
from evalharness.cli.records import record_of
from evalharness.records.names import is_name
from evalharness.report.blind import blind_page
from evalharness.review.sides import only, pair_answers, read_answers
from evalharness.store import write_whole
from evalharness.store.baselines import BASELINE_FOLDER

USAGE = "a blind comparison requires --html FILE, and RUN and OTHER or RUN and --sides A,B"


@dataclass(frozen=True, slots=True)
class BlindOptions:
    """What to compare."""

    sides: str
    models: Sequence[str]
    prompts: Sequence[str]
    sample: int | None
    seed: str

    @property
    def are_set(self) -> bool:
        """Whether an option is used that has no meaning without a page."""
        return bool(self.sides or self.models or self.prompts or self.sample or self.seed)


def write_page(
    root: Path, run: str | None, other: str | None, html: Path, options: BlindOptions, *, force: bool
) -> None:
    """Write the page. Raises click.UsageError, and click.ClickException: nothing to compare."""
    if not run or not (other or options.sides):
        raise click.UsageError(USAGE)
    with explained():
        refuse_to_replace(html, root, force=force)
        records = [_record(root, given) for given in (run, other or run)]
        a, b = (only(read_answers(path, root), options.models, options.prompts) for path in records)
        first, second, pairs = pair_answers(a, b, options.sides)
        seed = options.seed or secrets.token_hex(8)
        write_whole(html, blind_page(a.suite, first, second, pairs, seed, options.sample))
    echo(f"{html}: {_count(len(pairs), options.sample)}; open it in a browser, then import its export")


def _record(root: Path, given: str) -> Path:
    """A run record, a baseline file, or the folder of the baselines of a suite."""
    folder = Path(given).resolve()
    if folder.parent == (root / BASELINE_FOLDER).resolve() and is_name(folder.name) and folder.is_dir():
        return folder
    return record_of(root, given)


def _count(pairs: int, sample: int | None) -> str:
    if sample is None or sample >= pairs:
        return f"{pairs} cases"
    return f"a random {sample} of {pairs} cases"
