"""Files of a project that Python would import in place of installed modules, and the plugins that folders announce."""

from __future__ import annotations

import configparser
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from functools import cache
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from evalharness.criteria.inputs import ANNOUNCING, ENTRY_POINTS, MODULES, names

_IMPORTED = {"py", "pyc", "so", "pyd"}
"""Last endings of the files that Python imports."""
_INSTALLED = {"site-packages", "dist-packages"}
_ANNOUNCING = [pattern.partition("/")[0] for pattern in ANNOUNCING.names]
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def import_folders(root: Path) -> tuple[str, ...]:
    """The folders of the project that Python imports from: the root, and those in `sys.path`. Relative to the root."""
    paths = (Path(os.path.normpath(path)) for path in sys.path if path)
    below = [path.relative_to(root) for path in paths if path.is_absolute() and path.is_relative_to(root)]
    return tuple(dict.fromkeys(["", *(str(path) for path in below if path.parts and not _INSTALLED & set(path.parts))]))


def is_import(name: str) -> bool:
    """Whether a file or folder where Python imports from hides an installed module, or announces plugins."""
    module, *endings = name.split(".")
    if _announces(name):
        return True
    if (endings and endings[-1] not in _IMPORTED) or module in names(MODULES, "trusted"):
        return False
    return (
        module in names(MODULES)
        or module in sys.stdlib_module_names
        or module in _loaded_modules()
        or _is_required(module)
    )


def _announces(name: str) -> bool:
    """Whether a folder with this name announces plugins. Python finds it in any case of its letters."""
    return any(fnmatch(name.lower(), pattern) for pattern in _ANNOUNCING)


@cache
def _loaded_modules() -> set[str]:
    """The top-level modules of installed distributions that this process has loaded."""
    loaded = {name.partition(".")[0] for name in sys.modules}
    return {name for name in loaded if name not in sys.stdlib_module_names and _is_installed(name)}


def _is_installed(module: str) -> bool:
    installed = [path for path in sys.path if path and Path(path).is_absolute() and _INSTALLED & set(Path(path).parts)]
    return PathFinder.find_spec(module, installed) is not None


@cache
def _is_required(module: str) -> bool:
    """Whether an installed distribution that evalharness or a plugin of pytest needs has this module.

    `evalharness verify` loads fewer modules than the run did, and a module that hides one may have run there.
    """
    if not module or not _is_installed(module):
        return False
    name = re.compile(rf"^{re.escape(module)}[/.]", re.MULTILINE)
    return any(name.search(files) for files in _required_files())


@cache
def _required_files() -> tuple[str, ...]:
    """The list of files of each distribution that evalharness or a plugin of pytest needs, itself or through others."""
    known = {_normal(one.metadata["Name"] or ""): one for one in metadata.distributions()}
    open_names = [name for name, one in known.items() if name == "evalharness" or _is_plugin(one)]
    found: dict[str, str] = {}
    while open_names:
        name = open_names.pop()
        if name in known and name not in found:
            found[name] = known[name].read_text("RECORD") or ""
            lines = (line for line in known[name].requires or () if name == "evalharness" or "extra ==" not in line)
            needs = map(_REQUIREMENT.match, lines)
            open_names += [_normal(need.group()) for need in needs if need]
    return tuple(found.values())


def _is_plugin(distribution: metadata.Distribution) -> bool:
    return any(entry.group == "pytest11" for entry in distribution.entry_points)


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def imported_files(folder: Path) -> Iterator[Path]:
    """The files below a folder that Python would import in place of installed modules."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if not is_import(path.name):
            continue
        if not path.is_dir():
            yield from [path] if _is_imported(path) or _announces(path.name) else []  # not a command such as bin/idna
        elif any(_is_imported(inner) for inner in path.glob("__init__.*")):
            yield from filter(_is_imported, path.rglob("*"))


def announcements(root: Path, folders: Iterable[str]) -> Iterator[Path]:
    """The files in these folders that announce plugins."""
    there = (path for folder in folders if (root / folder).is_dir() for path in (root / folder).iterdir())
    return (path / "entry_points.txt" for path in there if _announces(path.name) and path.is_dir())


def _is_imported(path: Path) -> bool:
    return path.name.rpartition(".")[2] in _IMPORTED and "__pycache__" not in path.parts


def plugin_groups(groups: Any) -> dict[str, Any]:
    """The groups of a table of entry points that pytest or evalharness loads."""
    compared = names(ENTRY_POINTS, "compared")
    known = groups.items() if isinstance(groups, dict) else ()
    return {group: found for group, found in known if any(fnmatch(group, pattern) for pattern in compared)}


def announced_plugins(text: str) -> str:
    """The plugins in a file `entry_points.txt`, as JSON; empty without one. A file that cannot be read is returned."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    try:
        parser.read_string(text)
    except configparser.Error:
        return text
    found = plugin_groups({section: parser.items(section) for section in parser.sections()})
    return json.dumps(found) if found else ""
