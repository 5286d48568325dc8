"""`evalharness calibrate` measures an unchanged suite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evalharness import evaluate, load_config
from evalharness.cli import main
from evalharness.evaluation.acceptance import Reason, accept_answers
from evalharness.testing.ci import leave_ci

MODEL = """
import hashlib

def answer(request):
    number, repeat = int(request.key.case[1:]), request.key.repeat
    toss = hashlib.sha256(f"{number} {repeat}".encode()).digest()[0] / 256
    return "Yes." if toss < (0.95 if number % 2 else 0.6) else "No."
"""


WIDE = "gates: [{metric: exact, margin: 60%}, {metric: assertions, margin: 60%}]\n"
"""Margins that most rehearsals decide at their first look, for tests that do not look at the rehearsals."""
WIDE_SCORE = "gates: [{metric: exact, margin: 60%}]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with sixty cases, half of them hard."""
    for folder in ("suites", "golden"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.evalharness.models.fake]\nprovider = "scripted"\nfunction = "model.py:answer"\n'
    )
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "suites/demo.yaml").write_text(
        'schema: 1\nmodels: [fake]\nprompts: {plain: [{user: "?"}]}\nmetrics: [exact]\ncases: cases.jsonl\n'
    )
    names = [f"c{number}" for number in range(60)]
    (tmp_path / "suites/cases.jsonl").write_text("".join(json.dumps({"id": name}) + "\n" for name in names))
    (tmp_path / "golden/demo.yaml").write_text("".join(f'{name}: "Yes."\n' for name in names))
    return tmp_path


def calibrate(root: Path, *arguments: str) -> Result:
    """`evalharness calibrate demo ...`"""
    return CliRunner().invoke(main, ["--root", str(root), "calibrate", "demo", *arguments])


def widen(root: Path) -> None:
    """Give the suite a gate of a wide margin."""
    suite = root / "suites/demo.yaml"
    suite.write_text(suite.read_text() + WIDE_SCORE)


def test_figures(root: Path) -> None:
    """Six runs of a model that tosses coins: the share of right answers, and a correlation of (0.175 / 0.417)² = 0.18
    (variance of the chances over that of one answer).
    """
    (found,) = json.loads(calibrate(root, "--json").stdout).values()
    assert (found["runs"], found["cases"], found["margin"], found["rehearsals"]) == (6, 60, 5.0, 100)
    assert found["mean"] == pytest.approx(77.5, abs=5)
    assert found["correlation"] == pytest.approx(0.18, abs=0.12)
    assert 1 <= found["between_runs"] < 3
    assert found["false_alarms"] <= 0.04  # 1 in 100, and three standard errors
    assert found["passes"] + found["false_alarms"] <= 1
    assert 1 <= found["samples"] <= 9
    assert 10 < found["minimum_detectable_drop"] < 30


def test_table(root: Path) -> None:
    """The table fits 80 columns."""
    widen(root)
    lines = calibrate(root).stdout.splitlines()
    assert lines[0] == "fake, plain, exact"
    assert lines[1].split() == ["mean", "icc", "runs", "margin", "pass", "fail", "caught", "taken", "detect"]
    assert max(map(len, lines)) <= 80


def test_the_margin_of_the_gate(root: Path) -> None:
    """The rehearsed gate is that of the suite: a loss of a large margin is caught in most rehearsals."""
    suite = root / "suites/demo.yaml"
    suite.write_text(suite.read_text() + "gates: [{metric: exact, margin: 20%}]\n")
    (found,) = json.loads(calibrate(root, "--json").stdout).values()
    assert found["margin"] == 20.0
    assert found["caught"] >= 0.7
    assert found["passes"] >= 0.8


def test_over_days(root: Path) -> None:
    """The runs of earlier invocations count, as long as prompt and metric are the same."""
    widen(root)
    for runs in (3, 6):
        (found,) = json.loads(calibrate(root, "--runs=3", "--over-days", "--json").stdout).values()
        assert found["runs"] == runs
    suite = root / "suites/demo.yaml"
    suite.write_text(suite.read_text().replace('user: "?"', 'user: "Really?"'))
    (found,) = json.loads(calibrate(root, "--runs=3", "--over-days", "--json").stdout).values()
    assert found["runs"] == 3


def test_a_damaged_file_of_earlier_days(root: Path) -> None:
    """A line that holds no scores is an error with file, line and what to do."""
    widen(root)
    calibrate(root, "--runs=3", "--over-days")
    file = root / "reports/demo/calibration.jsonl"
    file.write_text(file.read_text().replace('"schema": 1', '"schema": 2', 1))
    result = calibrate(root, "--runs=3", "--over-days")
    assert result.exit_code == 1
    assert "calibration.jsonl:1: expected the scores of a calibration; delete the file to start again" in result.output


def test_copies(root: Path) -> None:
    """A deterministic model has no noise to measure, and the output says so."""
    config = root / "pyproject.toml"
    config.write_text(config.read_text() + "repeats_differ = false\n")
    result = calibrate(root)
    assert result.exit_code == 0
    assert "repeated runs are identical, there is no noise to measure" in result.output


def test_lost(root: Path) -> None:
    """A missing answer is named, and the status is not 0."""
    (root / "model.py").write_text(MODEL + "    \n" + "def answer(request):\n    return {'error': 'overloaded'}\n")
    result = calibrate(root)
    assert result.exit_code == 1
    assert "360 of 360 answers are missing, first c0" in result.output


def test_a_gate_on_assertions(root: Path) -> None:
    """A gate on assertions is rehearsed on the share of cases that keep them, of those that have some."""
    suite = root / "suites/demo.yaml"
    gates = "gates: [{metric: assertions, margin: 20%}]\n"
    suite.write_text(f"{suite.read_text()}assert: [{{contains: 'Yes', must_pass: stable}}]\n{gates}")
    found = json.loads(calibrate(root, "--json").stdout)
    assert list(found) == ["fake|plain|exact", "fake|plain|assertions"]
    assertions = found["fake|plain|assertions"]
    assert (assertions["margin"], assertions["cases"]) == (20.0, 60)
    assert assertions["mean"] == found["fake|plain|exact"]["mean"]
    assert assertions["caught"] >= 0.7


def test_assertions_of_earlier_days(root: Path) -> None:
    """Other assertions are calibrated on their own."""
    suite = root / "suites/demo.yaml"
    text = suite.read_text() + WIDE
    counts = []
    for word in ("Yes", "Yes", "es"):
        suite.write_text(f"{text}assert: [{{contains: '{word}', must_pass: stable}}]\n")
        found = json.loads(calibrate(root, "--runs=3", "--over-days", "--json").stdout)
        counts.append(found["fake|plain|assertions"]["runs"])
    assert counts == [3, 6, 3]


def test_own_words(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases whose golden answers are this version's own words cannot fail the rehearsed gate."""
    leave_ci(monkeypatch)
    suite = root / "suites/demo.yaml"
    suite.write_text(suite.read_text() + "gates: [{metric: exact, margin: 20%}]\n")
    config = load_config(root).model_copy(update={"cache_dir": root / "cache"})
    run = evaluate("demo", config=config).run
    before = json.loads(calibrate(root, "--json").stdout)["fake|plain|exact"]
    answers = {one.key.case: ["Yes."] for one in run.samples if one.response and one.response.text == "Yes."}
    accept_answers(run, config, answers, Reason("", "no baseline"), replace=True)
    after = json.loads(calibrate(root, "--json").stdout)["fake|plain|exact"]
    assert (before["own_words"], after["own_words"]) == (0, len(answers))
    assert after["caught"] < before["caught"]
    shown = calibrate(root).stdout
    assert f"own words: {len(answers)} of 60 golden answers; these cases cannot fail the gate" in shown
    assert max(map(len, shown.splitlines())) <= 80
