"""Write the missing files of a new project, or none if there is an error."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import ConfigError
from evalharness.scaffold.action_source import UNKNOWN, VARIABLE, ActionSource
from evalharness.scaffold.models import ScaffoldModel
from evalharness.store.files import append_below, create_below

_TEMPLATES = Path(__file__).parent / "templates"
NEW_PYPROJECT = '# Makes this folder the root of pytest.\n[tool.pytest.ini_options]\nminversion = "8.4"\n'
_REPORTS = "reports/"
WORKFLOW = ".github/workflows/evals.yml"


@dataclass(frozen=True, slots=True)
class FileChange:
    """The change of one file."""

    path: str
    """Relative to the root."""
    added: str
    """The text of a new file or the text appended to an existing one, "" for no change."""
    new: bool
    reason: str = ""
    """Why the file is unchanged."""

    @property
    def action(self) -> str:
        """The change in one word."""
        return "unchanged" if not self.added else "created" if self.new else "extended"


def write_project(root: Path, suite: str, model: ScaffoldModel, source: ActionSource = UNKNOWN) -> list[FileChange]:
    """The changes of all files, after writing the missing ones.

    Raises ConfigError before anything is written, and StoreError if a file cannot be written.
    """
    changes = [*_changes(root, suite, model, source)]
    for change in changes:
        if change.added:
            write_change(root, change)
    return changes


def _changes(root: Path, suite: str, model: ScaffoldModel, source: ActionSource) -> Iterator[FileChange]:
    yield _pyproject(root, model)
    yield _new(root, f"suites/{suite}.yaml", _rendered("suite.yaml", suite, model))
    yield _new(root, f"golden/{suite}.yaml", _rendered("golden.yaml", suite, model))
    yield workflow_change(root, model, source)
    yield gitignore_change(root)


def _rendered(template: str, suite: str, model: ScaffoldModel) -> str:
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    return text.replace("@NAME@", suite).replace("@MODEL@", model.name)


def workflow_change(root: Path, model: ScaffoldModel, source: ActionSource) -> FileChange:
    """The workflow that runs the suites on every pull request, if there is none."""
    return _new(root, WORKFLOW, workflow(model, source))


def workflow(model: ScaffoldModel, source: ActionSource = UNKNOWN) -> str:
    """The workflow for GitHub: `docs/ci/github.yml` is that of a model with a key, from an unknown repository."""
    own, others = model.install[0].strip("'"), model.install[1:]
    extras = own.partition("[")[2].rstrip("]")
    parts = {
        "PACKAGES": [f"      - run: pip install {what}" for what in others],
        "OPTIONS": _options(extras, with_key=bool(model.api_key_env)),
        "ENV": _environment(extras, model.api_key_env),
    }
    text = (_TEMPLATES / "workflow.yml").read_text(encoding="utf-8")
    for name, lines in parts.items():
        text = text.replace(f"@{name}@\n", "".join(f"{line}\n" for line in lines))
    return text.replace("@REPOSITORY@", source.repository).replace("@REF@", source.ref)


def variable_note(changes: Iterable[FileChange]) -> str:
    """What to set on GitHub, where a new workflow does not know the repository of evalharness; empty if it does."""
    unknown = any(UNKNOWN.repository in change.added for change in changes)
    return f"set the variable {VARIABLE} on GitHub, or pass --action: docs/ci.md says why" if unknown else ""


def _options(extras: str, *, with_key: bool) -> Iterator[str]:
    """Inputs of the action. A fork has no key, so its pull requests replay recorded answers alone."""
    if extras:
        yield f"          extras: {extras}"
    if with_key:
        yield "          record: ${{ github.event.pull_request.head.repo.fork && 'none' || 'once' }}"


def _environment(extras: str, key: str | None) -> Iterator[str]:
    """The environment of the action: its key, and for a compiled engine, code that runs on each machine."""
    lines = [f"          {key}: ${{{{ secrets.{key} }}}} # empty in a fork"] if key else []
    lines += ["          CMAKE_ARGS: -DGGML_NATIVE=OFF"] if extras == "local" else []
    yield from ("        env:", *lines) if lines else ()


def _new(root: Path, path: str, text: str) -> FileChange:
    exists = (root / path).is_symlink() or (root / path).exists()
    return FileChange(path, "" if exists else text, new=True, reason="already exists" if exists else "")


def _pyproject(root: Path, model: ScaffoldModel) -> FileChange:
    path = root / "pyproject.toml"
    if not path.exists():
        return FileChange(path.name, f"{NEW_PYPROJECT}\n{model.table}", new=True)
    text = read_text(path)
    tables = tables_of(text)
    expected = tables_of(model.table).get("models", {})
    if not model.table or model.name in tables.get("models", {}):
        return FileChange(path.name, "", new=False, reason=f"already has [tool.evalharness.models.{model.name}]")
    if tables:
        raise ConfigError(
            "pyproject.toml already has [tool.evalharness] tables. Add this table and run the command again:\n\n"
            f"{model.table}"
        )
    line_end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text else line_end if text.endswith("\n") else line_end * 2
    added = gap + model.table.replace("\n", line_end)
    if not _fits(text + added, expected):
        raise ConfigError(f"pyproject.toml: cannot append a table. Add it yourself:\n\n{model.table}")
    return FileChange(path.name, added, new=False)


def tables_of(text: str) -> dict[str, dict[str, object]]:
    """The table `[tool.evalharness]` of a TOML text. Raises ConfigError."""
    try:
        tool = tomllib.loads(text).get("tool", {})
        tables = tool.get("evalharness", {})
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        raise ConfigError(f"pyproject.toml: {error}; nothing was written") from None
    return tables if isinstance(tables, dict) else {}


def _fits(text: str, expected: object) -> bool:
    """Whether the appended table is valid: an inline table before it, for example, cannot be extended."""
    try:
        return tables_of(text).get("models") == expected
    except ConfigError:
        return False


def gitignore_change(root: Path) -> FileChange:
    """The change that makes git ignore the reports."""
    path = root / ".gitignore"
    if not path.exists():
        return FileChange(path.name, f"{_REPORTS}\n", new=True)
    text = read_text(path)
    if {line.strip().strip("/") for line in text.splitlines()} & {"reports", "reports/*"}:
        return FileChange(path.name, "", new=False, reason=f"already has {_REPORTS}")
    return FileChange(path.name, f"{'' if text.endswith(chr(10)) or not text else chr(10)}{_REPORTS}\n", new=False)


def read_text(path: Path) -> str:
    """The text of a file, with its line ends. Raises ConfigError."""
    try:
        return path.read_bytes().decode("utf-8")  # read_text would change \r\n to \n
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path.name}: {error}; nothing was written") from None


def write_change(root: Path, change: FileChange) -> None:
    """Write a change below the root. Raises StoreError."""
    path = root / change.path
    write = create_below if change.new else append_below
    write(root, path, change.added.encode("utf-8"))
