"""The files outside of suites and goldens that can influence a verdict.

pytest and Python read them where pytest starts in the root of the project. A change to one of them is compared with the
merge base like a change to a suite. Everything else in the repository is trusted: nothing reads it.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath
from typing import Any

FOLDERS = ("suites", "golden")
"""Folders that are compared as a whole."""


@dataclass(frozen=True, slots=True)
class Input:
    """Files that can influence a verdict."""

    pattern: str
    """Of paths relative to the root, as for `Path.glob`."""
    reason: str


INPUTS = (
    Input("pytest.toml", "pytest reads its options from it"),
    Input(".pytest.toml", "pytest reads its options from it"),
    Input("pytest.ini", "pytest reads its options from it"),
    Input(".pytest.ini", "pytest reads its options from it"),
    Input("pyproject.toml", "pytest and evalharness read their options from it"),
    Input("tox.ini", "pytest reads its options from the section [pytest]"),
    Input("setup.cfg", "pytest reads its options from the section [tool:pytest]"),
    Input("conftest.py", "pytest runs it"),
    Input("test*/conftest.py", "pytest runs it at start-up"),
    Input("suites/**/conftest.py", "pytest runs it before it collects the suites"),
    Input("sitecustomize.py", "Python runs it at start-up"),
    Input("usercustomize.py", "Python runs it at start-up"),
)
_SECTIONS = {"tox.ini": "pytest", "setup.cfg": "tool:pytest"}
"""Files with settings of other tools -> pytest's section."""
_HARMLESS_MODULES = frozenset({"test", "this", "antigravity", "idlelib", "turtledemo"})
"""Modules of the standard library that nothing imports here: a folder `test` shadows one."""
_MOST_FILES = 10_000


def part_names(top_level: Sequence[str]) -> list[str]:
    """The names in the root, of a commit or a folder, at and below which the inputs are."""
    literal = [one.pattern for one in INPUTS if "*" not in one.pattern]
    tests = [f"{name}/conftest.py" for name in top_level if name.startswith("test")]
    return [*FOLDERS, *literal, *tests, *filter(shadows, top_level)]


def shadows(name: str) -> bool:
    """Whether a file or folder in the root is imported in place of an installed module.

    Python looks in the root first when it starts as `python -m pytest`. The modules of the standard library count, and
    those that this process has loaded.
    """
    module, _, ending = name.partition(".")
    if ending not in ("", "py") or module in _HARMLESS_MODULES or not module.isidentifier():
        return False
    return module in sys.stdlib_module_names or module in _loaded_modules()


@cache
def _loaded_modules() -> set[str]:
    """The top-level modules of installed distributions that this process has loaded."""
    installed = [path for path in sys.path if path and Path(path).is_absolute() and "site-packages" in path]
    names = {name.partition(".")[0] for name in sys.modules}
    return {name for name in names if name not in sys.stdlib_module_names and PathFinder.find_spec(name, installed)}


def input_files(root: Path) -> dict[str, str]:
    """Path -> digest of each input below a folder, by its content.

    Of tox.ini and setup.cfg only pytest's section counts. pyproject.toml is not among them: see `pytest_settings`.
    """
    paths = {path for one in INPUTS if one.pattern != "pyproject.toml" for path in root.glob(one.pattern)}
    for path in (path for path in root.iterdir() if shadows(path.name)):
        paths |= set(path.rglob("*.py") if (path / "__init__.py").is_file() else [path])
    files = sorted(path for path in paths if path.is_file())[:_MOST_FILES]
    found = {path.relative_to(root).as_posix(): _digest(path) for path in files}
    return {path: digest for path, digest in found.items() if digest}


def _digest(path: Path) -> str:
    """The digest of a file; empty where it holds no settings of pytest."""
    content = path.read_bytes()
    if section := _SECTIONS.get(path.name):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(content.decode("utf-8"))
        except (configparser.Error, UnicodeDecodeError):
            return hashlib.sha256(content).hexdigest()
        if not parser.has_section(section):
            return ""
        content = json.dumps(parser.items(section)).encode()
    return hashlib.sha256(content).hexdigest()


def pytest_settings(root: Path) -> dict[str, Any]:
    """Pytest's tables in pyproject.toml, because its options can relax the criteria."""
    path = root / "pyproject.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    own = table.get("tool", {}).get("pytest", {})
    old: dict[str, Any] = own.get("ini_options", {})
    return old | {name: value for name, value in own.items() if name != "ini_options"}


def links_below(root: Path) -> dict[str, str]:
    """The symbolic links at the inputs and below the compared folders: path -> target."""
    names = part_names(sorted(path.name for path in root.iterdir()))
    return dict(link for name in names for link in _links_at(root, root / name))


def _links_at(root: Path, path: Path) -> Iterator[tuple[str, str]]:
    relative = path.relative_to(root).as_posix()
    if path.is_symlink():
        yield relative, str(path.readlink())
    elif path.is_dir() and path.name != "__pycache__":
        for entry in sorted(path.iterdir()):
            yield from _links_at(root, entry)


def linked_content(target_of: Mapping[str, str], read: Callable[[str], bytes | None]) -> dict[str, str]:
    """Link -> its target and the digest of the file it leads to.

    `read` gives the content of a path relative to the root; None if there is no file, as for a folder.
    """
    found = {}
    for link, target in target_of.items():
        path = os.path.normpath(PurePosixPath(link).parent / target)
        content = None if path.startswith(("/", "..")) else read(path)
        found[link] = f"link to {target} {hashlib.sha256(content).hexdigest()[:12] if content is not None else ''}"
    return found
