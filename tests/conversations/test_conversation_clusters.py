"""A gate counts a conversation once, however many turns it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Request, Verdict
from evalharness.testing import Project

CONVERSATIONS, TURNS, BROKEN = 30, 4, 3


def verdict(root: Path, turns: int) -> Verdict:
    """The verdict on a change that breaks all turns of some conversations."""
    project = Project(root)
    says = [{"user": f"Part {number}?"} for number in range(1, turns + 1)]
    cases: list[dict[str, Any]] = [{"id": f"talk-{n}", "turns": says} for n in range(CONVERSATIONS)]
    names = [f"talk-{n}#{turn}" for n in range(CONVERSATIONS) for turn in range(1, turns + 1)]
    prompts = {"plain": [{"user": "{{ user }}"}]}
    gates = [{"metric": "exact", "margin": "1%"}]
    project.write_suite(dict.fromkeys(names, "Yes."), cases=cases, prompts=prompts, gates=gates)
    broken = {f"talk-{n}" for n in range(BROKEN)}

    def worse(request: Request) -> str:
        return "No." if request.key.case.split("#")[0] in broken else "Yes."

    project.accept(models={"scripted": ScriptedProvider({"*": "Yes."}, repeats_differ=False)})
    evaluation = project.evaluate(models={"scripted": ScriptedProvider(worse, repeats_differ=False)})
    assert evaluation.means["scripted", "plain"] == {"exact": 1 - BROKEN / CONVERSATIONS}
    assert evaluation.outcome
    (found,) = (one for one in evaluation.outcome.verdicts if one.metric == "exact")
    return found


def test_turns_that_fail_together_are_one_case(tmp_path: Path) -> None:
    """30 conversations of 4 turns, of which 3 fail as a whole, are the evidence of 30 cases, and not of 120."""
    many, one = verdict(tmp_path / "many", TURNS), verdict(tmp_path / "one", 1)
    assert one.p_value is not None
    assert 0.05 < one.p_value == many.p_value
    assert one.status == many.status != "fail"
