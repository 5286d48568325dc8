"""Assertions against the baseline: known failures, shares of the cases, a gate on assertions, and `worst`."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from kept import begin

from evalharness.store import read_run

MODEL = """
from pathlib import Path

def answer(request):
    broken = Path(__file__).with_name("broken.txt").read_text().split()
    key = request.key
    names = {f"{key.case}:*", f"{key.case}:{key.purpose}-{key.repeat}"}
    return "As an AI, I cannot." if names & set(broken) else f"You may return {key.case} within 30 days."
"""
KNOWN = [f"case-{number}:*" for number in (1, 4, 9, 16, 25, 36)]
PLAIN, BASELINE = "- not_contains: FORBIDDEN", "- {not_contains: As an AI, must_pass: baseline}"


def make_varying(project: Any) -> None:
    """Six of forty cases break an assertion of the model, without gates that see it."""
    project.write("model.py", MODEL)
    broken(project, *KNOWN)
    config = project.read("pyproject.toml").replace('answers = "answers.json"', 'function = "model.py:answer"')
    project.write("pyproject.toml", config)
    suite = project.read("suites/demo.yaml")
    project.write("suites/demo.yaml", suite[: suite.index("gates:")].replace(PLAIN, BASELINE))


def make_deterministic(project: Any) -> None:
    """The same, with a deterministic model, accepted once."""
    make_varying(project)
    project.edit("pyproject.toml", "function", "repeats_differ = false\nfunction")
    project.accept()


def make_sampled(project: Any) -> None:
    """The same, with a model whose answers vary, accepted five times."""
    make_varying(project)
    for _ in range(5):
        project.accept()


@pytest.fixture
def deterministic(project: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Six known failures of a deterministic model, accepted once."""
    return begin(project, make_deterministic, tmp_path_factory)


@pytest.fixture
def sampled(project: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Six known failures of a model whose answers vary, accepted five times."""
    return begin(project, make_sampled, tmp_path_factory)


def broken(project: Any, *samples: str) -> None:
    """Let these samples break the assertion: `case-3:planned-0`, or `case-3:*` for all of a case."""
    project.write("broken.txt", " ".join(samples))


def verdict(project: Any, metric: str = "must_pass") -> tuple[str, str]:
    """The status and the reason of the verdict on this metric."""
    found = next(one for one in project.verdict()["verdicts"] if one["metric"] == metric)
    return found["status"], found["reason"]


def reruns(project: Any) -> Counter[str]:
    """The number of reruns of each case."""
    samples = read_run(project.root / "reports/demo/run.jsonl").samples
    return Counter(one.key.case for one in samples if one.purpose == "rerun")


ALL = "6 known failures: case-1, case-4, case-9, case-16, case-25, case-36"


def test_the_first_run(project: Any) -> None:
    """Without an accepted run there is nothing to excuse a failure, and the run can be accepted."""
    make_varying(project)
    assert project.run().ret == 0
    assert verdict(project)[0] == "no baseline"
    assert not reruns(project)
    assert project.run("--llm-accept").ret == 0
    assert project.verdict()["accepted"]


@pytest.mark.parametrize("in_ci", [False, True])
@pytest.mark.parametrize("kind", ["deterministic", "sampled"])
def test_six_known_failures(
    kind: str, in_ci: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite with six accepted failures is green without reruns, and red at a seventh."""
    project = request.getfixturevalue(kind)
    if in_ci:
        monkeypatch.setenv("CI", "true")
    assert project.run().ret == 0
    assert verdict(project) == ("pass", ALL)
    assert project.verdict()["status"] == "pass"
    assert not reruns(project)
    broken(project, *KNOWN, "case-3:*")
    result = project.run()
    assert result.ret == 1
    status, reason = verdict(project)
    assert status == "fail"
    assert reason.startswith("case case-3 must not contain 'As an AI'")
    assert reason.endswith(ALL)
    assert set(reruns(project).values()) == ({4} if kind == "sampled" else set())


def test_a_seventh_by_chance(sampled: Any) -> None:
    """A seventh failure that no rerun repeats is green."""
    broken(sampled, *KNOWN, "case-3:planned-0")
    assert sampled.run().ret == 0
    assert verdict(sampled)[0] == "pass"
    assert "0 of 4 more samples broke it (accepted: 0 of 5)" in verdict(sampled)[1]
    assert reruns(sampled) == {"case-3": 4}


def test_another_assertion_of_a_known_case(deterministic: Any) -> None:
    """A failure is known for its assertion alone: a second one of the same case is red."""
    deterministic.edit("suites/demo.yaml", BASELINE, f"{BASELINE}\n  - {{max_words: 7, must_pass: baseline}}")
    assert deterministic.run().ret == 0
    model = MODEL.replace("I cannot.", "I cannot say anything about it.")
    deterministic.write("model.py", model)
    assert deterministic.run().ret == 1
    assert "must have at most 7 words" in verdict(deterministic)[1]


def test_too_few_accepted_runs(project: Any) -> None:
    """Where answers vary, one accepted run does not show that the case kept the assertion by more than chance."""
    make_varying(project)
    project.accept()
    broken(project, *KNOWN, "case-3:*")
    project.run()
    status, reason = verdict(project)
    assert status == "inconclusive"
    assert "an assertion needs 5 accepted runs, got 1" in reason


def test_a_new_case(deterministic: Any) -> None:
    """A new case that breaks the assertion has no accepted run, and is not green."""
    deterministic.edit("suites/cases.jsonl", '"case-3"', '"case-x"')
    deterministic.edit("golden/demo.yaml", "case-3:", "case-x:")
    broken(deterministic, *KNOWN, "case-x:*")
    deterministic.run()
    assert verdict(deterministic)[0] == "inconclusive"
    assert "no accepted run of this case yet" in verdict(deterministic)[1]


def with_share(project: Any, share: str) -> None:
    """Demand that this share of the cases keeps the assertion."""
    project.edit("suites/demo.yaml", "must_pass: baseline", f"must_pass: {share}")


@pytest.mark.parametrize(("share", "status"), [("85%", "pass"), ("85.1 %", "fail")])
def test_share(deterministic: Any, share: str, status: str) -> None:
    """A share of the cases must keep an assertion, exactly as counted."""
    with_share(deterministic, share)
    assert deterministic.run().ret == (status == "fail")
    found, reason = verdict(deterministic)
    assert found == status
    expected = f"expected at least {share.removesuffix('%').strip()} %"
    assert f'not_contains "As an AI": 34 of 40 cases keep it (85.0 %), {expected}' in reason


def test_share_is_confirmed(sampled: Any) -> None:
    """Where answers vary, a case counts as broken only if its reruns break the assertion too."""
    with_share(sampled, "85%")
    broken(sampled, *KNOWN, "case-3:planned-0")
    assert sampled.run().ret == 0
    assert "34 of 40 cases keep it" in verdict(sampled)[1]
    assert sum(reruns(sampled).values()) == 28
    broken(sampled, *KNOWN, "case-3:*")
    assert sampled.run("--llm-record=all").ret == 1
    assert "33 of 40 cases keep it (82.5 %)" in verdict(sampled)[1]


def test_share_of_a_part(deterministic: Any) -> None:
    """A part of the cases does not decide on a share of all."""
    with_share(deterministic, "85%")
    deterministic.run("-k", "case-1 or case-2")
    assert verdict(deterministic)[0] == "inconclusive"


@pytest.mark.parametrize("share", ["0%", "101%", "0.9", "many%"])
def test_invalid_share(deterministic: Any, share: str) -> None:
    """Another value is refused with its line."""
    with_share(deterministic, share)
    result = deterministic.run()
    result.stdout.fnmatch_lines(["*suites/demo.yaml:10:*must_pass: expected always, stable, baseline or a share such*"])


def test_share_of_one_case(deterministic: Any) -> None:
    """A share counts the cases of a suite, so it does not belong to a single case."""
    case = '"id": "case-3", '
    assertion = '"assert": [{"contains": "30", "must_pass": "90%"}], '
    deterministic.edit("suites/cases.jsonl", case, case + assertion)
    deterministic.run().stdout.fnmatch_lines(["*suites/cases.jsonl:4:*move it to the suite's assert*"])


GATES = "gates:\n  - {metric: assertions, margin: 5%}\n"


def with_gates(project: Any, gates: str = GATES, assertion: str = BASELINE) -> None:
    """Add gates, and replace the assertion."""
    project.edit("suites/demo.yaml", BASELINE, assertion)
    project.write("suites/demo.yaml", project.read("suites/demo.yaml") + gates)


def test_gate_on_assertions(sampled: Any) -> None:
    """The gate compares the share of kept assertions with runs that were accepted before the gate existed."""
    with_gates(sampled)
    assert sampled.run().ret == 0
    assert verdict(sampled, "assertions")[0] == "pass"
    broken(sampled, *(f"case-{number}:*" for number in range(0, 40, 2)))
    assert sampled.run("--llm-settle=1", "--llm-record=all").ret == 1
    status, reason = verdict(sampled, "assertions")
    assert status == "fail"
    assert "−35.0 pts on 40 cases" in reason


def test_gate_command_on_assertions(sampled: Any) -> None:
    """A recorded run gets the same verdict again, from files alone."""
    with_gates(sampled)
    broken(sampled, *(f"case-{number}:*" for number in range(0, 40, 2)))
    sampled.run("--llm-settle=1", "--llm-record=all")
    again = sampled.command("gate", sampled.root / "reports/demo", "--json")
    assert json.loads(again.output) == sampled.verdict()


def test_new_assertion_under_a_gate(deterministic: Any) -> None:
    """An assertion that the accepted answers break as well is not a loss."""
    with_gates(deterministic, assertion="- {contains: thirty, must_pass: baseline}")
    assert deterministic.run().ret == 0
    assert verdict(deterministic, "assertions")[0] == "pass"
    assert verdict(deterministic)[1].startswith("40 known failures")


def test_gate_on_cases_with_assertions(deterministic: Any) -> None:
    """Cases without assertions are left out of the gate, and counted in its reason."""
    deterministic.edit("suites/demo.yaml", f"assert:\n  {BASELINE}\n", "")
    deterministic.write("suites/demo.yaml", deterministic.read("suites/demo.yaml") + GATES)
    cases = deterministic.read("suites/cases.jsonl").splitlines()
    asserted = [line.replace('"vars"', '"assert": [{"contains": "30"}], "vars"') for line in cases[10:]]
    deterministic.write("suites/cases.jsonl", "\n".join([*cases[:10], *asserted]) + "\n")
    deterministic.run()
    assert verdict(deterministic, "assertions")[1].endswith("; 30 of 40 cases have assertions")


def test_gate_without_assertions(deterministic: Any) -> None:
    """A gate on the assertions of a suite that has none is refused with its line."""
    deterministic.edit("suites/demo.yaml", f"assert:\n  {BASELINE}\n", "")
    deterministic.write("suites/demo.yaml", deterministic.read("suites/demo.yaml") + GATES)
    deterministic.run().stdout.fnmatch_lines(["*suites/demo.yaml:11:*a gate on assertions needs at least one*"])


WORST = "gates:\n  - {metric: rouge_l, margin: 50%, worst: 0.5}\n"


@pytest.mark.parametrize("kind", ["deterministic", "sampled"])
def test_worst(kind: str, request: pytest.FixtureRequest) -> None:
    """One case that loses more than `worst` fails, while the mean passes."""
    project = request.getfixturevalue(kind)
    with_gates(project, WORST)
    assert project.run().ret == 0
    broken(project, *KNOWN, "case-3:*")
    assert project.run("--llm-record=all").ret == 1
    assert verdict(project, "rouge_l")[0] == "pass"
    status, reason = verdict(project, "worst_rouge_l")
    assert status == "fail"
    assert reason.startswith("case case-3 lost more than 50 pts: 87.5 → 0.0, −87.5 pts")


def test_worst_by_chance(sampled: Any) -> None:
    """A single bad sample that no rerun repeats passes."""
    with_gates(sampled, WORST, PLAIN)
    broken(sampled, *KNOWN, "case-3:planned-0", "case-3:rerun-1")
    result = sampled.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["llm: demo: a score drops in 1 case; running it 4 more times"])
    assert verdict(sampled, "worst_rouge_l")[0] == "pass"
    assert "1 of 4 more samples lost as much" in verdict(sampled, "worst_rouge_l")[1]


def test_worst_of_a_case_that_was_as_low(sampled: Any) -> None:
    """A case that was as low in an accepted run does not decide, because a failure may be chance."""
    broken(sampled, *KNOWN, "case-3:*")
    sampled.accept()
    with_gates(sampled, WORST, PLAIN)
    sampled.run()
    status, reason = verdict(sampled, "worst_rouge_l")
    assert status == "inconclusive"
    assert "1 of 5 accepted samples were as low, so a failure may be chance" in reason


def test_worst_needs_accepted_runs(project: Any) -> None:
    """With fewer than five accepted runs, the noise of a single case is unknown."""
    make_varying(project)
    project.accept()
    with_gates(project, WORST, PLAIN)
    broken(project, *KNOWN, "case-3:*")
    project.run()
    assert verdict(project, "worst_rouge_l")[0] == "inconclusive"
    assert "a failure needs 5 accepted runs, got 1" in verdict(project, "worst_rouge_l")[1]


def test_worst_of_cost(deterministic: Any) -> None:
    """Tokens have no worst case in points."""
    with_gates(deterministic, "gates:\n  - {metric: cost, worst: 0.5}\n")
    deterministic.run().stdout.fnmatch_lines(["*suites/demo.yaml:13:*a gate on cost does not take 'worst'*"])
