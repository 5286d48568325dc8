"""The cores of a machine, divided among the processes of a parallel test run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_core() -> Iterator[None]:
    """Start processes that keep to one core if tests run side by side: a model's threads spin while they wait.

    The texts of a model do not depend on the number of its threads.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[int(worker.removeprefix("gw")) % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
