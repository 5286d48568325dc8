"""What a local model needs of this machine's memory, and how much of that there is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evalharness.local.gguf_header import GgufHeader

REST_BYTES = 200_000_000
"""Python, the library, and what one batch works with; for small models it is less."""
MOST_KV_BYTES = 2**31
"""Of the KV cache, where nobody names a number of slots."""
PREFIXES = 2
"""Sequences that hold the beginning which the prompts of a suite share, besides those of the slots: two versions of a
prompt that are asked in turns need one each."""
GPU_SLOTS = 32
"""With layers on a GPU, where nobody names a number: not what fits, for there all slots shape the arithmetic."""
FIRST_ROOM = 512
"""Tokens that a sequence may hold, until a case needs more: to make room for twice as many takes a process twice the
memory, and longer to start."""
_SHARE_FOR_KV = 4
_CELLS = 256
"""llama.cpp makes room for a multiple of so many tokens."""
_SLOTS = (32, 16, 8)
"""To choose from, where nobody names a number."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a model holds while it is loaded."""

    file_bytes: int
    kv_bytes: int
    slots: int
    """Answers under way at once."""
    context: int
    """Tokens, of each of them."""
    work_bytes: int = 0
    """What one step works with: for each head a weight of every token of a batch for every token of the context."""

    @property
    def rest_bytes(self) -> int:
        """Besides file and KV cache."""
        return REST_BYTES + self.work_bytes

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.file_bytes + self.kv_bytes + self.rest_bytes

    def __str__(self) -> str:
        slots = f"{self.slots} slot{'s' if self.slots > 1 else ''} x {self.context:,} tokens"
        parts = f"file {gigabytes(self.file_bytes)}, {slots} {gigabytes(self.kv_bytes)}"
        return f"{gigabytes(self.total_bytes)} GB: {parts}, {gigabytes(self.rest_bytes)} for the rest"


def need(header: GgufHeader, context: int, slots: int, prefixes: int, batch: int = 512) -> Need:
    """With so many tokens for each slot, and for each beginning that several prompts share; `batch` tokens are read at
    once.
    """
    room = _rounded(context)
    kv_bytes = header.kv_bytes_per_token * room * (slots + prefixes)
    return Need(header.file_bytes, kv_bytes, slots, context, batch * room * max(header.heads) * 4)


def first_room(header: GgufHeader, context: int) -> int:
    """Tokens that a sequence has room for at first: all of the context, if the model would see in its texts that the
    room has grown.
    """
    return min(FIRST_ROOM, context) if _rounded(context) <= header.original_context_length else context


def _rounded(context: int) -> int:
    return -(-context // _CELLS) * _CELLS


def default_slots(header: GgufHeader, context: int, prefixes: int, available: int | None, share: int = 1) -> int:
    """The most of 32, 16 and 8 whose KV cache takes no more than MOST_KV_BYTES, and no more than a quarter of what is
    `available`, of which this process has one of `share` parts. Each step of all answers costs something in itself: the
    more of them share it, the less of it falls on each.

    Never fewer than 8: texts are the same for multiples of 8, and what happens to be free must not change them.
    """
    room = MOST_KV_BYTES if available is None else min(MOST_KV_BYTES, available // share // _SHARE_FOR_KV)
    fit = (slots for slots in _SLOTS if need(header, context, slots, prefixes).kv_bytes <= room)
    return next(fit, _SLOTS[-1])


def gigabytes(count: int) -> str:
    """One decimal below 10 GB, none above."""
    return f"{count / 1e9:.1f}" if count < 9.95e9 else f"{count / 1e9:,.0f}"


def available_bytes(root: Path = Path("/")) -> int | None:
    """What processes may still take: what the system says is available, or less where a control group (a container)
    leaves less. Where the system does not say (macOS): half of what it has. None where nothing is known.
    """
    free = [*_system(root), *_control_groups(root)]
    return max(0, min(free)) if free else _half()


def share_bytes(processes: int) -> int | None:
    """What one of so many processes may take, when none of them has taken anything yet."""
    free = available_bytes()
    return None if free is None else free // processes


def _system(root: Path) -> Iterator[int]:
    with suppress(OSError, ValueError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
        if found:
            yield int(found[1]) * 1024


def _control_groups(root: Path) -> Iterator[int]:
    """What is left in this process's group and in those above it, of version 2 and 1."""
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, place = line.split(":", 2)
            if controllers == "":
                yield from _left(root / "sys/fs/cgroup", place, "memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                yield from _left(root / "sys/fs/cgroup/memory", place, *files)


def _left(mount: Path, place: str, limit: str, usage: str, cache: str) -> Iterator[int]:
    """In a container the place may not be below the mount: then the mount itself is its group."""
    group = mount / place.lstrip("/")
    for folder in (group, *group.parents):
        if folder.is_relative_to(mount):
            with suppress(OSError, ValueError):  # "max", and files that a root group does not have
                most = int((folder / limit).read_text())
                yield most - int((folder / usage).read_text()) + _cached(folder, cache)


def _cached(folder: Path, name: str) -> int:
    """Pages of files that the system takes away when memory is needed: they count as used."""
    with suppress(OSError):
        if found := re.search(rf"^{name} (\d+)$", (folder / "memory.stat").read_text(), re.MULTILINE):
            return int(found[1])
    return 0


def _half() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return None
