"""Compares the criteria of a suite in the working tree with those at a commit."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.config import load_config
from evalharness.criteria.forms import in_form_of
from evalharness.criteria.inputs import (
    FOLDERS,
    input_files,
    linked_content,
    links_below,
    part_names,
    pytest_settings,
)
from evalharness.errors import StoreError
from evalharness.records import Baseline, CriteriaChange
from evalharness.store import Commit, read_baseline
from evalharness.store.baselines import BASELINE_FOLDER, PINNED
from evalharness.suites import load_suite, suite_names

if TYPE_CHECKING:
    from evalharness.criteria.criteria import Criteria

_HARMLESS = {"root", "reports", "processes"}
"""Settings that cannot relax the criteria: where the project is, which other files a run writes, its speed."""


def criteria_changes(commit: Commit, root: Path, name: str) -> list[CriteriaChange]:
    """The differences between the criteria at the commit and under `root`.

    Other deleted suites are listed too. Raises GitError, StoreError, and SuiteError or ConfigError if either version of
    the suite is invalid.
    """
    with tempfile.TemporaryDirectory(prefix="evalharness-") as folder:
        there, named = Path(folder), named_files(root)
        parts = part_names(commit.top_level())
        written = set(commit.write_to(there, *parts, *named))
        _restore(there, root, written)
        tracked = [name for name in named if name in written]  # a file outside of git has no earlier version
        links = linked_content(commit.links(*parts), commit.read), linked_content(links_below(root), _reader(root))
        if links[0] == links[1] and _contents(there, tracked) == _contents(root, tracked):
            return []
        from evalharness.criteria.changes import changes, deleted_suite

        gone = sorted(set(suite_names(there)) - set(suite_names(root)) - {name})
        old = _criteria(there, name, tracked, links[0], real=root)
        found = changes(old, _criteria(root, name, tracked, links[1], real=root))
        lost_lines = list(_lost_acceptances(there, root))
    return [*found, *map(deleted_suite, gone), *lost_lines]


def _restore(there: Path, root: Path, names: Iterable[str]) -> None:
    """Give files of the commit the form that they have in the work tree, where only the form differs."""
    for name in names:
        then = (there / name).read_bytes()
        if (restored := in_form_of(then, root / name)) != then:
            (there / name).write_bytes(restored)


def _reader(root: Path) -> Callable[[str], bytes | None]:
    return lambda name: (root / name).read_bytes() if (root / name).is_file() else None


def _lost_acceptances(there: Path, here: Path) -> Iterator[CriteriaChange]:
    """Removed or edited lines of the list of acceptances. The list decides nothing, so they do not relax."""
    from evalharness.store.acceptances import ACCEPTANCES

    then, now = ((root / ACCEPTANCES).read_bytes() if (root / ACCEPTANCES).is_file() else b"" for root in (there, here))
    lost = len(set(then.splitlines()) - set(now.splitlines()))
    if lost:
        lines = "1 line is" if lost == 1 else f"{lost} lines are"
        yield CriteriaChange(ACCEPTANCES, "", f"{lines} removed or edited; lines may only be added", relaxes=False)


def named_files(root: Path) -> list[str]:
    """Paths of the project's files that the configuration names.

    For example scripted responses, chat templates and small models.
    """
    config = load_config(root)
    options = [value for model in config.models.values() for value in model.options.values()]
    options += [embedder.path for embedder in config.embedders.values()]
    paths = {Path(value.partition(":")[0]) for value in options if isinstance(value, str) and value}
    inside = (path for path in paths if not path.is_absolute() and ".." not in path.parts)
    return sorted(path.as_posix() for path in inside if (root / path).is_file())


def _contents(root: Path, tracked: Sequence[str]) -> dict[str, object]:
    """Path -> digest of each file that can change the criteria."""
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*")]
    paths += [root / name for name in (*tracked, "pyproject.toml")]
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    }
    return {**found, **input_files(root)}


def _criteria(
    root: Path, name: str, tracked: Sequence[str], links: Mapping[str, str], *, real: Path
) -> Criteria | None:
    """The criteria of the suite; None if there is no suite with this name."""
    from evalharness.criteria.criteria import criteria_of  # brings numpy

    if name not in suite_names(root):
        return None
    config = load_config(root)
    settings = config.model_dump(mode="json", exclude=_HARMLESS) | {"pytest": pytest_settings(root)}
    paths = [*sorted((root / "golden/recordings").glob("*.jsonl")), *(root / file for file in tracked)]
    files = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }
    suite = load_suite(name, config.model_copy(update={"root": real}).anchored(root))
    files = files | input_files(root) | dict(links)
    return criteria_of(suite, config=settings, baselines=dict(_baselines(root, name)), files=files)


def _baselines(root: Path, suite: str) -> Iterator[tuple[tuple[str, str], Baseline | StoreError | None]]:
    """The baselines in the suite's folder, by model and prompt. The model of a pinned one has the prefix `pinned/`."""
    folder = root / BASELINE_FOLDER / suite
    for path in sorted([*folder.glob("*.jsonl"), *(folder / PINNED).glob("*.jsonl")]):
        model, _, prompt = path.stem.partition(".")
        pinned = f"{PINNED}/" if path.parent.name == PINNED else ""
        yield (f"{pinned}{model}", prompt), read_one(path, root)


def read_one(path: Path, root: Path) -> Baseline | StoreError | None:
    """The baseline in a file, or the error that reading it raises."""
    try:
        return read_baseline(path, root)
    except StoreError as error:
        return error
