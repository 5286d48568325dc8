"""A run of a suite with a judge, and labels of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import evalharness
from evalharness.gate.judged import question_of
from evalharness.records import Run
from evalharness.records.answer_label import AnswerLabel, Labelled
from evalharness.store.origins import text_digest
from evalharness.testing import Project

CONFIG = """\
[tool.evalharness.models.shop]
provider = "scripted"
answers = {ann = "Gladly. It takes two days.", bob = "No.", eve = "Well."}
[tool.evalharness.models.critic]
provider = "scripted"
function = "critic.py:answer"
"""
CRITIC = """\
def answer(request):
    return {"decision": {"yes": 0.75, "no": 0.25}}
"""
SUITE = """\
schema: 1
models: [shop]
prompts: {plain: [{user: "{{ word }}?"}]}
metrics:
- judge: {name: polite, model: critic, ask: "Is it <b>polite</b>?"}
cases:
- {id: ann, vars: {word: when}}
- {id: bob, vars: {word: how}}
- {id: eve, vars: {word: who}, judge: {polite: "Is it kind?"}}
"""
Opinions = Mapping[str, tuple[str, float]]
"""By case: choice and value."""


def finished(tmp_path: Path) -> evalharness.Evaluation:
    """A run whose judge says yes with 0.75 to each answer."""
    project = Project(tmp_path)
    project.write("pyproject.toml", CONFIG)
    project.write("critic.py", CRITIC)
    project.write("suites/demo.yaml", SUITE)
    return evalharness.evaluate("demo", config=project.config)


def said(run: Run, opinions: Opinions, **changes: Any) -> Sequence[AnswerLabel]:
    """Labels by Ada."""
    question = question_of(run.header.signatures["polite"])
    return [
        replace(
            AnswerLabel(
                Labelled(question, one.key.case, one.digest, text_digest(one.response.text)),
                "polite",
                *opinions[one.key.case],
                "Ada",
                "2026-11-30",
                blind=True,
                seed="7",
            ),
            **changes,
        )
        for one in run.samples
        if one.response and one.key.case in opinions
    ]
