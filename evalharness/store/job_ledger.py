"""The ledger of a run, which in CI replays an imported response only from a recording of its own checkout.

A runner's cache may outlive a job and serve other branches. What one of them imports is not an answer of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from evalharness.errors import GitError
from evalharness.store.cache_folder import check_cache
from evalharness.store.ci import in_ci
from evalharness.store.files import read_regular
from evalharness.store.imported import Origin
from evalharness.store.ledger import Admit, Ledger

LEDGER = "ledger.sqlite"


def open_ledger(cache_dir: Path, root: Path, admit: Admit | None = None) -> Ledger:
    """The ledger in the cache of a project. Raises GitError, StoreError: see `check_cache` too.

    In CI it lacks the imported responses whose recording is not in this checkout with the same bytes. `admit` decides
    about the others.
    """
    check_cache(cache_dir, root)
    return Ledger(cache_dir / LEDGER, counts=_in_checkout(root) if _is_job() else None, admit=admit)


def _is_job() -> bool:
    try:
        return in_ci()
    except GitError:  # the description of its event cannot be read
        return True


def _in_checkout(root: Path) -> Callable[[Origin], bool]:
    @cache
    def digest_of(file: str) -> str:
        try:
            return hashlib.sha256(read_regular(root / file)).hexdigest()
        except (OSError, ValueError):
            return ""

    return lambda origin: digest_of(origin.file) == origin.digest
