"""The files of a project that a function consists of: its module, and what that imports.

Read from the source, without importing anything.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

MOST_FILES = 20_000
_DEPTH = 8


def module_file(module: str, folders: Sequence[Path]) -> Path | None:
    """Return the file of a module, by its dotted name, in the first of these folders that has it."""
    inner = module.replace(".", "/")
    files = (folder / one for folder in folders for one in (f"{inner}/__init__.py", f"{inner}.py"))
    return next((file for file in files if file.is_file()), None)


def module_files(module: str, folders: Sequence[Path]) -> list[Path]:
    """Return the file of a module and of each module in these folders that it imports, also within functions.

    Sorted; empty for an unknown module. A file that cannot be parsed has no imports.
    """
    found: dict[Path, None] = {}
    waiting = list(_with_packages(module, folders))
    while waiting and len(found) < MOST_FILES:
        file = waiting.pop()
        if file not in found:
            found[file] = None
            for name, near in _imported(file):
                waiting += _with_packages(name, [near] if near else folders)
    return sorted(found)


def _with_packages(module: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The files of a module and of the packages that it is in."""
    parts = module.split(".")
    files = (module_file(".".join(parts[:count]), folders) for count in range(1, len(parts) + 1))
    yield from (file for file in files if file)


def _imported(file: Path) -> Iterator[tuple[str, Path | None]]:
    """The names that a file imports, each with the folder of a relative import."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            near = file.parents[node.level - 1] if 0 < node.level <= len(file.parents) else None
            start = f"{node.module}." if node.module else ""
            yield from ((f"{start}{alias.name}", near) for alias in node.names)


def named_files(value: Any, root: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """Yield the files below the root that texts in a setting name."""
    if isinstance(value, str):
        if value and "\0" not in value and _is_file_below(root / value, root):
            yield root / value
    elif depth and isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from named_files(one, root, depth - 1)


def _is_file_below(path: Path, root: Path) -> bool:
    try:
        return path.is_file() and path.resolve().is_relative_to(root.resolve())
    except OSError:  # a text that is longer than a file name
        return False


def function_files(
    call: str, path: Sequence[str], patterns: Sequence[str], options: Mapping[str, Any], root: Path
) -> tuple[str, ...]:
    """Return all files below the root that a function `MODULE:NAME` depends on, relative to the root and sorted.

    Its modules, the files that match the patterns, and those that its options name. What is missing is left out.
    """
    folders = [root / folder for folder in path]
    found = {*module_files(call.partition(":")[0], folders), *named_files(options, root)}
    for pattern in patterns:
        if pattern and not Path(pattern).is_absolute() and ".." not in Path(pattern).parts:
            found |= {one for one in root.glob(pattern) if one.is_file() and "__pycache__" not in one.parts}
    names = (os.path.relpath(one, root) for one in found)
    return tuple(sorted(Path(name).as_posix() for name in names if not name.startswith("..")))
