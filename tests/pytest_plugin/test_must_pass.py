"""`must_pass: stable`: an assertion that a model may break once in a while is red only when it is broken again."""

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
    """Forty cases with a stable assertion, accepted five times; a function's microseconds are not judged here."""
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
    """Let these samples break the assertion: `case-3:planned-0`, or all of a case: `case-3:*`."""
    project.write("broken.txt", " ".join(samples))


def hard(project):
    """The verdict on stable assertions, if there is one."""
    return next((v for v in project.verdict()["verdicts"] if v["metric"] == "must_pass"), None)


def test_unbroken(stable):
    """Nothing is said, and nothing drawn again."""
    stable.run()
    assert hard(stable) is None


def test_once(stable):
    """One slip is drawn four more times, and passes."""
    broken(stable, "case-3:planned-0")
    result = stable.run()
    result.stdout.fnmatch_lines(["llm: demo: an assertion fails in 1 case; running it 4 more times"])
    assert (hard(stable)["status"], hard(stable)["cases"]) == ("pass", 1)
    assert "0 of 4 more samples broke it (accepted: 0 of 5)" in hard(stable)["reason"]
    record = read_run(stable.root / "reports/demo/run.jsonl")
    assert Counter(s.purpose for s in record.samples if s.key.case == "case-3") == {"planned": 1, "rerun": 4}


def test_twice(stable):
    """Two of four is broken: red, with the case's name and what it says."""
    broken(stable, "case-3:planned-0", "case-3:rerun-0", "case-3:rerun-2")
    assert stable.run().ret == 1
    assert hard(stable)["status"] == "fail"
    assert hard(stable)["reason"].startswith("case case-3 must not contain")
    assert "2 of 4 more samples broke it" in hard(stable)["reason"]


def test_one_of_four(stable):
    """One more is not."""
    broken(stable, "case-3:planned-0", "case-3:rerun-0")
    stable.run()
    assert hard(stable)["status"] == "pass"


def test_not_admitted(stable):
    """A case that broke it in an accepted run decides nothing, and is named."""
    broken(stable, "case-3:*")
    stable.accept()
    stable.run()
    assert hard(stable)["status"] == "inconclusive"
    assert "1 of 5 accepted runs broke it too, so a failure may be chance" in hard(stable)["reason"]
    assert stable.verdict()["status"] == "inconclusive"


def test_too_few_accepted_runs(project):
    """Without five accepted runs nobody knows how stable it is."""
    project.edit("suites/demo.yaml", "not_contains: FORBIDDEN", "{not_contains: within, must_pass: stable}")
    project.accept()
    project.run()
    assert "a stable assertion needs 5 accepted runs, got 1" in hard(project)["reason"]


def test_deterministic(stable):
    """A copy would break it as well: red at once."""
    stable.edit("pyproject.toml", "function", "repeats_differ = false\nfunction")
    broken(stable, "case-3:*")
    assert stable.run().ret == 1
    assert "the model is deterministic" in hard(stable)["reason"]


def test_reruns_do_not_count_for_the_average(stable):
    """Four more draws of the worst cases would spoil the mean: no gate on a score looks at them."""
    broken(stable, *(f"case-{number}:*" for number in range(2)))
    stable.run()
    assert {v["cases"] for v in stable.verdict()["verdicts"] if v["metric"] == "rouge_l"} == {40}
    record = read_run(stable.root / "reports/demo/run.jsonl")
    assert len([s for s in record.samples if s.purpose == "rerun"]) == 8


def test_always(project):
    """The default: one answer that breaks it is red, and nothing is drawn again."""
    project.edit("suites/demo.yaml", "not_contains: FORBIDDEN", "{not_contains: case-3 within, must_pass: always}")
    assert project.run().ret == 1
    assert hard(project) is None


def test_another_word(project):
    """Is an error with its line."""
    project.edit("suites/demo.yaml", "not_contains: FORBIDDEN", "{not_contains: x, must_pass: sometimes}")
    result = project.run()
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*suites/demo.yaml:10:*must_pass: expected always or stable, got 'sometimes'*"])
