"""What a shell may complete: names of suites and models, folders of runs. Reads names, and no file's content but
pyproject.toml's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from evalharness.root import find_root

_MOST = 200


def root_of(context: click.Context) -> Path:
    """The project's folder: as `--root` says, else the nearest one upwards with a suites/ folder, else this one."""
    given = context.find_root().params.get("root")
    return Path(given or find_root()).resolve()


def complete_suite(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of suites; those that stand in the line already are left out."""
    names = (path.stem for path in (root_of(context) / "suites").glob("*.yaml"))
    return _items(set(names) - set(_given(context, parameter)), incomplete)


def complete_model(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of models of the configuration; none where it cannot be read."""
    import tomllib

    try:
        table = tomllib.loads((root_of(context) / "pyproject.toml").read_text(encoding="utf-8"))
        models = table["tool"]["evalharness"]["models"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return _items(models if isinstance(models, dict) else (), incomplete)


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders under reports/ that hold a run; where none fits, the shell completes files."""
    from evalharness.store.runs import RECORD  # brings the whole store: other completions do without

    here, root = Path.cwd(), root_of(context)
    folders = (path.parent for path in (root / "reports").glob(f"**/{RECORD}"))
    relative = not incomplete.startswith("/")
    shown = (folder.relative_to(here) if relative and folder.is_relative_to(here) else folder for folder in folders)
    return _items(map(str, shown), incomplete) or [CompletionItem(incomplete, type="file")]


def _given(context: click.Context, parameter: click.Parameter) -> Iterable[str]:
    value = context.params.get(parameter.name or "")
    return value if isinstance(value, tuple) else ()


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Only what can be typed as it stands: a name with a line end would be a completion of its own."""
    found = sorted(name for name in names if name.startswith(incomplete) and name.isprintable())
    return [CompletionItem(name) for name in found[:_MOST]]
