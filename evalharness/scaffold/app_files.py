"""The Python files of a project as syntax trees. Nothing is imported or run."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_SKIPPED = {
    "__pycache__",
    "node_modules",
    "site-packages",
    "venv",
    "env",
    "build",
    "dist",
    "suites",
    "golden",
    "reports",
}
_TESTS = ("test", "conftest", "setup.py", "noxfile.py")
_MOST_FILES, _MOST_BYTES = 2_000, 1_000_000


@dataclass(frozen=True)
class AppFile:
    """One file, parsed."""

    name: str
    """Relative to the root."""
    tree: ast.Module

    def where(self, node: ast.AST) -> str:
        """The file and the line of a node."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """The functions at the top of the module."""
        return [node for node in self.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @cached_property
    def classes(self) -> dict[str, list[ast.AnnAssign]]:
        """The annotated fields of each class."""
        return {
            node.name: [field for field in node.body if isinstance(field, ast.AnnAssign)]
            for node in self.tree.body
            if isinstance(node, ast.ClassDef)
        }

    @cached_property
    def assigned(self) -> dict[str, ast.expr]:
        """The values of the names at the top of the module."""
        found: dict[str, ast.expr] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign):
                found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                found[node.target.id] = node.value
        return found

    def text(self, node: ast.expr | None) -> str:
        """The text that an expression certainly is, or the default of a variable of the environment; else empty."""
        if isinstance(node, ast.Name):
            node = self.assigned.get(node.id)
        if isinstance(node, ast.Call) and called(node) in ("getenv", "get") and len(node.args) > 1:
            node = node.args[1]
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""

    def calls(self) -> Iterator[ast.Call]:
        """All calls in the file."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """The last name of what is called: `create` of `client.messages.create(...)`."""
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def app_files(root: Path) -> list[AppFile]:
    """The Python files below the root, without tests, environments and hidden folders; those that can be parsed."""
    found = []
    for path in _paths(root):
        try:
            tree = ast.parse(path.read_bytes(), filename=path.name)
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        found.append(AppFile(path.relative_to(root).as_posix(), tree))
    return found


def _paths(root: Path) -> Iterator[Path]:
    count = 0
    for here, folders, names in os.walk(root):
        folders[:] = sorted(
            one for one in folders if _is_searched(one) and not (Path(here, one) / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            path = Path(here, name)
            is_small = name.endswith(".py") and path.is_file() and path.stat().st_size <= _MOST_BYTES
            if is_small and not path.is_symlink() and not name.startswith(_TESTS):
                count += 1
                if count > _MOST_FILES:
                    return
                yield path


def _is_searched(folder: str) -> bool:
    return not folder.startswith((".", "test")) and folder not in _SKIPPED
