"""`evalharness record`: responses of one machine replay on another without a model, a key or a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from plans import run_plan

from evalharness import testing
from evalharness.config import load_config
from evalharness.evaluation.plan import make_plan
from evalharness.store.ci import CI_VARIABLES
from evalharness.store.ledger import Ledger
from evalharness.store.recorded import Recorded
from evalharness.suites import load_suite
from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import FaultServer

SUITE = """\
schema: 1
models: [remote]
prompts:
  short: [{user: "{{ q }}"}]
  long: [{system: "Be kind."}, {user: "{{ q }}"}]
params: {max_tokens: 50}
metrics: [exact]
cases: [{id: a, vars: {q: A?}}, {id: b, vars: {q: B?}}, {id: c, vars: {q: C?}}]
gates: [{metric: exact, margin: 5%}]
"""
GOLDEN = "golden/recordings/demo.jsonl"


class Project(testing.Project):
    """A folder with one suite of three cases and two prompts."""

    def __init__(self, root: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(root)
        self.file = root / GOLDEN
        self._monkeypatch = monkeypatch
        self.write("suites/demo.yaml", SUITE)
        self.write("golden/demo.yaml", "".join(f'{name}: "You asked: {name.upper()}?"\n' for name in "abc"))
        self.configure(remote={"provider": "openai", "base_url": url, "model": "m"})
        self.move("here")

    def move(self, machine: str) -> None:
        """Switch to a machine with an empty ledger."""
        self._monkeypatch.setenv("XDG_CACHE_HOME", str(self.root / "cache" / machine))

    def ledger(self) -> Ledger:
        """The ledger of this machine."""
        return Ledger(load_config(self.root).cache_dir / "ledger.sqlite")

    def run_suite(self, *prompts: str, repeat: int = 1) -> None:
        """Run the suite and record its responses."""
        config = load_config(self.root)
        plan = make_plan(load_suite("demo", config), config, prompts=prompts, repeat=repeat)
        with closing(self.ledger()) as ledger:
            assert run_plan(plan, ledger=ledger).complete

    def recorded(self) -> dict[str, Recorded]:
        """Return all responses of this machine's ledger."""
        with closing(self.ledger()) as ledger:
            return {row.key: row for row in ledger.all()}

    def rewrite(self, old: str, new: str) -> None:
        """Replace the first occurrence of a text in the recording."""
        text = self.read(GOLDEN)
        assert old in text
        self.write(GOLDEN, text.replace(old, new, 1))

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `pytest --llm-suite=demo ...` in a child process."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:hypothesispytest",
            "--llm-suite=demo",
            "--llm-baseline=none",
            *arguments,
        ]
        ours = [name for name in os.environ if not name.startswith("PYTEST_") and name not in CI_VARIABLES]
        env = {name: os.environ[name] for name in ours}
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """All six responses are recorded, and the server is stopped."""
    with FaultServer() as server:
        project = Project(tmp_path.resolve(), server.url, monkeypatch)
        project.run_suite("short", "long")
    return project


def test_export(project: Project) -> None:
    """All responses of the suite are written to one file: a header, then a response per line."""
    result = project.command("record", "export", "demo")
    assert (result.exit_code, result.stdout) == (0, f"{project.file}: 6 of 6 responses\n")
    header, *lines = map(json.loads, project.file.read_text().splitlines())
    assert header == {"schema": 2, "kind": "recording", "suite": "demo", "responses": 6}
    assert {line["key"] for line in lines} == set(project.recorded())
    assert {line["response"]["text"] for line in lines} == {"You asked: A?", "You asked: B?", "You asked: C?"}


@pytest.mark.parametrize(("options", "count"), [(["--prompt", "short"], 3), (["--prompt=long", "--model=remote"], 3)])
def test_export_a_part(project: Project, options: list[str], count: int) -> None:
    """Only the responses of the chosen models and prompts are written, to the given file."""
    result = project.command("record", "export", "demo", *options, "-o", project.root / "x.jsonl")
    assert (result.exit_code, result.stdout) == (0, f"{project.root / 'x.jsonl'}: {count} of {count} responses\n")
    assert not project.file.exists()


def test_what_is_missing(project: Project) -> None:
    """A missing response is reported with the next step, and nothing is written."""
    (project.root / "suites/demo.yaml").write_text(SUITE.replace("B?", "Bee?"))
    result = project.command("record", "export", "demo")
    assert result.exit_code == 1
    assert "2 of 6 responses are not recorded: b[remote-short], b[remote-long]; run pytest" in result.stderr
    assert "--partial" in result.stderr
    assert not project.file.exists()


def test_many_missing(project: Project) -> None:
    """Of many missing responses some are named, and the others counted."""
    project.move("elsewhere")
    result = project.command("record", "export", "demo", "--repeat=2")
    assert result.exit_code == 1
    assert "12 of 12 responses are not recorded" in result.stderr
    assert "and 7 more" in result.stderr


def test_partial(project: Project) -> None:
    """`--partial` writes the responses that exist."""
    result = project.command("record", "export", "demo", "--repeat=2", "--partial")
    assert (result.exit_code, result.stdout) == (0, f"{project.file}: 6 of 12 responses\n")


def test_import(project: Project) -> None:
    """Imported responses are in the ledger; importing them again changes nothing."""
    project.command("record", "export", "demo")
    here = project.recorded()
    project.move("there")
    for new in (6, 0):
        result = project.command("record", "import", project.file)
        assert (result.exit_code, result.stdout) == (0, f"{project.file}: 6 responses, {new} of them new\n")
        assert project.recorded() == here


def test_import_conflict(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of CI, a response that differs from this machine's is imported only with `--replace`."""
    leave_ci(monkeypatch)
    project.command("record", "export", "demo")
    before = project.recorded()
    project.rewrite('"text": "You asked: A?"', '"text": "Another."')
    result = project.command("record", "import", project.file)
    assert result.exit_code == 1
    assert "the ledger has other responses to 1 of its requests (first: " in result.stderr
    assert "--replace" in result.stderr
    assert project.recorded() == before
    assert project.command("record", "import", "--replace", project.file).exit_code == 0
    assert sum(row.response.text == "Another." for row in project.recorded().values()) == 1


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        (lambda project: project.rewrite('"content": "B?"', '"content": "Bee?"'), "the line was edited"),
        (lambda project: project.rewrite('"responses": 6', '"responses": 5'), ":1: expected 5 responses, got 6"),
        (lambda project: project.file.write_bytes(project.file.read_bytes()[:-9]), ":7: the last line is cut off"),
        (lambda project: project.file.write_text("hello\n"), ":1:1: not JSON"),
    ],
)
def test_an_edited_file_is_refused(project: Project, edit: Callable[[Project], object], shown: str) -> None:
    """An edited file stops the whole import, with its place."""
    project.command("record", "export", "demo")
    good = project.file.rename(project.root / "good.jsonl")
    project.command("record", "export", "demo")
    edit(project)
    project.move("there")
    result = project.command("record", "import", good, project.file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {project.file}:")
    assert shown in result.stderr
    assert project.recorded() == {}


def test_a_conflict_in_the_second_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict in one of several files keeps the others out as well."""
    leave_ci(monkeypatch)  # in CI, an imported response counts only while its recording is unchanged
    project.command("record", "export", "demo", "--prompt=short", "-o", project.root / "short.jsonl")
    project.command("record", "export", "demo", "--prompt=long")
    project.move("there")
    assert project.command("record", "import", project.file).exit_code == 0
    project.rewrite('"text": "You asked: A?"', '"text": "Another."')
    assert project.command("record", "import", project.root / "short.jsonl", project.file).exit_code == 1
    assert len(project.recorded()) == 3


@pytest.mark.parametrize("command", ["export", "import"])
def test_a_damaged_ledger(project: Project, command: str) -> None:
    """An invalid ledger file is reported without a traceback."""
    project.command("record", "export", "demo")
    path = load_config(project.root).cache_dir / "ledger.sqlite"
    path.write_text("hello")
    result = project.command("record", command, "demo" if command == "export" else project.file)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {path}: damaged")


@pytest.mark.parametrize(
    ("arguments", "status", "shown"),
    [
        (["record", "--help"], 0, "evalharness record export support"),
        (["record", "export", "--help"], 0, "Example: evalharness record export support"),
        (["record", "import", "--help"], 0, "Example: evalharness record import golden/recordings/support.jsonl"),
        (["record", "import"], 2, "Missing argument"),
        (["record", "import", "/no/such/file"], 2, "does not exist"),
        (["record", "export", "nope"], 1, "unknown suite 'nope'"),
        (["record", "export", "demo", "--repeat=0"], 2, "0 is not in the range"),
        (["record", "export", "demo", "--model=nope"], 1, "no [tool.evalharness.models.nope]"),
    ],
)
def test_usage(project: Project, arguments: list[str], status: int, shown: str) -> None:
    """The help has an example; an error is one line."""
    result = project.command(*arguments)
    assert (result.exit_code, shown in result.output) == (status, True), result.output


def test_from_one_machine_to_another(project: Project) -> None:
    """After export and import, `--llm-record=none` passes on another machine."""
    project.command("record", "export", "demo")
    project.move("there")
    missing = project.pytest("--llm-record=none")
    assert missing.returncode == 1
    assert "no responses are recorded yet" in missing.stdout
    assert project.command("record", "import", project.file).exit_code == 0
    replayed = project.pytest("--llm-record=none")
    assert replayed.returncode == 0, replayed.stdout
    assert "replayed  6 of 6 answers, recorded on " in replayed.stdout
