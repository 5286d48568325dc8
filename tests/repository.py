"""A small real git repository, as somebody who opens a pull request can make it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CI_VARIABLES = (
    "CI",
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_DIFF_BASE_SHA",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
)
_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def leave_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on it looks like a person's desk, wherever these tests run."""
    for variable in CI_VARIABLES:
        monkeypatch.delenv(variable, raising=False)


class Repository:
    """A work tree and what one does in it; a new one has the branch `main` and no commit."""

    def __init__(self, root: Path, *, new: bool = True) -> None:
        self.root = root
        if new:
            root.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch=main", "--template=")

    def git(self, *words: str, stdin: str | None = None) -> str:
        """What git prints. Fails the test when git fails."""
        allowed = ("-c", "protocol.file.allow=always")  # for submodules from a folder
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | _ENVIRONMENT
        done = subprocess.run(
            ["git", *allowed, *words], cwd=self.root, env=environment, input=stdin, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, name: str, content: str | bytes) -> Path:
        """A file of the work tree."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, name: str) -> str:
        """A file's text."""
        return (self.root / name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there, wherever it stands."""
        text = self.read(name)
        assert old in text
        self.write(name, text.replace(old, new))

    def remove(self, name: str) -> None:
        """Delete a file that must be there."""
        (self.root / name).unlink()

    def commit(self, change: Callable[[Repository], object] | None = None) -> str:
        """Commit everything, after a change; the new commit."""
        if change:
            change(self)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str = "topic") -> None:
        """Begin a branch here and go on in it."""
        self.git("checkout", "--quiet", "-b", name)
