"""Golden answers that are the accepted version's own words: they cannot fail a gate, and each report says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from repository import Repository

from evalharness.evaluation.evaluation import Evaluation
from evalharness.store import origins
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

IDS = [f"case-{number:02}" for number in range(60)]
HISTORY, GOLDEN, SUITE = "golden/HISTORY.jsonl", "golden/demo.yaml", "suites/demo.yaml"
OWN = "accepted version's own words"
NOTICE = (
    f"the golden answers of 12 of 60 cases are the {OWN} and favor its wording, so these cases cannot fail the gate; "
    "replace them with answers that a person has written"
)
MODEL = """
def answer(request):
    prompt, case = request.messages[0].content, request.key.case
    if "broken" in prompt and 12 <= int(case[-2:]) < 30:
        return "No idea, sorry."
    if "reworded" in prompt:
        return f"Within 30 days, {case} can be sent back."
    return f"You may return {case} within 30 days."
"""


@dataclass
class Shop:
    """A repository whose suite was accepted under the prompt `plain words`."""

    project: Project
    repository: Repository

    def prompt(self, words: str) -> None:
        """Change the prompt."""
        suite = yaml.safe_load(self.project.read(SUITE))
        suite["prompts"]["plain"] = [{"user": f"{words}: {{{{ question }}}}"}]
        self.project.write(SUITE, yaml.safe_dump(suite))

    def evaluate(self, words: str = "", **arguments: Any) -> Evaluation:
        """Evaluate under another prompt."""
        if words:
            self.prompt(words)
        return self.project.evaluate(base="main", **arguments)

    def own(self, cases: list[str]) -> None:
        """Make the answers to these cases golden, accept again, and merge both."""
        chosen = [word for case in cases for word in ("--case", case)]
        done = self.project.command("accept", "demo", "--golden", "--replace", "--because", "right", *chosen)
        assert done.exit_code == 0, done.output
        self.project.accept()
        self.repository.commit()

    def sampled(self, repeats_differ: bool) -> None:
        """Whether the gate takes fresh samples of both versions."""
        options = {"provider": "scripted", "function": "model.py:answer", "repeats_differ": repeats_differ}
        self.project.configure(scripted=options)
        self.repository.commit()

    def history(self) -> list[dict[str, Any]]:
        """The acceptances."""
        return [json.loads(line) for line in self.project.read(HISTORY).splitlines()]


def make_shop(root: Path, *, cases: int, **suite: Any) -> Shop:
    """A shop in which this number of golden answers are the accepted version's own words."""
    repository = Repository(root)
    project = Project(root)
    keys: dict[str, Any] = {"metrics": ["contains"], "gates": [{"metric": "contains", "margin": "5%"}]}
    project.write_suite(dict.fromkeys(IDS, "30 days"), **keys | suite)
    project.write("model.py", MODEL)
    project.configure(scripted={"provider": "scripted", "function": "model.py:answer", "repeats_differ": False})
    project.write(".gitignore", "reports/\n.cache/\n")
    shop = Shop(project, repository)
    shop.prompt("plain words")
    project.accept()
    if cases:
        shop.own(IDS[:cases])
    repository.commit()
    return shop


Kept = Callable[..., Shop]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Returns a copy of a shop, which is made once for each number of own words."""
    made: dict[int, Path] = {}

    def copy(root: Path, cases: int) -> Shop:
        if cases not in made:
            made[cases] = tmp_path_factory.mktemp("shops") / f"shop-{cases}"
            make_shop(made[cases], cases=cases)
        shutil.copytree(made[cases], root, symlinks=True)
        return Shop(Project(root), Repository(root, new=False))

    return copy


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Kept) -> Shop:
    """Sixty cases, of which twelve have golden answers in own words."""
    leave_ci(monkeypatch)
    return kept(tmp_path / "shop", 12)


def only(evaluation: Evaluation) -> tuple[str, str]:
    """Status and reason of the only verdict."""
    (verdict,) = evaluation.verdicts
    return verdict.status, verdict.reason


def test_the_origin_is_in_the_history(shop: Shop) -> None:
    """The acceptance has model, prompt, request and digest of each answer, and not its text."""
    line = next(one for one in shop.history() if one["goldens"])
    (origin,) = line["origins"]
    baseline = json.loads(shop.project.read("golden/baselines/demo/scripted.plain.jsonl").splitlines()[0])
    assert (origin["model"], origin["prompt"]) == ("scripted", "plain")
    assert origin["request"] == baseline["runs"][-1]["request_digest"]
    assert origin["answers"] == {
        name: [origins.text_digest(f"You may return {name} within 30 days.")] for name in IDS[:12]
    }
    assert "You may return" not in json.dumps(line)
    assert all("origins" not in one for one in shop.history() if not one["goldens"])
    assert shop.project.command("validate").exit_code == 0


def test_each_model_with_these_words_is_an_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models that gave the accepted answer are two origins, one with another answer is none."""
    leave_ci(monkeypatch)
    project = Project(tmp_path)
    project.write_suite({"refund": "30 days."}, models=["scripted", "twin", "other"])
    same, other = ({"provider": "scripted", "answers": {"refund": text}} for text in ("In 30 days.", "Never."))
    project.configure(twin=same, other=other)
    project.answer({"refund": "In 30 days."})
    project.accept()
    words = ("--golden", "--model", "scripted", "--case", "refund", "--because", "right")
    assert project.command("accept", "demo", *words).exit_code == 0
    last = json.loads(project.read(HISTORY).splitlines()[-1])
    assert [origin["model"] for origin in last["origins"]] == ["scripted", "twin"]


@pytest.mark.parametrize("sampled", [False, True])
def test_other_words_of_equal_quality(shop: Shop, sampled: bool) -> None:
    """The drop is only in own words: INCONCLUSIVE, and each report says why and what to do."""
    shop.sampled(sampled)
    status, reason = only(shop.evaluate("reworded"))
    assert status == "inconclusive"
    assert "would settle it" not in reason
    assert reason.startswith(
        f"the drop is only in 12 of 60 cases, whose golden answers are the {OWN}; 100.0 → 80.0, −20.0 pts"
    )
    assert NOTICE in reason
    verdict = shop.project.verdict()["verdicts"][0]
    assert (verdict["reason"], verdict["notice"]) == (reason, NOTICE)
    report = shop.project.root / "reports/demo"
    assert NOTICE in (report / "summary.md").read_text()
    assert NOTICE.replace("'", "\\u0027") in (report / "report.html").read_text().replace("'", "\\u0027")
    terminal = shop.project.command("gate", report, "--base", "main").output
    assert NOTICE in " ".join(terminal.split())


@pytest.mark.parametrize("sampled", [False, True])
def test_worse_answers_in_the_other_cases(shop: Shop, sampled: bool) -> None:
    """A loss in the other cases fails the gate, by their numbers."""
    shop.sampled(sampled)
    status, reason = only(shop.evaluate("reworded and broken"))
    assert status == "fail"
    assert reason.startswith("100.0 → 62.5, −37.5 pts on 48 cases")
    assert "worst cases: case-12 −100.0 pts, case-13 −100.0 pts" in reason
    assert NOTICE in reason


def test_unchanged_answers_pass_with_the_notice(shop: Shop) -> None:
    """An unchanged run passes; terminal and summary still have the notice."""
    status, reason = only(shop.evaluate())
    assert (status, reason) == ("pass", f"unchanged: each answer equals an accepted one, 60 cases; {NOTICE}")
    assert NOTICE in shop.project.read("reports/demo/summary.md")


@pytest.mark.parametrize("words", ["reworded", "reworded and broken"])
def test_all_golden_answers_are_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Kept, words: str
) -> None:
    """Where every golden answer is in own words, no failure is possible."""
    leave_ci(monkeypatch)
    status, reason = only(kept(tmp_path / "shop", 60).evaluate(words))
    assert status == "inconclusive"
    assert f"no failure is possible: all golden answers are the {OWN}; replace them" in reason


def test_a_few_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Kept) -> None:
    """Up to 10 % of own words have no notice, but a failure names the cases that do not count."""
    leave_ci(monkeypatch)
    shop = kept(tmp_path / "shop", 6)
    assert OWN not in only(shop.evaluate())[1]
    status, reason = only(shop.evaluate("broken"))
    assert (status, reason.partition(" (")[0]) == (
        "fail",
        "100.0 → 66.7, −33.3 pts on 54 cases and on cases like these",
    )
    assert f"6 of 60 cases do not count for the failure: their golden answers are the {OWN}" in reason


def _written_by_hand(shop: Shop) -> None:
    """A person writes golden answers, and the accepted version gives them word for word."""
    shop.project.write(GOLDEN, "".join(f"{name}: You may return {name} within 30 days.\n" for name in IDS))
    shop.project.accept()
    shop.repository.commit()


def test_equal_answers_prove_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Kept) -> None:
    """Golden answers that a person wrote and the accepted version gives word for word can fail the gate."""
    leave_ci(monkeypatch)
    shop = kept(tmp_path / "shop", 0)
    _written_by_hand(shop)
    status, reason = only(shop.evaluate("reworded"))
    assert (status, OWN in reason) == ("fail", False)


def _edited(shop: Shop) -> None:
    """A person edits the golden answers."""
    shop.project.write(GOLDEN, shop.project.read(GOLDEN).replace("You may return", "You can return"))
    shop.project.write("model.py", MODEL.replace("You may return", "You can return"))
    shop.project.accept()


def _of_another_version(shop: Shop) -> None:
    """Another version is accepted: its words are others."""
    shop.prompt("reworded")
    shop.project.accept()


def _of_another_prompt(shop: Shop) -> None:
    """The origin is another prompt of the suite."""
    shop.project.edit(HISTORY, '"prompt": "plain"', '"prompt": "other"')


def _of_another_suite(shop: Shop) -> None:
    shop.project.write(HISTORY, shop.project.read(HISTORY).replace('"suite": "demo"', '"suite": "other"'))


def _deleted(shop: Shop) -> None:
    (shop.project.root / HISTORY).unlink()


@pytest.mark.parametrize("edit", [_edited, _of_another_version, _of_another_prompt, _of_another_suite, _deleted])
def test_not_the_accepted_words(shop: Shop, edit: Callable[[Shop], None]) -> None:
    """A golden answer counts again once a person edits it, another version is accepted, or its origin is gone."""
    edit(shop)
    shop.repository.commit()
    status, reason = only(shop.evaluate("reworded and broken" if edit is _of_another_version else "reworded"))
    assert (status, OWN in reason) == ("fail", False)
    assert " on 60 cases" in reason


def test_accepted_words_of_another_request(shop: Shop) -> None:
    """A prompt whose accepted answers still are those of the origin has its own words in the golden answers."""
    shop.prompt("other words, equal answers")
    shop.project.accept()
    shop.repository.commit()
    status, reason = only(shop.evaluate("reworded"))
    assert (status, NOTICE in reason) == ("inconclusive", True)


def test_metrics_without_golden_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate on a metric that reads no golden answer counts every case."""
    leave_ci(monkeypatch)
    metrics = ["contains", {"regex": {"pattern": "You may"}}]
    shop = make_shop(tmp_path / "shop", cases=12, metrics=metrics, gates=[{"metric": "regex", "margin": "5%"}])
    status, reason = only(shop.evaluate("reworded"))
    assert (status, OWN in reason, " on 60 cases" in reason) == ("fail", False, True)


def test_a_single_case_in_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate with `worst` does not fail by a case in own words, and fails by another one."""
    leave_ci(monkeypatch)
    shop = make_shop(tmp_path / "shop", cases=12, gates=[{"metric": "contains", "margin": "90%", "worst": 0.5}])
    verdicts = {one.metric: one for one in shop.evaluate("reworded").verdicts}
    assert verdicts["worst_contains"].status == "inconclusive"
    assert f"its golden answer is the {OWN}" in verdicts["worst_contains"].reason
    verdicts = {one.metric: one for one in shop.evaluate("reworded and broken").verdicts}
    assert (verdicts["worst_contains"].status, OWN in verdicts["worst_contains"].reason) == ("fail", False)


def test_against_a_commit(shop: Shop) -> None:
    """A run that is compared with a commit has the own words of that commit's version."""
    status, reason = only(shop.evaluate("reworded", against="HEAD"))
    assert (status, NOTICE in reason) == ("inconclusive", True)


def test_against_the_pinned_baseline(shop: Shop) -> None:
    """The pinned baseline has own words of its own."""
    place = shop.project.root / "golden/baselines/demo"
    (place / "pinned").mkdir()
    shutil.copy(place / "scripted.plain.jsonl", place / "pinned/scripted.plain.jsonl")
    _of_another_version(shop)
    shop.repository.commit()
    verdicts = {one.pinned: one for one in shop.evaluate("reworded today").verdicts}
    assert (verdicts[True].status, NOTICE in verdicts[True].reason) == ("inconclusive", True)
    assert (verdicts[False].status, OWN in verdicts[False].reason) == ("pass", False)


# what a change can do to it


def test_a_change_cannot_attribute_golden_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Kept) -> None:
    """Origins count as of the merge base: a change that adds them fails as before, and they are listed as relaxing."""
    leave_ci(monkeypatch)
    shop = kept(tmp_path / "shop", 0)
    _written_by_hand(shop)
    shop.repository.branch()
    line = shop.history()[-1]
    request = json.loads(shop.project.read("golden/baselines/demo/scripted.plain.jsonl").splitlines()[0])["runs"][0]
    answers = {name: [origins.text_digest(f"You may return {name} within 30 days.")] for name in IDS}
    origin = {"model": "scripted", "prompt": "plain", "request": request["request_digest"], "answers": answers}
    shop.project.write(HISTORY, shop.project.read(HISTORY) + json.dumps(line | {"origins": [origin]}) + "\n")
    shop.repository.commit()
    evaluation = shop.evaluate("reworded")
    assert evaluation.outcome
    assert (only(evaluation)[0], OWN in only(evaluation)[1]) == ("fail", False)
    assert [str(one) for one in evaluation.outcome.relaxing] == [
        "60 cases (case-00, case-01, case-02, ...): golden answer attributed to scripted.plain, so that the case "
        "cannot fail its gates"
    ]


def test_a_change_cannot_move_an_origin(shop: Shop) -> None:
    """An origin that a change edits, to fit the next version, is listed as relaxing."""
    shop.repository.branch()
    request = next(one for one in shop.history() if one["goldens"])["origins"][0]["request"]
    shop.project.edit(HISTORY, request, "0" * 64)
    shop.repository.commit()
    evaluation = shop.evaluate()
    assert evaluation.outcome
    assert len(evaluation.outcome.relaxing) == 1
    assert "12 cases (case-00, case-01, case-02, ...): golden answer attributed" in str(evaluation.outcome.relaxing[0])
    assert evaluation.outcome.exit_status(fail_inconclusive=False) == 6


def test_a_change_deletes_an_origin(shop: Shop) -> None:
    """A deleted origin is listed, does not relax, and changes no verdict of its own change."""
    shop.repository.branch()
    _deleted(shop)
    shop.repository.commit()
    evaluation = shop.evaluate("reworded")
    assert evaluation.outcome
    assert only(evaluation)[0] == "inconclusive"
    assert evaluation.outcome.relaxing == []
    assert any(str(one).startswith(HISTORY) for one in evaluation.outcome.criteria)


def test_an_honest_acceptance_of_a_new_case(shop: Shop) -> None:
    """A new case whose golden answer was accepted from an answer does not relax the criteria."""
    shop.repository.branch()
    suite = yaml.safe_load(shop.project.read(SUITE))
    suite["cases"].append({"id": "case-60", "vars": {"question": "case-60?"}})
    shop.project.write(SUITE, yaml.safe_dump(suite))
    shop.project.write(GOLDEN, shop.project.read(GOLDEN) + "case-60: 60 days\n")
    shop.project.evaluate()
    words = ("--golden", "--replace", "--case", "case-60", "--because", "right")
    assert shop.project.command("accept", "demo", *words).exit_code == 0
    shop.repository.commit()
    evaluation = shop.evaluate()
    assert evaluation.outcome
    assert [str(one) for one in evaluation.outcome.relaxing] == []


# a damaged history


@pytest.mark.parametrize(
    ("old", "new", "message", "status"),
    [
        ('"origins": [', '"origins": [[', "has unreadable lines (1): run evalharness validate", "fail"),
        ('"schema": 1', '"schema": 2', "has unreadable lines (1): run evalharness validate", "fail"),
        ("", '{"origins": "' + "x" * 3000 + '"}\n', "has unreadable lines (1)", "inconclusive"),
        ("", "x" * 5000, "expected at most 0 MiB", "fail"),
    ],
)
def test_a_damaged_history(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str, status: str
) -> None:
    """Origins that cannot be read do not count, and the verdict says so. The other lines count."""
    text = shop.project.read(HISTORY)
    monkeypatch.setattr(origins, "MOST_BYTES", len(text) + 4000)
    shop.project.write(HISTORY, text.replace(old, new) if old else text + new)
    shop.repository.commit()
    assert only(shop.evaluate("reworded"))[0] == status
    reason = only(shop.evaluate())[1]
    assert f"the origin of some golden answers is unknown: {HISTORY}" in reason
    assert message in reason


def test_an_old_history(shop: Shop) -> None:
    """Lines without origins are valid, and their golden answers count."""
    lines = [{name: value for name, value in one.items() if name != "origins"} for one in shop.history()]
    shop.project.write(HISTORY, "".join(json.dumps(line) + "\n" for line in lines))
    shop.repository.commit()
    assert shop.project.command("validate").exit_code == 0
    assert only(shop.evaluate("reworded"))[0] == "fail"
