"""Before a gate may fail, fresh draws of both versions are asked for and weighed with what there is."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import genai_prices
import httpx2
import pytest
from noisy import CONFIG, MODEL, git, with_cases
from repository import Repository

from evalharness.store import read_run
from evalharness.testing.fault_server import FaultServer, Received, Reply, Send, completion, json_answer

LOADED = (genai_prices, httpx2)
"""Loaded here once: pytester forgets what an inner run imports."""


def repeats(path: Path) -> Counter[int]:
    """How many samples of each repeat a record holds; the purposes are those of this kind of record."""
    samples = read_run(path).samples
    purposes = {"reference"} if path.name == "reference.jsonl" else {"planned", "confirm"}
    assert {sample.purpose for sample in samples} <= purposes
    return Counter(sample.key.repeat for sample in samples)


def test_a_worse_prompt_is_drawn_again_beside_the_old_one(noisy):
    """Both versions get two more draws of each case, and then the gate fails on all of them."""
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    result = noisy.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["llm: demo looks worse (fake-plain-exact, p < 0.0001); 2 more draws of each *"])
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120, 1: 120, 2: 120}
    assert repeats(noisy.root / "reports/demo/reference.jsonl") == {1: 120, 2: 120}
    (verdict,) = noisy.verdict()["verdicts"]
    assert (verdict["status"], verdict["cases"]) == ("fail", 120)


def test_without_a_repository_the_candidate_alone_is_drawn_again(noisy):
    """The accepted version cannot be drawn: that is said, and the test goes on with what there is."""
    subprocess.run(["rm", "-rf", ".git"], cwd=noisy.root, check=True)
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    result = noisy.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*(the accepted version cannot be drawn here) before anything*"])
    assert not (noisy.root / "reports/demo/reference.jsonl").exists()


def test_what_looks_well_is_not_drawn_again(noisy):
    """An unchanged prompt, whose draws are the accepted ones, has one look."""
    assert noisy.run().ret == 0
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120}


def test_bad_luck_is_no_failure(noisy):
    """A draw that looks worse by chance (p = 0.08, as it happens with this salt) passes on three draws of each."""
    noisy.write("model.py", MODEL.replace("SALT", "105"))
    git(noisy.root, "commit", "-aqm", "another hour")
    result = noisy.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["llm: demo looks worse (fake-plain-exact, p = 0.084); 2 more draws of each *"])
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120, 1: 120, 2: 120}
    assert noisy.verdict()["status"] == "pass"


def toss(seen: Received) -> Reply:
    """An endpoint whose answers depend on case, seed and prompt."""
    body = json.loads(seen.raw.partition(b"\r\n\r\n")[2])
    told = body["messages"][0]["content"]
    chance = 0.6 if "careless" in told else 0.9 if "doubtful" in told else 0.95
    thrown = hashlib.sha256(f"{body.get('seed')} {seen.case}".encode()).digest()[0] / 256
    return [Send(json_answer(completion("Yes." if thrown < chance else "No.", "m")))]


@pytest.fixture
def remote(noisy):
    """The project with an endpoint, and the endpoint; nothing is accepted yet."""
    with FaultServer(toss) as server:
        table = f'provider = "openai"\nbase_url = "{server.url}"\nmodel = "m"\nstream = false\n'
        noisy.write("pyproject.toml", CONFIG.replace('provider = "scripted"\nfunction = "model.py:answer"\n', table))
        subprocess.run(["rm", "-rf", ".git", "golden/baselines"], cwd=noisy.root, check=True)
        yield noisy, server


def test_asking_again_adds(remote):
    """A red run that is asked again finds its draws recorded, and adds two more of each case to the same test."""
    project, server = remote
    with_cases(project, 30)
    project.accept()
    project.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    counts = []
    for draws in (3, 5, 7):
        assert project.run().ret == 1
        assert repeats(project.root / "reports/demo/run.jsonl") == dict.fromkeys(range(draws), 30)
        counts.append(len(server.log))
    assert counts == [30 + 90, 30 + 150, 30 + 210]


def test_the_same_answers_are_no_second_run(remote):
    """Five accepted copies of one run would pass for five sessions: replayed answers are accepted once."""
    project, _ = remote
    project.accept()
    result = project.run("--llm-accept")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*not accepted: 120 of 120 answers were replayed, and drawn before the last run was*"])
    assert project.run("--llm-accept", "--llm-record=all").ret == 0
    header = json.loads(project.read("golden/baselines/demo/fake.plain.jsonl").splitlines()[0])
    assert len(header["runs"]) == 2


DOUBTFUL = MODEL.replace("SALT", "104")
"""With this salt an innocent run looks worse at the first look (p = 0.04), and is not sure enough to fail."""


def test_a_doubtful_run_is_drawn_again(noisy):
    """The control of the next ones: it is these draws that they do without."""
    noisy.write("model.py", DOUBTFUL)
    noisy.run()
    assert set(repeats(noisy.root / "reports/demo/run.jsonl")) == {0, 1, 2}


def test_a_deterministic_model_has_one_look(noisy):
    """Its fresh draws would be copies: none is spent, that is said, and what is bad enough fails at once."""
    noisy.edit("pyproject.toml", "concurrency", "repeats_differ = false\nconcurrency")
    noisy.write("model.py", DOUBTFUL)
    noisy.run().stdout.no_fnmatch_line("*looks worse*")
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120}
    assert "no confirmation run: this model is deterministic" in noisy.verdict()["verdicts"][0]["reason"]
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    assert noisy.run().ret == 1
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120}


def test_some_cases_have_one_look(noisy):
    """A run of some cases is for a person at a desk: nothing more is drawn than was asked for."""
    noisy.write("model.py", DOUBTFUL)
    noisy.run("-k", "not case-119").stdout.no_fnmatch_line("*looks worse*")
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 119}


def test_replay_alone_has_one_look(remote):
    """`--llm-record=none` asks for nothing: a doubtful run is doubtful, and not an error for want of more draws."""
    project, server = remote
    project.accept()
    project.edit("suites/demo.yaml", "You are helpful.", "You are doubtful.")
    project.run("--llm-baseline=none")
    asked = len(server.log)
    result = project.run("--llm-record=none")
    assert (project.verdict()["verdicts"][0]["status"], len(server.log)) == ("inconclusive", asked)
    result.stdout.no_fnmatch_line("*looks worse*")


def test_against_a_commit(noisy):
    """`--llm-against`: the version of that commit is drawn in turns with this one, and no accepted run is needed."""
    shutil.rmtree(noisy.root / "golden/baselines")
    Repository(noisy.root, new=False).commit()
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    result = noisy.run("--llm-against", "HEAD")
    assert result.ret == 1
    assert noisy.verdict()["verdicts"][0]["status"] == "fail"
    assert repeats(noisy.root / "reports/demo/reference.jsonl") == {0: 120, 1: 120, 2: 120}
    assert "- was    │ " in noisy.read("reports/demo/summary.md")  # the other version's answers


def test_against_a_commit_that_has_more_cases(noisy):
    """A case that only the other version has was deleted: named, and red."""
    for name, first in (("suites/cases.jsonl", '"case-7"'), ("golden/demo.yaml", "case-7:")):
        noisy.write(name, "".join(line for line in noisy.read(name).splitlines(keepends=True) if first not in line))
    assert noisy.run("--llm-against", "HEAD").ret == 1
    assert "no longer in this one: case case-7" in noisy.verdict()["verdicts"][0]["reason"]


def test_against_a_commit_that_cannot_answer(noisy):
    """What the other version could not answer is named, and then no gate passes."""
    noisy.edit(
        "model.py",
        "    system =",
        '    if request.key.purpose == "reference" and request.key.case == "case-7":\n'
        '        return {"error": "overloaded"}\n    system =',
    )
    noisy.run("--llm-against", "HEAD")
    assert "the other version has no result for case case-7" in noisy.verdict()["verdicts"][0]["reason"]
    assert noisy.verdict()["status"] != "pass"


def test_against_nothing(noisy):
    """A commit that is not there is named."""
    result = noisy.run("--llm-against", "nowhere")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*there is no commit 'nowhere' in this clone*"])


def test_xdist(noisy):
    """Under xdist the controller looks again, with all that the workers have brought."""
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    result = noisy.run("-n2")
    assert result.ret == 1
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120, 1: 120, 2: 120}
    assert repeats(noisy.root / "reports/demo/reference.jsonl") == {1: 120, 2: 120}
    assert noisy.verdict()["verdicts"][0]["status"] == "fail"
