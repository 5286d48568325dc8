"""Append-only files with a JSON object per line.

Several processes can append to one without losing lines.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalharness.errors import StoreError
from evalharness.redaction import scrubbed
from evalharness.store.files import LONE_SURROGATES, read_regular
from evalharness.store.folders import folder_of, refuse_link, writing
from evalharness.store.runs import parse_line

MOST_PROBLEMS = 20


def append_line(path: Path, value: Mapping[str, Any], root: Path | None = None) -> None:
    """Append a line, whole or not at all. Raises StoreError, also if a folder below `root` is a symbolic link.

    If a crash has cut off the last line, that line stays, and the new one starts on its own.
    """
    line = json.dumps(scrubbed(dict(value)), ensure_ascii=False, allow_nan=False) + "\n"
    data = line.encode("utf-8", LONE_SURROGATES)
    with writing(path), folder_of(path, root) as folder:
        refuse_link(path, folder)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path.name, flags, 0o644, dir_fd=folder)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _append(handle, data)
        finally:
            os.close(handle)


def _append(handle: int, data: bytes) -> None:
    size = os.fstat(handle).st_size
    cut_off = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
    data = b"\n" + data if cut_off else data
    try:
        if os.write(handle, data) < len(data):
            raise OSError("the disk is full")
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise


def read_lines(path: Path, file: str) -> tuple[list[tuple[int, dict[str, Any]]], list[str]]:
    """The readable lines with their numbers, and a message for each unreadable one.

    Empty if there is no file. `file` is the name of the file in messages. Raises StoreError if the file cannot be read.
    """
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {error.strerror or error}") from None
    *pieces, rest = data.split(b"\n")
    lines: list[tuple[int, dict[str, Any]]] = []
    problems: list[str] = []
    for number, piece in enumerate(pieces, start=1):
        try:
            lines.append((number, parse_line(file, number, piece.decode())))
        except UnicodeDecodeError:
            problems.append(f"{file}:{number}: not UTF-8: restore the line from git")
        except StoreError as error:
            problems.append(f"{error}: restore the line from git")
    if rest:
        problems.append(f"{file}:{len(pieces) + 1}: the last line is cut off: restore it from git, or delete it")
    return lines, problems[:MOST_PROBLEMS]
