"""The cost of a run, counted and not timed: modules, Python calls and memory. Growth of more than 5 % fails.

After a change that is meant to cost more (or less), `EVALHARNESS_BUDGETS=write pytest tests/test_budgets.py` writes
tests/a new budgets.json. The figures are those of Python 3.11 with the locked versions; later Pythons make fewer calls.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalharness.testing.fault_server import FaultServer

pytestmark = pytest.mark.slow  # `make test-newest` has other versions, and skips slow tests
BUDGETS = Path(__file__).with_name("budgets.json")
GROWTH = 1.05
FEW, MANY = 20, 120
"""The cost of a case is the difference of two runs, without the fixed cost of a run."""
SUITE = """\
schema: 1
models: [model]
prompts: {plain: [{system: "You answer in one sentence."}, {user: "{{ question }}"}]}
params: {max_tokens: 64}
metrics: [exact, rouge_l]
cases: cases.jsonl
gates: [{metric: rouge_l}]
"""
COUNTED = """\
import functools, itertools, os, sys, threading, tracemalloc
import evalharness.gate, evalharness.pytest_plugin, evalharness.report.html, evalharness.report.markdown, pytest

OURS = os.path.dirname(evalharness.__file__) + os.sep
ours, others = itertools.count(), itertools.count()
NOT_COUNTED = ("/_pytest/", "/pluggy/", "/asyncio/", "/concurrent/", "/threading.py", "/selectors.py", "/queue.py")

@functools.cache
def counter(file):
    if file.startswith(OURS):  # a clone is called evalharness, too
        return ours
    return None if any(part in file for part in NOT_COUNTED) else others

def count(frame, event, argument):
    if event == "call" and (found := counter(frame.f_code.co_filename)):
        next(found)

tracemalloc.start()
threading.setprofile(count)
sys.setprofile(count)
status = pytest.main(sys.argv[1:])
sys.setprofile(None)
print("COUNTED", int(status), next(ours), next(others), tracemalloc.get_traced_memory()[1])
"""
"""Imports come first: they would take long while calls are counted. Calls of pytest are not in the budget, and the
number of wake-ups of an event loop depends on the machine.
"""
LOADED = """\
import sys
if sys.argv[1] == "pytest":
    from pytest import main
else:
    from evalharness.cli import main
try:
    main(sys.argv[2:])
except SystemExit:
    pass
names = set(sys.modules)
ours = [name for name in names if name.partition(".")[0] == "evalharness"]
known = {*sys.stdlib_module_names, "evalharness", "__main__"}
roots = {name.partition(".")[0] for name in names} - known
print("LOADED", len(ours), *sorted(root for root in roots if not root.startswith("_")))
"""
OPTIONS = ["-p", "evalharness.plugin", "-p", "no:cacheprovider", "-q", "--llm-suite=bench"]
COMMANDS = {
    "pytest --llm-suite=bench": ["pytest", *OPTIONS],
    "evalharness --help": ["evalharness", "--help"],
    "evalharness validate": ["evalharness", "validate"],
    "evalharness gate reports/bench": ["evalharness", "gate", "reports/bench"],
    "evalharness export reports/bench -o out.csv": ["evalharness", "export", "reports/bench", "-o", "out.csv"],
}


def write_project(root: Path, cases: int, model: str) -> Path:
    """A suite with this number of questions to the model."""
    questions = {f"c{number:03}": f"Can I return item {number}?" for number in range(cases)}
    golden = [{"id": name, "golden": f"You asked: {question}"} for name, question in questions.items()]
    rows = [{"id": name, "vars": {"question": question}} for name, question in questions.items()]
    files = {
        "pyproject.toml": f"[tool.evalharness.models.model]\n{model}",
        "suites/bench.yaml": SUITE,
        "suites/cases.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "golden/bench.jsonl": "".join(json.dumps(row) + "\n" for row in golden),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def child(root: Path, script: str, *words: str) -> str:
    """The last line of a Python process's output; with no other plugin, no baseline and its own ledger."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "XDG_CACHE_HOME": str(root / "cache"), "CI": ""}
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def counted(root: Path) -> list[int]:
    """Calls of this package, calls of other packages, and the peak of allocated bytes, of a whole run."""
    _, status, *counts = child(root, COUNTED, *OPTIONS).split()
    assert status == "0"
    return [int(number) for number in counts]


def cost_of_a_case(few: list[int], many: list[int]) -> dict[str, float]:
    """The cost of a case from two runs of different size."""
    calls, others, held = ((b - a) / (MANY - FEW) for a, b in zip(few, many, strict=True))
    return {"calls": round(calls, 1), "calls of libraries": round(others, 1), "bytes": round(held, -2)}


def least(kind: str, roots: list[Path]) -> dict[str, float]:
    """The cost of a case, measured again if it is over its budget: on a busy machine more responses wait at once."""
    found = cost_of_a_case(*map(counted, roots))
    for _ in range(2):
        if all(found[what] <= GROWTH * most for what, most in budget()["a case"][kind].items()):
            break
        again = cost_of_a_case(*map(counted, roots))
        found = {what: min(found[what], again[what]) for what in found}
    return found


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All figures with a budget; with EVALHARNESS_BUDGETS=write they replace the file."""
    found = {"a case": dict(runs(tmp_path_factory.mktemp("runs"))), "modules": dict(modules(tmp_path_factory))}
    if os.environ.get("EVALHARNESS_BUDGETS") == "write":
        BUDGETS.write_text(json.dumps(found, indent=2) + "\n")
    return found


def runs(folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """The cost of a case of a scripted run, and of a replay."""
    scripted = 'provider = "scripted"\nanswers = {"*" = "You may return it within 30 days."}\n'
    yield "scripted", least("scripted", [write_project(folder / f"s{n}", n, scripted) for n in (FEW, MANY)])
    with FaultServer() as server:
        remote = f'provider = "openai"\nbase_url = "{server.url}"\nmodel = "m"\n'
        roots = [write_project(folder / f"r{n}", n, remote) for n in (FEW, MANY)]
        child(roots[-1], LOADED, "pytest", *OPTIONS)
        shutil.copytree(roots[-1] / "cache", roots[0] / "cache")  # the few cases are the first of the many
        yield "replayed", least("replayed", roots)
        assert len(server.log) == MANY


def modules(factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Any]]]:
    """The number of modules of this package that a command loads, and the other packages."""
    scripted = 'provider = "scripted"\nanswers = {"*" = "You may return it within 30 days."}\n'
    root = write_project(factory.mktemp("commands"), FEW, scripted)
    for name, words in COMMANDS.items():
        _, ours, *others = child(root, LOADED, *words).split()
        yield name, {"ours": int(ours), "others": others}


def budget() -> dict[str, Any]:
    """The committed figures."""
    figures: dict[str, Any] = json.loads(BUDGETS.read_text())
    return figures


def test_cost_of_a_case(measured: dict[str, Any]) -> None:
    """A case makes no more calls and holds no more memory than its budget, scripted and replayed."""
    over = [
        f"{kind}: {what} of a case: {found:g}, the budget is {budget()['a case'][kind][what]:g}"
        for kind, figures in measured["a case"].items()
        for what, found in figures.items()
        if found > GROWTH * budget()["a case"][kind][what]
    ]
    assert not over, "\n".join(over)


def test_modules_of_a_command(measured: dict[str, Any]) -> None:
    """A command loads no more modules of the package than its budget, and no new package."""
    over = []
    for name, found in measured["modules"].items():
        allowed = budget()["modules"][name]
        if found["ours"] > GROWTH * allowed["ours"]:
            over.append(f"{name}: {found['ours']} modules of evalharness, the budget is {allowed['ours']}")
        over += [f"{name}: loads {other}" for other in sorted(set(found["others"]) - set(allowed["others"]))]
    assert not over, "\n".join(over)


def test_modules_are_not_rewritten(tmp_path: Path) -> None:
    """Pytest does not rewrite the assertions of this package, as it does for other installed plugins."""
    root = write_project(tmp_path, 2, 'provider = "scripted"\nanswers = {"*" = "Yes."}\n')
    (root / "conftest.py").write_text(
        "import sys, pytest\n"
        "pytest.register_assert_rewrite('evalharness')\n"
        "def pytest_unconfigure():\n"
        "    ours = [m for n, m in sys.modules.items() if n.startswith('evalharness.') and n != 'evalharness.plugin']\n"
        "    print(len(ours), {type(m.__loader__).__name__ for m in ours})\n"
    )
    script = "import sys, pytest; pytest.main(sys.argv[1:])"
    options = ["-p", "evalharness.plugin", "-W", "ignore::pytest.PytestAssertRewriteWarning", "--llm-suite=bench"]
    count, loaders = child(root, script, *options).split(" ", 1)
    assert (int(count) > 50, loaders) == (True, "{'SourceFileLoader'}")
