"""Shell completion of suites, models and runs.

Reads file names, and no file but pyproject.toml.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from evalharness.root import find_root

_MAX = 200


def root_of(context: click.Context) -> Path:
    """The folder of `--root`, or the nearest parent folder with suites/.

    Without one, the current folder.
    """
    given = context.find_root().params.get("root")
    return Path(given or find_root()).resolve()


def complete_suite(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of suites that are not on the command line yet."""
    names = (path.stem for path in (root_of(context) / "suites").glob("*.yaml"))
    return _items(set(names) - set(_given(context, parameter)), incomplete)


def complete_model(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the configured models; none if the configuration cannot be read."""
    return _items(_configured(context, "models"), incomplete)


def complete_destination(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the configured destinations that are not on the command line yet."""
    return _items(set(_configured(context, "publish")) - set(_given(context, parameter)), incomplete)


def _configured(context: click.Context, section: str) -> Iterable[str]:
    """The names in a section of the configuration; none if it cannot be read."""
    import tomllib

    try:
        table = tomllib.loads((root_of(context) / "pyproject.toml").read_text(encoding="utf-8"))
        found = table["tool"]["evalharness"][section]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return found if isinstance(found, dict) else ()


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The folders with a run below reports/.

    If none matches, the shell completes files.
    """
    from evalharness.store.runs import RECORD  # imports the whole store, which other completions do not need

    here, root = Path.cwd(), root_of(context)
    folders = (path.parent for path in (root / "reports").glob(f"**/{RECORD}"))
    relative = not incomplete.startswith("/")
    shown = (folder.relative_to(here) if relative and folder.is_relative_to(here) else folder for folder in folders)
    return _items(map(str, shown), incomplete) or [CompletionItem(incomplete, type="file")]


def complete_viewed(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the folders in reports/; if none matches, the shell completes files."""
    folders = (path.name for path in (root_of(context) / "reports").glob("*/"))
    return _items(folders, incomplete) or [CompletionItem(incomplete, type="file")]


def _given(context: click.Context, parameter: click.Parameter) -> Iterable[str]:
    value = context.params.get(parameter.name or "")
    return value if isinstance(value, tuple) else ()


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """The matching printable names: a line end in a name would start another completion."""
    found = sorted(name for name in names if name.startswith(incomplete) and name.isprintable())
    return [CompletionItem(name) for name in found[:_MAX]]
