"""Compares the criteria of a suite in the working tree with those at a commit."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.config import load_config
from evalharness.criteria.forms import in_form_of
from evalharness.criteria.input_settings import toml_settings
from evalharness.criteria.inputs import FOLDERS, SETTINGS, names
from evalharness.criteria.links import linked_content, links_below
from evalharness.criteria.scope import Scope, input_files, scope_of, tracked
from evalharness.errors import StoreError
from evalharness.records import Baseline, CriteriaChange
from evalharness.store import Commit, read_baseline
from evalharness.store.baselines import BASELINE_FOLDER, PINNED
from evalharness.suites import load_suite, suite_names

if TYPE_CHECKING:
    from evalharness.criteria.criteria import Criteria

_NOT_COMPARED = set(names(SETTINGS)) - set(names(SETTINGS, "compared"))
"""Settings that cannot relax the criteria."""
LABELS = "golden/labels"


def criteria_changes(commit: Commit, root: Path, name: str, loaded: Iterable[str] = ()) -> list[CriteriaChange]:
    """The differences between the criteria at the commit and under `root`.

    `loaded` are files that pytest has read or loaded, relative to the root. Other deleted suites are listed too. Raises
    GitError, StoreError, and SuiteError or ConfigError if either version of the suite is invalid.
    """
    with tempfile.TemporaryDirectory(prefix="evalharness-") as folder:
        there, scope = Path(folder), scope_of(root, loaded)
        parts = scope.parts(commit.names)
        written = set(commit.write_to(there, *parts))
        _restore(there, root, written)
        scope = tracked(scope, root, there, written)
        mine = scope.parts(lambda name: sorted(path.name for path in (root / name).iterdir()))
        links = (
            linked_content(commit.links(*parts), commit.read),
            linked_content(links_below(root, mine), _reader(root)),
        )
        if links[0] == links[1] and _contents(there, scope) == _contents(root, scope):
            return []
        from evalharness.criteria.changes import changes, deleted_suite

        gone = sorted(set(suite_names(there)) - set(suite_names(root)) - {name})
        old = _criteria(there, name, scope, links[0], real=root)
        found = changes(old, _criteria(root, name, scope, links[1], real=root))
        lines = [*_lost_acceptances(there, root), *_lost_labels(there, root), *_new_twins(there, root)]
    return [*found, *map(deleted_suite, gone), *lines]


def _restore(there: Path, root: Path, names: Iterable[str]) -> None:
    """Give files of the commit the form that they have in the work tree, where only the form differs."""
    for name in names:
        then = (there / name).read_bytes()
        if (restored := in_form_of(then, root / name)) != then:
            (there / name).write_bytes(restored)


def _names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


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


def _lost_labels(there: Path, here: Path) -> Iterator[CriteriaChange]:
    """Removed or edited labels: judges are calibrated with them. New labels do not relax."""
    for path in sorted((there / LABELS).glob("*.jsonl")):
        now = here / LABELS / path.name
        lost = set(path.read_bytes().splitlines()) - set(now.read_bytes().splitlines() if now.is_file() else ())
        if lost:
            what = "1 label is" if len(lost) == 1 else f"{len(lost)} labels are"
            yield CriteriaChange(f"{LABELS}/{path.name}", "", f"{what} removed or edited", relaxes=True)


def _new_twins(there: Path, here: Path) -> Iterator[CriteriaChange]:
    from evalharness.criteria.twins import twins

    for one, other in sorted(twins(here) - twins(there)):
        yield CriteriaChange(f"file {other[:100]}", "", f"on some systems the same file as {one[:100]}", relaxes=True)


def _contents(root: Path, scope: Scope) -> dict[str, object]:
    """Path -> digest of each file that can change the criteria."""
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*")]
    paths += [root / name for name in (*scope.named, "pyproject.toml")]
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    }
    return {**found, **input_files(root, scope)}


def _criteria(root: Path, name: str, scope: Scope, links: Mapping[str, str], *, real: Path) -> Criteria | None:
    """The criteria of the suite; None if there is no suite with this name."""
    from evalharness.criteria.criteria import criteria_of  # brings numpy

    if name not in suite_names(root):
        return None
    config = load_config(root)
    settings = config.model_dump(mode="json", exclude=_NOT_COMPARED) | toml_settings(root)
    paths = [*sorted((root / "golden/recordings").glob("*.jsonl")), *(root / file for file in scope.named)]
    files = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }
    suite = load_suite(name, config.model_copy(update={"root": real}).anchored(root))
    files = files | input_files(root, scope) | dict(links)
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
