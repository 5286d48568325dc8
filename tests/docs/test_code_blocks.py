"""Python on the pages runs as shown, and data on the pages is valid."""

from __future__ import annotations

import doctest
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from doc_pages import PAGES, Block, all_blocks, blocks, name

from evalharness.config import Config
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
QUESTIONS = [f"q{number}" for number in range(60)]
PYTHON_PAGES = [page for page in PAGES if blocks(page, "python")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the suite `support`, a scripted model and an accepted run."""
    leave_ci(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(tmp_path, suite="support")
    cases = [{"id": one, "vars": {"question": one}, "tags": ["refunds"]} for one in QUESTIONS]
    names = {"models": ["smollm2"], "prompts": {"concise": [{"user": "{{ question }}"}]}, "metrics": ["rouge_l"]}
    gates = [{"metric": "rouge_l", "margin": 0.05}]
    project.write_suite(dict.fromkeys(QUESTIONS, "You have 30 days."), cases=cases, gates=gates, **names)
    project.configure(smollm2={"provider": "scripted", "repeats_differ": False, "answers": {"*": "You have 30 days."}})
    project.accept()
    return project


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=name)
def test_python_runs(page: Path, project: Project) -> None:
    """The blocks of a page run one after another in one namespace, and print the output that the page shows."""
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page, "python"):
        if ">>>" in block.text:
            check_doctest(block, namespace)
        else:
            exec(compile("\n" * (block.line - 1) + block.text, block.page, "exec"), namespace)


def check_doctest(block: Block, namespace: dict[str, Any]) -> None:
    """Run a block by the standard library's doctest."""
    test = doctest.DocTestParser().get_doctest(block.text, namespace, str(block), str(block.page), block.line - 1)
    written: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=written.append, clear_globs=False)
    namespace.update(test.globs)
    assert not written, "".join(written)


def test_a_wrong_output_is_found() -> None:
    """A page that shows another value than the code returns fails."""
    with pytest.raises(AssertionError, match="Expected:"):
        check_doctest(Block("python", ">>> 1 + 1\n3\n", PAGES[0], 1), {})


@pytest.mark.parametrize("block", [*all_blocks("yaml", "toml", "json")], ids=str)
def test_data_is_valid(block: Block) -> None:
    """YAML, TOML and JSON lines parse; a `[tool.evalharness]` has known keys."""
    if block.kind == "yaml":
        yaml.safe_load(block.text)
    elif block.kind == "json":
        assert [json.loads(line) for line in block.text.splitlines()]
    else:
        Config.model_validate(tomllib.loads(block.text).get("tool", {}).get("evalharness", {}))
