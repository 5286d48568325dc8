"""The memory need of a local model, and the available memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalharness.local.gguf_header import GgufHeader


REST_BYTES = 200_000_000
"""Python, the library and small buffers. Small models need less."""
MAX_KV_BYTES = 2**31
"""Size limit of the KV cache with the default number of slots."""
PREFIXES = 2
"""Sequences for shared prefixes, in addition to the slots. Two versions of a prompt, in alternation, need one each."""
GPU_SLOTS = 32
"""Default with GPU layers, whatever memory is free: there the number of slots shapes the arithmetic."""
INITIAL_CAPACITY = 512
"""Tokens that a sequence holds until a case needs more. More capacity takes more memory and a longer start."""
_KV_SHARE = 4
"""The default KV cache takes at most one part in so many of the available memory."""
_CELLS = 256
"""llama.cpp rounds the capacity up to a multiple of so many tokens."""
_SLOTS = (32, 16, 8)
"""Candidates for the default number of slots."""


@dataclass(frozen=True, slots=True)
class Need:
    """The memory that a loaded model holds at most."""

    file_bytes: int
    kv_bytes: int
    slots: int
    """Responses in progress at once."""
    context: int
    """Tokens of each slot."""
    work_bytes: int = 0
    """Attention weights of one step: for each head, batch x context float32 numbers."""

    @property
    def rest_bytes(self) -> int:
        """Bytes other than file and KV cache."""
        return REST_BYTES + self.work_bytes

    @property
    def total_bytes(self) -> int:
        """Bytes in total."""
        return self.file_bytes + self.kv_bytes + self.rest_bytes

    def __str__(self) -> str:
        slots = f"{self.slots} slot{'s' if self.slots > 1 else ''} x {self.context:,} tokens"
        parts = f"file {gigabytes(self.file_bytes)}, {slots} {gigabytes(self.kv_bytes)}"
        return f"{gigabytes(self.total_bytes)} GB: {parts}, {gigabytes(self.rest_bytes)} for the rest"


def need(header: GgufHeader, context: int, slots: int, prefixes: int, batch: int = 512) -> Need:
    """The memory need with `context` tokens for each slot and shared prefix.

    `batch`: prompt tokens of a step.
    """
    capacity = _rounded(context)
    kv_bytes = header.kv_bytes_per_token * capacity * (slots + prefixes)
    return Need(header.file_bytes, kv_bytes, slots, context, batch * capacity * max(header.heads) * 4)


def initial_capacity(header: GgufHeader, context: int) -> int:
    """Tokens that a sequence holds at first.

    The whole context, if growing would change the model's texts.
    """
    return min(INITIAL_CAPACITY, context) if _rounded(context) <= header.original_context_length else context


def _rounded(context: int) -> int:
    return -(-context // _CELLS) * _CELLS


def default_slots(header: GgufHeader, context: int, prefixes: int, available: int | None, share: int = 1) -> int:
    """32, 16 or 8 slots: the most whose KV cache fits.

    The cache takes at most MAX_KV_BYTES, and a quarter of the memory.

    `available`: bytes, None if unknown, of which this process has one part in `share`. More slots share the fixed cost
    of a step. The minimum is 8: texts are the same for multiples of 8, and must not depend on free memory.
    """
    limit = MAX_KV_BYTES if available is None else min(MAX_KV_BYTES, available // share // _KV_SHARE)
    fit = (slots for slots in _SLOTS if need(header, context, slots, prefixes).kv_bytes <= limit)
    return next(fit, _SLOTS[-1])


def gigabytes(count: int) -> str:
    """The number of gigabytes, with one decimal below 10 GB and none above."""
    return f"{count / 1e9:.1f}" if count < 9.95e9 else f"{count / 1e9:,.0f}"


def available_bytes(root: Path = Path("/")) -> int | None:
    """Bytes that processes can still take; None if unknown.

    The smaller of the system's available memory and the rest of a control group (container) limit. Half of the
    machine's memory where the system reports neither (macOS).
    """
    free = [*_system(root), *_control_groups(root)]
    return max(0, min(free)) if free else _half()


def share_bytes(processes: int) -> int | None:
    """Bytes for one of so many processes; None if unknown.

    Valid before any of them loads a model.
    """
    free = available_bytes()
    return None if free is None else free // processes


def _system(root: Path) -> Iterator[int]:
    with suppress(OSError, ValueError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
        if found:
            yield int(found[1]) * 1024


def _control_groups(root: Path) -> Iterator[int]:
    """The bytes left in this process's control groups and their parents, of version 2 and 1."""
    with suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, place = line.split(":", 2)
            if controllers == "":
                yield from _left(root / "sys/fs/cgroup", place, "memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                yield from _left(root / "sys/fs/cgroup/memory", place, *files)


def _left(mount: Path, place: str, limit: str, usage: str, cache: str) -> Iterator[int]:
    """The bytes left in a group and its parents. In a container the place may not exist below the mount: then the mount
    is the group.
    """
    group = mount / place.lstrip("/")
    for folder in (group, *group.parents):
        if folder.is_relative_to(mount):
            with suppress(OSError, ValueError):  # "max", and files that a root group lacks
                maximum = int((folder / limit).read_text())
                yield maximum - int((folder / usage).read_text()) + _cached(folder, cache)


def _cached(folder: Path, name: str) -> int:
    """Bytes of cached files: counted as used, but reclaimed when memory is short."""
    with suppress(OSError):
        if found := re.search(rf"^{name} (\d+)$", (folder / "memory.stat").read_text(), re.MULTILINE):
            return int(found[1])
    return 0


def _half() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return None
