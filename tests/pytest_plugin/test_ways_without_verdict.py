"""Every way to end without a verdict is red in `evalharness verify`: the table in docs/trust.md has a row for each."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from repository import Repository

from evalharness.testing.ci import leave_ci
from evalharness.testing.pytest_project import PytestProject

CASES = [f"case-{number}" for number in range(20)]
GOOD, BAD = "You may return {} within 30 days.", "I could not say anything about it, sorry."
SUITE = """\
schema: 1
models: [fake, other]
prompts:
  plain: [{user: "{{ question }}"}]
  short: [{user: "Briefly: {{ question }}"}]
default_prompts: [plain]
metrics: [rouge_l]
assert: [{not_contains: sorry}]
cases: cases.jsonl
gates: [{metric: rouge_l, margin: 10%}]
"""
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
answers = "answers.json"
[tool.evalharness.models.other]
provider = "scripted"
answers = "answers.json"
"""
RECORD, VERDICT = "reports/demo/run.jsonl", "reports/demo/verdict.json"


class Job(PytestProject):
    """The CI job of a pull request whose merge base has accepted runs of the suite `demo`."""

    @property
    def repository(self) -> Repository:
        """Its checkout."""
        return Repository(self.root, new=False)

    def write_files(self, name: str = "demo") -> None:
        """Write a suite with goldens, its model and the configuration."""
        self.write("pyproject.toml", CONFIG)
        self.write(".gitignore", "reports/\n.cache/\n__pycache__/\n")
        self.write(f"suites/{name}.yaml", SUITE)
        rows = [{"id": case, "vars": {"question": f"Can I return {case}?"}} for case in CASES]
        self.write("suites/cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        self.write(f"golden/{name}.yaml", "".join(f"{case}: You may return {case} in 30 days.\n" for case in CASES))
        self.answer({case: GOOD.format(case) for case in CASES})

    def verify(self, *words: str) -> Result:
        """The result of `evalharness verify`."""
        return self.command("verify", *words)

    def commit_and_run(self, *options: str) -> None:
        """Commit the change, and run the suites as the job does, in this process."""
        self.repository.commit()
        self.run(*options)


def accepted(project: Job) -> None:
    """Accept the suite on main, and start a branch."""
    Repository(project.root)
    project.write_files()
    project.accept()
    shutil.rmtree(project.root / "reports")
    project.repository.commit()
    project.repository.git("update-ref", "refs/remotes/origin/main", "main")
    project.repository.branch()
    project.repository.commit()


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the kept projects."""
    return tmp_path_factory.mktemp("ways")


@pytest.fixture
def job(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, templates: Path) -> Job:
    """A job whose suite has run: its verdict is green."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(templates / "cache"))
    job, kept = Job(pytester), templates / "project"
    if not kept.exists():
        accepted(job)
        shutil.copytree(job.root, kept, symlinks=True)
    shutil.copytree(kept, job.root, dirs_exist_ok=True, symlinks=True)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    if not (kept / "reports").exists():
        assert job.run().ret == 0
        shutil.copytree(job.root / "reports", kept / "reports")
    return job


Way = Callable[[Job], object]


def addopts(options: str) -> Way:
    """Set pytest's default options in a committed file, without a verdict of the run before."""

    def way(job: Job) -> None:
        shutil.rmtree(job.root / "reports")
        job.write("pytest.ini", f"[pytest]\naddopts = {options}\n")
        job.commit_and_run()

    return way


def options(*words: str) -> Way:
    """Run the suite with more options."""
    return lambda job: job.run(*words)


def code(*lines: str, file: str = "suites/conftest.py") -> Way:
    """Commit a conftest, then run answers that are worse."""

    def way(job: Job) -> None:
        shutil.rmtree(job.root / "reports")
        job.write(file, "import os, pytest\n" + "\n".join(lines) + "\n")
        job.answer(dict.fromkeys(CASES, BAD))
        job.commit_and_run()

    return way


def edited(file: str, old: str, new: str) -> Way:
    """Edit a file after the run."""
    return lambda job: job.edit(file, old, new)


def removed(*files: str) -> Way:
    """Delete files after the run."""
    return lambda job: [job.remove(file) for file in files]


def both(*ways: Way) -> Way:
    """Do one after the other."""
    return lambda job: [way(job) for way in ways]


def exits(job: Job) -> None:
    """End the process of a run with status 0."""
    shutil.rmtree(job.root / "reports")
    lines = ("import os", "def pytest_runtest_setup(item):", "    if 'case-9[' in item.nodeid:", "        os._exit(0)")
    job.write("conftest.py", "\n".join(lines) + "\n")
    job.repository.commit()
    assert job.pytester.runpytest_subprocess("--llm-suite=demo").ret == 0


def without_last_line(job: Job) -> None:
    """Take the end line from the record, as a killed run leaves it."""
    job.write(RECORD, "".join(job.read(RECORD).splitlines(keepends=True)[:-1]))


def cut_off(job: Job) -> None:
    """Cut the record within a line, as a full disk does."""
    job.write(RECORD, job.read(RECORD)[:-20])


def other_suite(job: Job) -> None:
    """Put the record of a passing suite in the place of one that did not run."""
    job.write("suites/second.yaml", SUITE)
    job.write("golden/second.yaml", job.read("golden/demo.yaml"))
    job.commit_and_run()
    shutil.copytree(job.root / "reports/demo", job.root / "reports/second")


def earlier_commit(job: Job) -> None:
    """Commit after the run, with its report in place."""
    job.repository.commit()


def report_in_commit(job: Job) -> None:
    """Commit the report of a green run together with worse answers, and evaluate nothing."""
    job.write(".gitignore", ".cache/\n")
    job.answer(dict.fromkeys(CASES, BAD))
    job.repository.commit()


def lost_sample(job: Job) -> None:
    """Take the answer to a case from the record."""
    lines = job.read(RECORD).splitlines(keepends=True)
    job.write(RECORD, "".join(line for line in lines if '"key":["case-3","plain","fake"' not in line))


def raised_scores(job: Job) -> None:
    """Run worse answers, and raise the scores in the record."""
    job.answer({case: GOOD.format(case) if n % 2 else "No." for n, case in enumerate(CASES)})
    job.commit_and_run()
    raised = re.sub(r'"metric":"rouge_l","value":[0-9.]+', '"metric":"rouge_l","value":1.0', job.read(RECORD))
    job.write(RECORD, raised)


def green_verdict_file(job: Job) -> None:
    """Run worse answers, and write the verdict of the green run in the place of theirs."""
    green: dict[str, Any] = json.loads(job.read(VERDICT))
    job.answer({case: GOOD.format(case) if n % 2 else "No." for n, case in enumerate(CASES)})
    job.commit_and_run()
    job.write(VERDICT, json.dumps(green | {"run": job.verdict()["run"]}))


def new_suite(job: Job) -> None:
    """Run one suite of two."""
    job.write("suites/second.yaml", SUITE)
    job.write("golden/second.yaml", job.read("golden/demo.yaml"))
    job.commit_and_run()


def invalid_suite(job: Job) -> None:
    """Break the suite: pytest collects nothing from it."""
    job.edit("suites/demo.yaml", "metrics:", "metrcs:")
    job.commit_and_run()


def deleted_suite(job: Job) -> None:
    """Delete the only suite, its goldens and its baselines."""
    shutil.rmtree(job.root / "golden")
    shutil.rmtree(job.root / "suites")
    (job.root / "suites").mkdir()
    job.commit_and_run()


def rewritten_goldens(job: Job) -> None:
    """Write the worse answers into the goldens."""
    worse = dict.fromkeys(CASES[::6], "Ask somebody else.")
    job.answer({case: GOOD.format(case) for case in CASES} | worse)
    for case, answer in worse.items():
        job.edit("golden/demo.yaml", f"{case}: You may return {case} in 30 days.\n", f"{case}: {answer}\n")
    job.commit_and_run()


def at_head(job: Job) -> None:
    """Take an assertion away, and name HEAD as the merge base in the options."""
    job.edit("suites/demo.yaml", "assert: [{not_contains: sorry}]\n", "")
    job.write("pytest.ini", "[pytest]\naddopts = --llm-base=HEAD\n")
    job.commit_and_run()


EXIT_0 = ("@pytest.hookimpl(trylast=True)", "def pytest_sessionfinish(session):", "    session.exitstatus = 0")
WAYS: dict[str, Way] = {
    "`addopts = --collect-only`": addopts("--collect-only"),
    "`addopts = --help`": addopts("--help"),
    "`addopts = --markers`": addopts("--markers"),
    "`addopts = --fixtures`": addopts("--fixtures"),
    "`addopts = --setup-plan`": addopts("--setup-plan"),
    "`addopts = -p no:evalharness.plugin`": addopts("-p no:evalharness.plugin"),
    "`addopts = --llm-report=elsewhere`": addopts("--llm-report=elsewhere"),
    "`addopts = --llm-shard=2/4`": addopts("--llm-shard=2/4"),
    "`addopts = --llm-baseline=none`": addopts("--llm-baseline=none"),
    "`addopts = --llm-base=HEAD`, with an assertion removed": at_head,
    "`-k` that selects a part": options("-k", "case-1"),
    "`-k` that selects nothing": options("-k", "nothing"),
    "`-m` that selects nothing": options("-m", "smoke"),
    "`--deselect`": options("--deselect", "suites/demo.yaml::case-3[fake-plain]"),
    "`-x` and a broken assertion": both(lambda job: job.answer({"case-0": BAD}), options("-x")),
    "`--llm-model` with one model of two": options("--llm-model=fake"),
    "`--llm-prompt` with another prompt": options("--llm-prompt=short"),
    "`--llm-baseline=none`": options("--llm-baseline=none"),
    "one suite of two": new_suite,
    "`session.exitstatus = 0` in `suites/conftest.py`": code(*EXIT_0),
    "`session.exitstatus = 0` in `conftest.py`": code(*EXIT_0, file="conftest.py"),
    "`pytest.exit(returncode=0)` before the first case": code(
        "def pytest_collection_finish(session):", "    pytest.exit('done', returncode=0)"
    ),
    "`pytest.exit(returncode=0)` at a case": code(
        "def pytest_runtest_setup(item):", "    if 'case-9[' in item.nodeid:", "        pytest.exit('x', returncode=0)"
    ),
    "`pytest_cmdline_main` that returns 0": code("def pytest_cmdline_main():", "    return 0", file="conftest.py"),
    "`pytest_runtestloop` that returns true": code(
        "@pytest.hookimpl(tryfirst=True)", "def pytest_runtestloop():", "    return True"
    ),
    "`pytest_collection_modifyitems` that removes the cases": code(
        "def pytest_collection_modifyitems(items):", "    items.clear()"
    ),
    "`os._exit(0)` at a case": exits,
    "an invalid suite": invalid_suite,
    "the suite is deleted": deleted_suite,
    "goldens rewritten to the worse answers": rewritten_goldens,
    "a killed run": without_last_line,
    "a record that is cut off": cut_off,
    "a record without one answer": lost_sample,
    "a record with raised scores": raised_scores,
    "the record is deleted": removed(RECORD),
    "`verdict.json` is deleted": removed(VERDICT),
    "`verdict.json` of another run": green_verdict_file,
    "`verdict.json` is edited": edited(VERDICT, '"complete": true', '"complete": false'),
    "`verdict.json` is not JSON": lambda job: job.write(VERDICT, "pass\n"),
    "a report of an earlier commit": earlier_commit,
    "a report that the change commits": report_in_commit,
    "the record of another suite": other_suite,
    "the suite is edited after the run": edited("suites/demo.yaml", "{{ question }}", "{{ question }} Please."),
}


def without_assertion(job: Job) -> None:
    """Take away the assertion that the worse answers break."""
    job.edit("suites/demo.yaml", "assert: [{not_contains: sorry}]\n", "")


def worse_answers(job: Job) -> None:
    """Answer each sixth case badly."""
    job.answer({case: GOOD.format(case) if n % 6 else BAD for n, case in enumerate(CASES)})


def goldens_of_worse_answers(job: Job) -> None:
    """Write the worse answers into the goldens, and take the assertion away."""
    without_assertion(job)
    for case in CASES[::6]:
        job.edit("golden/demo.yaml", f"{case}: You may return {case} in 30 days.\n", f"{case}: {BAD}\n")


def no_baseline_by_code(job: Job) -> None:
    """Set the option for no baseline in a conftest, and take the assertion away."""
    without_assertion(job)
    job.write("conftest.py", "def pytest_configure(config):\n    config.option.llm_baseline = 'none'\n")


def no_baseline_by_settings(job: Job) -> None:
    """Set the option for no baseline in pytest's settings, and take the assertion away."""
    without_assertion(job)
    job.write("pytest.ini", "[pytest]\naddopts = --llm-baseline=none\n")


RELAXED = (goldens_of_worse_answers, no_baseline_by_settings, no_baseline_by_code)


@pytest.mark.parametrize("change", RELAXED, ids=lambda change: change.__name__)
def test_what_relaxes_is_never_green(job: Job, change: Way) -> None:
    """pytest, `gate` and `verify` end with 6 where only relaxed criteria let worse answers pass."""
    worse_answers(job)
    job.repository.commit()
    assert job.run().ret == 1
    change(job)
    job.repository.commit()
    assert job.run("--llm-inconclusive=warn").ret == 6
    assert any(entry["relaxes"] for entry in job.verdict()["criteria"])
    baseline = () if job.verdict()["compared"] else ("--baseline=none",)
    assert job.command("gate", job.root / "reports/demo", *baseline).exit_code == 6
    assert job.verify().exit_code == 6


PAGE = (Path(__file__).parents[2] / "docs/trust.md").read_text(encoding="utf-8")
_SECTION = PAGE.partition("## Ways to end without a verdict\n")[2].partition("\n## ")[0]
_ROWS = re.findall(r"^\| (.+?) \| (\d) \| (.+?) \|$", _SECTION, re.MULTILINE)
TABLE = {way: (int(status), text) for way, status, text in _ROWS}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_not_verified(job: Job, way: str) -> None:
    """`evalharness verify` ends red, and the first line has the sentence of the table."""
    WAYS[way](job)
    result = job.verify()
    first = result.output.partition("\n")[0]
    assert (result.exit_code, TABLE[way][1] in first) == (TABLE[way][0], True), result.output


def test_the_table() -> None:
    """The table in docs/trust.md has a row for each way, and no other."""
    assert list(TABLE) == list(WAYS)
