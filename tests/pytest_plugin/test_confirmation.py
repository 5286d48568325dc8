"""Fresh samples: before a gate fails, it compares fresh samples of both versions, until it is decided."""

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
"""Imported here, because pytester unloads the modules that an inner run imports."""


def repeats(path: Path) -> Counter[int]:
    """The number of samples of each repeat in a record. Checks their purposes."""
    samples = read_run(path).samples
    purposes = {"reference"} if path.name == "reference.jsonl" else {"planned", "confirm"}
    assert {sample.purpose for sample in samples} <= purposes
    return Counter(sample.key.repeat for sample in samples)


def test_a_worse_prompt_is_confirmed_with_samples_of_both_versions(noisy):
    """Both versions get one more sample of each case, and then the gate fails."""
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    result = noisy.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["llm: demo: fake-plain-exact may be worse (p < 0.0001); taking 240 fresh*"])
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120, 1: 120}
    assert repeats(noisy.root / "reports/demo/reference.jsonl") == {1: 120}
    (verdict,) = noisy.verdict()["verdicts"]
    assert (verdict["status"], verdict["cases"]) == ("fail", 120)


def test_without_a_repository_only_this_version_is_sampled(noisy):
    """If the accepted version cannot run, the message says so, and this version alone is sampled."""
    subprocess.run(["rm", "-rf", ".git"], cwd=noisy.root, check=True)
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    result = noisy.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*this version (the accepted one cannot run here)"])
    assert "the accepted version was not sampled today" in noisy.verdict()["verdicts"][0]["reason"]
    assert not (noisy.root / "reports/demo/reference.jsonl").exists()


def test_a_good_run_has_no_confirmation(noisy):
    """A run with the same samples as the accepted one has no confirmation."""
    assert noisy.run().ret == 0
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120}


def test_a_run_that_is_worse_by_chance_passes(noisy):
    """A run that may be worse (p = 0.08 with this salt) passes when fresh samples of both versions are alike."""
    noisy.write("model.py", MODEL.replace("SALT", "105"))
    git(noisy.root, "commit", "-aqm", "another hour")
    result = noisy.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["llm: demo: fake-plain-exact may be worse (p = 0.084); taking 240 fresh*"])
    assert len(repeats(noisy.root / "reports/demo/run.jsonl")) > 1
    assert noisy.verdict()["status"] == "pass"


def toss(seen: Received) -> Reply:
    """An endpoint whose answers depend on case, seed and prompt."""
    body = json.loads(seen.raw.partition(b"\r\n\r\n")[2])
    system = body["messages"][0]["content"]
    chance = 0.6 if "careless" in system else 0.9 if "doubtful" in system else 0.95
    thrown = hashlib.sha256(f"{body.get('seed')} {seen.case} {system}".encode()).digest()[0] / 256
    return [Send(json_answer(completion("Yes." if thrown < chance else "No.", "m")))]


@pytest.fixture
def remote(noisy):
    """The project with an endpoint and without a baseline, and the endpoint."""
    with FaultServer(toss) as server:
        table = f'provider = "openai"\nbase_url = "{server.url}"\nmodel = "m"\nstream = false\n'
        noisy.write("pyproject.toml", CONFIG.replace('provider = "scripted"\nfunction = "model.py:answer"\n', table))
        subprocess.run(["rm", "-rf", ".git", "golden/baselines"], cwd=noisy.root, check=True)
        yield noisy, server


def test_repeating_an_undecided_run_adds_samples(remote):
    """A repeated run that is not decided replays its samples, and adds two more of each case to the same test."""
    project, server = remote
    with_cases(project, 30)
    project.accept()
    project.edit("suites/demo.yaml", "You are helpful.", "You are doubtful.")
    counts = []
    for samples in (5, 7):
        project.run("--llm-settle=5")
        assert project.verdict()["verdicts"][0]["status"] == "inconclusive"
        assert repeats(project.root / "reports/demo/run.jsonl") == dict.fromkeys(range(samples), 30)
        counts.append(len(server.log))
    assert counts == [30 + 150, 30 + 210]


def test_repeating_a_failed_run_asks_for_nothing(remote):
    """A repeated failed run replays its samples, and fails again."""
    project, server = remote
    project.accept()
    project.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    assert project.run().ret == 1
    requests, verdicts = len(server.log), project.verdict()["verdicts"]
    assert project.run().ret == 1
    assert (len(server.log), project.verdict()["verdicts"]) == (requests, verdicts)


@pytest.mark.parametrize(("settle", "samples"), [((), 1), (("--llm-settle=3",), 3), (("--llm-settle=1",), 1)])
def test_an_open_gate_of_an_endpoint_settles_on_demand(remote, settle, samples):
    """A gate of an endpoint that is open and not suspicious gets more samples only with `--llm-settle`."""
    project, _ = remote
    with_cases(project, 30)
    project.accept()
    project.edit("suites/demo.yaml", "You are helpful.", "You are warm.")
    project.run(*settle)
    assert project.verdict()["verdicts"][0]["status"] == "inconclusive"
    assert repeats(project.root / "reports/demo/run.jsonl") == dict.fromkeys(range(samples), 30)


def test_an_open_gate_of_a_free_model_settles(noisy):
    """A gate of a model that costs nothing gets up to five samples of each case, and says so."""
    with_cases(noisy, 30)
    shutil.rmtree(noisy.root / "golden/baselines")
    noisy.accept()
    git(noisy.root, "commit", "-aqm", "thirty cases")
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are kind.")
    noisy.run().stdout.fnmatch_lines(
        [
            "llm: demo: 1 gate undecided; taking 60 fresh samples of both versions",
            "llm: demo: 1 gate still undecided; 60 more samples",
            "llm: demo: 1 gate still undecided; * more samples",
        ]
    )
    assert repeats(noisy.root / "reports/demo/run.jsonl") == dict.fromkeys(range(5), 30)


PRICE = "price = {input = 1000000, output = 0}"
"""A dollar for each token of a prompt."""


def test_fresh_samples_stay_in_the_budget(remote):
    """Samples that the rest of the budget cannot pay are not taken, and the run keeps its verdict."""
    project, server = remote
    with_cases(project, 30)
    project.accept()
    project.edit("pyproject.toml", "stream = false", f"stream = false\n{PRICE}")
    project.edit("suites/demo.yaml", "You are helpful.", "You are doubtful.")
    result = project.run("--llm-settle=5", "--llm-budget=2100")
    result.stdout.fnmatch_lines(["llm: demo: no further samples: they can cost $*, and $* of the"])
    assert project.verdict()["verdicts"][0]["status"] == "inconclusive"
    assert len(server.log) < 30 + 150


def test_fresh_samples_stay_before_the_deadline(remote):
    """Samples for which the deadline leaves no time are not taken, and the run keeps its verdict."""
    project, server = remote
    with_cases(project, 30)
    project.accept()
    project.edit("suites/demo.yaml", "You are helpful.", "You are doubtful.")
    server.latency_s = 0.8  # four rounds of eight requests at least: 3.2 s, and as long again for the fresh ones
    result = project.run("--llm-settle=5", "--llm-deadline=6.2")
    result.stdout.fnmatch_lines(["llm: demo: no further samples: the deadline leaves no time for them"])
    assert project.verdict()["verdicts"][0]["status"] == "inconclusive"


def test_replayed_responses_are_accepted_once(remote):
    """A replayed run cannot be accepted again, because five copies would look like five sessions."""
    project, _ = remote
    project.accept()
    result = project.run("--llm-accept")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*not accepted: 120 of 120 responses were replayed and are older than the last accepted run*"]
    )
    assert project.run("--llm-accept", "--llm-record=all").ret == 0
    header = json.loads(project.read("golden/baselines/demo/fake.plain.jsonl").splitlines()[0])
    assert len(header["runs"]) == 2


DOUBTFUL = MODEL.replace("SALT", "104")
"""With this salt an unchanged run may be worse (p = 0.04), but does not fail."""


def test_a_doubtful_run_is_confirmed(noisy):
    """The control of the next tests: this run has a confirmation."""
    noisy.write("model.py", DOUBTFUL)
    noisy.run()
    assert set(repeats(noisy.root / "reports/demo/run.jsonl")) > {0}


def test_a_deterministic_model_has_one_stage(noisy):
    """A deterministic model has no confirmation; the reason says so, and a much worse run fails at once."""
    noisy.edit("pyproject.toml", "concurrency", "repeats_differ = false\nconcurrency")
    noisy.write("model.py", DOUBTFUL)
    noisy.run().stdout.no_fnmatch_line("*may be worse*")
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120}
    assert "no confirmation run: this model is deterministic" in noisy.verdict()["verdicts"][0]["reason"]
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    assert noisy.run().ret == 1
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120}


def test_a_selection_has_one_stage(noisy):
    """A run with a part of the cases selected has no confirmation."""
    noisy.write("model.py", DOUBTFUL)
    noisy.run("-k", "not case-119").stdout.no_fnmatch_line("*may be worse*")
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 119}


def test_replay_has_one_stage(remote):
    """With `--llm-record=none`, a doubtful run is inconclusive, and sends no request."""
    project, server = remote
    project.accept()
    project.edit("suites/demo.yaml", "You are helpful.", "You are doubtful.")
    project.run("--llm-baseline=none")
    requests = len(server.log)
    result = project.run("--llm-record=none")
    assert (project.verdict()["verdicts"][0]["status"], len(server.log)) == ("inconclusive", requests)
    result.stdout.no_fnmatch_line("*may be worse*")


def test_against_a_commit(noisy):
    """`--llm-against` samples the version of that commit in turns with this one, without an accepted run."""
    shutil.rmtree(noisy.root / "golden/baselines")
    Repository(noisy.root, new=False).commit()
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    result = noisy.run("--llm-against", "HEAD")
    assert result.ret == 1
    assert noisy.verdict()["verdicts"][0]["status"] == "fail"
    assert repeats(noisy.root / "reports/demo/reference.jsonl") == {0: 120, 1: 120}
    assert "- was    │ " in noisy.read("reports/demo/summary.md")  # the other version's answers


def test_against_a_commit_that_has_more_cases(noisy):
    """A case that only the reference version has is reported as deleted, and the run fails."""
    for name, first in (("suites/cases.jsonl", '"case-7"'), ("golden/demo.yaml", "case-7:")):
        noisy.write(name, "".join(line for line in noisy.read(name).splitlines(keepends=True) if first not in line))
    assert noisy.run("--llm-against", "HEAD").ret == 1
    assert "but not in this one: case case-7" in noisy.verdict()["verdicts"][0]["reason"]


def test_against_a_commit_that_cannot_answer(noisy):
    """A case without a result from the reference version is reported, and no gate passes."""
    noisy.edit(
        "model.py",
        "    system =",
        '    if request.key.purpose == "reference" and request.key.case == "case-7":\n'
        '        return {"error": "overloaded"}\n    system =',
    )
    noisy.run("--llm-against", "HEAD")
    assert "the reference version has no result for case case-7" in noisy.verdict()["verdicts"][0]["reason"]
    assert noisy.verdict()["status"] != "pass"


def test_against_nothing(noisy):
    """A missing commit is a usage error that names it."""
    result = noisy.run("--llm-against", "nowhere")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*no commit 'nowhere' in this clone*"])


def test_xdist(noisy):
    """Under xdist the controller runs the confirmation, with the samples of all workers."""
    noisy.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
    result = noisy.run("-n2")
    assert result.ret == 1
    assert repeats(noisy.root / "reports/demo/run.jsonl") == {0: 120, 1: 120}
    assert repeats(noisy.root / "reports/demo/reference.jsonl") == {1: 120}
    assert noisy.verdict()["verdicts"][0]["status"] == "fail"
