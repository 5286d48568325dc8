"""A project whose commands report imports of other threads than the main one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from evalharness.testing import Project

WATCH = Path(__file__).parent / "import_watch"


class Watched(Project):
    """A project whose commands run in processes of their own. Their threads must not import."""

    def python(self, *words: str, status: int = 0) -> None:
        """Run Python in the project; check its exit status and that only its main thread imported."""
        log = self.write("imports.log", "")
        path = os.pathsep.join([str(WATCH), *sys.path[1:]])
        settings = {"PYTHONPATH": path, "IMPORT_WATCH": str(log), "CI": "", "XDG_CACHE_HOME": str(self.root / ".cache")}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not (imported := self.read("imports.log")), imported
        assert done.returncode == status, done.stdout + done.stderr
