"""The memory that a local model needs, and the memory that is available."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.local.gguf_header import GgufHeader
from evalharness.local.memory import available_bytes, default_slots, initial_capacity, need, share_bytes

GIB = 2**30
SMOLLM2 = GgufHeader("llama", 30, 8192, 8192, 576, (9,) * 30, (3,) * 30, 64, 64, "", 98_362_432)
LLAMA_1B = GgufHeader("llama", 16, 131_072, 8192, 2048, (32,) * 16, (8,) * 16, 64, 64, "", 800_000_000)
LLAMA_8B = GgufHeader("llama", 32, 131_072, 8192, 4096, (32,) * 32, (8,) * 32, 128, 128, "", 4_900_000_000)


def test_need() -> None:
    """The need is the file, a KV cache for each slot and prefix, 200 MB and the attention weights of one step."""
    work = 512 * 2048 * 9 * 4
    assert need(SMOLLM2, 2048, 16, 1).total_bytes == 98_362_432 + 23_040 * 2048 * 17 + 200_000_000 + work
    assert str(need(SMOLLM2, 2048, 16, 1)) == "1.1 GB: file 0.1, 16 slots x 2,048 tokens 0.8, 0.2 for the rest"
    assert str(need(LLAMA_8B, 8192, 1, 0)) == "6.7 GB: file 4.9, 1 slot x 8,192 tokens 1.1, 0.7 for the rest"


def test_capacity_is_rounded_up() -> None:
    """The KV cache holds a multiple of 256 tokens, as in llama.cpp."""
    assert need(SMOLLM2, 64, 8, 2).kv_bytes == 23_040 * 256 * 10
    assert need(SMOLLM2, 257, 8, 2).kv_bytes == 23_040 * 512 * 10


@pytest.mark.parametrize(
    ("header", "context", "capacity"),
    [(SMOLLM2, 2048, 512), (SMOLLM2, 300, 300), (LLAMA_8B, 8192, 512), (LLAMA_8B, 8193, 8193)],
)
def test_initial_capacity(header: GgufHeader, context: int, capacity: int) -> None:
    """The initial capacity is 512 tokens, or the whole context where growing would change texts."""
    assert initial_capacity(header, context) == capacity


@pytest.mark.parametrize(
    ("header", "available", "share", "slots"),
    [
        (SMOLLM2, 20 * GIB, 1, 32),
        (SMOLLM2, None, 1, 32),
        (SMOLLM2, 4 * GIB, 1, 16),
        (SMOLLM2, 8 * GIB, 2, 16),
        (SMOLLM2, 2 * GIB, 1, 8),
        (SMOLLM2, GIB // 10, 1, 8),  # not fewer: texts would change
        (LLAMA_1B, 100 * GIB, 1, 16),
        (LLAMA_8B, 100 * GIB, 1, 8),
    ],
)
def test_slots(header: GgufHeader, available: int | None, share: int, slots: int) -> None:
    """The KV cache takes at most 2 GiB and a quarter of this process's share of the memory, but at least 8 slots."""
    assert default_slots(header, 2048, 1, available, share) == slots


MEMINFO = "MemTotal: 24000000 kB\nMemFree:  1000000 kB\nMemAvailable:   20000000 kB\n"
V1 = "sys/fs/cgroup/memory"
ALL = 20_480_000_000


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ALL),
        ({"proc/self/cgroup": "0::/\n"}, ALL),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max",
                "sys/fs/cgroup/a/b/memory.current": "1",
                "sys/fs/cgroup/a/memory.max": "4000000000",
                "sys/fs/cgroup/a/memory.current": "3000000000",
                "sys/fs/cgroup/a/memory.stat": "anon 5\ninactive_file 500000000\n",
            },
            1_500_000_000,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu:/x\n4:hugetlb,memory:/docker/1\n",
                f"{V1}/memory.limit_in_bytes": "9000000000",  # seen from inside, the group is the mount
                f"{V1}/memory.usage_in_bytes": "8000000000",
            },
            1_000_000_000,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/docker/1\n",
                f"{V1}/docker/1/memory.limit_in_bytes": "9223372036854771712",
                f"{V1}/docker/1/memory.usage_in_bytes": "8000000000",
            },
            ALL,
        ),
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "1000",
                "sys/fs/cgroup/memory.current": "2000",
            },
            0,
        ),
        ({"proc/self/cgroup": "nonsense"}, ALL),
    ],
    ids=["none", "unlimited", "version 2", "version 1 in a container", "version 1 unlimited", "full", "nonsense"],
)
def test_available(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    """Available memory is limited by the system and by each control group of this process."""
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_bytes(tmp_path) == expected


def test_available_without_proc(tmp_path: Path) -> None:
    """Without /proc, available memory is half of the machine's memory."""
    assert (available_bytes(tmp_path) or 0) > 100_000_000
    assert (available_bytes() or 0) > 100_000_000


def test_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of four processes gets a quarter of the available memory."""
    for free, share in ((20 * GIB, 5 * GIB), (None, None)):
        monkeypatch.setattr("evalharness.local.memory.available_bytes", lambda free=free: free)
        assert share_bytes(4) == share
