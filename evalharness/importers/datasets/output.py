"""Write a data set as a suite, its case file and its golden file, after checking them together."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

from evalharness.config import Config
from evalharness.errors import RefusedError, StoreError, SuiteError
from evalharness.importers.comments import comment
from evalharness.importers.datasets.dataset import Dataset
from evalharness.importers.datasets.table import DatasetError
from evalharness.importers.writing import yaml_text
from evalharness.suites import load_suite

_CHECKED = 1_000
"""Cases that are loaded as a suite before writing; the others are made in the same way."""


def write_dataset(
    dataset: Dataset, name: str, config: Config, *, command: str, force: bool, dry_run: bool = False
) -> list[str]:
    """The paths of the written files, relative to the root; with `dry_run`, of those that would be written.

    `command` is kept in the suite, to repeat the import. Raises RefusedError if a file exists, without `force`;
    DatasetError if `evalharness validate` would reject the suite; StoreError if a file cannot be written.
    """
    paths = list(_paths(dataset, name))
    _refuse(config.root, paths, f"golden/{name}.yaml", force=force)
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder, "whole"), Path(folder, "part")
        _write_texts(dataset, name, whole, command, None)
        _copy_prompt(dataset, config.root, whole)
        _check_sizes(dataset, [whole / path for path in paths], config)
        if dataset.options.prompt is None:  # a prompt of this package renders with every case
            _write_texts(dataset, name, part, command, _CHECKED)
            _copy_prompt(dataset, config.root, part)
        _check(name, config.model_copy(update={"root": part if part.exists() else whole}))
        for path in paths if not dry_run else ():
            _copy(whole / path, config.root / path, path, force=force)
    return paths


def _check_sizes(dataset: Dataset, files: Sequence[Path], config: Config) -> None:
    """Raise DatasetError for files beyond the limits of suites."""
    limits, largest = config.limits, max(file.stat().st_size for file in files)
    advice = "take fewer rows with --sample N, or raise the limit in [tool.evalharness.limits]"
    if dataset.count > limits.cases:
        raise DatasetError(f"{dataset.count:,} cases exceed limits.cases = {limits.cases:,}: {advice}")
    if largest > limits.file_mb * 1e6:
        raise DatasetError(f"a file of {largest / 1e6:,.0f} MB exceeds limits.file_mb = {limits.file_mb:g}: {advice}")


def _paths(dataset: Dataset, name: str) -> Iterator[str]:
    yield f"suites/{name}.yaml"
    yield f"suites/cases/{name}.jsonl"
    if dataset.has_golden:
        yield f"golden/{name}.jsonl"


def _refuse(root: Path, paths: Sequence[str], other: str, *, force: bool) -> None:
    for path in paths:
        if not force and ((root / path).exists() or (root / path).is_symlink()):
            raise RefusedError(f"{path}: the file exists: choose another NAME, or replace it with --force")
    stale = [path for path in (other, other.replace(".yaml", ".jsonl")) if path not in paths and (root / path).exists()]
    if stale:
        raise RefusedError(f"{stale[0]}: the file holds goldens of another suite: choose another name, or remove it")


def _write_texts(dataset: Dataset, name: str, folder: Path, command: str, first: int | None) -> None:
    """Write the files of the first cases, of all if `first` is None."""
    suite, cases, golden = (folder / path for path in (f"suites/{name}.yaml", f"suites/cases/{name}.jsonl", "golden"))
    cases.parent.mkdir(parents=True)
    golden.mkdir(parents=True)
    suite.write_text(suite_text(dataset, name, command), encoding="utf-8")
    with cases.open("w", encoding="utf-8") as case_file:
        answers = (golden / f"{name}.jsonl").open("w", encoding="utf-8") if dataset.has_golden else nullcontext()
        with answers as golden_file:
            for case in islice(dataset.cases(), first):
                case_file.write(f"{case.case_line}\n")
                if golden_file and case.golden:
                    golden_file.write(f"{case.golden_line}\n")


def suite_text(dataset: Dataset, name: str, command: str) -> str:
    """The text of the suite, with the command that imports it and its notes in a comment."""
    head = [f"Imported from {dataset.file.name}. To import it again:", f"  {command}"]
    head += ["", "Left out, or changed:", *(f"  {note}" for note in dataset.notes)] if dataset.notes else []
    return f"{comment(head)}\n{yaml_text(dataset.suite(name))}"


def _copy_prompt(dataset: Dataset, root: Path, folder: Path) -> None:
    """Copy the file that the prompt names, for the check."""
    if dataset.prompt_file:
        (folder / dataset.prompt_file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / dataset.prompt_file, folder / dataset.prompt_file)


def _check(name: str, config: Config) -> None:
    try:
        load_suite(name, config)
    except SuiteError as error:
        more = f"\nand {len(error.problems) - 5} more" if len(error.problems) > 5 else ""
        problems = "\n".join(map(str, error.problems[:5])) + more
        raise DatasetError(f"nothing was written, because the suite would not be valid:\n{problems}") from None


def _copy(source: Path, target: Path, name: str, *, force: bool) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as given, target.open("wb" if force else "xb") as file:
            shutil.copyfileobj(given, file)
    except OSError as error:
        raise StoreError(f"{name} cannot be written: {error.strerror or error}") from None
