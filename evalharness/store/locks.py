"""Locks of folders, which the system releases when a process ends."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from evalharness.errors import StoreError
from evalharness.store.files import open_regular, write_all
from evalharness.store.folders import folder_of, writing

LOCK = ".lock"
"""File name of the lock of a folder of reports. It exists while a run writes there."""
_MOST_BYTES = 1_000


@contextmanager
def locked(folder: Path, root: Path | None = None) -> Iterator[None]:
    """Hold the lock of a folder. Waits for other processes that hold it.

    Raises StoreError: the file system has no locks, or a folder below `root` is a symbolic link; OSError.
    """
    with folder_of(folder / LOCK, root) as handle:
        _lock(handle, folder, fcntl.LOCK_EX)
        yield


class RunLock:
    """The lock of a folder of reports, so that one run at a time writes there. Held until `release`.

    Raises StoreError: another run holds it, the file system has no locks, or the folder cannot be written.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, root
        with writing(folder), folder_of(folder / LOCK, root) as parent:
            self._handle = _taken(folder, parent)

    def release(self) -> None:
        """Release the lock; without effect if it is released."""
        if self._handle < 0:
            return
        with suppress(StoreError, OSError), folder_of(self._folder / LOCK, self._root) as parent:
            os.unlink(LOCK, dir_fd=parent)
        os.close(self._handle)
        self._handle = -1

    def __del__(self) -> None:
        if getattr(self, "_handle", -1) >= 0:  # a run that ended before its reports
            os.close(self._handle)


def is_held(folder: Path) -> bool:
    """Whether the process that wrote the lock of a folder lives on this machine. Takes no lock: a run may start."""
    try:
        with open(folder / LOCK, "rb", opener=open_regular) as file:
            pid = int(json.loads(file.read(_MOST_BYTES))["pid"])
        os.kill(max(pid, 1), 0)  # 0 and below are groups of processes
    except PermissionError as error:  # of another user
        return error.filename is None
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return False
    return pid > 0


def _taken(folder: Path, parent: int) -> int:
    """The locked file. A file that its owner has deleted meanwhile is no lock: another one has its name."""
    while True:
        handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=parent)
        try:
            _lock(handle, folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(handle, parent):
                os.ftruncate(handle, 0)
                since = datetime.now(UTC).isoformat(timespec="seconds")
                write_all(handle, json.dumps({"pid": os.getpid(), "since": since}).encode())
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_current(handle: int, parent: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), os.stat(LOCK, dir_fd=parent, follow_symlinks=False))
    return False


def _lock(handle: int, folder: Path, how: int) -> None:
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        raise StoreError(
            f"{folder}: another run writes to this folder{_holder(handle)}: wait for its end, or write to another "
            "folder (--llm-report, report=)"
        ) from None
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be locked: {error.strerror}: move the folder to a file system with locks, such as a "
            "local disk"
        ) from None


def _holder(handle: int) -> str:
    """The process that holds a lock, and its start; empty if it has not written them yet."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        value = json.loads(os.pread(handle, _MOST_BYTES, 0))
        since = datetime.fromisoformat(value["since"]).isoformat(timespec="seconds")
        return f" (process {int(value['pid'])}, since {since})"
    return ""
