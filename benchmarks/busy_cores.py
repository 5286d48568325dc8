"""A local model next to a busy process on the same cores: the setting of evalharness against the default of OpenMP.

    python benchmarks/busy_cores.py

Needs the packages that `make demo` installs. Each row is for the same three support cases; `inf` means that one of them
exceeded its deadline of 120 seconds.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

from evalharness.config import load_config
from evalharness.errors import ProviderError
from evalharness.providers import open_provider
from evalharness.suites import load_suite, requests

ROOT = Path(__file__).parents[1]


def three_cases_s() -> float:
    config = load_config(ROOT)
    suite = load_suite("support", config)
    made = requests(suite, models=["smollm2"], prompts=["concise"], repeats={"smollm2": 1}, limits=config.limits)
    chosen = [request for _, request in islice(made, 3)]
    provider = open_provider("smollm2", config)
    provider.prepare()
    started = time.perf_counter()
    try:
        for request in chosen:
            provider.complete(request)
        return time.perf_counter() - started
    except ProviderError:  # a response exceeded its deadline
        return math.inf
    finally:
        provider.close()


def main() -> None:
    print("seconds for three cases                    ours   OpenMP's default")
    for busy in (0, 1):
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        try:
            os.environ.pop("GOMP_SPINCOUNT", None)
            ours = three_cases_s()
            os.environ["GOMP_SPINCOUNT"] = "300000"
            default = three_cases_s()
        finally:
            for other in others:
                other.kill()
        print(f"  busy processes beside it: {busy}{ours:16.1f}{default:12.1f}   x{default / ours:.1f}")


if __name__ == "__main__":
    main()
