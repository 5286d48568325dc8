"""A project whose answers a scripted model judges, and the number of its requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalharness import Verdict
from evalharness.evaluation.api import Evaluation
from evalharness.providers.scripted import ScriptedProvider
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

CASES = 32
JUDGE = """\
import json
from pathlib import Path

def answer(request):
    shown = request.messages[-1].content
    with Path(__file__).with_name("seen").open("a") as lines:
        lines.write(json.dumps(shown) + chr(10))
    return {"decision": DECISION}
"""
_SHOP = {"provider": "scripted", "answers": "answers.json", "price": {"input": 0, "output": 0}}
POLITE = {"name": "polite", "model": "critic", "ask": "Is it polite?"}
KIND = "('yes' if 'kindly' in shown else 'no')"


class JudgedProject(Project):
    """Thirty-two cases, whose answers begin with their names, and a gate on what a judge says about them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, recorded: bool = False) -> None:
        """`folder`: of the project and its cache. `recorded`: whether the answers are recorded too."""
        super().__init__(folder / "project")
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        leave_ci(monkeypatch)
        _record(monkeypatch, answers=recorded)
        self.names = [f"case-{number:02}" for number in range(CASES)]

    def evaluate_judged(
        self,
        judges: Sequence[Mapping[str, Any]] = (POLITE,),
        *,
        answer: str = "{} kindly.",
        other: Mapping[str, str] | None = None,
        decision: str = KIND,
        vars: Mapping[str, Any] | None = None,  # noqa: A002 - the key of a case
        gate: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> Evaluation:
        """Evaluate with these judges, whose model decides so.

        `other`: the answers to some cases, `gate`: more keys of the gates.
        """
        cases = [{"id": name, "vars": {"question": f"{name}?", **(vars or {})}} for name in self.names]
        metrics = [{"judge": dict(judge)} for judge in judges]
        gates = [{"metric": judge["name"], "margin": 0.1} | dict(gate or {}) for judge in judges]
        self.write_suite({}, cases=cases, metrics=[*metrics, "chrf"], gates=gates)
        self.write("golden/demo.yaml", yaml.safe_dump({name: name for name in self.names}))
        names = dict.fromkeys(["critic", *(judge["model"] for judge in judges)])
        self.configure(scripted=_SHOP, **{name: _judge(name) for name in names})
        for name in names:
            super().write(f"{name}.py", JUDGE.replace("DECISION", decision))
        self.answer({name: answer.format(name) for name in self.names} | dict(other or {}))
        return self.evaluate(**arguments)

    def accept_judged(self, judges: Sequence[Mapping[str, Any]] = (POLITE,), **changes: Any) -> None:
        """Evaluate and accept."""
        self.evaluate_judged(judges, **changes).accept()

    @property
    def seen(self) -> list[str]:
        """The last message of each request to a judge so far."""
        path = self.root / "seen"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def requests(self) -> int:
        """The number of requests to judges so far."""
        return len(self.seen)


def _judge(name: str) -> dict[str, Any]:
    price = {"input": 10_000, "output": 0}  # dollars for a million tokens
    return {"provider": "scripted", "function": f"{name}.py:answer", "price": price}


def _record(monkeypatch: pytest.MonkeyPatch, *, answers: bool) -> None:
    """Make judges recorded, each with an identity of its own, and all models deterministic."""
    original = ScriptedProvider.__init__

    @wraps(original)
    def made(self: ScriptedProvider, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        script = options.get("function", "")
        self.capabilities = replace(self.capabilities, recorded=answers or bool(script), deterministic="always")
        self.__dict__["identity"] = lambda: {"provider": "scripted", "script": script}

    monkeypatch.setattr(ScriptedProvider, "__init__", made)


def verdict_on(evaluation: Evaluation, metric: str = "polite", *, pinned: bool = False) -> Verdict:
    """The verdict of the gate on a metric."""
    (found,) = (one for one in evaluation.verdicts if one.metric == metric and one.pinned == pinned)
    return found
