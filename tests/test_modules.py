"""Imports without the garbage collector: in processes of their own, because what is frozen stays so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

COLLECTIONS = """\
import gc, sys
scanned = []

def count(phase, info):
    if "{module}" in sys.modules and not gc.get_freeze_count():
        scanned.append(phase)

gc.callbacks.append(count)
{program}
print("SCANNED", len(scanned), gc.isenabled(), gc.get_freeze_count() > 50_000)
"""
"""Counts the scans from the import of a module on, until its objects are frozen."""
PYTEST = 'import pytest; pytest.main(["-p", "evalharness.plugin", "--llm-suite=support", "--collect-only", "-q"])'
COMMAND = """\
from evalharness.cli import main
try:
    main(["validate"])
except SystemExit:
    pass
"""


def printed(program: str) -> str:
    """The last line of a Python program."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CI": ""}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("module", "program"), [("evalharness.pytest_plugin", PYTEST), ("evalharness.cli.validate", COMMAND)]
)
def test_imports_are_not_scanned(module: str, program: str) -> None:
    """The garbage collector scans no module while others are imported, nor later, and is on afterwards."""
    assert printed(COLLECTIONS.format(module=module, program=program)) == "SCANNED 0 True True"


def test_a_process_of_many_commands_frees_its_garbage() -> None:
    """The second command of a process keeps no garbage of the first for good, and its modules are still not scanned."""
    program = f"""\
import gc, weakref
class Cycle: pass
{COMMAND}
frozen, cycle = gc.get_freeze_count(), Cycle()
cycle.itself, found = cycle, weakref.ref(cycle)
del cycle
{COMMAND}
gc.collect()
print(found(), frozen > 50_000, gc.get_freeze_count() == frozen)
"""
    assert printed(program) == "None True True"


def test_the_end_of_a_command_scans_nothing() -> None:
    """When the process ends, everything is frozen: the last collection of Python has nothing to scan."""
    program = f"""\
import atexit, gc
atexit.register(lambda: print(len(gc.get_objects()) < 5_000 < gc.get_freeze_count()))
{COMMAND}
print(len(gc.get_objects()) > 5_000)
"""
    assert printed(program) == "True"


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_before(enabled: bool) -> None:
    """A process without garbage collector keeps it off, and an import that fails turns it on again."""
    program = f"""\
import gc
from contextlib import suppress
from evalharness.modules import not_collected
{"gc.enable()" if enabled else "gc.disable()"}
found = []
with suppress(ImportError), not_collected():
    found.append(gc.isenabled())
    import no_such_module
print(*found, gc.isenabled())
"""
    assert printed(program) == f"False {enabled}"


def test_a_run_collects_rarely() -> None:
    """A run has fewer garbage collections, and one that ends with an error leaves the collector as it was."""
    program = """\
import gc
from contextlib import suppress
from evalharness.modules import rarely_collected
before = gc.get_threshold()
with suppress(OSError), rarely_collected():
    inside = gc.get_threshold()
    raise OSError
print(inside[0] > before[0], inside[1:] == before[1:], gc.get_threshold() == before)
"""
    assert printed(program) == "True True True"


@pytest.mark.parametrize("door", ["cli.run, evalharness.cli.progress, evalharness.evaluation.api", "pytest_plugin"])
def test_requests_need_no_reports(door: str) -> None:
    """What decides and draws is imported while the requests are in flight: no door imports it before."""
    late = ["numpy", "evalharness.gate.decide", "evalharness.report.html"]
    program = f"import sys, evalharness.{door}\nprint(sorted(sys.modules.keys() & {set(late)}))"
    assert printed(program) == "[]"


def test_an_interrupt_waits_for_an_import(tmp_path: Path) -> None:
    """Ctrl-C within an import leaves a whole module, and ends the program after it as before."""
    (tmp_path / "interrupted.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\nis_whole = True\n")
    program = f"""\
import sys
from evalharness.modules import import_modules
sys.path.insert(0, {str(tmp_path)!r})
try:
    import_modules(["interrupted"])
except KeyboardInterrupt:
    print("interrupted", sys.modules["interrupted"].is_whole)
"""
    assert printed(program) == "interrupted True"
