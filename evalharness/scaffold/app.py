"""Find the application of a project, and write its configuration."""

from __future__ import annotations

import copy
from pathlib import Path

from evalharness.errors import ConfigError, did_you_mean
from evalharness.scaffold.app_calls import clients, functions
from evalharness.scaffold.app_files import app_files
from evalharness.scaffold.app_found import Application
from evalharness.scaffold.app_routes import routes
from evalharness.scaffold.project import NEW_PYPROJECT, FileChange, read_text, tables_of

_LOOKED_FOR = """\
looked in {count} Python files below {root} for
- routes of FastAPI or Flask that take a question, such as @app.post("/ask")
- functions that take a question or messages, such as answer(question) or chat(messages)
- calls of OpenAI's or Anthropic's client
To name what answers, write its table into pyproject.toml: docs/applications.md has one for each kind."""


def find_applications(root: Path, *, own_prompt: bool) -> list[Application]:
    """What the project answers with, the best first. Reads its Python files and runs nothing.

    `own_prompt`: the suite brings the prompt, so that a model comes before an application. Raises ConfigError if there
    is nothing.
    """
    files = app_files(root)
    found = [*routes(files), *functions(files, root), *clients(files)]
    unique = {one.name: one for one in sorted(found, key=lambda one: one.rank, reverse=True)}
    if not unique:
        raise ConfigError(f"no application found: {_LOOKED_FOR.format(count=len(files), root=root)}")
    return sorted(unique.values(), key=lambda one: (own_prompt and not one.is_model, one.rank, one.name))


def application(found: list[Application], name: str) -> Application:
    """The application of this name. Raises ConfigError with near names."""
    known = {one.name: one for one in found}
    if name not in known:
        raise ConfigError(f"--app: nothing called '{name}' was found{did_you_mean(name, known)}")
    return known[name]


def model_change(root: Path, name: str, chosen: Application) -> tuple[str, FileChange]:
    """The name of the model, and the change of pyproject.toml that adds its table.

    An equal table is kept, and another one of this name makes the name `NAME-2`. Raises ConfigError.
    """
    path = root / "pyproject.toml"
    text = read_text(path) if path.exists() else ""
    tables = tables_of(text)
    models = tables.get("models", {})
    known = models if isinstance(models, dict) else {}
    for number in range(1, len(known) + 2):
        free = name if number == 1 else f"{name}-{number}"
        if known.get(free) == dict(chosen.settings):
            return free, FileChange(path.name, "", new=False, reason=f"already has [tool.evalharness.models.{free}]")
        if free not in known:
            break
    return free, _appended(path, text, tables, free, chosen)


def _appended(
    path: Path, text: str, tables: dict[str, dict[str, object]], name: str, chosen: Application
) -> FileChange:
    table = chosen.table(name)
    if not path.exists():
        return FileChange(path.name, f"{NEW_PYPROJECT}\n{table}", new=True)
    line_end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text else line_end if text.endswith("\n") else line_end * 2
    added = gap + table.replace("\n", line_end)
    wanted = copy.deepcopy(tables)
    wanted.setdefault("models", {})[name] = dict(chosen.settings)
    try:
        is_valid = tables_of(text + added) == wanted
    except ConfigError:
        is_valid = False
    if not is_valid:
        raise ConfigError(f"pyproject.toml: cannot append a table. Add it yourself and run this again:\n\n{table}")
    return FileChange(path.name, added, new=False)
