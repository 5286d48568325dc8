"""An exception in an extension names file and line of the extension's code, without a path of this machine."""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evalharness.foreign import describe
from evalharness.testing import Project

ANSWERS = """\
import json
from pathlib import Path
import sys
sys.path.insert(0, str(Path(__file__).parent))
import helper

def answer(request):
    return json.loads(request.key.case) if request.key.case == "case-1" else helper.look_up(request)
"""
HELPER = "def look_up(request):\n    table = {}\n    return table[request.key.case]\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose model is a function in a folder, which uses a second file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "helper", raising=False)
    project = Project(tmp_path)
    project.write_suite()
    project.write("app/answers.py", ANSWERS)
    project.write("app/helper.py", HELPER)
    project.configure(scripted={"provider": "scripted", "function": "app/answers.py:answer"})
    return project


def test_the_last_line_of_the_extension(project: Project) -> None:
    """The line is in the project, in the file that raised; a library that it calls is left out."""
    project.evaluate()
    errors = {sample.key.case: sample.error.message for sample in project.record().samples if sample.error}
    assert errors == {
        "case-0": "the script raised KeyError: 'case-0' (app/helper.py:3)",
        "case-1": "the script raised JSONDecodeError: Expecting value: line 1 column 1 (char 0) (app/answers.py:8)",
    }
    assert str(project.root) not in project.read("reports/demo/run.jsonl")


def test_the_terminal_has_it(project: Project) -> None:
    """The summary of the run shows the line."""
    assert "KeyError: 'case-0' (app/helper.py:3)" in " ".join(project.command("run", "demo").stdout.split())


def installed(folder: Path, source: str) -> ModuleType:
    """The module `acme.model` of a package in this `site-packages`."""
    path = folder / "acme/model.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("acme.model", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def raised(call: Any) -> Exception:
    """The exception of a call."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("expected an exception")


def test_an_installed_package(tmp_path: Path) -> None:
    """The path of an installed package starts with its name."""
    module = installed(tmp_path / "lib/site-packages", "def fail():\n    raise OSError('no server')\n")
    here = raised(module.fail)
    here.__traceback__ = here.__traceback__.tb_next if here.__traceback__ else None  # as if this package called it
    assert describe(here) == "OSError: no server (acme/model.py:2)"


def test_no_line() -> None:
    """An exception that was never raised, or in built code, has no line."""
    assert describe(ValueError("x")) == "ValueError: x"
    assert describe(raised(lambda: exec("1 / 0"))).startswith("ZeroDivisionError: division by zero (tests/execution/")


def test_the_log_has_the_traceback(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG, the log has the end of the traceback."""
    caplog.set_level(logging.DEBUG, "evalharness")
    project.evaluate()
    assert any("Traceback" in line or "return table[request.key.case]" in line for line in caplog.messages)
