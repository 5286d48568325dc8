"""`evalharness judge calibrate` in a real terminal: one answer at a time, blind, each label saved at once."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from hostile import SOME
from labelled_project import build, labelling
from terminal import Terminal

from evalharness.records.answer_label import AnswerLabel, LabelItem, Labelled
from evalharness.review.label_screen import label_screen
from evalharness.review.label_steps import LabelSteps
from evalharness.review.screen import Size
from evalharness.store.answer_labels import read_answer_labels
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

_KEYS = "? help"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The changed shop."""
    leave_ci(monkeypatch)
    return build(tmp_path)


def item(*choices: str, text: str = "Yes.", ask: str = "Which?") -> LabelItem:
    """An answer with these choices."""
    values = tuple((choice, float(number == 0)) for number, choice in enumerate(choices or ("yes", "no")))
    return LabelItem(Labelled("q", "c", "d", text), "tone", ask, (("answer", text),), values, "seed", drawn=True)


def test_one_answer_after_the_other(project: Project) -> None:
    """A key labels and moves on; b goes back and the label changes; q ends, and the judge judges what is labelled."""
    with Terminal(project.root, "judge", "calibrate", "demo", "--sample", "2", "--by", "Ada") as terminal:
        screen = terminal.wait(_KEYS)
        assert "1 of 4 · polite" in screen
        assert "Is the answer polite?" in screen
        assert "[y] yes   [n] no" in screen
        assert re.search(r"question\n│ case-\d+\?", screen)
        assert max(map(len, screen.splitlines())) < 80
        assert "2 of 4" in terminal.press("y", _KEYS)
        assert [one.choice for one in read_answer_labels(project.root, "demo")] == ["yes"]
        assert "labelled: yes" in terminal.press("b", _KEYS)
        assert "2 of 4" in terminal.press("n", _KEYS)
        assert "3 of 4" in terminal.press("s", _KEYS)
        assert "has no effect" in terminal.press("x", _KEYS)
        terminal.press("q", "advisory: 1 of 30 labels")
        assert terminal.status() == 0
    first = labelling(project, sample=2).metrics["polite"].draw.items[0]
    (label,) = read_answer_labels(project.root, "demo")
    assert (label.of, label.choice, label.value, label.by) == (first.of, "no", 0.0, "Ada")
    assert (label.blind, label.drawn, label.seed, label.made_by) == (True, True, first.seed, "person")


def test_an_interrupt_keeps_the_labels(project: Project) -> None:
    """Ctrl-C loses nothing, and the next call goes on with what is open, for this person alone."""
    with Terminal(project.root, "judge", "calibrate", "demo", "--sample", "3", "--by", "Ada") as terminal:
        terminal.wait("1 of 6")
        terminal.press("n", "2 of 6")
        terminal.press("y", "3 of 6")
        os.kill(terminal.pid, signal.SIGINT)
        terminal.wait("stopped: 2 of 6 labelled")
        assert terminal.status() == 130
    with Terminal(project.root, "judge", "calibrate", "demo", "--sample", "3", "--by", "Ada") as terminal:
        terminal.wait("1 of 4")
    with Terminal(project.root, "judge", "calibrate", "demo", "--sample", "3", "--by", "Bo") as terminal:
        terminal.wait("1 of 6")
    assert [one.choice for one in read_answer_labels(project.root, "demo")] == ["no", "yes"]


def test_the_version_is_not_on_the_screen(project: Project) -> None:
    """Neither the model, the prompt nor the run is shown."""
    with Terminal(project.root, "judge", "calibrate", "demo", "--sample", "2", "--by", "Ada") as terminal:
        screens = [terminal.wait(_KEYS), *(terminal.press("s", _KEYS) for _ in range(3))]
    for screen in screens:
        assert not {"scripted", "plain", "accepted", "baseline"} & set(re.findall(r"\w+", screen))


@pytest.mark.parametrize(
    ("choices", "keys"),
    [
        (("yes", "no"), "yn"),
        (("warm", "neutral", "curt"), "wnc"),
        (("bad", "fair", "good"), "123"),  # b goes back
        (("cold", "curt"), "12"),
        (tuple(f"choice {chr(97 + number)}" for number in range(20)), "123456789acdefghijkl"),
    ],
)
def test_one_key_for_each_choice(choices: tuple[str, ...], keys: str) -> None:
    """The first letters, or numbers where these are not distinct or have another meaning."""
    assert "".join(item(*choices).keys) == keys
    assert [choice for choice, _ in item(*choices).keys.values()] == list(choices)


def test_hostile_texts_stay_text() -> None:
    """No text of an answer or a question moves the cursor, and the choices stay on the screen."""
    for text in SOME:
        lines = label_screen(item(text=text, ask=text[:500]), "1 of 2", "", Size(79, 24))
        bare = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", bare)
        assert "[y] yes" in lines[-1]


def test_steps_without_a_terminal() -> None:
    """Back and skip stay within the list, and every label is saved once."""
    saved: list[AnswerLabel] = []
    steps = LabelSteps([item(text="a"), item(text="b")], "Ada", saved.append)
    for key in ("b", "s", "Y", "s", "b", "b", "n", "s", "s"):
        steps.press(key)
    assert [(one.of.answer, one.choice) for one in saved] == [("b", "yes"), ("a", "no")]
    assert steps.current is None
