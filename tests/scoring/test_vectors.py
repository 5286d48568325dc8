"""The file of embedding vectors: it is shared, keeps vectors, and never stops a run."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from evalharness.scoring.metrics.vectors import VERSION, VectorFile

_VECTORS = {"a": b"\0\0\x80?", "café": b"1234", "\ud800": b"5678", "": b"9999"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the file, in a folder that does not exist yet."""
    return tmp_path / ".evalharness" / "vectors.sqlite"


def test_kept_between_runs(path: Path) -> None:
    """An object reads the vectors that another one writes, for any text, and only for the same model."""
    VectorFile(path, "m1").write(_VECTORS)
    assert VectorFile(path, "m1").read([*_VECTORS, "unknown"]) == _VECTORS
    assert VectorFile(path, "m2").read(_VECTORS) == {}


def test_more_texts_than_one_query_takes(path: Path) -> None:
    """Thousands of texts return in one call."""
    many = {f"text {i}": i.to_bytes(4, "little") for i in range(2_345)}
    file = VectorFile(path, "m")
    file.write(many)
    assert file.read(many) == many


def test_first_writer_wins(path: Path) -> None:
    """A stored vector is not replaced, so that a score does not change during a run."""
    file = VectorFile(path, "m")
    file.write({"a": b"1111"})
    file.write({"a": b"2222"})
    assert file.read(["a"]) == {"a": b"1111"}


def test_version_is_written(path: Path) -> None:
    """The file has its version, and is in WAL mode."""
    VectorFile(path, "m").write(_VECTORS)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def _used(file: VectorFile) -> dict[str, bytes]:
    """Read, write, read: the first read meets any defect of the file."""
    assert file.read(["text 1"]) == {}
    file.write(_VECTORS)
    return file.read(_VECTORS)


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database...." * 1_000)


def _other_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def _other_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE vectors RENAME COLUMN vector TO other")


def _damaged_pages(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


@pytest.mark.parametrize("spoil", [_garbage, _other_version, _other_table, _damaged_pages])
def test_an_unusable_file_is_replaced(path: Path, spoil: Callable[[Path], None]) -> None:
    """An unusable file is moved aside with one warning, and the next call creates a new one."""
    VectorFile(path, "m").write({f"text {i}": b"1234" * 100 for i in range(100)})
    spoil(path)
    file = VectorFile(path, "m")
    with pytest.warns(UserWarning, match="was unusable") as warned:
        found = _used(file)
    assert len(warned) == 1
    assert found == _VECTORS
    assert path.with_name("vectors.sqlite.unusable").exists()
    assert VectorFile(path, "m").read(_VECTORS) == _VECTORS


def test_nowhere_to_write(tmp_path: Path) -> None:
    """If the folder cannot be created, no vector is stored: one warning, and no error."""
    (tmp_path / "file").write_text("in the way")
    file = VectorFile(tmp_path / "file" / "vectors.sqlite", "m")
    with pytest.warns(UserWarning, match="are not kept") as warned:
        found = _used(file)
    assert len(warned) == 1
    assert found == {}


def test_warnings_as_errors_do_not_cost_scores(path: Path) -> None:
    """Under `-W error` the metric does not raise the warning."""
    path.parent.mkdir()
    _garbage(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert VectorFile(path, "m").read(["a"]) == {}


def test_rows_of_another_type_are_passed_over(path: Path) -> None:
    """A row that is not a blob counts as missing."""
    file = VectorFile(path, "m")
    file.write(_VECTORS)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE vectors SET vector = 'text'")
    assert file.read(_VECTORS) == {}


def test_threads_share_one_file(path: Path) -> None:
    """Threads that read and write at the same time find all their vectors."""
    file, missing = VectorFile(path, "m"), list[str]()

    def work(number: int) -> None:
        for i in range(20):
            file.write({f"{number} {i}": b"1234"})
            missing.extend({f"{number} {i}"} - file.read([f"{number} {i}"]).keys())

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == []


def test_processes_share_one_file(path: Path) -> None:
    """Processes that create and fill the file at the same time lose no vector and print nothing."""
    code = """
import sys
from pathlib import Path
from evalharness.scoring.metrics.vectors import VectorFile
file = VectorFile(Path(sys.argv[1]), "m")
for i in range(25):
    file.write({f"{sys.argv[2]} {i}": b"1234", f"shared {i}": b"5678"})
"""
    command = [sys.executable, "-W", "default", "-c", code, str(path)]
    workers = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE) for n in range(4)]
    assert [worker.communicate()[1] for worker in workers] == [b""] * 4
    texts = [f"{n} {i}" for n in (*range(4), "shared") for i in range(25)]
    assert VectorFile(path, "m").read(texts).keys() == set(texts)
