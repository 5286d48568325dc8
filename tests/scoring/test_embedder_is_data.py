"""An embedding model's folder is data: no code of it runs, and its libraries send no telemetry."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import MissingExtraError
from evalharness.execution.on_ray.environment import ray_environment
from evalharness.scoring.metrics import local_embedder
from evalharness.scoring.metrics.local_embedder import LocalModel
from evalharness.scoring.metrics.telemetry import SWITCHES

REPOSITORY = Path(__file__).parents[2]
WITH_TELEMETRY = {
    *("sentence_transformers", "transformers", "huggingface_hub", "datasets", "gradio", "ray", "chromadb", "vllm"),
    *("langfuse", "posthog", "wandb", "mlflow", "streamlit", "haystack", "langsmith", "opik", "deepeval", "ragas"),
}
"""Packages that report their use unless an environment variable forbids it."""
embeddings = pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="needs evalharness[embeddings]")


def a_folder(root: Path, kind: str) -> tuple[Path, Path]:
    """A model's folder that names a class of its own, and the file that exists once its module is imported."""
    folder, trace = root / "model", root / "ran"
    folder.mkdir()
    code = f"open({str(trace)!r}, 'w').close()\nfrom sentence_transformers.models import Pooling as Own\n"
    (folder / "own_layer.py").write_text(code)
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": kind}]))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "auto_map": {"AutoModel": "own_layer.Own"}}))
    return folder, trace


@embeddings
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["own_layer.Own", "model.own_layer.Own", "sentence_transformers.models.Transformer"])
def test_no_code_of_the_folder(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that `modules.json` or `config.json` names in the folder is an error, and its module is not imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder, trace = a_folder(tmp_path, kind)
    with pytest.raises((ValueError, OSError, ImportError)):
        LocalModel(folder, 1).load()
    assert not trace.exists()


@pytest.mark.parametrize(("installed", "is_refused"), [("5.7.0", True), ("6.0.0", False), ("10.1", False)])
def test_versions_that_run_code_are_refused(
    installed: str, is_refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment with an earlier version is refused, with the version to install."""
    monkeypatch.setattr(local_embedder, "version", lambda _: installed)
    (tmp_path / "weights").write_text("x")
    if not is_refused:
        assert LocalModel(tmp_path, 1).fingerprint
        return
    with pytest.raises(MissingExtraError, match=r"sentence-transformers>=6\.0"):
        LocalModel(tmp_path, 1)


def test_lower_bound() -> None:
    """The extra requires the version that the check above requires, and the lock has it."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert extras["embeddings"] == [f"sentence-transformers>={local_embedder._SAFE_MAJOR}.0"]
    assert find_spec("sentence_transformers") is None or int(version("sentence-transformers").split(".")[0]) >= 6


STUB = """\
import json, os
with open({seen!r}, "w") as file:
    json.dump(dict(os.environ), file)
class SentenceTransformer:
    def __init__(self, *args, **options):
        pass
"""


def test_telemetry_is_off_before_the_import(tmp_path: Path) -> None:
    """The switches are set when the package is imported, whatever the user's environment has."""
    seen, stubs = tmp_path / "seen.json", tmp_path / "stubs"
    for name, text in {
        "sentence_transformers/__init__.py": STUB.format(seen=str(seen)),
        "transformers/__init__.py": "",
        "transformers/utils/__init__.py": "",
        "transformers/utils/logging.py": "is_progress_bar_enabled = disable_progress_bar = lambda: False\n",
    }.items():
        (stubs / name).parent.mkdir(parents=True, exist_ok=True)
        (stubs / name).write_text(text)
    code = (
        "from pathlib import Path; from evalharness.scoring.metrics.local_embedder import _open_model as o; o(Path())"
    )
    env = {"PYTHONPATH": f"{stubs}:{REPOSITORY}", "HF_HUB_DISABLE_TELEMETRY": "0", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    found = json.loads(seen.read_text())
    assert {name: found.get(name) for name in SWITCHES} == SWITCHES


def test_every_import_with_telemetry_comes_after_the_switch() -> None:
    """A module that imports a package with telemetry switches it off, and only within a function.

    Those that import Ray are in a process of their own, which starts with the switches of `ray_environment`.
    """
    importing = {path: found for path in (REPOSITORY / "evalharness").rglob("*.py") if (found := _imports(path))}
    of_ray = {path for path in importing if path.parent.name == "on_ray"}
    assert {path.stem for path in of_ray} == {"cluster", "gateway", "pool"}
    switched = ray_environment({"RAY_ADDRESS": "local", "RAY_USAGE_STATS_ENABLED": "1"})
    assert switched["RAY_USAGE_STATS_ENABLED"] == "0"
    importing = {path: found for path, found in importing.items() if path not in of_ray}
    assert {path.stem for path in importing} == {"local_cross_encoder", "local_embedder"}
    for path, nodes in importing.items():
        tree = ast.parse(path.read_text("utf-8"))
        assert "switch_off()" in path.read_text("utf-8"), path
        assert not [node for node in tree.body if node.lineno in nodes], path


def _imports(path: Path) -> set[int]:
    """The lines that import a package with telemetry."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        named: list[Any] = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        named += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        if any(name.partition(".")[0] in WITH_TELEMETRY for name in named):
            found.add(node.lineno)  # type: ignore[attr-defined]
    return found
