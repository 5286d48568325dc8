"""`must_pass: stable`: an assertion with an occasional failure fails the run only if the failure repeats."""

from __future__ import annotations

from collections import Counter

import pytest
from kept import begin

from evalharness.store import read_run

MODEL = """
from pathlib import Path

def answer(request):
    broken = Path(__file__).with_name("broken.txt").read_text().split()
    key = request.key
    names = {f"{key.case}:*", f"{key.case}:{key.purpose}-{key.repeat}"}
    return "As an AI, I cannot." if names & set(broken) else "Yes."
"""


def make_stable(project):
    """Accept forty cases with a stable assertion five times, without a latency gate."""
    project.write("model.py", MODEL)
    project.write("broken.txt", "")
    config = project.read("pyproject.toml").replace('answers = "answers.json"', 'function = "model.py:answer"')
    project.write("pyproject.toml", config)
    project.edit("suites/demo.yaml", "not_contains: FORBIDDEN", "{not_contains: As an AI, must_pass: stable}")
    project.edit("suites/demo.yaml", "  - {metric: latency, margin: 10%}\n", "")
    for _ in range(5):
        project.accept()


@pytest.fixture
def stable(project, tmp_path_factory):
    """Forty cases with a stable assertion, accepted five times."""
    return begin(project, make_stable, tmp_path_factory)


def broken(project, *samples):
    """Let these samples break the assertion: `case-3:planned-0`, or `case-3:*` for all of a case."""
    project.write("broken.txt", " ".join(samples))


def stable_verdict(project):
    """Return the verdict on stable assertions, if there is one."""
    return next((v for v in project.verdict()["verdicts"] if v["metric"] == "must_pass"), None)


def test_unbroken(stable):
    """Without a failure there is no message and no rerun."""
    stable.run()
    assert stable_verdict(stable) is None


def test_once(stable):
    """One failure is sampled four more times, and passes."""
    broken(stable, "case-3:planned-0")
    result = stable.run("--llm-settle=1")
    result.stdout.fnmatch_lines(["llm: demo: an assertion fails in 1 case; running it 4 more times"])
    assert (stable_verdict(stable)["status"], stable_verdict(stable)["cases"]) == ("pass", 1)
    assert "0 of 4 more samples broke it (accepted: 0 of 5)" in stable_verdict(stable)["reason"]
    record = read_run(stable.root / "reports/demo/run.jsonl")
    assert Counter(s.purpose for s in record.samples if s.key.case == "case-3") == {"planned": 1, "rerun": 4}


def test_twice(stable):
    """Two failures of four fail the run, with the name of the case and its answer."""
    broken(stable, "case-3:planned-0", "case-3:rerun-0", "case-3:rerun-2")
    assert stable.run().ret == 1
    assert stable_verdict(stable)["status"] == "fail"
    assert stable_verdict(stable)["reason"].startswith("case case-3 must not contain")
    assert "2 of 4 more samples broke it" in stable_verdict(stable)["reason"]


def test_one_of_four(stable):
    """One more failure of four passes."""
    broken(stable, "case-3:planned-0", "case-3:rerun-0")
    stable.run()
    assert stable_verdict(stable)["status"] == "pass"


def test_not_admitted(stable):
    """A case that failed in an accepted run does not decide, and is named."""
    broken(stable, "case-3:*")
    stable.accept()
    stable.run()
    assert stable_verdict(stable)["status"] == "inconclusive"
    assert "1 of 5 accepted runs broke it too, so a failure may be chance" in stable_verdict(stable)["reason"]
    assert stable.verdict()["status"] == "inconclusive"


def test_too_few_accepted_runs(project):
    """With fewer than five accepted runs, stability is unknown."""
    project.edit("suites/demo.yaml", "not_contains: FORBIDDEN", "{not_contains: within, must_pass: stable}")
    project.accept()
    project.run()
    assert "a stable assertion needs 5 accepted runs, got 1" in stable_verdict(project)["reason"]


def test_deterministic(stable):
    """A deterministic model fails at once, because a rerun would be identical."""
    stable.edit("pyproject.toml", "function", "repeats_differ = false\nfunction")
    broken(stable, "case-3:*")
    assert stable.run().ret == 1
    assert "the model is deterministic" in stable_verdict(stable)["reason"]


def test_reruns_do_not_count_for_the_average(stable):
    """Gates on scores ignore reruns, which would bias the mean towards the worst cases."""
    broken(stable, *(f"case-{number}:*" for number in range(2)))
    stable.run()
    assert {v["cases"] for v in stable.verdict()["verdicts"] if v["metric"] == "rouge_l"} == {40}
    record = read_run(stable.root / "reports/demo/run.jsonl")
    assert len([s for s in record.samples if s.purpose == "rerun"]) == 8


def test_always(project):
    """By default one failure fails the run, without a rerun."""
    project.edit("suites/demo.yaml", "not_contains: FORBIDDEN", "{not_contains: case-3 within, must_pass: always}")
    assert project.run().ret == 1
    assert stable_verdict(project) is None


def test_another_word(project):
    """An unknown value is an error with its line."""
    project.edit("suites/demo.yaml", "not_contains: FORBIDDEN", "{not_contains: x, must_pass: sometimes}")
    result = project.run()
    assert result.ret != 0
    result.stdout.fnmatch_lines(
        ["*suites/demo.yaml:10:*must_pass: expected always, stable, baseline or a share*, got 'sometimes'*"]
    )
