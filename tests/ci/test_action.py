"""The scripts of the GitHub Action, run in bash as on a runner, with a `gh` that logs its calls."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
SUITE = """\
schema: 1
models: [fake]
prompts: {plain: [{user: "{{ q }}"}]}
metrics: [token_f1]
cases: cases.jsonl
gates: [{metric: token_f1, margin: 10%}]
"""
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
answers = "answers.json"
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider -p no:hypothesispytest"
"""
GOOD, BAD = "You may return it within 30 days.", "::error::I do not know. @everybody"
IDS = [f"case-{number}" for number in range(40)]


class Job:
    """A job of GitHub Actions: a checkout, the runner's files, and commands that are found first."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin = folder / "checkout", folder / "bin"
        self.output, self.summary, self.calls = folder / "output", folder / "summary", folder / "calls"
        for path in (self.root / "suites", self.root / "golden", self.bin):
            path.mkdir(parents=True)
        self.command("python", f'exec {sys.executable} "$@"')
        # -P: like a console script, without the current folder on the path
        self.command("evalharness", f'exec {sys.executable} -P -c "from evalharness.cli import main; main()" "$@"')
        self.command("pytest", f'exec {sys.executable} -P -m pytest "$@"')
        self.write("pyproject.toml", CONFIG)
        self.write("suites/demo.yaml", SUITE)
        self.write("suites/cases.jsonl", "".join(json.dumps({"id": i, "vars": {"q": i}}) + "\n" for i in IDS))
        self.write("golden/demo.yaml", "".join(f"{i}: You may return it in 30 days.\n" for i in IDS))
        self.write("answers.json", json.dumps(dict.fromkeys(IDS, GOOD)))

    def write(self, name: str, text: str) -> None:
        """Write a file of the checkout."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def command(self, name: str, line: str) -> None:
        """Put a command on the path that runs this line."""
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)

    def gh(self, comments: str, status: int = 0) -> None:
        """Install a `gh` that finds these comments of ours, and logs its calls and bodies."""
        self.command(
            "gh",
            f"""echo "$@" >>{self.calls}
            for word in "$@"; do case $word in body=@*) cp "${{word#body=@}}" {self.calls}.body;; esac; done
            case "$*" in *--jq*) printf '{comments}';; esac
            exit {status}""",
        )

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one step."""
        kept = {"HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(REPOSITORY)}
        files = {"GITHUB_OUTPUT": str(self.output), "GITHUB_STEP_SUMMARY": str(self.summary)}
        return subprocess.run(
            ["bash", str(REPOSITORY / "action" / script)],
            cwd=self.root,
            env={**kept, "PATH": f"{self.bin}:/usr/bin:/bin", **files, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def suites(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the step that evaluates the suites."""
        given = {"SUITES": "all", "RECORD": "once", "INCONCLUSIVE": "warn", "ARGUMENTS": " ".join(arguments)}
        return self.run("run.sh", **{**given, **environment})

    def accept(self) -> None:
        """Accept the answers, as on a machine."""
        command = [str(self.bin / "pytest"), "--llm-suite=demo", "--llm-accept"]
        environment = {"HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"}
        subprocess.run(command, cwd=self.root, env=environment, capture_output=True, check=True, timeout=120)

    def copy_accepted(self, other: Job) -> None:
        """Take over what another job has accepted: the same suite and the same answers."""
        shutil.copytree(other.root / "golden", self.root / "golden", dirs_exist_ok=True)

    def step_output(self, name: str) -> str:
        """Return the latest value of a step output."""
        found = [line.partition("=")[2] for line in self.output.read_text().splitlines() if line.startswith(f"{name}=")]
        return found[-1]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job with a suite of forty cases."""
    return Job(tmp_path)


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, str]:
    """A finished job whose answers are worse than the accepted ones, and the output of its run."""
    job = Job(tmp_path_factory.mktemp("worse"))
    job.accept()
    job.write("answers.json", json.dumps({i: BAD if n % 2 else GOOD for n, i in enumerate(IDS)}))
    ran = job.suites()
    assert (ran.returncode, job.step_output("status")) == (0, "1")
    return job, ran.stdout


def test_answers_cannot_run_workflow_commands(worse: tuple[Job, str]) -> None:
    """Output is wrapped in stop-commands, and no line of it starts a command."""
    first, *lines, last = worse[1].splitlines()
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert last == f"::{token}::"
    assert not [line for line in lines if line.lstrip().startswith(("::", "##["))]


def test_a_pull_request_that_makes_it_worse(worse: tuple[Job, str]) -> None:
    """The summary has the verdict, and annotations are at the suite's lines."""
    job, _ = worse
    published = job.run("publish.sh", STATUS="1", BASELINE="")
    assert published.returncode == 0
    assert job.summary.read_text().startswith("**FAIL** `demo`: `worse than the baseline: token_f1`")
    first, second, *_ = published.stdout.splitlines()
    assert first.startswith("::error file=suites/demo.yaml,line=6,title=FAIL fake-plain-token_f1::")
    assert second.startswith("::warning file=suites/cases.jsonl,line=2,title=case-1[fake-plain]::")
    comment = Path(job.step_output("summary")).read_text()
    assert comment == job.summary.read_text().removesuffix("\n")
    assert "| `model, prompt` | " in comment  # the table of scores
    assert "**Worse answers, the worst first**" in comment
    assert "-was" in comment.replace(" ", "")
    assert "</title>" in (job.root / "reports/demo/gates.svg").read_text()


def test_a_suite_that_cannot_be_read(job: Job) -> None:
    """Without a result the summary says so, and publishing does not fail."""
    job.write("suites/demo.yaml", "schema: 2\n")
    job.suites()
    assert job.step_output("status") not in ("0", "1")
    assert job.run("publish.sh", STATUS=job.step_output("status"), BASELINE="").returncode == 0
    assert job.summary.read_text().startswith("**ERROR** no suite was evaluated: pytest ended with status ")


def test_several_suites_and_a_full_summary(job: Job, worse: tuple[Job, str]) -> None:
    """A summary beyond GitHub's limit is cut between pages with a note; the comment has all verdicts."""
    for folder in ("reports", "golden"):
        shutil.copytree(worse[0].root / folder, job.root / folder, dirs_exist_ok=True)
    page = (job.root / "reports/demo/summary.md").read_text()
    (job.root / "reports/other").mkdir()
    (job.root / "reports/other/run.jsonl").write_text((job.root / "reports/demo/run.jsonl").read_text())
    (job.root / "reports/other/summary.md").write_text("x" * 1_000_000)
    job.run("publish.sh", STATUS="0", BASELINE="")
    shown = job.summary.read_text()
    assert shown.startswith(page)
    assert shown.endswith("... more suites, cut here: their reports are in the artifact of this job\n")
    assert Path(job.step_output("summary")).read_text().count("`demo`: ") == 2


def test_a_damaged_run_and_one_that_died(job: Job, worse: tuple[Job, str]) -> None:
    """If a run has no report, the comment has the other pages, names that run, and starts with the failure."""
    shutil.copytree(worse[0].root / "reports", job.root / "reports")
    for name in ("a", "died"):
        job.write(f"reports/{name}/run.jsonl", "{damaged\n")
    job.write("reports/a/summary.md", "**PASS** `a`: `all is well`\n")
    assert job.run("publish.sh", STATUS="3", BASELINE="").returncode == 0
    for text in (Path(job.step_output("summary")).read_text(), job.summary.read_text()):
        assert text.startswith("**pytest ended with status 3, see the log of the job**\n")
        assert "**ERROR** `died`: the run ended before its summary was written\n" in text
        assert text.index("**PASS** `a`: `all is well`\n") < text.index("**FAIL** `demo`: ")


def test_a_red_job_whose_suites_pass(job: Job) -> None:
    """The comment of a failed job starts with the failure, that of a passing job with the verdict."""
    job.command("evalharness", "exit 1")  # as for damaged records, which another test has
    job.write("reports/demo/summary.md", "**PASS** `demo`: `all is well`\n")
    job.write("reports/demo/run.jsonl", "{damaged\n")
    for status, first in [("1", "**pytest ended with status 1, see the log of the job**"), ("0", "**PASS** `demo`: ")]:
        job.run("publish.sh", STATUS=status, BASELINE="")
        assert Path(job.step_output("summary")).read_text().startswith(first)


FORGED = "**PASS** `forged`: `all is well`\n"


def _bring_files(job: Job, kept: Path) -> None:
    """Reports that a commit brings: of a suite, of the job itself, and links."""
    for name in ("summary.md", "run.jsonl", "verdict.json", "report.html"):
        job.write(f"reports/forged/{name}", FORGED)
        job.write(f"reports/demo/{name}", FORGED)
    job.write("reports/comment.md", FORGED)
    job.write("reports/.gitignore", "*\n")
    job.write("forged/summary.md", FORGED)
    job.write("forged/run.jsonl", FORGED)
    (job.root / "reports/linked").symlink_to(job.root / "forged")
    (job.root / "reports/junit.xml").symlink_to(kept)


def test_reports_of_a_commit_are_not_published(job: Job, tmp_path: Path) -> None:
    """Pages, records and links under reports/ that a commit brings are gone before the run, and their targets stay."""
    kept = tmp_path / "kept"
    kept.write_text("mine")
    _bring_files(job, kept)
    job.suites()
    job.run("publish.sh", STATUS=job.step_output("status"), BASELINE="")
    shown = job.summary.read_text() + Path(job.step_output("summary")).read_text()
    assert "`demo`" in shown
    assert "forged" not in shown
    assert sorted(path.name for path in (job.root / "reports").iterdir()) == [
        *(".gitignore", "comment.md", "demo", "junit.xml")
    ]
    assert (kept.read_text(), (job.root / "forged/summary.md").read_text()) == ("mine", FORGED)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_commit_that_replaces_the_folder(job: Job, kind: str) -> None:
    """A link or a file in place of the folder of reports is removed, and where a link leads nothing changes."""
    for name in ("pytest", "evalharness"):
        job.command(name, "exit 3")  # neither has to remove it
    job.write("forged/demo/summary.md", FORGED)
    job.write("forged/demo/run.jsonl", FORGED)
    if kind == "link":
        (job.root / "reports").symlink_to("forged")
    else:
        job.write("reports", FORGED)
    job.suites()
    job.run("publish.sh", STATUS=job.step_output("status"), BASELINE="")
    assert "forged" not in job.summary.read_text()
    assert (job.root / "forged/demo/summary.md").read_text() == FORGED


def test_links_that_appear_later(job: Job) -> None:
    """A page, a record or a folder that is a link is not published, and no comment is read through one."""
    job.write("forged/summary.md", FORGED)
    job.write("forged/run.jsonl", FORGED)
    job.write("reports/page/run.jsonl", FORGED)
    (job.root / "reports/page/summary.md").symlink_to(job.root / "forged/summary.md")
    (job.root / "reports/folder").symlink_to(job.root / "forged")
    (job.root / "reports/comment.md").symlink_to(job.root / "forged/summary.md")
    job.run("publish.sh", STATUS="0", BASELINE="")
    assert "forged" not in job.summary.read_text()
    assert (job.root / "forged/summary.md").read_text() == FORGED
    (job.root / "comment.md").symlink_to(job.root / "forged/summary.md")
    given = {"NAME": "n", "REPOSITORY": "a/b", "PULL_REQUEST": "7", "SUMMARY": "comment.md"}
    assert job.run("comment.sh", **given).returncode == 4


def test_a_comment_beyond_the_limit(job: Job) -> None:
    """If pages exceed one comment, the first ones are whole and a note names the artifact for the rest."""
    job.command("evalharness", "exit 1")  # as for damaged records, which another test has
    for name in "abc":
        job.write(f"reports/{name}/run.jsonl", "{damaged\n")
        job.write(f"reports/{name}/summary.md", f"**FAIL** `{name}`\n" + "x" * 40_000)
    job.run("publish.sh", STATUS="1", BASELINE="")
    text = Path(job.step_output("summary")).read_text()
    assert "**FAIL** `a`\n" in text
    assert text.endswith("... more suites, cut here: their reports are in the artifact of this job\n")
    assert len(text) < 65_000


NEW, AGAIN = "POST repos/a/b/issues/7/comments", "PATCH repos/a/b/issues/comments/42"


@pytest.mark.parametrize(("known", "written"), [("", NEW), ("42\\n43\\n", AGAIN)])
def test_one_comment(job: Job, known: str, written: str) -> None:
    """The first run creates a comment, later ones update it; it starts with the verdict and ends with the marker."""
    job.gh(known)
    job.write("summary.md", "**PASS** `demo`: `all is well`\n")
    given = {"NAME": "nightly", "REPOSITORY": "a/b", "PULL_REQUEST": "7", "SUMMARY": "summary.md", "GH_TOKEN": "t"}
    done = job.run("comment.sh", **given)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"--method {written} " in job.calls.read_text()
    body = Path(f"{job.calls}.body").read_text()
    assert body == "**PASS** `demo`: `all is well`\n\n<!-- evalharness:nightly -->\n"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"REPORTS_URL": "https://github.com/a/b/actions/runs/1/artifacts/2"},
            "[Reports of this run](https:",
        ),
        (
            {"REPORTS_URL": "", "ARTIFACT": "evals"},
            "The artifact `evals` of this job has `report.html`",
        ),
        ({"REPORTS_URL": "https://evil.example/) [x](y", "ARTIFACT": "a"}, "The artifact `a` of this job has"),
        ({"REPORTS_URL": "javascript:alert(1)"}, ""),
    ],
)
def test_where_the_reports_are(job: Job, given: dict[str, str], line: str) -> None:
    """The comment links to the reports with the picture, or names their artifact. No other text is a link."""
    job.gh("")
    job.write("summary.md", "**PASS** `demo`: `all is well`\n")
    known = {"NAME": "n", "REPOSITORY": "a/b", "PULL_REQUEST": "7", "SUMMARY": "summary.md"}
    assert job.run("comment.sh", **known, **given).returncode == 0
    body = Path(f"{job.calls}.body").read_text()
    assert body.endswith("\n\n<!-- evalharness:n -->\n")
    middle = body.split("\n\n")[1]
    assert middle.startswith(line or "<!--")
    assert "evil" not in body


def test_the_comment_comes_after_the_artifact() -> None:
    """The reports are uploaded before the comment, so that it has their address, and with a picture of the gates."""
    steps = {step["name"]: step for step in yaml.safe_load((REPOSITORY / "action.yml").read_text())["runs"]["steps"]}
    names = list(steps)
    assert names.index("Keep the reports") < names.index("Comment") < names.index("Verdict") == len(names) - 1
    assert steps["Keep the reports"]["id"] == "reports"
    assert steps["Comment"]["env"]["REPORTS_URL"] == "${{ steps.reports.outputs.artifact-url }}"


def test_a_token_that_may_not_write(job: Job) -> None:
    """A token without write access is a warning, and the verdict is still in the summary."""
    job.gh("", status=1)
    job.write("summary.md", "x\n")
    given = {"NAME": "n", "REPOSITORY": "a/b", "PULL_REQUEST": "7", "SUMMARY": "summary.md"}
    done = job.run("comment.sh", **given)
    assert done.returncode == 0
    assert done.stdout.startswith("::warning::evalharness: the comment could not be written")


@pytest.mark.parametrize(
    ("script", "given"),
    [
        ("comment.sh", {"NAME": "a --> b", "PULL_REQUEST": "7"}),
        ("comment.sh", {"NAME": "a", "PULL_REQUEST": "7/../8"}),
        ("install.sh", {"EXTRAS": "local] evil @ https://evil.example ["}),
    ],
)
def test_inputs_are_checked(job: Job, script: str, given: dict[str, str]) -> None:
    """Inputs for the comment's marker, an address or a requirement are validated."""
    done = job.run(script, **{"REPOSITORY": "a/b", "SUMMARY": "x", **given})
    assert (done.returncode, done.stdout) == (4, "")


def test_recordings_come_first(job: Job) -> None:
    """Recordings are imported before the first request, and an invalid one fails the job."""
    job.write("golden/recording.jsonl", "{}\n")
    ran = job.suites(RECORDINGS="golden/*.jsonl")
    assert job.step_output("status") == "4"
    assert "recording.jsonl" in ran.stderr


def test_arguments_on_several_lines(job: Job) -> None:
    """Arguments on several lines all reach pytest."""
    job.command("pytest", f"""printf '%s\\n' "${{@:5}}" >{job.calls}""")
    job.suites(ARGUMENTS="\n--llm-repeat=2  -k\ncase-1\n")
    assert job.calls.read_text().split() == ["--llm-repeat=2", "-k", "case-1"]


def test_a_green_job(job: Job, worse: tuple[Job, str]) -> None:
    """A job whose suites pass ends with 0, and says nothing before the verdict."""
    job.copy_accepted(worse[0])
    ran = job.suites()
    assert (job.step_output("status"), job.step_output("verification")) == ("0", "")
    assert "VERIFIED demo: PASS, " in ran.stdout
    job.run("publish.sh", STATUS="0", VERIFICATION="", BASELINE="")
    assert job.summary.read_text().startswith("**PASS** `demo`")


@pytest.mark.parametrize(
    ("file", "text", "status", "sentence"),
    [
        ("pytest.ini", "[pytest]\naddopts = --collect-only\n", "5", "NO VERDICT demo: no record of a run: "),
        ("pytest.ini", "[pytest]\naddopts = -k case-19\n", "5", "NO VERDICT demo: the run selected 1 of 40 answers"),
        (
            "conftest.py",
            "import pytest\n@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish(session):\n"
            "    session.exitstatus = 0\n",
            "1",
            "FAIL demo: worse than the baseline: token_f1",
        ),
        ("conftest.py", "import os\nos._exit(0)\n", "5", "NO VERDICT demo: no record of a run: "),
    ],
    ids=["collect-only", "-k", "exitstatus", "_exit"],
)
def test_pytest_is_green_and_verify_is_not(
    job: Job, worse: tuple[Job, str], file: str, text: str, status: str, sentence: str
) -> None:
    """The job is red, and its summary and comment begin with the sentence of verify."""
    job.copy_accepted(worse[0])
    job.write("answers.json", json.dumps(dict.fromkeys(IDS, BAD)))
    job.write(file, text)
    job.suites()
    assert job.step_output("status") == status
    assert job.step_output("verification").startswith(sentence)
    given = {name.upper(): job.step_output(name) for name in ("status", "verification")}
    assert job.run("publish.sh", BASELINE="", **given).returncode == 0
    for shown in (Path(job.step_output("summary")).read_text(), job.summary.read_text()):
        assert shown.startswith(f"**`{sentence}")
        assert shown.count(sentence) == 1


def test_the_sentence_is_text(job: Job) -> None:
    """No markup of the sentence takes effect."""
    job.write("reports/demo/summary.md", "**PASS** `demo`: `all is well`\n")
    job.run("publish.sh", STATUS="5", VERIFICATION="NO VERDICT `` **@all** <b> https://x.example", BASELINE="")
    assert job.summary.read_text().startswith("**`NO VERDICT '' **@all** <b> https://x.example`**\n")


def test_verify_knows_the_options_of_the_run(job: Job) -> None:
    """The workflow's options reach verify, with and without `=`, and nothing else does."""
    job.command("pytest", "exit 0")
    job.command("evalharness", f"""printf '%s\\n' "$@" >{job.calls}; exit 5""")
    arguments = "--llm-base origin/next --llm-model=fake -k x --llm-repeat=2 --llm-inconclusive=fail --llm-report out"
    job.suites(arguments, SUITES="demo,other", BASELINE="git:main")
    expected = "verify --inconclusive warn --baseline git:main --base origin/next --model fake --inconclusive fail"
    assert job.calls.read_text().splitlines() == [*expected.split(" "), "--report", "out", "--", "demo,other"]
    assert job.step_output("status") == "5"
    assert job.step_output("verification") == "evalharness verify ended with status 5, see the log of the job"


def test_no_module_of_the_checkout_is_imported(job: Job, worse: tuple[Job, str]) -> None:
    """A module in the root of the checkout does not run in place of an installed one."""
    job.copy_accepted(worse[0])
    for name in ("secrets", "pip", "json", "pydantic", "click"):
        job.write(f"{name}.py", f"open({str(job.calls)!r}, 'a').write(__name__)\nprint('::error::{name}')\n")
    ran = job.suites()
    assert ran.stdout.startswith("::stop-commands::")
    assert "::error::" not in ran.stdout
    job.run("publish.sh", STATUS="0", BASELINE="")
    assert not job.calls.exists()


def test_the_installation_imports_nothing_of_the_checkout(job: Job) -> None:
    """Pip runs without the current folder on the path."""
    job.command("python", f'echo "$1 $2 $3" >>{job.calls}')
    job.run("install.sh", EXTRAS="", GITHUB_ACTION_PATH=str(REPOSITORY))
    assert job.calls.read_text() == "-I -m pip\n"


ACTIONS = [REPOSITORY / "action.yml", REPOSITORY / "action/comment/action.yml"]


@pytest.mark.parametrize("path", ACTIONS, ids=["top", "comment"])
def test_nothing_is_put_into_a_script(path: Path) -> None:
    """Scripts get inputs only through the environment, each script exists, and foreign actions are pinned."""
    action: dict[str, Any] = yaml.safe_load(path.read_text())
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert step.get("shell", "bash") == "bash"
        if "uses" in step:
            assert len(step["uses"].partition("@")[2]) == 40
        if "$GITHUB_ACTION_PATH" in step.get("run", ""):
            script = step["run"].split('"')[1].replace("$GITHUB_ACTION_PATH", str(path.parent))
            assert Path(script).is_file()


SCAFFOLDED = REPOSITORY / "evalharness/scaffold/templates/workflow.yml"


def test_a_rerun_finds_its_own_ledger() -> None:
    """The ledger is an artifact of the run: no cache that another job could write, and no artifact of another run."""
    text = ACTIONS[0].read_text()
    assert "actions/cache" not in text + SCAFFOLDED.read_text()
    steps: list[dict[str, Any]] = yaml.safe_load(text)["runs"]["steps"]
    (found,) = [step for step in steps if "download-artifact" in step.get("uses", "")]
    (kept,) = [step for step in steps if step.get("with", {}).get("path") == "~/.cache/evalharness/ledger.sqlite"]
    assert found["with"] == {"name": kept["with"]["name"], "path": "~/.cache/evalharness"}
    assert found["continue-on-error"]
    assert steps.index(found) < steps.index(kept)
    assert all(step["with"]["overwrite"] for step in steps if "upload-artifact" in step.get("uses", ""))


def test_every_input_is_used_and_known() -> None:
    """Each declared input is used."""
    for path in ACTIONS:
        text = path.read_text()
        for name in yaml.safe_load(text)["inputs"]:
            assert f"inputs.{name} " in text or f"inputs.{name} }}}}" in text, name


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed; gh has its own")
def test_which_comment_is_ours() -> None:
    """Our comment is from a bot and ends with our marker; quotes and other jobs' comments do not count."""
    mark = "<!-- evalharness:a -->"
    comments = [
        {"id": 1, "user": {"type": "User"}, "body": f"x\n{mark}\n"},
        {"id": 2, "user": {"type": "Bot"}, "body": f"{mark} was quoted"},
        {"id": 3, "user": {"type": "Bot"}, "body": "x\n<!-- evalharness:b -->"},
        {"id": 4, "user": {"type": "Bot"}, "body": f"x\n{mark}\n"},
    ]
    (line,) = [line for line in (REPOSITORY / "action/comment.sh").read_text().splitlines() if line.startswith("mine=")]
    given = {"env": {"MARKER": mark, "PATH": "/usr/bin:/bin"}, "input": json.dumps(comments), "text": True}
    assert subprocess.check_output(["jq", line.removeprefix("mine='").removesuffix("'")], **given) == "4\n"
