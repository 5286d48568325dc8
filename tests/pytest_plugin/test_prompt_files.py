"""A prompt that is a file of the application: what a change of it does to a run, and what `validate` says."""

from __future__ import annotations

import json

import pytest
from noisy import git

FILE = "app/prompts/system.md"
INLINE = "system: You are helpful."


@pytest.fixture
def moved(noisy):
    """The project whose accepted version reads its system message from a file."""
    noisy.edit("suites/demo.yaml", INLINE, f"system: {{file: ../{FILE}}}")
    noisy.write(FILE, "---\nmodel: gpt\n---\nYou are helpful.\n")
    git(noisy.root, "add", FILE, "suites")
    git(noisy.root, "commit", "-qm", "move the prompt to a file")
    return noisy


def test_the_accepted_version_reads_its_own_file(moved):
    """A worse file fails the gate, with fresh samples of the accepted version, whose file is that of its commit."""
    moved.edit(FILE, "helpful", "careless")
    result = moved.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["llm: demo: fake-plain-exact may be worse (p < 0.0001); taking 240 fresh*"])
    assert (moved.root / "reports/demo/reference.jsonl").exists()
    (verdict,) = moved.verdict()["verdicts"]
    assert (verdict["status"], verdict["cases"]) == ("fail", 120)
    assert moved.verdict()["criteria"] == []


def test_against_a_commit(moved):
    """`--llm-against` compares with the file as it is at that commit."""
    moved.edit(FILE, "helpful", "careless")
    result = moved.run("--llm-against=HEAD")
    assert result.ret == 1
    assert moved.verdict()["status"] == "fail"


def test_a_moved_prompt_is_unchanged(moved):
    """The accepted run of the prompt in the suite counts for the same prompt in a file."""
    assert moved.run().ret == 0


def test_validate_lists_keys_without_effect(moved):
    """`validate` names the keys of the front matter that are not read."""
    result = moved.command("validate", "demo")
    assert result.exit_code == 0
    assert result.output.splitlines()[1:] == [f"{FILE}:2:1: ignored: model"]


def test_the_reports_show_the_change(moved):
    """The terminal names the changed file; the summary and the page show what has changed in it, and nothing else."""
    assert "prompt    plain" not in moved.run().stdout.str()
    summary = moved.root / "reports/demo/summary.md"
    assert "changed prompt" not in summary.read_text()
    moved.edit(FILE, "helpful", "careful, and fast")
    result = moved.run()
    result.stdout.fnmatch_lines([f"prompt    plain has changed: {FILE}"])
    text = summary.read_text()
    assert f"1 changed prompt</summary>\n\nPrompt `plain` in `{FILE}`\n\n```\n│ @@ -1,4 +1,4 @@\n" in text
    assert "\n│ -You are helpful.\n│ +You are careful, and fast.\n" in text
    (change,) = overview(moved)["prompts"]
    assert change["pieces"][:3] == [["same", "system:\nYou are "], ["gone", "helpful"], ["new", "careful, and fast"]]


def test_another_front_matter_is_no_change(moved):
    """What is not sent cannot change a prompt."""
    moved.edit(FILE, "gpt", "other")
    assert "prompt    plain" not in moved.run().stdout.str()
    assert overview(moved)["prompts"] == []


def overview(project):
    """The data of the page."""
    page = (project.root / "reports/demo/report.html").read_text()
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])
