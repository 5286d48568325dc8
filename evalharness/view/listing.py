"""The runs below `reports/`: finished, in progress, stopped, and folders that hold no readable run.

Reads the first line of each record and `verdict.json`, which are untrusted, and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalharness.errors import StoreError
from evalharness.records import SEVERITY
from evalharness.report.outcome import ACCEPTABLE
from evalharness.store.files import open_regular
from evalharness.store.locks import is_held
from evalharness.store.run_header import planned_number
from evalharness.store.runs import PART, RECORD, check_kind, parse_line, record_in

MAX_RUNS = 500
"""Runs on the index page, the latest ones."""
_MOST_FOLDERS, _DEPTH = 2_000, 4
_MOST_HEADER, _MOST_VERDICT, _MOST_COUNTED = 64 * 2**20, 4 * 2**20, 256 * 2**20
"""Bytes of a record's first line, of a verdict, and of a record whose samples are counted."""
_CHUNK = 2**20
_WATCHED = (RECORD, f"{RECORD}{PART}", "reference.jsonl", "verdict.json")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder below `reports/`, and its name there."""

    path: Path
    name: str
    problem: str = ""
    """Why it is not read; empty if it is."""

    @property
    def key(self) -> str:
        """Its name in addresses: no part of an address is a path."""
        return hashlib.sha256(os.fsencode(self.name)).hexdigest()[:16]

    @property
    def tag(self) -> str:
        """Changes when a file of the run changes, or when the run ends."""
        found = [str(self.is_running)]
        for name in _WATCHED:
            with suppress(OSError, ValueError):
                seen = (self.path / name).lstat()
                found.append(f"{name} {seen.st_ino} {seen.st_size} {seen.st_mtime_ns}")
        return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]

    @property
    def is_running(self) -> bool:
        """Whether the record is not whole, and the process that writes it lives."""
        return record_in(self.path).name.endswith(PART) and is_held(self.path)


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A row of the index page. The texts are untrusted."""

    key: str
    folder: str
    suite: str = ""
    status: str = "unreadable"
    """running, stopped, no verdict, unreadable, accepted, or the status of a verdict."""
    headline: str = ""
    """That of the verdict, or the problem of an unreadable run."""
    started_at: str = ""
    changed_at_s: float = 0.0
    """Seconds since 1970 at the last change of the record."""
    answered: int | None = None
    """Samples so far of a run without an end; None if they are not counted."""
    planned: int | None = None


def run_folders(reports: Path) -> list[RunFolder]:
    """The folders below `reports/` that hold a run or nothing known. Links are listed and not followed."""
    found: list[RunFolder] = []
    for folder in _below(reports, "", _DEPTH):
        found.append(folder)
        if len(found) == _MOST_FOLDERS:
            break
    return found


def _below(folder: Path, name: str, depth: int) -> Iterator[RunFolder]:
    try:
        inner = sorted((one for one in os.scandir(folder) if not one.name.startswith(".")), key=lambda one: one.name)
    except FileNotFoundError:
        return
    except OSError as error:
        yield RunFolder(folder, name, f"cannot be read: {error.strerror}")
        return
    if name and any(one.name in (RECORD, f"{RECORD}{PART}") for one in inner):
        yield RunFolder(folder, name)
        return
    yield from _folders(folder, name, depth, inner)


def _folders(folder: Path, name: str, depth: int, inner: list[os.DirEntry[str]]) -> Iterator[RunFolder]:
    links = [one for one in inner if one.is_symlink() and one.is_dir()]
    folders = [one for one in inner if one.is_dir(follow_symlinks=False)] if depth else []
    for one in links:
        yield RunFolder(folder / one.name, _joined(name, one.name), "is a symbolic link, which is not followed")
    for one in folders:
        yield from _below(folder / one.name, _joined(name, one.name), depth - 1)
    if name and not links and not folders:
        yield RunFolder(folder, name, f"holds no {RECORD}")


def _joined(name: str, inner: str) -> str:
    return f"{name}/{inner}" if name else inner


def listed(folder: RunFolder) -> ListedRun:
    """The row of a folder; a record that cannot be read is listed with its problem."""
    row = ListedRun(folder.key, folder.name, headline=folder.problem)
    if folder.problem:
        return row
    path = record_in(folder.path)
    try:
        header = _header(path)
        row = replace(_with_header(row, header), changed_at_s=path.stat().st_mtime)
        return _unfinished(row, folder, path) if path.name.endswith(PART) else _finished(row, folder, header.get("id"))
    except OSError as error:
        return replace(row, headline=f"{path.name}: cannot be read: {error.strerror}")
    except StoreError as error:
        return replace(row, headline=str(error).replace(f"{path}", path.name))


def listed_below(reports: Path) -> list[ListedRun]:
    """All rows, the last change first."""
    rows = [listed(folder) for folder in run_folders(reports)]
    return sorted(rows, key=lambda row: (row.status != "running", -row.changed_at_s, row.folder))


def _with_header(row: ListedRun, header: Mapping[str, Any]) -> ListedRun:
    return replace(
        row,
        suite=_text(header, "suite"),
        started_at=_text(header, "started_at"),
        planned=planned_number(header.get("planned")),
    )


def _header(path: Path) -> dict[str, Any]:
    """The first line of a record. Raises StoreError, OSError."""
    with open(path, "rb", opener=open_regular) as file:
        line = file.readline(_MOST_HEADER)
    if not line.endswith(b"\n"):
        raise StoreError(f"{path}:1: the first line is cut off")
    header = parse_line(path, 1, line.decode("utf-8", "replace"))
    check_kind(path, header, "run")
    return header


def _unfinished(row: ListedRun, folder: RunFolder, path: Path) -> ListedRun:
    return replace(row, status="running" if folder.is_running else "stopped", answered=_samples(path))


def _finished(row: ListedRun, folder: RunFolder, run: object) -> ListedRun:
    """The row with the verdict of this run."""
    verdict = _verdict(folder.path)
    if verdict.get("kind") != "verdict" or verdict.get("run") != run:
        return replace(row, status="no verdict", headline="verdict.json is missing, or of another run")
    status = verdict.get("status")
    if status not in SEVERITY:
        return replace(row, status="no verdict", headline="verdict.json has an unknown status")
    accepted = verdict.get("accepted") is True and status in ACCEPTABLE
    return replace(row, status="accepted" if accepted else str(status), headline=_text(verdict, "headline"))


def _samples(path: Path) -> int | None:
    """The number of lines after the header."""
    if path.stat().st_size > _MOST_COUNTED:
        return None
    with open(path, "rb", opener=open_regular) as file:
        return max(0, sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b"")) - 1)


def _verdict(folder: Path) -> Mapping[str, Any]:
    """`verdict.json`; empty if it is missing, too large or damaged."""
    with (
        suppress(OSError, ValueError, RecursionError),
        open(folder / "verdict.json", "rb", opener=open_regular) as file,
    ):
        value = json.loads(file.read(_MOST_VERDICT))
        return value if isinstance(value, dict) else {}
    return {}


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""
