"""Without `--llm-suite` the plugin is inactive; with a wrong suite it names the nearest ones."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from evalharness.testing.ci import leave_ci

UNRELATED = """
import sys
from types import SimpleNamespace
def test_modules():
    ours = {name for name in sys.modules if name.split(".")[0] == "evalharness"}
    assert ours == {"evalharness", "evalharness.plugin"}
    assert not {"yaml", "pydantic", "jinja2", "numpy", "click"} & set(sys.modules)
"""


def test_plain_pytest_pays_nothing(tmp_path):
    """Without the option only the switch is imported, nothing is printed and no file is left."""
    (tmp_path / "test_unrelated.py").write_text(UNRELATED)
    quiet = ["-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:anyio", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", *quiet], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "1 passed" in done.stdout
    assert "llm" not in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["test_unrelated.py"]


def test_help_lists_the_options(pytester):
    """`pytest --help` explains every option."""
    result = pytester.runpytest("--help")
    for option in ("suite", "model", "prompt", "repeat", "baseline", "accept", "inconclusive", "report"):
        result.stdout.fnmatch_lines([f"*--llm-{option}*"])


@pytest.mark.parametrize("option", ["--collect-only", "--help", "--markers", "--fixtures"])
def test_a_job_that_evaluates_nothing(project, monkeypatch, option):
    """In CI, settings that let pytest end before the first case give the status 5; a user may list the cases."""
    project.accept()
    project.write("pytest.ini", f"[pytest]\naddopts = {option}\n")
    leave_ci(monkeypatch)
    assert project.pytester.runpytest("--llm-suite=demo").ret == 0
    monkeypatch.setenv("CI", "true")
    result = project.pytester.runpytest_subprocess("--llm-suite=demo", "--llm-base=HEAD")
    assert result.ret == 5
    result.stderr.fnmatch_lines(["evalharness: no suite was evaluated: remove options like --collect-only and --help"])


def test_an_unknown_suite(project):
    """An unknown suite is a usage error with the nearest names."""
    result = project.pytester.runpytest("--llm-suite=dmo")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*suites/dmo.yaml: unknown suite 'dmo'; did you mean 'demo'?"])


def test_no_suite_at_all(pytester):
    """`all` in a project without suites is a usage error."""
    assert pytester.runpytest("--llm-suite=all").ret == pytest.ExitCode.USAGE_ERROR


def test_an_unknown_prompt(project):
    """An unknown prompt is an error with the nearest names."""
    result = project.run("--llm-prompt=plian")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["suites/demo.yaml has no prompt 'plian'; did you mean 'plain'?"])


def test_an_unknown_option_of_a_model(project):
    """An unknown key of the configuration is reported with its table."""
    project.edit("pyproject.toml", "answers =", "anwsers =")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*[[]tool.evalharness.models.fake]: unknown key 'anwsers'; did you mean 'answers'*"])


def test_the_plugin_can_be_named_twice(project):
    """A conftest that names the plugin, `-p` and the entry point work together."""
    project.write("conftest.py", 'pytest_plugins = ["evalharness.plugin"]\n')
    assert project.pytester.runpytest_subprocess("-p", "evalharness.plugin", "--llm-suite=demo").ret == 0


def test_where_there_is_no_posix(project, monkeypatch):
    """On Windows `--llm-suite` recommends WSL, instead of failing on a missing module."""
    monkeypatch.setattr("evalharness.plugin.os", SimpleNamespace(name="nt"))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*evalharness runs on Linux and macOS*on Windows, use WSL"])
