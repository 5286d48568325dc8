"""Files of the project that its configuration names, such as scripted responses, chat templates and small models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from evalharness.config import Config, load_config

_MOST_FILES = 1_000
"""Most files of a folder, such as an embedding model's."""
_DEPTH = 8


def named_paths(project: Path, root: Path) -> tuple[str, ...]:
    """The files below the root that the configuration of a project names, as written and with links resolved.

    `project` is the root itself, or an earlier version of it. Folders count by their files. Raises ConfigError.
    """
    config = load_config(project)
    folders = [one.path for one in config.embedders.values() if one.path]
    found = {name for path in _places(root, folders) for name in _files(root, path)}
    files = _places(root, _options(config))
    return tuple(sorted(found | {path for path in files if (root / path).is_symlink() or _is_file(root / path)}))


def _places(root: Path, options: Iterable[str]) -> list[str]:
    """The paths below the root that these options name, as written and with links resolved."""
    written = [path for option in options for path in _inside(option)]
    resolved = (os.path.relpath((root / name).resolve(), root.resolve()) for name in written)
    return [*written, *(path for name in resolved for path in _inside(name))]


def _options(config: Config) -> Iterator[str]:
    """The texts in the options of models, judges, executors and embedders."""
    tables = (config.models, config.judges, config.executors)
    yield from _texts([one.options for table in tables for one in table.values()], _DEPTH)
    yield from (embedder.path for embedder in config.embedders.values() if embedder.path)


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one, depth - 1)


def _inside(option: str) -> Iterator[str]:
    """The path that an option names below the root. A target as `FILE.py:NAME` names its file."""
    name = os.path.normpath(option.partition(":")[0]) if option and "\0" not in option else ""
    path = PurePosixPath(name)
    if name and name != "." and not path.is_absolute() and ".." not in path.parts:
        yield name


def _files(root: Path, name: str) -> Iterator[str]:
    files = (file.relative_to(root).as_posix() for file in sorted((root / name).rglob("*")) if file.is_file())
    yield from islice(files, _MOST_FILES)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text that is longer than a file name
        return False
