"""Ten thousand cases at a server that fails every fifth request: time, lost cases, requests and memory.

    python benchmarks/soak.py

tests/rigs/test_soak.py checks the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("EVALHARNESS_CASES", "10000")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rigs.project import Project, command
from rigs.test_soak import ATTEMPTS, CASES, GOLDENS, QUESTIONS, SEED, SHARE, measured, run

from evalharness.testing.fault_server import FaultServer, healthy, mixed


def main() -> None:
    with tempfile.TemporaryDirectory() as name, FaultServer() as server:
        folder = Path(name)
        project = Project(folder / "project")
        project.write_all(server.url, QUESTIONS, GOLDENS)
        (folder / "test_one.py").write_text("def test_one():\n    pass\n")
        empty = [word for word in command() if not word.startswith("--llm")]
        how = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        _, empty_mb = measured(empty, cwd=folder, env=Project(folder).environment(folder / "none"), **how)
        scripts = {"no faults": healthy, f"{SHARE:.0%} faults": mixed(SEED, SHARE, ATTEMPTS)}
        for what, script in scripts.items():
            done = run(project, server, script, folder / what.replace(" ", "-"))
            lost = CASES - sum(sample.ok for sample in done.run.samples)
            print(
                f"{CASES} cases, {what:<10} {done.took_s:6.1f} s, {lost} lost, "
                f"{done.posts / CASES:.3f} requests a case, {done.peak_mb - empty_mb:.0f} MB above an empty pytest",
                flush=True,
            )


if __name__ == "__main__":
    main()
