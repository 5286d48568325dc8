"""A gate on golden_logprob fails before an answer changes, and never passes without its numbers."""

from __future__ import annotations

import json
import shutil

import pytest
from repository import Repository

MODEL = '''
def answer(request):
    """The same words always; how likely the golden answers are is up to the system prompt."""
    number = int(request.key.case.partition("-")[2])
    lost = 0.3 if "careless" in request.messages[0].content else 0.0
    values = [-0.5 - number / 100 - lost, -0.1]
    text = f"You may return {request.key.case} within 30 days."
    return {"text": text, "logprobs": values, "golden_logprobs": [values for _ in request.golden]}
'''
SPEC = "metrics: [rouge_l, token_f1]"


@pytest.fixture
def likely(project):
    """Forty cases with a deterministic model and a gate on golden_logprob."""
    project.write("model.py", MODEL)
    project.edit("pyproject.toml", 'answers = "answers.json"', 'function = "model.py:answer"\nrepeats_differ = false')
    project.edit("suites/demo.yaml", SPEC, "metrics: [rouge_l, golden_logprob]")
    project.edit("suites/demo.yaml", "  - {metric: latency, margin: 10%}\n", "  - {metric: golden_logprob}\n")
    return project


def statuses(project) -> dict[str, str]:
    """Return the status of each gate."""
    return {verdict["metric"]: verdict["status"] for verdict in project.verdict()["verdicts"]}


def test_red_before_a_word_changes(likely):
    """If golden answers become less likely and answers stay the same, only this gate fails."""
    likely.accept()
    before = [sample["response"]["text"] for sample in likely.samples()]
    assert likely.run().ret == 0
    likely.edit("suites/demo.yaml", "You answer", "careless answer")
    assert likely.run().ret == 1
    assert [sample["response"]["text"] for sample in likely.samples()] == before
    found = statuses(likely)
    assert found.pop("golden_logprob") == "fail"
    assert "fail" not in found.values()


def test_green_with_enough_cases(likely):
    """Sixty cases with unchanged likelihood pass at a margin of 5 points."""
    likely.ids += [f"case-{number}" for number in range(40, 60)]
    lines = [f'{{"id": "{name}", "vars": {{"question": "Can I return {name}?"}}}}\n' for name in likely.ids]
    likely.write("suites/cases.jsonl", "".join(lines))
    likely.write("golden/demo.yaml", "".join(f"{name}: You may return {name} in 30 days.\n" for name in likely.ids))
    likely.accept()
    likely.run()
    assert statuses(likely)["golden_logprob"] == "pass"


def test_a_case_without_its_numbers(likely):
    """One response without the golden answer's likelihood makes the run an error that names the case."""
    likely.accept()
    likely.edit("model.py", "    return", "    if number == 7:\n        return 'Yes.'\n    return")
    result = likely.run()
    assert result.ret == 1
    assert statuses(likely)["golden_logprob"] == "error"
    result.stdout.fnmatch_lines(["*golden_logprob: the response has no golden_logprobs*"])


def test_a_baseline_from_before(likely):
    """If the accepted run has no such score, the gate says so and does not pass."""
    likely.edit("suites/demo.yaml", "  - {metric: golden_logprob}\n", "")
    likely.edit("suites/demo.yaml", ", golden_logprob]", "]")
    likely.accept()
    likely.edit("suites/demo.yaml", "metrics: [rouge_l]", "metrics: [rouge_l, golden_logprob]")
    likely.edit("suites/demo.yaml", "gates:\n", "gates:\n  - {metric: golden_logprob}\n")
    assert likely.run().ret == 1
    assert statuses(likely)["golden_logprob"] == "incomparable"


@pytest.mark.parametrize("metric", ["golden_logprob", "answer_logprob"])
def test_against_a_version_without_the_metric(likely, metric):
    """With `--llm-against`, the other version is scored too, even if its suite does not list the metric."""
    today = likely.read("suites/demo.yaml").replace("golden_logprob", metric) + "params: {logprobs: true}\n"
    likely.edit("suites/demo.yaml", "  - {metric: golden_logprob}\n", "")
    likely.edit("suites/demo.yaml", ", golden_logprob]", "]")
    Repository(likely.root).commit()
    likely.write("suites/demo.yaml", today.replace("You answer", "careless answer"))
    shutil.rmtree(likely.root / "golden/baselines", ignore_errors=True)
    assert likely.run("--llm-against", "HEAD").ret == 1
    assert statuses(likely)[metric] == "fail"


def test_two_models_are_not_compared_by_it(likely):
    """`compare` uses it for two prompts of one model but not for two models, whose tokens differ."""
    likely.edit("pyproject.toml", "[tool.pytest", '[tool.evalharness.models.far]\nprovider = "scripted"\n'
                'function = "model.py:answer"\n[tool.pytest')  # fmt: skip
    likely.edit("suites/demo.yaml", "prompts:\n", "prompts:\n  other:\n    - user: 'Say: {{ question }}'\n")
    likely.edit("suites/demo.yaml", "models: [fake]", "models: [fake, far]")
    likely.run()
    done = likely.command("compare", "reports/demo", "--json")
    output = json.loads(done.output)
    pairs = {"golden_logprob": set(), "rouge_l": set()}
    for one in output["pairwise"]:
        pairs[one["metric"]].add((one["first"], one["second"]))
    assert [column["model"] for column in output["columns"]] == ["fake", "fake", "far", "far"]
    assert pairs["golden_logprob"] == {(0, 1), (2, 3)}
    assert len(pairs["rouge_l"]) == 6


def test_a_model_that_cannot(likely):
    """A model that cannot return the golden answer's likelihood is refused before the first request."""
    likely.edit("pyproject.toml", "[tool.pytest", '[tool.evalharness.models.far]\nprovider = "openai"\n'
                'base_url = "http://localhost:1/v1"\nmodel = "m"\n[tool.pytest')  # fmt: skip
    likely.edit("suites/demo.yaml", "models: [fake]", "models: [fake, far]")
    result = likely.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*likelihood of a golden answer, and the model 'far' does not return it*gguf*"])
    assert not (likely.root / "reports").exists()
