"""The cost of the harness itself: 2,000 scripted cases, three lexical metrics, no model time.

    python benchmarks/harness.py

Prints milliseconds per case for each step, from Python and through pytest. Imports are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

CASES, ROUNDS = 2_000, 3
SUITE = """\
schema: 1
models: [fake]
prompts:
  plain:
    - system: You answer customers of {{ shop }}.
    - user: "{{ question }}"
vars: {shop: Acme}
metrics: [rouge_l, chrf, token_f1]
cases: cases.jsonl
gates:
  - {metric: rouge_l}
  - {metric: chrf}
  - {metric: cost}
"""
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
answers = {"*" = "You may return it within 30 days, and we refund the full price to your card."}
"""
Result = TypeVar("Result")


def write_project(root: Path, cases: int) -> None:
    for name in ("suites", "golden"):
        (root / name).mkdir()
    (root / "pyproject.toml").write_text(CONFIG)
    (root / "suites/bench.yaml").write_text(SUITE)
    lines = [
        {"id": f"c{i}", "vars": {"question": f"Can I return item {i}?"}, "tags": ["returns"]} for i in range(cases)
    ]
    (root / "suites/cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    golden = [
        {"id": f"c{i}", "golden": f"Item {i} can be returned within 30 days for a full refund."} for i in range(cases)
    ]
    (root / "golden/bench.jsonl").write_text("".join(json.dumps(line) + "\n" for line in golden))


def steps(root: Path) -> dict[str, float]:
    """Seconds of each step, in this process."""
    from plans import run_plan

    from evalharness.config import load_config
    from evalharness.evaluation.plan import make_plan
    from evalharness.gate import decide_run
    from evalharness.report import Outcome
    from evalharness.report.html import page_of, render_html
    from evalharness.store import RunWriter
    from evalharness.suites import load_suite

    took: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Result]) -> Result:
        started = time.perf_counter()
        result = work()
        took[name] = time.perf_counter() - started
        return result

    config = load_config(root)
    suite = timed("read and check the suite", lambda: load_suite("bench", config))
    plan = make_plan(suite, config)
    plan.scorer.warm_up()
    timed("render the requests", lambda: plan.requests)
    run = timed("generate and score", lambda: run_plan(plan))

    def write() -> None:
        writer = RunWriter(root / "run.jsonl", run.header)
        for sample in run.samples:
            writer.append(sample)
        writer.end(run)

    timed("write the record", write)
    verdicts = timed("decide the gates", lambda: decide_run(run, {}, accept_command=""))
    outcome = Outcome(run, tuple(verdicts), {}, root, accept_command="")
    timed("render the HTML report", lambda: render_html(page_of(outcome)))
    return took


def through_pytest(cases: int) -> float:
    """Wall seconds of a whole `pytest --llm-suite=bench`."""
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), cases)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--llm-suite=bench",
            "--llm-baseline=none",
        ]
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "CI": ""})
        return time.perf_counter() - started


def main() -> None:
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            write_project(Path(folder), CASES)
            rounds.append(steps(Path(folder)))
    print(f"{CASES} cases, scripted provider, rouge_l + chrf + token_f1, median of {ROUNDS}; ms a case:")
    total = 0.0
    for name in rounds[0]:
        ms = median(took[name] for took in rounds) / CASES * 1000
        total += ms
        print(f"  {name:<28}{ms:8.3f}")
    print(f"  {'together':<28}{total:8.3f}")
    differences = [through_pytest(CASES) - through_pytest(20) for _ in range(ROUNDS)]
    ms = median(differences) / (CASES - 20) * 1000
    print(f"  {'a further case in pytest':<28}{ms:8.3f}   (pytest's own cost of an item included)")


if __name__ == "__main__":
    main()
