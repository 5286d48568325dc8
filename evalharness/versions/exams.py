"""What a change does to its own exam: all that decides how hard its suites are, then and now."""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evalharness.config import load_config
from evalharness.errors import StoreError
from evalharness.records import Baseline, Change
from evalharness.store import Commit, read_baseline
from evalharness.store.baselines import BASELINE_FOLDER, PINNED
from evalharness.suites import load_suite, suite_names
from evalharness.versions.reference import anchored

_PARTS = ("suites", "golden", "pyproject.toml")
_PYTEST = ("conftest.py", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
"""Where else the way in which pytest runs can be changed."""
_SETTINGS = {"models", "embedders", "limits"}


def exam_changes(commit: Commit, root: Path) -> dict[str, list[Change]]:
    """By suite, in either version: how the files under `root` differ from those of the commit. Empty where none does.

    Raises StoreError, and EvalHarnessError where either version cannot be read.
    """
    from evalharness.gate.changes import changes
    from evalharness.gate.exam import Exam

    with tempfile.TemporaryDirectory(prefix="evalharness-") as folder:
        named = named_files(root)
        there = set(commit.write_to(Path(folder), *_PARTS, *_PYTEST, *named))
        tracked = [name for name in named if name in there]  # of a file that git does not have nothing can be said
        parts = (*_PARTS, *_PYTEST, *tracked)
        if _contents(Path(folder), parts) == _contents(root, parts):
            return {}
        then: dict[str, Exam] = dict(_exams(Path(folder), tracked, real=root))
        now: dict[str, Exam] = dict(_exams(root, tracked, real=root))
    return {name: changes(then.get(name), now.get(name)) for name in {**then, **now}}


def named_files(root: Path) -> list[str]:
    """Files of the project that the configuration names: scripted answers, chat templates, small models."""
    config = load_config(root)
    options = [value for model in config.models.values() for value in model.options.values()]
    options += [embedder.path for embedder in config.embedders.values()]
    paths = {Path(value.partition(":")[0]) for value in options if isinstance(value, str) and value}
    inside = (path for path in paths if not path.is_absolute() and ".." not in path.parts)
    return sorted(path.as_posix() for path in inside if (root / path).is_file())


def _contents(root: Path, parts: Sequence[str]) -> dict[str, bytes]:
    """A digest of each file that can decide anything."""
    paths = [path for part in parts for path in [root / part, *(root / part).rglob("*")]]
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).digest()
        for path in paths
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    }


def _exams(root: Path, tracked: Sequence[str], *, real: Path) -> Iterator[tuple[str, Any]]:
    from evalharness.gate.exam import exam_of

    config = load_config(root)
    settings = config.model_dump(mode="json", include=_SETTINGS)
    settings["pytest"] = _pytest_settings(root)
    paths = [*sorted((root / "golden/recordings").glob("*.jsonl")), *(root / name for name in (*_PYTEST, *tracked))]
    files = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }
    suites = anchored(config, real, root)
    for name in suite_names(root):
        found = dict(_baselines(root, name))
        yield name, exam_of(load_suite(name, suites), config=settings, baselines=found, files=files)


def _pytest_settings(root: Path) -> dict[str, Any]:
    """`[tool.pytest.ini_options]`, where options of the exam can be hidden."""
    path = root / "pyproject.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found: dict[str, Any] = table.get("tool", {}).get("pytest", {}).get("ini_options", {})
    return found


def _baselines(root: Path, suite: str) -> Iterator[tuple[tuple[str, str], Baseline | StoreError | None]]:
    """All that lie in the suite's folder, by model and prompt; pinned ones by a name of their own."""
    folder = root / BASELINE_FOLDER / suite
    for path in sorted([*folder.glob("*.jsonl"), *(folder / PINNED).glob("*.jsonl")]):
        model, _, prompt = path.stem.partition(".")
        pinned = f"{PINNED}/" if path.parent.name == PINNED else ""
        yield (f"{pinned}{model}", prompt), read_one(path, root)


def read_one(path: Path, root: Path) -> Baseline | StoreError | None:
    """A baseline, or why there is none in this file."""
    try:
        return read_baseline(path, root)
    except StoreError as error:
        return error
