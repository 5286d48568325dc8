"""Prompts in code lead conversations like those in a suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from talk import CASE, Recorded, talk
from test_world import FIND, TOOLS, WORLD, calling

from evalharness.testing import Project

CODE = """\
constant = "Be brief."
whole = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{ user }}"}]

def function(shop="Acme"):
    return "Be brief."
"""
USER = {
    "start": "ask",
    "states": {
        "ask": {"says": "My name is Ada.", "reactions": [{"go": "more"}]},
        "more": {"says": "What is my name?"},
    },
}


def in_code(root: Path, name: str, prompt: Any) -> Project:
    """The conversation, and a simulated user, with a prompt from code."""
    cases: list[dict[str, Any]] = [CASE, {"id": "simulated", "user": USER}]
    project = talk(root, cases=cases, prompts={"plain": prompt}, tools=TOOLS, world=WORLD)
    project.write("texts.py", CODE)
    table = f'[tool.evalharness.prompts.ask]\npython = "texts:{name}"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    return project


@pytest.mark.parametrize("name", ["constant", "function"])
def test_a_system_message_in_code(tmp_path: Path, name: str) -> None:
    """A system message from code leads turns, a simulated user and an agent with scripted tools."""
    project = in_code(tmp_path, name, [{"system": {"configured": "ask"}}, {"user": "{{ user }}"}])
    samples = {one.key.case: one for one in project.evaluate(models={"app": Recorded()}).samples}
    assert [samples[f"memory#{turn}"].failed_checks for turn in (1, 2, 3)] == [(), (), ()]
    assert [one.content for one in samples["memory#3"].messages][:2] == ["Be brief.", "My name is Ada."]
    assert samples["simulated"].response
    assert samples["simulated"].response.text == "Your name is Ada."
    agent = project.evaluate(models={"app": Recorded(calling([FIND]))}, record="all").samples[0]
    assert agent.response
    assert [call.result for call in agent.response.tool_calls] == [{"state": "paid"}]
