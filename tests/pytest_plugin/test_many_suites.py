"""Many suites in one run: the work for the merge base and for pytest's collection is that of the project, done once."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from repository import Repository

from evalharness import evaluate
from evalharness.config import Config, load_config
from evalharness.evaluation import requests
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Request, Response
from evalharness.testing.ci import leave_ci

CONFIG = '[tool.evalharness.models.fake]\nprovider = "scripted"\nanswers = {"*" = "Yes."}\n'
SUITE = """\
schema: 1
models: [fake]
prompts: {plain: [{user: "{{ q }}"}]}
metrics: [exact]
cases: [{id: a, vars: {q: x}}, {id: b, vars: {q: y}}]
gates: [{metric: exact}]
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with a line for each call of git from now on."""
    log, shim = tmp_path / "calls.txt", tmp_path / "bin/git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {shutil.which("git")} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=":")
    log.touch()
    return log


def a_project(root: Path, suites: int) -> None:
    """A branch with a harmless change, as a pull request of a repository with these suites."""
    repository = Repository(root)
    repository.write("pyproject.toml", CONFIG)
    for number in range(suites):
        repository.write(f"suites/s{number}.yaml", SUITE)
        repository.write(f"golden/s{number}.yaml", "a: 'Yes.'\nb: 'Yes.'\n")
    repository.commit()
    repository.branch()
    repository.write("suites/s0.yaml", SUITE.replace("{{ q }}", "Please: {{ q }}"))
    repository.commit()


class Collected:
    """A plugin that counts the files that pytest offers to its collectors."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()

    def pytest_collect_file(self, file_path: Path) -> None:
        """Count the file."""
        self.files[file_path.name] += 1


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "xdist"])
def test_the_merge_base_is_read_once(
    pytester: pytest.Pytester, tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """The number of calls of git does not depend on the number of suites."""
    leave_ci(monkeypatch)
    found = []
    for suites in (1, 6):
        a_project(tmp_path / f"project-{suites}", suites)
        monkeypatch.chdir(tmp_path / f"project-{suites}")
        calls.write_text("")
        result = pytester.runpytest("-p", "no:cacheprovider", "--llm-suite=all", "--llm-base=main", *options)
        result.assert_outcomes(passed=2 * suites, skipped=suites)
        words = [word for line in calls.read_text().splitlines() for word in line.split()]
        found.append(Counter(word for word in words if word in ("rev-parse", "ls-tree", "cat-file", "status")))

    assert found[0] == found[1]
    assert found[0]["cat-file"] >= 1


def test_the_merge_base_is_read_once_in_evaluate(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One suite writes the files of the merge base once, for its criteria, its gates and its baselines."""
    leave_ci(monkeypatch)
    a_project(tmp_path / "project", 3)
    calls.write_text("")

    evaluate("s0", base="main", config=load_config(tmp_path / "project"))

    assert sum("cat-file" in line for line in calls.read_text().splitlines()) <= 3  # of it: the symbolic links


def test_the_folder_of_the_suites_is_collected_once(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pytest sees each file of the folder once, although each suite is an argument of its own."""
    leave_ci(monkeypatch)
    a_project(tmp_path / "project", 5)
    monkeypatch.chdir(tmp_path / "project")
    counter = Collected()

    result = pytester.runpytest("-p", "no:cacheprovider", "--llm-suite=all", "--llm-baseline=none", plugins=[counter])

    result.assert_outcomes(passed=10, skipped=5)
    assert {name: count for name, count in counter.files.items() if name.endswith(".yaml")} == {
        f"s{number}.yaml": 1 for number in range(5)
    }


class Statistics:
    """A plugin that counts the reports that pytest keeps until its end."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Count them by category."""
        self.kept = {name: len(reports) for name, reports in terminalreporter.stats.items()}


def test_a_passed_case_keeps_one_report(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pytest keeps the report of the case itself. Those of its set-up and teardown are dropped, others stay."""
    leave_ci(monkeypatch)
    a_project(tmp_path / "project", 1)
    monkeypatch.chdir(tmp_path / "project")
    Path("test_own.py").write_text("def test_own(): pass\n")
    kept = Statistics()

    pytester.runpytest(
        "-p", "no:cacheprovider", "--llm-suite=s0", "--llm-baseline=none", "test_own.py", plugins=[kept]
    ).assert_outcomes(passed=3, skipped=1)

    assert kept.kept["passed"] == 3
    assert kept.kept[""] == 2  # of test_own


class Watched(ScriptedProvider):
    """A scripted model that counts its answers."""

    asked = 0

    def complete(self, request: Request) -> Response:
        """Count and answer."""
        self.asked += 1
        return super().complete(request)


def test_requests_are_sent_in_a_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run sends a bounded number of requests ahead of the sample that is waited for, and all in the end."""
    monkeypatch.setattr(requests, "MOST_AHEAD", 4)
    monkeypatch.setattr(requests, "MOST_TOGETHER", 2)
    (tmp_path / "suites").mkdir()
    cases = ", ".join(f"{{id: c{number}, vars: {{q: x}}}}" for number in range(30))
    suite = SUITE.partition("cases:")[0].replace("exact", "{length: {max_words: 5}}").replace("models: [fake]\n", "")
    (tmp_path / "suites/s.yaml").write_text(f"{suite}cases: [{cases}]\n")
    model, sent = Watched({"*": "Yes."}), []

    evaluation = evaluate(
        "s",
        models={"fake": model},
        baseline="none",
        config=Config(root=tmp_path),
        on_sample=lambda sample: sent.append((sample.key.case, model.asked)),
    )

    assert [name for name, _ in sent] == [f"c{number}" for number in range(30)]
    most = 4 + 2 + 1  # those ahead, those that are handed out together, and the next one, which has its turn by then
    assert all(asked <= number + most for number, (_, asked) in enumerate(sent))
    assert model.asked == len(evaluation.samples) == 30
