"""Imports between the parts of the package, imports at run time, and forbidden ones."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import evalharness

PACKAGE = Path(evalharness.__file__).parent
DOORS = {"plugin", "pytest_plugin", "cli", "testing", "__main__"}
FOUNDATION = {"amounts", "records", "errors", "root", "logs", "foreign", "json_path", "answer_part"}
"""Every part may import these. `foreign`, `logs` and `json_path` import `redaction`, the others nothing outside."""
ARROWS = {
    "suites": {"config", "constraints", "registry", "templating"},
    "execution": {"", "config", "local", "modules", "providers", "redaction", "registry", "store", "wire"},
    "scoring": {"config", "constraints", "modules", "redaction", "registry", "wire"},
    "gate": {"registry"},
    "criteria": {"config", "module_files", "store", "suites"},
    "load": {
        "config",
        "criteria",
        "evaluation",
        "execution",
        "modules",
        "providers",
        "redaction",
        "store",
        "suites",
        "wire",
    },
    "evaluation": {
        "application",
        "config",
        "local",
        "criteria",
        "execution",
        "gate",
        "modules",
        "providers",
        "publish",
        "report",
        "scoring",
        "store",
        "suites",
    },
    "providers": {"config", "constraints", "redaction", "registry", "wire"},
    "local": {"config", "providers", "redaction", "templating", "wire"},
    "application": {
        "config",
        "function_config",
        "local",
        "module_files",
        "providers",
        "redaction",
        "registry",
        "scoring",
        "wire",
    },
    "wire": {"", "redaction"},
    "store": {"", "redaction"},
    "report": {"store", "redaction", "registry", "gate"},
    "publish": {"", "config", "modules", "publish_config", "redaction", "registry", "report", "store", "wire"},
    "review": {"config", "report", "store", "suites"},
    "history": {"config", "store", "gate"},
    "audit": {"store", "gate"},
    "view": {"redaction", "report", "store"},
    "scaffold": {"", "config", "redaction", "store"},
    "doctor": {
        "",
        "config",
        "evaluation",
        "execution",
        "local",
        "modules",
        "providers",
        "publish",
        "redaction",
        "registry",
        "report",
        "store",
        "suites",
    },
    "importers": {"config", "scoring", "redaction", "registry", "suites"},
    "constraints": set(),
    "foreign": {"logs", "redaction"},
    "logs": {"redaction"},
    "json_path": {"redaction"},
    "answer_part": set(),
    "redaction": set(),
    "config": {"cross_encoder_config", "function_config", "publish_config", "redaction"},
    "cross_encoder_config": set(),
    "function_config": set(),
    "publish_config": set(),
    "module_files": set(),
    "modules": set(),
    "registry": set(),
    "templating": set(),
    "amounts": set(),
    "records": set(),
    "errors": set(),
    "root": set(),
}
"""Part of the package -> the other parts that it may import, besides records and errors ("" is the version)."""
LLAMA = ("chat_template", "native", "process", "sampler", "schedule", "sequence", "server", "worker")
APPLICATION = ("call", "extension", "failure", "plain", "prompt_call", "worker")
CHILD = (*(f"evalharness.local.{one}" for one in LLAMA), *(f"evalharness.application.{one}" for one in APPLICATION))
"""Modules of the worker processes, which load llama.cpp or the application."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST, *, lazily: bool) -> Iterator[str]:
    """Absolute names that a module imports; `lazily`: within functions too. A name may be a module's attribute."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif lazily or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imported(node, lazily=lazily)


@cache
def tree_of(name: str) -> ast.Module:
    """The parsed module."""
    return ast.parse(modules()[name].read_text())


@cache
def imports(name: str, *, lazily: bool) -> set[str]:
    """The names that a module imports."""
    tree = tree_of(name)
    if name == "evalharness":  # its names for type checkers are imported on first use
        tree = ast.Module([node for node in tree.body if not isinstance(node, ast.If)], [])
    return set(imported(tree, lazily=lazily))


@cache
def own(name: str, *, lazily: bool) -> set[str]:
    """The modules of this package that a module imports."""
    known = modules()
    found = {target if target in known else target.rpartition(".")[0] for target in imports(name, lazily=lazily)}
    return {target for target in found if target in known} - {name}


def part(name: str) -> str:
    """The part of the package that a module belongs to: `evalharness.gate.decide` is of `gate`."""
    return name.partition(".")[2].partition(".")[0]


def steps() -> list[str]:
    """The modules below the doors."""
    return [name for name in sorted(modules()) if part(name) not in DOORS and name != "evalharness"]


def test_every_part_has_arrows() -> None:
    """A new part of the package needs its arrows above."""
    assert {part(name) for name in steps()} <= ARROWS.keys()


def test_arrows_point_downwards() -> None:
    """A step imports only along the arrows, and never a door; also within functions."""
    failures = []
    for name in steps():
        allowed = ARROWS.get(part(name), set()) | FOUNDATION | {part(name)}
        if above := {part(target) for target in own(name, lazily=True)} - allowed:
            failures.append(f"{name}: {', '.join(sorted(above))}")
    assert not failures, "\n".join(failures)


def test_no_step_imports_another() -> None:
    """Suites, execution, scoring and gates meet in the evaluation alone, also within functions."""
    apart = {"suites", "execution", "scoring", "gate"}
    found = {
        f"{name} -> {target}"
        for name in steps()
        if part(name) in apart
        for target in own(name, lazily=True)
        if part(target) in apart - {part(name)}
    }
    assert not found


def test_every_arrow_is_used() -> None:
    """Every arrow above is an import."""
    arrows = {(source, target) for source, targets in ARROWS.items() for target in targets}
    found = {(part(name), part(target)) for name in modules() for target in own(name, lazily=True)}
    assert arrows <= found


def test_no_cycles() -> None:
    """No module imports itself through others, also within functions."""
    edges = {name: own(name, lazily=True) - {name.rpartition(".")[0]} for name in modules()}
    finished: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in finished:
            for target in edges[name]:
                visit(target, (*way, name))
            finished.add(name)

    for name in edges:
        visit(name, ())


def test_never_imported() -> None:
    """No module imports code that runs code from data, or private parts of pytest."""
    never = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "_pytest"}
    failures = []
    for name in sorted(modules()):
        roots = {target.partition(".")[0] for target in imports(name, lazily=True)}
        mine = set() if part(name) in ("plugin", "pytest_plugin", "testing") else {"pytest"}
        if found := roots & (never | mine):
            failures.append(f"{name}: {', '.join(sorted(found))}")
    assert not failures, "\n".join(failures)


def loaded(statement: str, *, stdlib: bool = False) -> set[str]:
    """The modules outside of the standard library that a statement loads, in an interpreter of its own."""
    script = f"import sys, pytest\nbefore = set(sys.modules)\n{statement}\nprint(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    names = set(done.stdout.split())
    return names if stdlib else {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}


def test_plugin_costs_nothing() -> None:
    """Pytest loads two modules for the plugin: no others of the package, and none of other packages."""
    assert loaded("import evalharness.plugin") == {"evalharness", "evalharness.plugin"}


def test_public_names_are_lazy() -> None:
    """Importing the package loads no other module; the nouns load the records alone."""
    assert loaded("import evalharness") == {"evalharness"}
    assert loaded("from evalharness import Case, Run, EvalHarnessError") == {
        "evalharness",
        "evalharness.records",
        "evalharness.records.answer_label",
        "evalharness.records.application",
        "evalharness.records.dialogue",
        "evalharness.records.gates",
        "evalharness.records.attachment",
        "evalharness.records.id_index",
        "evalharness.records.judged_again",
        "evalharness.records.marks",
        "evalharness.records.numbers",
        "evalharness.records.planned",
        "evalharness.records.response",
        "evalharness.records.run",
        "evalharness.records.sample",
        "evalharness.records.score",
        "evalharness.records.shard",
        "evalharness.records.suite",
        "evalharness.records.verdict",
        "evalharness.records.world",
        "evalharness.errors",
    }


def test_the_fault_server_is_independent() -> None:
    """The fault server imports nothing else of the package: its record is the oracle for the package's counts."""
    server = [name for name in modules() if name.startswith("evalharness.testing.fault_server")]
    assert {target for name in server for target in own(name, lazily=True)} <= set(server)


def test_ordinary_runs_load_no_test_kit() -> None:
    """No module outside the test kit imports it."""
    names = [name for name in modules() if part(name) != "testing"]
    assert [name for name in names for target in own(name, lazily=True) if part(target) == "testing"] == []


def test_heavy_packages_are_not_imported_at_the_top() -> None:
    """No module imports a heavy or optional package at the top, except in a worker process."""
    heavy = {"torch", "pandas", "scipy", "sentence_transformers", "llama_cpp", "xllamacpp", "transformers"}
    failures = []
    for name in sorted(modules()):
        mine = {"llama_cpp"} if name in CHILD else set()
        if found := heavy & {target.partition(".")[0] for target in imports(name, lazily=False)} - mine:
            failures.append(f"{name}: {', '.join(sorted(found))}")
    assert not failures, "\n".join(failures)


def test_threads_start_in_known_places() -> None:
    """A thread imports no module: a new place that starts one needs a run in tests/execution/test_imports.py."""
    starts = re.compile(r"\b(Thread|to_thread|run_in_executor|ThreadPoolExecutor|Timer|start_new_thread)\(")
    found = {name.removeprefix("evalharness.") for name, path in modules().items() if starts.search(path.read_text())}
    found -= {"testing.completion"}  # the test kit: tests that press Tab
    assert found == {
        "application.worker",
        "cli.view",
        "evaluation.api",
        "evaluation.pipeline",
        "execution.engine",
        "execution.ledger_writer",
        "execution.on_ray.client",
        "execution.on_ray.cluster",
        "execution.on_ray.gateway",
        "execution.threads",
        "local.child_output",
        "local.gguf_server",
        "local.server",
        "local.worker",
        "local.worker_client",
        "publish.delivery",
        "scoring.child",
        "testing.fault_server.server",
        "view.server",
    }


def test_native_code_stays_in_the_child() -> None:
    """Only worker modules import those that load llama.cpp: the parent starts the worker by its name."""
    for name in modules():
        assert name in CHILD or not any(target in CHILD for target in own(name, lazily=True)), name


def test_type_checkers_see_the_public_names() -> None:
    """The imports under TYPE_CHECKING are those of the first use."""
    (block,) = (node for node in tree_of("evalharness").body if isinstance(node, ast.If) and node.lineno < 20)
    seen = {target.removeprefix("evalharness.").rpartition(".")[::2] for target in imported(block, lazily=False)}
    assert {(module, name) for name, module in evalharness._PUBLIC.items()} == seen


def test_every_public_name_resolves() -> None:
    """Each name in `__all__` exists and is documented, and `dir()` lists these alone."""
    for name in evalharness.__all__:
        found = getattr(evalharness, name)
        assert name == "__version__" or found.__doc__, name
    assert dir(evalharness) == sorted(evalharness.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        evalharness.nothing  # noqa: B018


READING_PATH = (
    "evalharness.evaluation.api",
    "evalharness.evaluation.evaluation",
    "evalharness.execution.executor",
    "evalharness.scoring.scorer",
    "evalharness.gate.decide",
    "evalharness.report",
)
"""The reading path of docs/architecture.md."""


def test_the_reading_path_is_short() -> None:
    """The six files that explain a verdict hold at most 1,000 lines together."""
    lines = {name: modules()[name].read_text().count("\n") for name in READING_PATH}
    assert sum(lines.values()) <= 1000, lines


def test_classes_are_small() -> None:
    """No class has more than 200 lines or 12 public methods."""
    failures = []
    for name in modules():
        for node in (node for node in ast.walk(tree_of(name)) if isinstance(node, ast.ClassDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            methods = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            public = [one.name for one in methods if not one.name.startswith("_")]
            if lines > 200 or len(public) > 12:
                failures.append(f"{name}.{node.name}: {lines} lines, {len(public)} public methods")
    assert not failures, "\n".join(failures)


def test_files_hold_one_idea() -> None:
    """No file is longer than 300 lines, and each begins with a docstring."""
    lines = {name: path.read_text().count("\n") for name, path in sorted(modules().items())}
    failures = [f"{name}: {count} lines" for name, count in lines.items() if count > 300]
    failures += [f"{name}: no docstring" for name in lines if not ast.get_docstring(tree_of(name))]
    assert not failures, "\n".join(failures)


CLOCK = re.compile(
    r"(?:^|\.|_)(?:monotonic|perf_counter|process_time|thread_time|(?:time|clock|loop(?:\(\))?)\.time)(?:_ns)?$|^time(?:_ns)?$"
)
"""Functions that read a clock: time.monotonic, loop.time, perf_counter_ns ..."""
LEAST_S = 60
"""A bound that a busy machine does not reach; it only stops tests that hang."""


class UpperBounds(ast.NodeVisitor):
    """The lines of a function, or of a module's top level, where an assert has an upper bound on seconds."""

    def __init__(self) -> None:
        self.clocks: set[str] = set()
        self.spans: set[str] = set()
        self.lines: list[int] = []
        self.numbers: dict[str, float] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A function has its own names, and sees those around it."""
        inner = UpperBounds()
        inner.clocks, inner.spans, inner.numbers = set(self.clocks), set(self.spans), dict(self.numbers)
        for child in node.body:
            inner.visit(child)
        self.lines += inner.lines

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Assign(self, node: ast.Assign) -> None:
        """A name can hold a clock reading, a span or a number, also in an assignment to several names."""
        for target in node.targets:
            self._named(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """An annotated assignment is an assignment."""
        if node.value is not None:
            self._named(node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """An assignment expression is an assignment."""
        self._named(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For | ast.comprehension) -> None:
        """The target of a loop can hold a span."""
        self._named(node.target, node.iter)
        self.generic_visit(node)

    visit_comprehension = visit_For

    def visit_Call(self, node: ast.Call) -> None:
        """A list can collect spans."""
        if isinstance(node.func, ast.Attribute) and node.func.attr == "append" and self._is_span(node.args[0]):
            self.spans.add(ast.unparse(node.func.value))
        self.generic_visit(node)

    def _named(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its in zip(target.elts, value.elts, strict=False):
                self._named(one, its)
        elif isinstance(target, ast.Name | ast.Attribute):
            name = ast.unparse(target)
            for names, holds in ((self.clocks, self._is_reading(value)), (self.spans, self._is_span(value))):
                names.add(name) if holds else names.discard(name)
            if (number := self._number(value)) is not None:
                self.numbers[name] = number

    def _is_reading(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            return bool(CLOCK.search(ast.unparse(node.func)))
        return ast.unparse(node) in self.clocks

    def _is_span(self, node: ast.expr) -> bool:
        """Whether the expression contains the difference of two readings, one of them possibly from elsewhere."""
        return any(
            (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and self._is_between_readings(part))
            or (isinstance(part, ast.Name | ast.Attribute) and ast.unparse(part) in self.spans)
            for part in ast.walk(node)
        )

    def _is_between_readings(self, node: ast.BinOp) -> bool:
        return self._is_reading(node.left) or self._is_reading(node.right)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Check every comparison in the assert."""
        self.generic_visit(node)
        for part in ast.walk(node.test):
            if isinstance(part, ast.Compare) and self._is_bounded(part):
                self.lines.append(part.lineno)

    def _is_bounded(self, node: ast.Compare) -> bool:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            small, large = (right, left) if isinstance(operator, ast.Gt | ast.GtE) else (left, right)
            if isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) and self._is_too_small(small, large):
                return True
        return False

    def _is_too_small(self, small: ast.expr, large: ast.expr) -> bool:
        """`finished - started < 5`, or the equivalent `finished < started + 5`."""
        if self._is_span(small):
            bound = self._number(large)
        elif self._is_reading(small) and isinstance(large, ast.BinOp) and isinstance(large.op, ast.Add):
            bound = self._number(large.right if self._is_reading(large.left) else large.left)
        else:
            return False
        in_ns = "_ns" in ast.unparse(small)
        return bound is None or bound < LEAST_S * (1e9 if in_ns else 1)

    def _number(self, node: ast.expr) -> float | None:
        """The number in the source, with known names replaced; None if it depends on other values."""
        text = ast.unparse(node)
        for name, number in self.numbers.items():
            text = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.(])", repr(number), text)
        if not re.fullmatch(r"[\d._e+*/() -]+", text):
            return None
        try:
            return float(eval(text, {"__builtins__": {}}))
        except (SyntaxError, ArithmeticError, TypeError, NameError):
            return None


def bounded_seconds(source: str) -> list[int]:
    """The lines of asserts that require less than a minute."""
    visitor = UpperBounds()
    visitor.visit(ast.parse(source))
    return visitor.lines


BOUNDED = """\
assert time.monotonic() - started < 5
assert 5 > time.monotonic() - started
assert perf_counter() - began <= LIMIT
assert (time.time_ns() - before) / 1e9 < 2
assert not hung and asyncio.get_running_loop().time() - at < 0.5
assert loop.time() < began + 1
assert time.thread_time() - started < 59.9
assert all(seconds < 1 for seconds in (time.monotonic() - first, time.monotonic() - second))
started = time.monotonic(); work(); taken = time.monotonic() - started; assert taken < 5
started, limit = time.process_time(), 10; assert time.process_time() - started < limit
pressed = time.monotonic(); gone = time.monotonic(); assert gone - pressed < 3, output
assert (took := time.perf_counter() - started) < 3
assert 0.1 < time.monotonic() - started < 3
self.began = time.monotonic(); assert time.monotonic() - self.began < 1
waits.append(time.monotonic() - sent); assert max(waits) < 3
for wait in [time.monotonic() - sent]: assert wait < 3
"""
UNBOUNDED = """\
assert time.monotonic() - started < 60
assert time.monotonic() - started >= 0.5
assert 0.5 < time.monotonic() - started
started = time.monotonic(); assert time.monotonic() - started < 2 * 60
limit = 90; assert time.monotonic() - started < limit
assert time.time_ns() - before < 60_000_000_000
assert count - before < 5
assert len(seen) < 5
deadline = time.monotonic() + 60; assert time.monotonic() < deadline
assert run.total_s < 5
taken = time.monotonic() - started; taken = 3; assert taken < 5
"""


def test_the_check_finds_bounds() -> None:
    """The check finds every spelling above, and no other assert."""
    assert [line for line in BOUNDED.splitlines() if not bounded_seconds(line)] == []
    assert [line for line in UNBOUNDED.splitlines() if bounded_seconds(line)] == []
    assert bounded_seconds(f"def test():\n    started = time.monotonic()\n    {BOUNDED.splitlines()[0]}") == [3]


def test_no_test_bounds_seconds() -> None:
    """No assert of a test has an upper bound on seconds that a busy machine can reach."""
    root = Path(__file__).parent
    failures = [
        f"{path.relative_to(root)}:{line}"
        for path in sorted(root.rglob("*.py"))
        for line in bounded_seconds(path.read_text(encoding="utf-8"))
    ]
    assert not failures, "\n".join(failures)
