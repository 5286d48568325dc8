"""A gate counts a conversation once: its turns fail together, and are judged like one case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from talk import talk

from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Request, Response
from evalharness.testing import Project
from evalharness.testing.builders import response
from evalharness.testing.ci import leave_ci

SAME = ("change", "low", "high", "p_value", "population_p", "up", "down", "before", "after")
GATES = [{"metric": "exact", "margin": 0.05}, {"metric": "cost", "margin": 0.1}]


def ids(conversations: int, turns: int) -> list[str]:
    """The cases of a run."""
    return [f"c-{n}#{turn + 1}" if turns else f"c-{n}" for n in range(conversations) for turn in range(turns or 1)]


def compared(root: Path, conversations: int, turns: int = 0, *, broken: int) -> Project:
    """A project whose first `broken` conversations, or cases, were right and short, and are wrong and long."""
    cases: list[dict[str, Any]] = [{"id": f"c-{n}", "tags": ["talk"]} for n in range(conversations)]
    for n, case in enumerate(cases):
        case |= {"turns": [{"user": f"{n}?"} for _ in range(turns)]} if turns else {"vars": {"user": f"{n}?"}}
    project = talk(root, cases=cases, gates=GATES)
    project.write("golden/demo.yaml", yaml.safe_dump(dict.fromkeys(ids(conversations, turns), "Right.")))

    def worse(request: Request) -> Response:
        bad = int(request.key.case.split("#")[0][2:]) < broken
        return response("Wrong.", completion_tokens=90) if bad else response("Right.")

    right, wrong = (ScriptedProvider(one, repeats_differ=False) for one in (lambda _: response("Right."), worse))
    project.accept(models={"scripted": right})
    project.evaluate(models={"scripted": wrong})
    return project


def verdicts(project: Project) -> list[dict[str, float]]:
    """The numbers of each gate, and of its tag."""
    found = project.verdict()["verdicts"]
    tags = [{"q_value": tag["q_value"]} for one in found for tag in one["slices"]]
    assert tags
    return [{key: one[key] for key in SAME} for one in found] + tags


def duel(project: Project) -> dict[str, float]:
    """The numbers of `evalharness compare`."""
    output = project.command("compare", "golden/baselines/demo", "reports/demo", "--json").output
    (found,) = [one for one in json.loads(output)["pairwise"] if one["metric"] == "exact"]
    return {key: value for key, value in found.items() if key not in ("metric", "cases")}


def test_a_conversation_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds and p-values of quality, cost, tags and comparisons are those of one case for each conversation."""
    leave_ci(monkeypatch)
    talks = compared(tmp_path / "turns", 30, turns=4, broken=3)
    cases = compared(tmp_path / "cases", 30, broken=3)
    many = compared(tmp_path / "many", 120, broken=12)
    assert [one["status"] for one in talks.verdict()["verdicts"]] == ["inconclusive"] * 2
    assert [one["status"] for one in many.verdict()["verdicts"]] == ["fail"] * 2
    assert [one["cases"] for one in talks.verdict()["verdicts"]] == [120] * 2
    for one, other in zip(verdicts(talks), verdicts(cases), strict=True):
        assert one == pytest.approx(other, rel=0.15, abs=0.003)  # a p-value is simulated
    assert verdicts(many)[-1]["q_value"] < 0.001 < verdicts(talks)[-1]["q_value"]
    assert duel(talks) == pytest.approx(duel(cases), rel=0.15, abs=0.003)
