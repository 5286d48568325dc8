"""The examples of a conversation and of an agent, each with a regression that is red and names what broke."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
PAGE = EXAMPLES.parent / "applications.md"


def copied(name: str, suite: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of an example, outside of CI, with a cache of its own."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
    shutil.copytree(EXAMPLES / name, root / name, ignore=shutil.ignore_patterns("reports", "__pycache__"))
    return Project(root / name, suite=suite)


def test_the_conversation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is green; a desk that remembers one message is red, and each turn that fails is named."""
    project = copied("conversation", "desk", tmp_path, monkeypatch)
    good = project.command("run", "desk")
    assert good.exit_code == 0, good.output
    assert "PASS" in good.output
    assert {sample.cluster for sample in project.record().samples} == {"broken", "late", "unknown"}
    project.edit("src/desk.py", "MEMORY = 10", "MEMORY = 1")
    bad = project.command("run", "desk")
    assert bad.exit_code == 1
    assert "broken#3: must contain '4711'" in bad.output
    failed = {sample.key.case for sample in project.record().samples if sample.failed_checks}
    assert failed == {"broken#2", "broken#3", "late#2", "late#3", "unknown#3"}


@contextmanager
def serving(project: Project) -> Iterator[None]:
    """The stand-in for the model in a process of its own, at a free port that the configuration names."""
    command = [sys.executable, "model/main.py", "0"]
    with subprocess.Popen(command, cwd=project.root, text=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().split()[-1]
            text = project.read("pyproject.toml")
            project.write("pyproject.toml", re.sub(r"localhost:\d+", f"localhost:{port}", text))
            yield
        finally:
            process.kill()


def test_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is green; a renamed tool, which the prompt still calls by its old name, is red and named."""
    project = copied("agent", "orders", tmp_path, monkeypatch)
    with serving(project):
        good = project.command("run", "orders")
        assert good.exit_code == 0, good.output
        assert "PASS" in good.output
        (sample,) = (one for one in project.record().samples if one.key.case == "refund")
        assert sample.response
        assert [call.shown for call in sample.response.tool_calls] == [
            'find_order(id="4711") -> {"state": "delivered", "total": 20}',
            'refund_order(id="4711") -> "refunded"',
        ]
        text = project.read("suites/orders.yaml")
        renamed = text.replace("name: refund_order", "name: refund").replace("{call: refund_order", "{call: refund")
        project.write("suites/orders.yaml", renamed)
        bad = project.command("run", "orders")
    assert bad.exit_code == 1
    shown = " ".join(bad.output.split())
    assert "refund: must contain 'refunded'" in shown
    assert "unknown tool 'refund_order'; did you mean 'find_order' or 'refund'?" in shown


def test_the_page_shows_the_examples() -> None:
    """The lines on the page are those of the examples."""
    page = PAGE.read_text()
    desk = (EXAMPLES / "conversation/suites/desk.yaml").read_text()
    assert desk[desk.index("  - id: broken") : desk.index("  - id: late")] in page
    agent = (EXAMPLES / "agent/suites/orders.yaml").read_text()
    assert agent[agent.index("world:") : agent.index("metrics:")] in page
    assert "broken#3: must contain '4711'" in page
    assert "unknown tool 'refund_order'; did you mean 'find_order'" in page
