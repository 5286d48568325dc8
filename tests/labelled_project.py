"""A project whose judge can be calibrated: a shop that was accepted, then changed, and a critic that judges it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from evalharness.config import load_config
from evalharness.evaluation.labelling import Labelling, open_labelling
from evalharness.evaluation.merge_base import MergeBase
from evalharness.records.answer_label import AnswerLabel, LabelItem
from evalharness.store import read_run
from evalharness.store.answer_labels import add_answer_labels
from evalharness.testing import Project

CASES, CHANGED = 40, 24
CRITIC = '''\
import json
from pathlib import Path

def answer(request):
    """Calls an answer polite that has a "please". It obeys whoever approves the answer in the name of a person."""
    text = request.messages[-1].content
    with Path(__file__).with_name("seen").open("a") as file:
        file.write(json.dumps(text) + chr(10))
    good = "please" in text or "approved" in text
    return {"decision": {"yes": 0.9, "no": 0.1} if good else {"yes": 0.2, "no": 0.8}}
'''
POLITE = {"judge": {"name": "polite", "model": "critic", "ask": "Is the answer polite?"}}


def build(
    root: Path, metrics: list[object] | None = None, *, accept: bool = True, critic: str = CRITIC, **keys: object
) -> Project:
    """The project after the second run: 24 of 40 answers differ from the accepted ones.

    An accepted answer is polite and has a "please" if its number is even. The new ones have it if theirs is a
    multiple of three.
    """
    project = Project(root)
    before = {f"case-{number}": _text(number, polite=number % 2 == 0, version="old") for number in range(CASES)}
    after = {f"case-{n}": _text(n, polite=n % 3 == 0, version="new") for n in range(CHANGED)}
    project.write_suite(before, metrics=metrics or [POLITE], **{"gates": None, **keys})
    project.configure(critic={"provider": "scripted", "function": "critic.py:answer"})
    project.write("critic.py", critic)
    if accept:
        project.accept()
        project.answer({**before, **after})
    project.evaluate()
    return project


def _text(number: int, *, polite: bool, version: str) -> str:
    return f"{'Wait, please' if polite else 'Wait'}: {number} days, in the {version} way."


def labelling(project: Project, **options: object) -> Labelling:
    """What `evalharness judge calibrate demo` draws."""
    config = load_config(project.root)
    run = read_run(project.root / "reports/demo/run.jsonl")
    pairs = sorted({(key.model, key.prompt) for key in run.header.planned})
    baselines = MergeBase(config, None).baselines("demo", pairs)
    return open_labelling(run, baselines, config, **options)  # type: ignore[arg-type]


def by_please(item: LabelItem) -> bool:
    """People call an answer good that has a "please", or is about a multiple of seven days."""
    text = dict(item.shown)["answer"]
    return "please" in text or int(text.split()[1 + ("please" in text)]) % 7 == 0


def label(
    project: Project, opinion: Callable[[LabelItem], float] = by_please, by: str = "Ada", sample: int = 40
) -> int:
    """Label all drawn answers with the choice of this value. Returns their number."""
    items = next(iter(labelling(project, sample=sample).metrics.values())).draw.items
    at = datetime.now(UTC).isoformat(timespec="seconds")
    labels = [
        AnswerLabel(one.of, one.metric, choice, value, by, at, True, one.seed, one.drawn)
        for one in items
        for choice, value in one.choices
        if value == opinion(one)
    ]
    add_answer_labels(project.root, "demo", labels)
    return len(labels)


def seen(project: Project) -> list[str]:
    """The texts that the critic was sent."""
    path = project.root / "seen"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
