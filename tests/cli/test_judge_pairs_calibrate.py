"""`evalharness judge calibrate` with a judge that compares: people see both answers, and not which one is new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labelled_project import CHANGED, build, label, labelling

from evalharness.records.answer_label import LabelItem
from evalharness.store.answer_labels import read_answer_labels, read_calibrations_of_judges
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

BETTER = {"judge": {"name": "better", "model": "critic", "ask": "Which answer is better?", "against": "baseline"}}
CRITIC = """\
def answer(request):
    first, second = request.messages[-1].content.split("begin: second answer")
    polite = ["please" in text or "approved" in text for text in (first, second)]
    share = 0.9 if polite[0] > polite[1] else 0.2 if polite[1] > polite[0] else 0.6
    return {"decision": {"first": share, "second": 1 - share}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The changed shop, whose critic compares. It likes a "please", and then what it reads first."""
    leave_ci(monkeypatch)
    return build(tmp_path, [BETTER], critic=CRITIC)


def prefers_new(item: LabelItem) -> float:
    """What people say: the new answer is better if it alone has a "please", or both are equal."""
    texts = [text for title, text in item.shown if title in ("first answer", "second answer")]
    (new,) = (text for text in texts if "new way" in text)
    (old,) = (text for text in texts if "old way" in text)
    return 0.5 + (("please" in new) - ("please" in old)) / 2


def test_items(project: Project) -> None:
    """Each changed case is one item with both answers; the new one is first in about half of them, and counts 1."""
    found = labelling(project).metrics["better"].draw
    assert (len(found.items), found.places, found.changed) == (CHANGED, CHANGED, True)
    firsts = 0
    for one in found.items:
        shown, values = dict(one.shown), dict(one.choices)
        new_first = "new way" in shown["first answer"]
        firsts += new_first
        assert values == {"first": float(new_first), "second": float(not new_first), "equal": 0.5}
        assert list(one.keys) == ["1", "2", "3"]
        assert one.of.against
    assert 6 <= firsts <= 18


def test_the_error_of_a_judge_that_compares(project: Project) -> None:
    """By hand, of 24 cases: the new answer alone has a "please" in 4, the old one alone in 8. In the other 12 the
    critic likes what it reads first, in each order: 0.5.
    """
    label(project, prefers_new)
    found = json.loads(project.command("judge", "calibrate", "demo", "--json").stdout)["better"]
    assert (found["labels"], found["good"], found["bad"], found["pairs"]) == (24, 16, 8, 24)
    assert found["sensitivity"]["share"] == found["specificity"]["share"] == 1.0
    assert found["correlation"] == pytest.approx(1.0)
    assert (found["asked_again"], found["changed_again"], found["first_picks"]) == (24, 12, 24 + 12)
    assert (found["planted"], found["flipped"]) == (8, 2)
    (kept,) = read_calibrations_of_judges(project.root, "demo").values()
    assert sorted(set(kept.values.values())) == pytest.approx([0.15, 0.5, 0.85])
    assert {one.choice for one in read_answer_labels(project.root, "demo")} == {"first", "second", "equal"}


def test_the_table(project: Project) -> None:
    """It has the consistency of both orders, and the share of first answers that won."""
    label(project, prefers_new)
    done = project.command("judge", "calibrate", "demo", "--no-ask")
    rows = {line.split()[0]: line.split(None, 2)[1:] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert rows["unstable"] == [".50", "12 of 24 verdicts are others in the other order"]
    assert rows["first"] == [".75", "36 of 48 times the first answer won"]
    assert done.stdout.splitlines()[-1].startswith("advisory: 24 of 30 labels")


def test_without_an_accepted_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to compare, and nothing to label."""
    leave_ci(monkeypatch)
    project = build(tmp_path, [BETTER], critic=CRITIC, accept=False)
    done = project.command("judge", "calibrate", "demo", "--no-ask")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0].startswith("better: 0 answers to 0 of 0 cases")


def test_an_import(project: Project) -> None:
    """The page and its import know pairs too."""
    page = project.root / "label.html"
    assert project.command("judge", "calibrate", "demo", "--html", str(page)).exit_code == 0
    island = page.read_text().split('id="data">')[1].split("</script>")[0]
    data = json.loads(island)
    lines = [{"of": one["of"], "metric": "better", "choice": "equal"} for one in data["items"]]
    head = data["header"] | {"by": "Ada", "exported_at": "2026-11-30T10:00:00Z"}
    project.write("labels.jsonl", "".join(json.dumps(line) + "\n" for line in [head, *lines]))
    done = project.command("labels", "import", str(project.root / "labels.jsonl"))
    assert "24 of 24 labels are new" in done.stdout
    assert {(one.value, one.drawn) for one in read_answer_labels(project.root, "demo")} == {(0.5, True)}
