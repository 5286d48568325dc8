"""500 requests to a server that takes 200 ms for each, 50 at a time; then all of them replayed.

    python benchmarks/endpoints.py

Measures the whole `pytest` process. The ideal is 500 / 50 x 0.2 s = 2 s without processor time.
benchmarks/peers/README.md has the figures of other tools, with the commands to repeat them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from evalharness.testing.fault_server import FaultServer

CASES, LATENCY_S, CONCURRENCY, ROUNDS = 500, 0.2, 50, 3
IDEAL_S = CASES / CONCURRENCY * LATENCY_S
SUITE = """\
schema: 1
models: [remote]
prompts:
  plain:
    - system: You answer in one sentence.
    - user: "{{ question }}"
params: {max_tokens: 64}
metrics: [exact, token_f1]
cases: cases.jsonl
gates:
  - {metric: token_f1}
"""


def write_project(root: Path, url: str, number: int = CASES) -> None:
    """Write a suite with a number of questions."""
    for name in ("suites", "golden"):
        (root / name).mkdir()
    model = {"provider": "openai", "base_url": url, "model": "m"}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in model.items())
    (root / "pyproject.toml").write_text(
        f"[tool.evalharness.models.remote]\n{lines}price = {{input = 1, output = 2}}\n"
    )
    (root / "suites/bench.yaml").write_text(SUITE)
    questions = {f"c{i:03}": f"Can I return item {i}?" for i in range(number)}
    cases = [{"id": name, "vars": {"question": question}} for name, question in questions.items()]
    (root / "suites/cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    golden = [{"id": name, "golden": f"You asked: {question}"} for name, question in questions.items()]
    (root / "golden/bench.jsonl").write_text("".join(json.dumps(line) + "\n" for line in golden))


def start(root: Path, cache: Path) -> subprocess.Popen[bytes]:
    """Start a run in a child process, without other pytest plugins."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "XDG_CACHE_HOME": str(cache)}
    options = ["-q", "--llm-suite=bench", f"--llm-concurrency={CONCURRENCY}", f"--llm-report={cache}/report"]
    command = [sys.executable, "-m", "pytest", "-p", "evalharness.plugin", "-p", "no:cacheprovider", *options]
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL)


def measured(processes: list[subprocess.Popen[bytes]]) -> list[tuple[float, float]]:
    """Wall and processor seconds of processes that have just started."""
    started, found = time.perf_counter(), []
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        found.append((time.perf_counter() - started, usage.ru_utime + usage.ru_stime))
    return found


def say(what: str, runs: list[tuple[float, float]]) -> None:
    """Print the medians, and their ratio to the ideal."""
    wall, cpu = (median(values) for values in zip(*runs, strict=True))
    print(f"{what:<42} {wall:5.2f} s wall ({wall / IDEAL_S:4.2f} x ideal), {cpu:5.2f} s CPU", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, FaultServer(latency_s=LATENCY_S) as server:
        root, cache = Path(folder) / "project", Path(folder) / "cache"
        root.mkdir()
        write_project(root, server.url)
        measured([start(root, cache)])  # compiles the modules
        alone, replayed, beside = [], [], []
        for _ in range(ROUNDS):
            shutil.rmtree(cache)
            alone += measured([start(root, cache)])
            replayed += measured([start(root, cache)])
            caches = [Path(folder) / f"cache{number}" for number in range(3)]
            beside += measured([start(root, one) for one in caches])
            for one in caches:
                shutil.rmtree(one)
        posts = len(server.log)
    assert posts == CASES * (1 + ROUNDS * 4), f"{posts} requests"
    say(f"{CASES} cases, {CONCURRENCY} at once", alone)
    say("  one of three side by side", beside)
    say("  all replayed", replayed)


if __name__ == "__main__":
    main()
