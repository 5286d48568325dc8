"""Files of the project that its configuration names, such as scripted responses, chat templates and small models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from evalharness.config import Config, load_config
from evalharness.module_files import function_files
from evalharness.records.application import APPLICATIONS

_MOST_FILES = 1_000
"""Most files of a folder, such as an embedding model's."""
_DEPTH = 8


def named_paths(project: Path, root: Path) -> tuple[str, ...]:
    """The files below the root that the configuration of a project names, as written and with links resolved.

    `project` is the root itself, or an earlier version of it. Folders count by their files. Raises ConfigError.
    """
    config = load_config(project)
    folders = list(_folders(config))
    found = {name for path in _places(root, folders) for name in _files(root, path)}
    files = _places(root, options_of(config))
    for one in (*config.checks.values(), *config.metrics.values()):
        found |= {*function_files(one.call, one.path, one.identity_files, one.options, root)}
    return tuple(sorted(found | {path for path in files if (root / path).is_symlink() or _is_file(root / path)}))


def _places(root: Path, options: Iterable[str]) -> list[str]:
    """The paths below the root that these options name, as written and with links resolved."""
    written = [path for option in options for path in paths_of(option, root) if not path.startswith("..")]
    resolved = (os.path.relpath((root / name).resolve(), root.resolve()) for name in written)
    return [*written, *(name for name in resolved if not name.startswith(".."))]


def options_of(config: Config) -> Iterator[str]:
    """The texts in the options of models, judges, executors, embedders and cross-encoders."""
    tables = (config.judges, config.executors)
    yield from _texts([one.options for table in tables for one in table.values()], _DEPTH)
    for model in config.models.values():
        # the files of an application are not criteria: the gate compares its answers with those of the accepted version
        own = ("identity_files",) if model.provider in APPLICATIONS else ()
        yield from _texts({name: value for name, value in model.options.items() if name not in own}, _DEPTH)
    yield from _folders(config)


def _folders(config: Config) -> Iterator[str]:
    """The folders of the models that metrics use."""
    yield from (embedder.path for embedder in config.embedders.values() if embedder.path)
    yield from (encoder.path for encoder in config.cross_encoders.values())


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one, depth - 1)


def paths_of(option: str, root: Path) -> list[str]:
    """The paths that an option can name, relative to the root. A target as `FILE.py:NAME` names its file."""
    texts = {text: None for text in (option, option.rpartition(":")[0]) if text and "\0" not in text}
    return [name for text in texts if (name := relative_name(text, root)) != "."]


def relative_name(text: str, root: Path) -> str:
    """A path as written in the configuration, relative to the root; it starts with `..` outside of it."""
    path = os.path.normpath(root.absolute() / (Path(text).expanduser() if text.startswith("~/") else text))
    start = next((one for one in (root.absolute(), root.resolve()) if Path(path).is_relative_to(one)), root.absolute())
    return os.path.relpath(path, start)


def _files(root: Path, name: str) -> Iterator[str]:
    files = (file.relative_to(root).as_posix() for file in sorted((root / name).rglob("*")) if file.is_file())
    yield from islice(files, _MOST_FILES)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text that is longer than a file name
        return False
