"""The cost of the installed plugin for a pytest run that does not use it.

    python benchmarks/startup.py

Runs pairs of processes in a folder with one unrelated test: with the plugin, and with `-p no:evalharness.plugin`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

PAIRS = 20
OTHERS = ("cacheprovider", "anyio", "hypothesispytest", "platformdirs", "xdist", "xdist.looponfail")
QUIET = ["-q", *(word for name in OTHERS for word in ("-p", f"no:{name}"))]
"""Options that switch off other plugins, which add noise."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment with compiled modules kept between runs, as users have them."""


def run_ms(folder: str, *arguments: str) -> tuple[float, float]:
    """Wall and processor milliseconds of one pytest run."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", *QUIET, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (ended - started) * 1000, cpu * 1000


def import_ms(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print((time.perf_counter() - t) * 1000)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) for _ in range(7)
    ]
    return median(runs)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_unrelated.py").write_text("def test_nothing():\n    pass\n")
        run_ms(folder)  # compile and cache once
        pairs = [(run_ms(folder), run_ms(folder, "-p", "no:evalharness.plugin")) for _ in range(PAIRS)]
        left = sorted(path.name for path in Path(folder).iterdir() if path.name != "__pycache__")
    print(f"plain pytest, {PAIRS} pairs, with the plugin and without; files left: {left}")
    for index, name in enumerate(("wall", "processor")):
        differences = [a[index] - b[index] for a, b in pairs]
        without = median(b[index] for _, b in pairs)
        print(f"  {name:<10} {without:.0f} ms without it, median difference {median(differences):+.1f} ms")
    print(f"import evalharness {import_ms('evalharness'):.1f} ms")


if __name__ == "__main__":
    main()
