"""Who imports whom, what is loaded when, and what may never be imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import evalharness

PACKAGE = Path(evalharness.__file__).parent
DOORS = {"plugin", "pytest_door", "cli"}
FOUNDATION = {"records", "errors"}
"""Known to everybody, and knowing nobody."""
ARROWS = {
    "suites": {"config", "constraints", "registry", "sandbox", "metrics"},
    "providers": {"config", "constraints", "redaction", "registry", "wire"},
    "llama": {"sandbox"},
    "wire": {"", "redaction"},
    "metrics": {"config", "registry", "redaction", "wire"},
    "engine": {"config", "suites", "providers", "metrics", "store", "redaction", "wire"},
    "store": {"", "redaction"},
    "gate": set(),
    "versions": {"config", "suites", "providers", "engine", "store", "gate"},
    "report": {"store", "redaction", "gate"},
    "review": {"config", "report", "store", "suites"},
    "history": {"config", "store", "gate"},
    "starter": {"config", "redaction"},
    "checkup": {"", "config", "redaction", "engine", "providers", "report", "store", "suites"},
    "importers": {"config", "metrics", "redaction", "suites"},
    "constraints": set(),
    "redaction": set(),
    "config": set(),
    "registry": set(),
    "sandbox": {"template_filters"},
    "template_filters": set(),
    "records": set(),
    "errors": set(),
}
"""Part of the package -> the other parts that it may import, besides records and errors ("" is the version)."""
CHILD = "evalharness.llama"
"""Runs in processes of its own, with llama.cpp in them."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST, *, lazily: bool) -> Iterator[str]:
    """Absolute names of what a module imports; `lazily`: within functions too. A name may be a module's attribute."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif lazily or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imported(node, lazily=lazily)


def imports(name: str, *, lazily: bool) -> set[str]:
    """What a module imports."""
    return set(imported(ast.parse(modules()[name].read_text()), lazily=lazily))


def own(name: str, *, lazily: bool) -> set[str]:
    """The modules of this package that a module imports."""
    known = modules()
    found = {target if target in known else target.rpartition(".")[0] for target in imports(name, lazily=lazily)}
    return {target for target in found if target in known} - {name}


def part(name: str) -> str:
    """The part of the package that a module belongs to: `evalharness.gate.compare` is of `gate`."""
    return name.partition(".")[2].partition(".")[0]


@pytest.mark.parametrize("name", sorted(modules()))
def test_arrows_point_downwards(name: str) -> None:
    """A step imports what the drawing gives it, and never a door; also within functions."""
    if part(name) in DOORS or name == "evalharness":
        return
    assert part(name) in ARROWS, "a new part of the package: draw its arrows above"
    allowed = ARROWS[part(name)] | FOUNDATION | {part(name)}
    targets = {part(target) for target in own(name, lazily=True)}
    assert targets <= allowed


def test_every_arrow_is_used() -> None:
    """The drawing above shows what is, not what once was."""
    drawn = {(source, target) for source, targets in ARROWS.items() for target in targets}
    found = {(part(name), part(target)) for name in modules() for target in own(name, lazily=True)}
    assert drawn <= found


def test_no_cycles() -> None:
    """No module imports itself through others."""
    edges = {name: own(name, lazily=False) - {name.rpartition(".")[0]} for name in modules()}
    finished: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in finished:
            for target in edges[name]:
                visit(target, (*way, name))
            finished.add(name)

    for name in edges:
        visit(name, ())


@pytest.mark.parametrize("name", sorted(modules()))
def test_never_imported(name: str) -> None:
    """Nothing that runs code from data, and nothing of pytest that is not public."""
    roots = {target.partition(".")[0] for target in imports(name, lazily=True)}
    assert not roots & {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "_pytest"}
    if part(name) not in ("plugin", "pytest_door"):
        assert "pytest" not in roots


def loaded(statement: str, *, stdlib: bool = False) -> set[str]:
    """The modules outside of the standard library that a statement loads, in an interpreter of its own."""
    script = f"import sys, pytest\nbefore = set(sys.modules)\n{statement}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    names = set(done.stdout.split())
    return names if stdlib else {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}


def test_plugin_costs_nothing() -> None:
    """Pytest loads two modules for the plugin, nothing else of ours, and nothing of anybody else's."""
    assert loaded("import evalharness.plugin") == {"evalharness", "evalharness.plugin"}


def test_public_names_are_lazy() -> None:
    """Importing the package loads nothing; the nouns load records alone."""
    assert loaded("import evalharness") == {"evalharness"}
    assert loaded("from evalharness import Case, Run, EvalHarnessError") == {
        "evalharness",
        "evalharness.records",
        "evalharness.records.run",
        "evalharness.records.suite",
        "evalharness.records.verdict",
        "evalharness.errors",
    }


@pytest.mark.parametrize(
    "heavy", ["torch", "pandas", "scipy", "sentence_transformers", "llama_cpp", "xllamacpp", "transformers"]
)
def test_heavy_packages_are_not_imported_at_the_top(heavy: str) -> None:
    """No module imports a heavy or optional package before it is needed, but what a child process runs."""
    for name in modules():
        if heavy == "llama_cpp" and name.startswith(CHILD):
            continue
        assert heavy not in {target.partition(".")[0] for target in imports(name, lazily=False)}, name


def test_native_code_stays_in_the_child() -> None:
    """What loads llama.cpp is imported by nothing but itself: the parent starts it by its name."""
    for name in modules():
        assert name.startswith(CHILD) or not any(target.startswith(CHILD) for target in own(name, lazily=True)), name


def test_every_public_name_resolves() -> None:
    """What `__all__` promises is there, documented, sorted out from what is not."""
    for name in evalharness.__all__:
        found = getattr(evalharness, name)
        assert name == "__version__" or found.__doc__, name
    assert dir(evalharness) == sorted(evalharness.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        evalharness.nothing  # noqa: B018


@pytest.mark.parametrize("name", sorted(modules()))
def test_files_hold_one_idea(name: str) -> None:
    """No file is longer than 300 lines, and each begins with a docstring."""
    text = modules()[name].read_text()
    assert text.count("\n") <= 330
    assert ast.get_docstring(ast.parse(text))
