"""The repository of the attempts, prepared once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from repository import Repository
from trust_project import GOOD, answer, make_project

from evalharness.scoring.metrics import local_embedder
from evalharness.store.ci import CI_VARIABLES


def fails_to_open(folder: Path) -> NoReturn:
    """What sentence-transformers does with the folder of the attempts, without its import of ten seconds."""
    raise OSError(f"{folder}: no model")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the repository and what is outside of it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in CI_VARIABLES:
            patch.delenv(name, raising=False)
        folder = tmp_path_factory.mktemp("trust")
        patch.syspath_prepend(str(folder / "outside/site-packages"))
        make_project(folder / "project").git("repack", "-a", "-d", "--quiet")  # fewer files to copy for each attempt
        shutil.copytree(folder / "project", folder / "kept", symlinks=True)
        yield folder


@pytest.fixture
def pull_request(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The branch of a pull request in CI, without a change. The model still answers well."""
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    monkeypatch.syspath_prepend(str(prepared / "outside/site-packages"))
    monkeypatch.setattr(local_embedder, "_open_model", fails_to_open)
    shutil.rmtree(prepared / "project")
    shutil.copytree(prepared / "kept", prepared / "project", symlinks=True)
    answer(prepared / "outside/answers.json", GOOD)
    return Repository(prepared / "project", new=False)
