"""The pinned baseline decides by its own answers, also where fresh samples of the accepted version are taken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from repository import Repository

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

MODEL = """
def answer(request):
    broken = "broken" in request.messages[0].content and int(request.key.case[-2:]) < 18
    return "No." if broken else "Yes."
"""


def test_fresh_samples_do_not_replace_the_pinned_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drop that was accepted since fails the gate against the pinned baseline."""
    leave_ci(monkeypatch)
    repository, project = Repository(tmp_path), Project(tmp_path)
    project.write_suite({f"case-{number:02}": "Yes." for number in range(60)})
    project.write("model.py", MODEL)
    project.configure(scripted={"provider": "scripted", "function": "model.py:answer"})
    project.write(".gitignore", "reports/\n.cache/\n")
    project.accept()
    baseline = tmp_path / "golden/baselines/demo/scripted.plain.jsonl"
    (baseline.parent / "pinned").mkdir()
    shutil.copy(baseline, baseline.parent / "pinned" / baseline.name)
    for words in ("broken", "broken today"):
        suite = yaml.safe_load(project.read("suites/demo.yaml"))
        suite["prompts"]["plain"] = [{"user": f"{words}: {{{{ question }}}}"}]
        project.write("suites/demo.yaml", yaml.safe_dump(suite))
        if words == "broken":
            project.accept()
            repository.commit()
    found = {one.pinned: one for one in project.evaluate(base="main").verdicts}
    assert (found[False].status, found[True].status) == ("pass", "fail")
    assert found[True].reason.startswith("100.0 → 70.0, −30.0 pts on 60 cases")
