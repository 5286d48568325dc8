"""What both child processes do first."""

from __future__ import annotations

import os


def protocol_output() -> int:
    """A file descriptor for the protocol alone: from now on, whatever native code prints goes to standard error."""
    out = os.dup(1)
    os.dup2(2, 1)
    return out


def limit_memory(megabytes: int | None) -> None:
    """Address space, as the system counts it: the model file (mapped) is part of it."""
    if megabytes:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1_000_000, megabytes * 1_000_000))
