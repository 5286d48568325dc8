"""The scripts of the GitHub Action, run for real in bash as a runner would run them, with a `gh` that writes down what
it is asked.
"""

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
addopts = "-p no:cacheprovider"
"""
GOOD, BAD = "You may return it within 30 days.", "::error::I do not know. @everybody"
IDS = [f"case-{number}" for number in range(40)]


class Job:
    """A job of GitHub Actions: a checkout, the runner's files, and commands that are found first."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin = folder / "checkout", folder / "bin"
        self.output, self.summary, self.asked = folder / "output", folder / "summary", folder / "asked"
        for path in (self.root / "suites", self.root / "golden", self.bin):
            path.mkdir(parents=True)
        self.command("python", f'exec {sys.executable} "$@"')
        self.command("evalharness", f'exec {sys.executable} -c "from evalharness.cli import main; main()" "$@"')
        self.write("pyproject.toml", CONFIG)
        self.write("suites/demo.yaml", SUITE)
        self.write("suites/cases.jsonl", "".join(json.dumps({"id": i, "vars": {"q": i}}) + "\n" for i in IDS))
        self.write("golden/demo.yaml", "".join(f"{i}: You may return it in 30 days.\n" for i in IDS))
        self.write("answers.json", json.dumps(dict.fromkeys(IDS, GOOD)))

    def write(self, name: str, text: str) -> None:
        """A file of the checkout."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def command(self, name: str, line: str) -> None:
        """What a command does."""
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)

    def gh(self, comments: str, status: int = 0) -> None:
        """A `gh` that finds these comments of ours, and keeps what it is told to write."""
        self.command(
            "gh",
            f"""echo "$@" >>{self.asked}
            for word in "$@"; do case $word in body=@*) cp "${{word#body=@}}" {self.asked}.body;; esac; done
            case "$*" in *--jq*) printf '{comments}';; esac
            exit {status}""",
        )

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One step."""
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
        """The step that runs them."""
        given = {"SUITES": "all", "RECORD": "once", "INCONCLUSIVE": "warn", "ARGUMENTS": " ".join(arguments)}
        return self.run("run.sh", **{**given, **environment})

    def said(self, name: str) -> str:
        """An output of the last step that gave it."""
        found = [line.partition("=")[2] for line in self.output.read_text().splitlines() if line.startswith(f"{name}=")]
        return found[-1]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job with a suite of forty cases."""
    return Job(tmp_path)


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, str]:
    """A job whose answers are worse than the accepted ones, after it ran; and what the run printed."""
    job = Job(tmp_path_factory.mktemp("worse"))
    assert job.suites("--llm-accept").returncode == 0
    assert job.said("status") == "0"
    job.write("answers.json", json.dumps({i: BAD if n % 2 else GOOD for n, i in enumerate(IDS)}))
    ran = job.suites()
    assert (ran.returncode, job.said("status")) == (0, "1")
    return job, ran.stdout


def test_commands_of_answers_reach_nobody(worse: tuple[Job, str]) -> None:
    """No line of the run is a command; and if one were, the runner would not listen."""
    first, *lines, last = worse[1].splitlines()
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert last == f"::{token}::"
    assert not [line for line in lines if line.lstrip().startswith(("::", "##["))]


def test_a_pull_request_that_makes_it_worse(worse: tuple[Job, str]) -> None:
    """The summary has the verdict, and annotations stand at the suite's lines."""
    job, _ = worse
    published = job.run("publish.sh", STATUS="1", BASELINE="")
    assert published.returncode == 0
    assert job.summary.read_text().startswith("**FAIL** `demo`: `worse than the baseline: token_f1`")
    first, second, *_ = published.stdout.splitlines()
    assert first.startswith("::error file=suites/demo.yaml,line=6,title=FAIL fake-plain-token_f1::")
    assert second.startswith("::warning file=suites/cases.jsonl,line=2,title=case-1[fake-plain]::")
    assert Path(job.said("summary")).read_text() == job.summary.read_text().removesuffix("\n")


def test_a_suite_that_cannot_be_read(job: Job) -> None:
    """Nothing was judged: the summary says so, and nothing fails on the way to the verdict."""
    job.write("suites/demo.yaml", "schema: 2\n")
    job.suites()
    assert job.said("status") not in ("0", "1")
    assert job.run("publish.sh", STATUS=job.said("status"), BASELINE="").returncode == 0
    assert job.summary.read_text().startswith("**ERROR** no suite was judged: pytest ended with status ")


def test_several_suites_and_a_full_summary(job: Job, worse: tuple[Job, str]) -> None:
    """What goes beyond what GitHub takes is cut at a page, and said; the comment has all verdicts."""
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
    assert Path(job.said("summary")).read_text().count("`demo`: ") == 2


def test_a_damaged_run_and_one_that_died(job: Job, worse: tuple[Job, str]) -> None:
    """Where no report can be made of all runs, the comment has every page, names what has none, and begins red."""
    shutil.copytree(worse[0].root / "reports", job.root / "reports")
    for name in ("a", "died"):
        job.write(f"reports/{name}/run.jsonl", "{damaged\n")
    job.write("reports/a/summary.md", "**PASS** `a`: `all is well`\n")
    assert job.run("publish.sh", STATUS="3", BASELINE="").returncode == 0
    for text in (Path(job.said("summary")).read_text(), job.summary.read_text()):
        assert text.startswith("**pytest ended with status 3, see the log of the job**\n")
        assert "**ERROR** `died`: the run ended before its summary was written\n" in text
        assert text.index("**PASS** `a`: `all is well`\n") < text.index("**FAIL** `demo`: ")


def test_a_red_job_whose_suites_pass(job: Job) -> None:
    """The verdict of a suite is not the first that a reader sees; of a green job it is."""
    job.write("reports/demo/summary.md", "**PASS** `demo`: `all is well`\n")
    for status, first in [("1", "**pytest ended with status 1, see the log of the job**"), ("0", "**PASS** `demo`: ")]:
        job.run("publish.sh", STATUS=status, BASELINE="")
        assert Path(job.said("summary")).read_text().startswith(first)


def test_a_comment_has_room_for_so_much(job: Job) -> None:
    """Of pages that are too many for one comment, the first stay whole and the others are said to be missing."""
    for name in "abc":
        job.write(f"reports/{name}/run.jsonl", "{damaged\n")
        job.write(f"reports/{name}/summary.md", f"**FAIL** `{name}`\n" + "x" * 40_000)
    job.run("publish.sh", STATUS="1", BASELINE="")
    text = Path(job.said("summary")).read_text()
    assert "**FAIL** `a`\n" in text
    assert text.endswith("... more suites, cut here: their reports are in the artifact of this job\n")
    assert len(text) < 65_000


NEW, AGAIN = "POST repos/a/b/issues/7/comments", "PATCH repos/a/b/issues/comments/42"


@pytest.mark.parametrize(("known", "written"), [("", NEW), ("42\\n43\\n", AGAIN)])
def test_one_comment(job: Job, known: str, written: str) -> None:
    """The first run writes a comment, later ones write it anew; the verdict is its first line, its mark the last."""
    job.gh(known)
    job.write("summary.md", "**PASS** `demo`: `all is well`\n")
    given = {"NAME": "nightly", "REPOSITORY": "a/b", "PULL_REQUEST": "7", "SUMMARY": "summary.md", "GH_TOKEN": "t"}
    done = job.run("comment.sh", **given)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"--method {written} " in job.asked.read_text()
    body = Path(f"{job.asked}.body").read_text()
    assert body == "**PASS** `demo`: `all is well`\n\n<!-- evalharness:nightly -->\n"


def test_a_token_that_may_not_write(job: Job) -> None:
    """Is a warning: the verdict stands in the summary all the same."""
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
    """What would become part of a comment's mark, an address or a requirement has to look like it."""
    done = job.run(script, **{"REPOSITORY": "a/b", "SUMMARY": "x", **given})
    assert (done.returncode, done.stdout) == (4, "")


def test_recordings_come_first(job: Job) -> None:
    """Recordings are imported before anything is asked; one that cannot be is red."""
    job.write("golden/recording.jsonl", "{}\n")
    ran = job.suites(RECORDINGS="golden/*.jsonl")
    assert job.said("status") == "4"
    assert "recording.jsonl" in ran.stderr


def test_arguments_on_several_lines(job: Job) -> None:
    """All of them reach pytest, wherever a line ends."""
    job.command("python", f"""[[ $1 == -c ]] || printf '%s\\n' "${{@:7}}" >{job.asked}""")
    job.suites(ARGUMENTS="\n--llm-repeat=2  -k\ncase-1\n")
    assert job.asked.read_text().split() == ["--llm-repeat=2", "-k", "case-1"]


ACTIONS = [REPOSITORY / "action.yml", REPOSITORY / "action/comment/action.yml"]


@pytest.mark.parametrize("path", ACTIONS, ids=["top", "comment"])
def test_nothing_is_put_into_a_script(path: Path) -> None:
    """Inputs reach scripts by the environment alone, every script exists, and what others wrote is pinned."""
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


def test_every_input_is_used_and_known() -> None:
    """No input is only declared, and none is only used."""
    for path in ACTIONS:
        text = path.read_text()
        for name in yaml.safe_load(text)["inputs"]:
            assert f"inputs.{name} " in text or f"inputs.{name} }}}}" in text, name


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed; gh has its own")
def test_which_comment_is_ours() -> None:
    """One that a bot wrote and that ends with our mark: not a person's that quotes it, not another job's."""
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
