"""Set-up of all tests: shared imports, Hypothesis without deadlines, the longest tests first."""

import gc
import os
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import httpcore2  # noqa: F401 - pytester forgets what a run inside has imported: its error classes would exist twice
import pytest
import scipy.special  # noqa: F401 - for the same reason: it cannot be loaded twice

from evalharness import redaction

MEMORY, ROOM = Path("/dev/shm"), 2 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Configure the tests only: `make demo` loads this file too, without Hypothesis."""
    if config.getoption("--llm-suite") is None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # set by the shell for background jobs, and inherited
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if has_room(MEMORY):
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
        from hypothesis import settings

        settings.register_profile("shared", deadline=None, max_examples=50)  # a shared machine is slow now and then
        settings.load_profile("shared")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Do not scan for garbage while 400,000 objects of tests and modules are made, nor scan those later.

    Later scan rarely: in the middle of a run inside a test, most objects are still in use.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 10, 5)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests, those of the real model, first: the short ones fill the workers at the end."""
    items.sort(key=lambda item: item.get_closest_marker("model") is None)


@pytest.fixture(autouse=True)
def _forget_secrets() -> Iterator[None]:
    """Forget the secrets of a test after it: they take time in every later test that shows or writes a text."""
    known = redaction._forms, redaction._in_json, redaction._pattern
    yield
    redaction._forms, redaction._in_json, redaction._pattern = known


def has_room(folder: Path) -> bool:
    """Whether the tests' folders fit. In memory they cost nothing: tests make, sync and delete 100,000 files."""
    usable = folder.is_dir() and os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_NOEXEC
    return usable and shutil.disk_usage(folder).free > ROOM
