"""Texts of 2 MB in every metric and check: when a run ends after its deadline, and after Ctrl-C.

    python benchmarks/texts.py [NAME...]

Each row is two processes: one with a deadline of 5 s, and one without, interrupted a second after scoring starts. The
seconds last until the process has ended. A metric that is ready before has its time instead, or `ready`. The record
must be readable afterwards.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from evalharness.registry import BUILT_IN
from evalharness.store import read_run

CHARS = 2_000_000
DEADLINE_S = 5
SCHEMA = {"type": "array", "uniqueItems": True}
PATTERN = "(refund|[a-z]{2,50}){2,9}x"
METRICS = {name: {} for name in BUILT_IN["metrics"].keys() - {"answer_logprob", "embedding", "golden_logprob", "judge"}}
METRICS |= {"json_schema": {"schema": SCHEMA}, "length": {"max_words": 5}, "regex": {"pattern": PATTERN}}
CHECKS = {"contains": "refund", "regex": PATTERN, "json_schema": SCHEMA, "max_words": 5}
RUN = """\
import json, logging, sys
from pathlib import Path
from evalharness import evaluate
from evalharness.config import Config
from evalharness.providers.scripted import ScriptedProvider

logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format="%(message)s")
deadline_s, name, root = json.loads(sys.argv[1]), sys.argv[2], Path.cwd()
model = ScriptedProvider({"*": (root / "answer.txt").read_text()})
print("STARTED", flush=True)
found = evaluate(name, models={"m": model}, deadline_s=deadline_s, baseline="none", config=Config(root=root))
print("ERROR", found.samples[0].error, flush=True)
"""


def text(seed: int) -> str:
    """Words, punctuation, accents and Han: each is the slowest for another metric."""
    draw, quarter = random.Random(seed), CHARS // 4
    words = " ".join("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(quarter // 7))
    marks = "".join(draw.choices(".,;:!?-'\"() 1a", k=quarter))
    accents = "".join(draw.choices("éàüößñ e ", k=quarter))
    return words + marks + accents + "".join(map(chr, draw.choices(range(0x4E00, 0x9FFF), k=quarter)))


def write_project(root: Path) -> list[str]:
    """A suite for each metric and each check. Returns their names."""
    (root / "suites").mkdir()
    (root / "golden").mkdir()
    (root / "answer.txt").write_text(text(1))
    parts = {name: {"metrics": [{name: options}]} for name, options in METRICS.items()}
    parts |= {f"assert-{name}": {"assert": [{name: value}]} for name, value in CHECKS.items()}
    for name, part in parts.items():
        case = {"id": "a", "vars": {"q": "x"}}
        suite = {"schema": 1, "prompts": {"plain": [{"user": "{{ q }}"}]}, "cases": [case], "metrics": ["exact"]}
        (root / f"suites/{name}.yaml").write_text(json.dumps(suite | part))
        (root / f"golden/{name}.yaml").write_text(json.dumps({"a": text(2)}))
    return sorted(parts)


def start(root: Path, name: str, deadline_s: float | None) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, json.dumps(deadline_s), name]
    environment = os.environ | {"XDG_CACHE_HOME": str(root / "cache"), "CI": ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=root, text=True, env=environment, **pipes)


def wait_for(process: subprocess.Popen[str], words: str) -> float:
    """The time at which the process prints these words."""
    assert process.stdout
    next(line for line in process.stdout if words in line)
    return time.perf_counter()


def after_deadline(root: Path, name: str) -> str:
    with start(root, name, DEADLINE_S) as process:
        started = wait_for(process, "STARTED")
        output = process.communicate()[0]
    seconds = time.perf_counter() - started
    error = re.search(r"^ERROR (\w+)", output, re.MULTILINE)
    if error and error[1] == "deadline":
        return f"{seconds - DEADLINE_S:.1f} s"
    return f"{'scored' if error and error[1] == 'None' else 'refused'} in {seconds:.1f} s"


def after_interrupt(root: Path, name: str) -> str:
    with start(root, name, None) as process:
        wait_for(process, "scoring starts")
        time.sleep(1)
        sent = time.perf_counter()
        process.send_signal(signal.SIGINT)
        output = process.communicate()[0]
    seconds = time.perf_counter() - sent
    run = read_run(root / f"reports/{name}/run.jsonl")
    return "ready" if "ERROR" in output and not run.stopped else f"{seconds:.1f} s"


def main(*names: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        every = write_project(root)
        print(f"| metric | after the deadline of {DEADLINE_S} s | after Ctrl-C |\n|---|---|---|")
        for name in names or every:
            print(f"| {name} | {after_deadline(root, name)} | {after_interrupt(root, name)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
