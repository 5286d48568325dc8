"""`evalharness review` in a real terminal keeps every decision, and writes only after a yes."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest
import yaml
from click.testing import Result
from kept import begin
from terminal import Terminal

_KEYS = "q quit"
_BAD = "I could not say anything about it, sorry."


def review(project: Any, *arguments: str) -> Result:
    """Run `evalharness review demo ...` without a terminal."""
    result: Result = project.command("review", "demo", *arguments)
    return result


def decided(project: Any) -> list[tuple[str, str]]:
    """Return cases and decisions, as `--json` has them."""
    return [(one["case"], one["decision"]) for one in json.loads(review(project, "--json").output)]


def make_changed(project: Any) -> None:
    """Make five answers worse, one of which breaks an assertion."""
    project.accept()
    project.answer_badly(8)
    answers = json.loads(project.read("answers.json"))
    project.answer({**answers, "case-16": "FORBIDDEN words"})
    project.run()


@pytest.fixture
def changed(project, tmp_path_factory):
    """A project with five worse answers, one of which breaks an assertion."""
    return begin(project, make_changed, tmp_path_factory)


def test_the_list(changed):
    """Without a terminal the command lists changed answers: the broken assertion, then the largest drops."""
    result = review(changed)
    assert result.exit_code == 0
    first, *lines = result.output.splitlines()
    assert first.startswith("5 changed answers, 0 reviewed, in ")
    assert lines[0].split() == ["open", "broken", "case-16", "·", "FORBIDDEN", "words"]
    assert [line.split()[3] for line in lines[1:]] == ["case-0", "case-24", "case-32", "case-8"]
    assert all(line.startswith("  open     −87.5 pts  case-") and len(line) <= 80 for line in lines[1:])


def test_json(changed):
    """`--json` prints everything a decision needs."""
    first, second, *_ = json.loads(review(changed, "--json").output)
    assert first["failed"] == ["contains 'FORBIDDEN'"] or "FORBIDDEN" in first["failed"][0]
    assert (second["case"], second["old"], second["new"]) == ("case-0", "You may return case-0 within 30 days.", _BAD)
    assert second["golden"] == ["You may return case-0 in 30 days."]
    assert (second["decision"], second["note"], second["scores"]["rouge_l"]) == ("open", "", 0.0)
    assert second["changes"]["rouge_l"] < -0.5


def test_nothing_changed(project):
    """A run that equals its baseline has nothing to review."""
    project.accept()
    project.run()
    assert review(project).output == "no answer differs from the baseline\n"
    assert json.loads(review(project, "--json").output) == []


def test_no_run(project):
    """Without a run, the message names the command that creates one."""
    result = project.command("review")
    assert (result.exit_code, "no run found below reports/" in result.output) == (1, True)


def test_to_the_end(changed):
    """Each key does what the bottom line shows; at the end the answers are listed, and written after one yes."""
    before = changed.read("golden/demo.yaml")
    with Terminal(changed.root, "review") as terminal:
        screen = terminal.wait(_KEYS)
        assert screen.startswith("1 of 5 · case-16 · fake, plain\n")
        for text in (
            "Can I return case-16?",
            "- You may return case-16 in 30 days.",
            "FORBIDDEN words",
            "rouge_l 87.5 → 0.0, −87.5 pts",
        ):
            assert text in screen
        assert "[-" in screen
        assert "{+" in screen
        assert "accept this answer as golden" in terminal.press("?", "press any key to continue")
        terminal.press(" ", _KEYS)
        terminal.press("n", "note")
        assert "open; note: ask legal" in terminal.press("ask legal\r", _KEYS)
        assert terminal.press("f", "2 of 5").startswith("2 of 5 · case-0 ")
        assert "flagged; note: ask legal" in terminal.press("b", "1 of 5")
        terminal.press("\r", "2 of 5")
        terminal.press("a", "3 of 5")
        terminal.press("k", "4 of 5")
        terminal.press("a", "5 of 5")
        assert changed.read("golden/demo.yaml") == before
        end = terminal.press("k", "golden? [y/N]")
        assert "5 of 5 reviewed: 2 to become golden, 2 kept, 1 flagged" in end
        assert "flagged: case-16 · ask legal" in end
        assert f"case-0 · {_BAD}" in end
        assert f"case-32 · {_BAD}" in end
        assert changed.read("golden/demo.yaml") == before
        terminal.press("y\r", "reason")
        terminal.press("also right\r", "scores the answers again")
        assert terminal.status() == 0
    golden = yaml.safe_load(changed.read("golden/demo.yaml"))
    assert [case for case, answers in golden.items() if isinstance(answers, list)] == ["case-0", "case-32"]
    last = json.loads(changed.read("golden/HISTORY.jsonl").splitlines()[-1])
    assert (last["because"], last["cases"]) == ("also right", ["case-0", "case-32"])
    assert [list(origin["answers"]) for origin in last["origins"]] == [["case-0", "case-32"]]
    words = ["flagged", "now golden", "keep", "now golden", "keep"]
    assert [word for _, word in decided(changed)] == words
    with Terminal(changed.root, "review") as terminal:
        assert "nothing to write; pass --again to start over" in terminal.wait("to start over")
        assert terminal.status() == 0


def test_goes_on(changed):
    """After Ctrl-C, a kill or q, the next review continues where this one stopped; --again starts over."""
    with Terminal(changed.root, "review") as terminal:
        terminal.wait(_KEYS)
        terminal.press("k", "2 of 5")
        assert "stopped: 1 of 5 reviewed" in terminal.press("\x03", "continues here")
        assert terminal.status() == 130
    with Terminal(changed.root, "review") as terminal:
        assert terminal.wait(_KEYS).startswith("2 of 5")
        terminal.press("a", "3 of 5")
        os.kill(terminal.pid, signal.SIGKILL)
    with Terminal(changed.root, "review") as terminal:
        assert terminal.wait(_KEYS).startswith("3 of 5")
        assert "2 of 5 reviewed" in terminal.press("q", "reviewed")
        assert terminal.status() == 0
    assert [word for _, word in decided(changed)] == ["keep", "accept as golden", "open", "open", "open"]
    with Terminal(changed.root, "review", "--again") as terminal:
        assert terminal.wait(_KEYS).startswith("1 of 5")
    assert {word for _, word in decided(changed)} == {"open"}


def test_typed_ahead(changed):
    """Keys that are typed ahead are not lost."""
    with Terminal(changed.root, "review") as terminal:
        terminal.wait(_KEYS)
        for _ in range(4):
            os.write(terminal.handle, b"k")
        assert terminal.wait("5 of 5").startswith("5 of 5")


def test_another_run(changed):
    """Decisions belong to a run, and do not carry over to the next one."""
    with Terminal(changed.root, "review") as terminal:
        terminal.wait(_KEYS)
        terminal.press("k", "2 of 5")
    changed.run()
    assert {word for _, word in decided(changed)} == {"open"}


def test_no_is_no(changed):
    """Without a yes at the end nothing is written, and the next review prompts again."""
    before = changed.read("golden/demo.yaml")
    with Terminal(changed.root, "review") as terminal:
        terminal.wait(_KEYS)
        terminal.press("akkkk", "golden? [y/N]")
        assert "nothing was written" in terminal.press("\r", "starts with the same")
        assert terminal.status() == 0
    with Terminal(changed.root, "review") as terminal:
        terminal.wait("golden? [y/N]")
    assert changed.read("golden/demo.yaml") == before


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (60, 20)])
def test_it_fits(changed, columns, rows):
    """Long answers with wide characters are cut to the terminal, also after a resize; m shows all of them."""
    long = "漢字" * 300 + " word" * 300 + " END"
    changed.answer({**json.loads(changed.read("answers.json")), "case-16": f"FORBIDDEN {long}"})
    changed.run()
    with Terminal(changed.root, "review", columns=100, rows=30) as terminal:
        terminal.wait(_KEYS)
        start = len(terminal.raw)
        terminal.resize(columns, rows)
        screen = terminal.wait(_KEYS, start)
        lines = screen.split("\n")
        assert len(lines) <= rows
        assert all(sum(1 + ("一" <= sign <= "鿿") for sign in line) <= columns for line in lines)
        assert "more lines: press m" in screen
        assert "END" not in screen
        assert "END" in terminal.press("m", _KEYS)


def test_hostile_text(changed):
    """An answer moves no cursor, and starts no line."""
    changed.answer(
        {**json.loads(changed.read("answers.json")), "case-16": "FORBIDDEN \x1b[2J\x1b]0;evil\x07\r::error::x"}
    )
    changed.run()
    with Terminal(changed.root, "review") as terminal:
        screen = terminal.wait(_KEYS)
        assert "⟨U+001B⟩[2J⟨U+001B⟩]0;evil⟨U+0007⟩⟨U+000D⟩::error::x" in screen.replace("\n          │ ", "")
        assert "\x1b]" not in terminal.raw
        assert "\x07" not in terminal.raw
        assert not any(line.lstrip().startswith("::") for line in screen.split("\n"))


def test_a_part_of_a_run(changed):
    """Answers of an incomplete run can be reviewed but not accepted."""
    changed.run("-k", "case-16 or case-17")
    with Terminal(changed.root, "review") as terminal:
        terminal.wait(_KEYS)
        assert "expected a complete run" in terminal.press("a", _KEYS)
        assert terminal.screen.startswith("1 of 1")


def test_damaged_decisions(changed):
    """A truncated line is reported, and its decision is open again."""
    with Terminal(changed.root, "review") as terminal:
        terminal.wait(_KEYS)
        terminal.press("kk", "3 of 5")
    path = changed.root / "reports/demo/review.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    result = review(changed)
    assert "review.jsonl:2: the last line is cut off" in result.stderr
    assert "1 reviewed" in result.output
