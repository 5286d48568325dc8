"""Extensions that cannot be imported, raise or return nonsense: one line that names them, and never a green run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

GATE = """
import math
from evalharness.gate import GateKind, GateResult

class Evidence:
    p_value = {p_value}

class Gate(GateKind):
    def evidence(self, comparison):
        {evidence}

    def conclude(self, comparison, evidence, p_value, gates):
        return {result}

it = Gate()
"""
PASS = "GateResult('PASS', 'fine', p_value, 0.0, 0.0, 0.0, 5)"
FORMAT = "from evalharness import ReportFormat\ndef render(outcome): raise SystemExit(0)\nit = ReportFormat({}, render)"


@dataclass(frozen=True)
class Broken:
    """An extension called `acme`, a project that uses it, and the message that names it."""

    kind: str
    code: str
    message: str
    config: str = ""
    suite: dict[str, Any] = field(default_factory=dict)


def a_gate(message: str, *, p_value: str = "0.5", evidence: str = "return Evidence", result: str = PASS) -> Broken:
    """A gate kind whose baseline exists."""
    code = GATE.format(p_value=p_value, evidence=evidence, result=result)
    return Broken("gate_kinds", code, message, suite={"gates": [{"metric": "acme", "margin": 0.1}]})


def a_metric(code: str, message: str) -> Broken:
    """A metric that the suite names."""
    return Broken("metrics", code, message, suite={"metrics": ["exact", "acme"]})


def a_provider(code: str, message: str) -> Broken:
    """The provider of the suite's model."""
    config = '[tool.evalharness.models.app]\nprovider = "acme"\n'
    return Broken("providers", code, message, config, {"models": ["app"]})


def an_executor(code: str, message: str) -> Broken:
    """The executor of the project."""
    return Broken("executors", code, message, '[tool.evalharness]\nexecutor = "acme"\n')


def a_format(code: str, message: str) -> Broken:
    """A report format that each run writes."""
    return Broken("report_formats", code, message, '[tool.evalharness]\nreports = ["acme"]\n')


UNUSABLE = {
    "metric-import": a_metric("import acme_gone", "demo.yaml:9:3: metric 'acme' cannot be imported: ModuleNotFound"),
    "metric-exit": a_metric("raise SystemExit(0)", "metric 'acme' cannot be imported: SystemExit: 0"),
    "metric-object": a_metric("it = 3", "metric 'acme': expected a function or a class, got int"),
    "metric-factory": a_metric("def it(): raise OSError('offline')", "the metric 'acme' raised OSError: offline"),
    "provider-import": a_provider("1 / 0", "models.app]: provider 'acme' cannot be imported: ZeroDivisionError"),
    "provider-factory": a_provider("def it(): raise OSError('offline')", "the provider 'acme' raised OSError: offline"),
    "provider-object": a_provider("def it(): return 3", "the provider 'acme': expected an object with 'capabilities'"),
    "provider-capabilities": a_provider(
        "from evalharness import Provider\nclass it(Provider):\n    capabilities = {}\n",
        "'capabilities' must be a Capabilities, got dict",
    ),
    "provider-identity": a_provider(
        "from evalharness import Provider\nclass it(Provider):\n    def identity(self): return 1 / 0\n",
        "model 'app': identity() raised ZeroDivisionError",
    ),
    "executor-import": an_executor("1 / 0", "executor 'acme' cannot be imported: ZeroDivisionError"),
    "executor-factory": an_executor(
        "def it(): raise OSError('offline')", "the executor 'acme' raised OSError: offline"
    ),
    "gate-import": Broken("gate_kinds", "1 / 0", "gate kind 'acme' cannot be imported", suite=a_gate("").suite),
    "gate-object": Broken("gate_kinds", "it = 3", "expected an object with 'unit', got int", suite=a_gate("").suite),
    "gate-class": Broken("gate_kinds", "class it: ...", "got the class it", suite=a_gate("").suite),
    "format-name": a_format(FORMAT.format(3), "file_name must be a name without a path, got 3"),
    "format-control": a_format(FORMAT.format("'a\\0'"), "file_name must be a name without a path, got 'a\\x00'"),
}
PROVIDER = """
from evalharness import Provider, Response, Timing, Usage

class it(Provider):
    def complete(self, request):
        return Response("Yes.", "stop", Usage(1, 1), Timing(0.1))

    {close}
        raise {error}
"""
EXECUTOR = """
from concurrent.futures import Future
from evalharness import Executor, Response, Timing, Usage

class it(Executor):
    def submit(self, request):
        future = Future()
        future.set_result(Response("Yes.", "stop", Usage(1, 1), Timing(0.1)))
        return future

    def close(self):
        raise OSError("stuck")
"""
UNCLOSED = {
    "provider": a_provider(
        PROVIDER.format(close="def close(self):", error="OSError('stuck')"),
        "model 'app' (it): close() raised OSError: stuck",
    ),
    "provider-async": a_provider(
        PROVIDER.format(close="async def close(self):", error="OSError('stuck')"),
        "model 'app' (it): close() raised OSError: stuck",
    ),
    "provider-exit": a_provider(
        PROVIDER.format(close="def close(self):", error="SystemExit(0)"),
        "model 'app' (it): close() raised SystemExit: 0",
    ),
    "executor": an_executor(EXECUTOR, "executor (it): close() raised OSError: stuck"),
}
RED = {
    "evidence": a_gate("evidence() raised ZeroDivisionError", evidence="return 1 / 0"),
    "exit": a_gate("evidence() raised SystemExit: 0", evidence="raise SystemExit(0)"),
    "no-evidence": a_gate("expected evidence with a p_value from 0 to 1, got None", evidence="return None"),
    "nan": a_gate("expected evidence with a p_value from 0 to 1, got nan", p_value="math.nan"),
    "conclude": a_gate("conclude() raised ZeroDivisionError", result="1 / 0"),
    "no-result": a_gate("expected a GateResult, got NoneType", result="None"),
    "word": a_gate("expected the verdict PASS, FAIL, INCONCLUSIVE, got 'GREEN'", result=PASS.replace("PASS", "GREEN")),
    "reason": a_gate("expected a reason of type str, got NoneType", result=PASS.replace("'fine'", "None")),
    "nan-result": a_gate("expected numbers in the GateResult", result=PASS.replace("0.0", "math.nan")),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project outside CI."""
    leave_ci(monkeypatch)
    return Project(tmp_path)


def install(broken: Broken, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the extension, and write a project that uses it."""
    module = f"acme_{project.root.name}".replace("-", "_")
    project.write(f"lib/{module}.py", broken.code)
    project.write("lib/acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    project.write("lib/acme-1.0.dist-info/entry_points.txt", f"[evalharness.{broken.kind}]\nacme = {module}:it\n")
    monkeypatch.syspath_prepend(project.root / "lib")
    project.write_suite(**broken.suite)
    project.write("pyproject.toml", broken.config + project.read("pyproject.toml"))


@pytest.mark.parametrize("broken", UNUSABLE.values(), ids=UNUSABLE)
def test_an_extension_that_cannot_be_used(broken: Broken, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends before its first request, with a line that names the extension."""
    install(broken, project, monkeypatch)
    result = project.command("run", "demo")
    assert result.exit_code == 1
    assert broken.message in result.output
    assert not (project.root / "reports").exists()


@pytest.mark.parametrize("door", ["run", "pytest"])
@pytest.mark.parametrize("broken", UNCLOSED.values(), ids=UNCLOSED)
def test_an_extension_that_cannot_close(
    broken: Broken, door: str, project: Project, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is complete and keeps its verdict; a warning names the extension."""
    install(broken, project, monkeypatch)
    if door == "run":
        result = project.command("run", "demo")
        status, output = result.exit_code, result.output
    else:
        ran = pytester.runpytest_inprocess("--llm-suite=demo", "-p", "no:cacheprovider", "--rootdir", project.root)
        status, output = int(ran.ret), ran.stdout.str()
    assert f"warning {broken.message}" in " ".join(output.split())
    assert (status, project.record().stopped, project.verdict()["status"]) == (0, False, "no baseline")


@pytest.mark.parametrize("broken", RED.values(), ids=RED)
def test_a_gate_kind_that_fails(broken: Broken, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict of its gate is an error, and the other reports are written."""
    project.write_suite()
    project.accept()
    install(broken, project, monkeypatch)
    assert project.command("run", "demo").exit_code == 1
    (verdict,) = [one for one in project.verdict()["verdicts"] if one["metric"] == "acme"]
    assert verdict["status"] == "error"
    assert f"gate kind 'acme': {broken.message}" in verdict["reason"]


@pytest.mark.parametrize("field", ["p_values = None", "p_values = [0.5, 'high']", "corrected = True"])
def test_evidence_with_more_fields(field: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence of another package needs a p-value: a field of another name is its own, whatever ours has."""
    project.write_suite()
    project.accept()
    install(a_gate("", p_value=f"0.5; {field}"), project, monkeypatch)
    assert project.command("run", "demo").exit_code == 0
    (verdict,) = [one for one in project.verdict()["verdicts"] if one["metric"] == "acme"]
    assert (verdict["status"], verdict["reason"]) == ("pass", "fine")


def test_a_report_format_that_exits(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """SystemExit(0) in a report format cannot turn a regression green."""
    project.write_suite()
    project.accept()
    install(a_format(FORMAT.format("'acme.txt'"), ""), project, monkeypatch)
    project.answer({"*": {"error": "broken"}})
    result = project.command("run", "demo", "--record=all")
    assert result.exit_code == 1
    assert "acme.txt not written: report format 'acme' raised SystemExit: 0" in " ".join(result.output.split())


def test_a_name_of_two_packages(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages with an extension of the same name are an error that names both."""
    install(a_metric("it = list", ""), project, monkeypatch)
    project.write("more/other-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    project.write("more/other-1.0.dist-info/entry_points.txt", "[evalharness.metrics]\nacme = other:it\n")
    monkeypatch.syspath_prepend(project.root / "more")
    assert "metric 'acme': provided by the packages acme, other" in project.command("run", "demo").output


def test_an_executor_without_the_methods(project: Project) -> None:
    """An object without the methods of an executor is refused before the first request."""
    from evalharness.errors import ConfigError

    project.write_suite()
    with pytest.raises(ConfigError, match="executor: expected an object with 'submit', got int"):
        project.evaluate(executor=3)
    with pytest.raises(ConfigError, match="model 'app': expected an object with 'capabilities', got int"):
        project.evaluate(models={"app": 3})
