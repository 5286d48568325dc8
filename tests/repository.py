"""A small real git repository, as the author of a pull request could have it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from evalharness.testing.folder import Folder

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{role}_{field}": "a@b" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")},
}
_OPTIONS = ("-c", "protocol.file.allow=always", "-c", "core.fsync=none", "-c", "maintenance.auto=false")
"""Submodules may be folders, and no commit waits for the disk or for maintenance."""


class Repository(Folder):
    """A git work tree; a new one has the branch `main` and no commit."""

    def __init__(self, root: Path, *, new: bool = True) -> None:
        super().__init__(root)
        if new:
            root.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch=main", "--template=")

    def git(self, *words: str, stdin: str | None = None) -> str:
        """The output of git. Raises AssertionError where git fails."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | _ENVIRONMENT
        done = subprocess.run(
            ["git", *_OPTIONS, *words], cwd=self.root, env=environment, input=stdin, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, change: Callable[[Repository], object] | None = None) -> str:
        """Commit everything after a change; the new commit."""
        if change:
            change(self)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str = "topic") -> None:
        """Create a branch here and check it out."""
        self.git("checkout", "--quiet", "-b", name)
