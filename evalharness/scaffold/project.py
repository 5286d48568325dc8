"""The files of a project that begins: first all of them are made up, then what is missing is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import ConfigError, StoreError
from evalharness.scaffold.models import ScaffoldModel

_TEMPLATES = Path(__file__).parent / "templates"
_NEW_PYPROJECT = '# Makes this folder the one that pytest starts from.\n[tool.pytest.ini_options]\nminversion = "8.4"\n'
_REPORTS = "reports/"


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file."""

    path: str
    """Relative to the root."""
    added: str
    """What is written into a new file, or at the end of an old one; "" when it is left alone."""
    new: bool
    why: str = ""
    """Why it is left alone."""

    @property
    def word(self) -> str:
        """For the list."""
        return "left alone" if not self.added else "written" if self.new else "added to"


def begin(root: Path, suite: str, model: ScaffoldModel) -> list[Change]:
    """Write what is missing, and say of each file what became of it. Raises ConfigError before anything is written,
    StoreError when a file cannot be.
    """
    changes = [*_changes(root, suite, model)]
    for change in changes:
        if change.added:
            _write(root / change.path, change)
    return changes


def _changes(root: Path, suite: str, model: ScaffoldModel) -> Iterator[Change]:
    yield _pyproject(root, model)
    yield _new(root, f"suites/{suite}.yaml", _filled("suite.yaml", suite, model))
    yield _new(root, f"golden/{suite}.yaml", _filled("golden.yaml", suite, model))
    yield _new(root, ".github/workflows/evals.yml", _workflow(model))
    yield _gitignore(root)


def _filled(template: str, suite: str, model: ScaffoldModel) -> str:
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    return text.replace("@NAME@", suite).replace("@MODEL@", model.name)


def _workflow(model: ScaffoldModel) -> str:
    steps = [f"      - run: pip install {what}" for what in model.install]
    if "'evalharness[local]'" in model.install:  # a wheel that is cached must run on the next machine too
        steps[0] += "\n        env:\n          CMAKE_ARGS: -DGGML_NATIVE=OFF"
    key = model.api_key_env
    given = f"        env:\n          {key}: ${{{{ secrets.{key} }}}}\n" if key else ""
    text = (_TEMPLATES / "workflow.yml").read_text(encoding="utf-8")
    return text.replace("@INSTALL@", "\n".join(steps)).replace("@KEY@\n", given)


def _new(root: Path, path: str, text: str) -> Change:
    there = (root / path).is_symlink() or (root / path).exists()
    return Change(path, "" if there else text, new=True, why="it is there already" if there else "")


def _pyproject(root: Path, model: ScaffoldModel) -> Change:
    path = root / "pyproject.toml"
    if not path.exists():
        return Change(path.name, f"{_NEW_PYPROJECT}\n{model.table}", new=True)
    text = _text(path)
    tables = _tables(text)
    wanted = _tables(model.table).get("models", {})
    if not model.table or model.name in tables.get("models", {}):
        return Change(path.name, "", new=False, why=f"it has [tool.evalharness.models.{model.name}] already")
    if tables:
        raise ConfigError(
            "pyproject.toml has [tool.evalharness] tables already, and they are yours: add this one to them, and run "
            f"this command again\n\n{model.table}"
        )
    line_end = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text else line_end if text.endswith("\n") else line_end * 2
    added = gap + model.table.replace("\n", line_end)
    if not _fits(text + added, wanted):
        raise ConfigError(f"pyproject.toml: nothing can be added at its end; write this into it\n\n{model.table}")
    return Change(path.name, added, new=False)


def _tables(text: str) -> dict[str, dict[str, object]]:
    """`[tool.evalharness]`. Raises ConfigError."""
    try:
        tool = tomllib.loads(text).get("tool", {})
        tables = tool.get("evalharness", {})
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        raise ConfigError(f"pyproject.toml: {error}; nothing was written") from None
    return tables if isinstance(tables, dict) else {}


def _fits(text: str, wanted: object) -> bool:
    """Whether the table ends up where it belongs: an inline table above, for one, takes no further keys."""
    try:
        return _tables(text).get("models") == wanted
    except ConfigError:
        return False


def _gitignore(root: Path) -> Change:
    path = root / ".gitignore"
    if not path.exists():
        return Change(path.name, f"{_REPORTS}\n", new=True)
    text = _text(path)
    if {line.strip().strip("/") for line in text.splitlines()} & {"reports", "reports/*"}:
        return Change(path.name, "", new=False, why=f"it has {_REPORTS} already")
    return Change(path.name, f"{'' if text.endswith(chr(10)) or not text else chr(10)}{_REPORTS}\n", new=False)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")  # not read_text, which would turn \r\n into \n
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}; nothing was written") from None


def _write(path: Path, change: Change) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb" if change.new else "ab") as file:
            file.write(change.added.encode("utf-8"))
    except OSError as error:
        raise StoreError(f"{change.path} cannot be written: {error.strerror or error}") from None
