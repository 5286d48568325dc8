"""Finds the file of an application's function without importing it."""

from __future__ import annotations

import ast
import filecmp
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import ConfigError, did_you_mean
from evalharness.module_files import module_file

_CALL = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_CRITERIA = {"suites", "golden", "pyproject.toml"}
"""What a change may edit without an effect on what the function does. Both versions run with today's configuration."""
_SKIPPED = {"__pycache__", "node_modules", "site-packages"}
_MOST_FILES, _MOST_BYTES = 20_000, 500_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """The module of an application."""

    call: str
    file: Path
    paths: tuple[Path, ...]
    """The folders to import from."""
    takes_tools: bool = True
    """Whether the function has a parameter `tools`; True also if the module's text does not show it."""

    @property
    def keeps_conversation(self) -> bool:
        """Whether the function has the parameter `conversation_id`."""
        name = self.call.rpartition(":")[2].rpartition(".")[2]
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        found = [one for one in ast.walk(ast.parse(self.file.read_bytes())) if isinstance(one, functions)]
        return any(_has_conversation(one.args) for one in found if one.name == name)


def find_source(call: str, path: Sequence[str], root: Path) -> Source:
    """Return the module of `MODULE:NAME` below the root. Raises ConfigError with file and line."""
    if not isinstance(call, str) or not _CALL.fullmatch(call):
        raise ConfigError(f"call: expected MODULE:FUNCTION, such as 'rag:answer', got {call!r}")
    if isinstance(path, str) or not all(isinstance(folder, str) for folder in path):
        raise ConfigError(f'path: expected a list of folders, such as ["src"], got {path!r}')
    paths = tuple(_folder(folder, root) for folder in path)
    module, _, name = call.partition(":")
    file = module_file(module, paths)
    if file is None:
        raise ConfigError(f"call: {_missing(module, path, root)}")
    if not file.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"call: {file} is a link to a file outside of the project")
    tree = _checked_tree(name.partition(".")[0], file, root)
    return Source(call, file, paths, _takes(tree, name, "tools"))


def _has_conversation(arguments: ast.arguments) -> bool:
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return any(one.arg == "conversation_id" for one in every)


def _folder(folder: str, root: Path) -> Path:
    found = root / folder
    if not found.resolve().is_relative_to(root.resolve()) or not found.is_dir():
        raise ConfigError(f"path: expected folders below the root, got {folder!r}")
    return found.resolve()


def _missing(module: str, path: Sequence[str], root: Path) -> str:
    inner = module.replace(".", "/")
    looked = " and ".join(str(Path(folder) / f"{inner}.py") for folder in path)
    places = [one for one in ("src", "app", "lib", "backend", ".") if (root / one).is_dir() and one not in path]
    other = next((one for one in places if module_file(module, [root / one])), None)
    hint = f': set path = ["{other}"]' if other else ": set 'path' to the folders that the module is imported from"
    return f"no module '{module}' in the project: looked for {looked}{hint}"


def _takes(tree: ast.Module, name: str, parameter: str) -> bool:
    """Whether a function has this parameter. True for a name that is not bound by one `def` at the top."""
    if list(_top_names(tree.body)).count(name) != 1:
        return True
    found = [one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name]
    given = [one.args for one in found]
    return not given or parameter in [one.arg for one in (*given[0].posonlyargs, *given[0].args, *given[0].kwonlyargs)]


def _checked_tree(name: str, file: Path, root: Path) -> ast.Module:
    """The module's text, which must bind the name. Raises ConfigError."""
    shown = file.relative_to(root.resolve()).as_posix() if file.is_relative_to(root.resolve()) else file.name
    try:
        tree = ast.parse(file.read_bytes(), filename=shown)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(f"call: {shown}{f':{line}' if line else ''}: {getattr(error, 'msg', error)}") from None
    names = set(_top_names(tree.body))
    if name not in names and not names & {"*", "__getattr__"}:
        public = sorted(one for one in names if not one.startswith("_"))
        hint = did_you_mean(name, public)
        raise ConfigError(f"call: {shown} has no function '{name}'{hint}")
    return tree


def _top_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    """The names that a module defines at the top, also within `if`, `try` and `with`."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        else:
            yield from (
                one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
            )
            yield from (
                one.name
                for one in ast.walk(node)
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            )
            yield from (
                alias.asname or alias.name
                for one in ast.walk(node)
                if isinstance(one, ast.Import | ast.ImportFrom)
                for alias in one.names
            )


def identity_files_of(patterns: Sequence[str], root: Path) -> tuple[str, ...]:
    """Return the files that the patterns match, relative to the root, sorted. Raises ConfigError."""
    if isinstance(patterns, str) or not all(isinstance(one, str) for one in patterns):
        raise ConfigError(f'identity_files: expected a list of patterns, such as ["src/**/*.py"], got {patterns!r}')
    found: set[str] = set()
    for pattern in patterns:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts or not pattern:
            raise ConfigError(f"identity_files: expected patterns below the root, got {pattern!r}")
        matched = {path.relative_to(root).as_posix() for path in root.glob(pattern) if _is_source(path, root)}
        if not matched:
            raise ConfigError(f"identity_files: {pattern!r} matches no file")
        found |= matched
        if len(found) > _MOST_FILES:
            raise ConfigError(f"identity_files: expected at most {_MOST_FILES:,} files")
    return tuple(sorted(found))


def _is_source(path: Path, root: Path) -> bool:
    if "__pycache__" in path.parts or not path.is_file():
        return False
    return path.resolve().is_relative_to(root.resolve())


def digest_of(files: Sequence[str], root: Path) -> str:
    """Return the SHA-256 of the names and contents of these files. Raises ConfigError."""
    found, size = hashlib.sha256(), 0
    for name in files:
        try:
            content = (root / name).read_bytes()
        except OSError as error:
            raise ConfigError(f"identity_files: {name}: {error.strerror or error}") from None
        size += len(content)
        if size > _MOST_BYTES:
            raise ConfigError(f"identity_files: expected at most {_MOST_BYTES / 1e6:.0f} MB")
        found.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return found.hexdigest()


def is_unchanged(checkout: Path, root: Path, paths: Sequence[Path]) -> bool:
    """Return whether the function's code is that of a checkout, with today's configuration.

    The project has each file of the checkout as it is there, apart from suites and goldens, and no other module in the
    folders that it is imported from.
    """
    for then in checkout.rglob("*"):
        name = then.relative_to(checkout)
        if name.parts[0] in _CRITERIA or "__pycache__" in name.parts or not then.is_file():
            continue
        if not (root / name).is_file() or not filecmp.cmp(then, root / name, shallow=False):
            return False
    return all((checkout / name.relative_to(root)).is_file() for folder in paths for name in _modules(folder))


def _modules(folder: Path) -> Iterator[Path]:
    """The Python files below a folder, without those of virtual environments and hidden folders."""
    for here, folders, names in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".") and one not in _SKIPPED]
        if "pyvenv.cfg" in names:
            folders.clear()
        else:
            yield from (Path(here) / name for name in names if name.endswith(".py"))
