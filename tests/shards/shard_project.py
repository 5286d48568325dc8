"""A project whose suite runs in shards."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from evalharness.store import canonical_run, read_run
from evalharness.testing import Project

CASES = {f"case-{number}": "Yes." for number in range(60)}
OF_THE_RUN = ("run",)


class ShardProject(Project):
    """A project with an accepted suite, which a test runs whole and in shards."""

    def run_shards(self, of: int, numbers: Iterable[int] | None = None, *options: str) -> list[str]:
        """The folders of these shards, all by default. Each one ends with 0."""
        folders = []
        for number in numbers or range(1, of + 1):
            folders.append(f"shards/{number}")
            done = self.command("run", self.suite, "--shard", f"{number}/{of}", "--report", folders[-1], *options)
            assert done.exit_code == 0, done.output
        return folders

    def merge(self, *words: str) -> tuple[int, str]:
        """The status and the output of `evalharness merge`, with paths relative to the project."""
        paths = [str(self.root / word) if (self.root / word).exists() else word for word in words]
        done = self.command("merge", *paths)
        return done.exit_code, done.output

    def run_whole(self, *options: str) -> int:
        """The status of one run of the whole suite, with its reports in `whole`."""
        return self.command("run", self.suite, "--settle", "1", "--report", "whole", *options).exit_code

    def canonical(self, folder: str) -> bytes:
        """The canonical form of the record in a folder."""
        return canonical_run(read_run(self.root / folder / "run.jsonl"))

    def decided(self, folder: str) -> dict[str, Any]:
        """The content of `verdict.json` in a folder, without the id of the run."""
        found: dict[str, Any] = json.loads(self.read(f"{folder}/verdict.json"))
        return {name: value for name, value in found.items() if name not in OF_THE_RUN}
