"""The first calls of both child processes: protocol output and memory limit."""

from __future__ import annotations

import os


def protocol_output() -> int:
    """A file descriptor for the protocol alone.

    From now on, prints of native code go to standard error.
    """
    out = os.dup(1)
    os.dup2(2, 1)
    return out


def limit_memory(megabytes: int | None) -> None:
    """Limit the address space of this process, which includes the mapped model file."""
    if megabytes:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1_000_000, megabytes * 1_000_000))
