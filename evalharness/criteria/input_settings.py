"""The settings of pytest and the announced plugins, in each file that they can be in."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import iniconfig

from evalharness.criteria.imports import announced_plugins, plugin_groups
from evalharness.criteria.inputs import PYTEST_SETTINGS, names
from evalharness.criteria.named import relative_name

_TRUSTED = frozenset(names(PYTEST_SETTINGS, "trusted"))
_SECTIONS = {"tox.ini": "pytest", "setup.cfg": "tool:pytest", "pytest.ini": "pytest", ".pytest.ini": "pytest"}
"""File -> pytest's section."""
_OWN = {"pytest.ini", ".pytest.ini"}
"""Files that count without a section."""
_TOML = {"pytest.toml", ".pytest.toml"}


def toml_settings(root: Path) -> dict[str, Any]:
    """The settings of pytest and its plugins, and the announced plugins, in pyproject.toml.

    A table that is there counts even if it is empty, because pytest then reads no other file.
    """
    path = root / "pyproject.toml"
    document = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    tool = _table(document, "tool")
    found = {name: _compared(table) for name, table in tool.items() if fnmatch(name, "pytest*")}
    announced = {
        "project": _table(_table(document, "project"), "entry-points"),
        "poetry": _table(_table(tool, "poetry"), "plugins"),
        "flit": _table(_table(tool, "flit"), "entrypoints"),
    }
    plugins = {place: groups for place, given in announced.items() if (groups := plugin_groups(given))}
    return {**found, **({"entry-points": plugins} if plugins else {})}


def python_path(root: Path) -> tuple[str, ...]:
    """The folders that pytest puts on Python's path: `pythonpath` in each file that can hold it.

    Relative to the root. Those above it start with `..`.
    """
    given: list[Any] = [table.get("pythonpath") for table in toml_settings(root).values() if isinstance(table, dict)]
    for name in (*_SECTIONS, *_TOML):
        given += [_python_path_in(root / name)] if (root / name).is_file() else []
    texts = (one if isinstance(one, list) else str(one or "").split() for one in given)
    names = (relative_name(str(path), root) for found in texts for path in found if path and "\0" not in str(path))
    return tuple(name for name in names if name != ".")


def _python_path_in(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        if path.name in _TOML:
            return _table(tomllib.loads(text), "pytest").get("pythonpath")
        return iniconfig.IniConfig(path.name, data=text).sections.get(_SECTIONS[path.name], {}).get("pythonpath")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, iniconfig.ParseError):
        return None  # pytest refuses it, and the whole file is compared


def settings_in(path: Path) -> str | None:
    """The settings in a file that can influence a verdict, as text; empty without one. None: another kind of file."""
    name = path.name
    if name not in _SECTIONS and name not in _TOML and name != "entry_points.txt":
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if name in _TOML:
            return f"{name} {_compared(_table(tomllib.loads(text), 'pytest'))}"
        return announced_plugins(text) if name == "entry_points.txt" else _section(name, text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, configparser.Error, iniconfig.ParseError):
        return None


def _section(name: str, text: str) -> str:
    """The compared settings of pytest's section, read by pytest's parser: another one ends lines elsewhere."""
    sections, section = iniconfig.IniConfig(name, data=text).sections, _SECTIONS[name]
    groups = _setuptools_groups(text) if name == "setup.cfg" else {}
    found: list[Any] = [groups] if groups else []
    if section in sections or name in _OWN:
        found.append(_compared(dict(sections.get(section, {}))))
    return str(found) if found else ""


def _setuptools_groups(text: str) -> dict[str, Any]:
    """The announced plugins of setup.cfg, read by the parser of setuptools."""
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    section = "options.entry_points"
    return plugin_groups(dict(parser.items(section)) if parser.has_section(section) else {})


def _compared(settings: Any) -> dict[str, Any]:
    """The settings without those that are trusted, and those below `ini_options` with the others."""
    if not isinstance(settings, Mapping):
        return {"": settings}
    flat = {**_table(settings, "ini_options"), **settings}
    return {name: flat[name] for name in sorted(flat) if name not in _TRUSTED and name != "ini_options"}


def _table(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name, {})
    return found if isinstance(found, dict) else {}
