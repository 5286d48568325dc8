"""Reports each module that a thread other than the main one imports: for processes with this folder on PYTHONPATH."""

import importlib._bootstrap as bootstrap
import os
import threading
from pathlib import Path

MAIN = threading.main_thread().ident
find_spec = bootstrap._find_spec  # type: ignore[attr-defined]


def watched(name, path, target=None):  # type: ignore[no-untyped-def]
    """Find the module, as every import that loads one does; write the name of a thread that should not."""
    ident = threading.get_ident()
    if ident != MAIN:
        thread = getattr(threading._active.get(ident), "name", "?")  # type: ignore[attr-defined]
        with Path(os.environ["IMPORT_WATCH"]).open("a") as log:
            log.write(f"{thread}: {name}\n")
    return find_spec(name, path, target)


bootstrap._find_spec = watched  # type: ignore[attr-defined]
