"""The project at a commit, in a folder of its own: written once for all suites of a run."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from evalharness.config import Limits
from evalharness.criteria.forms import in_form_of
from evalharness.criteria.scope import scope_of
from evalharness.store import Commit
from evalharness.suites.load import SUITE_FOLDER
from evalharness.suites.prompt_files import prompt_references


class Snapshot:
    """The files of a commit that can influence a verdict, and the prompt files of its suites.

    The folder is deleted with this object. Raises ConfigError, GitError, StoreError.
    """

    def __init__(self, commit: Commit, root: Path) -> None:
        self.commit, self._root = commit, root
        self.folder = Path(tempfile.mkdtemp(prefix="evalharness-"))
        """Holds the files under their paths in the project, and no links."""
        self._parts: set[str] = set()
        self.written: set[str] = set()
        """The files in the folder, relative to it."""
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.add(scope_of(root).parts(commit.names))

    def add(self, parts: Iterable[str]) -> None:
        """Write the files at and below more paths of the commit."""
        if new := [part for part in parts if part not in self._parts]:
            self._parts.update(new)
            files = set(self.commit.write_to(self.folder, *new, known=self.written))
            _restore(self.folder, self._root, files)
            self.written |= files
            self.add(sorted({name for file in files for name in self._prompt_files(file)} - self.written))

    def _prompt_files(self, file: str) -> Iterator[str]:
        """The prompt files that a suite names."""
        path = PurePosixPath(file)
        if path.parent == PurePosixPath(SUITE_FOLDER) and path.suffix == ".yaml":
            yield from prompt_references(self.folder / file, self.folder, Limits())


def _restore(there: Path, root: Path, names: Iterable[str]) -> None:
    """Give files of the commit the form that they have in the work tree, where only the form differs."""
    for name in names:
        then = (there / name).read_bytes()
        if (restored := in_form_of(then, root / name)) != then:
            (there / name).write_bytes(restored)
