"""Texts of 2 MB in every metric: a run ends with its deadline, and with Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalharness.registry import BUILT_IN
from evalharness.scoring.metrics import BEYOND_TEXTS
from evalharness.store import read_run
from evalharness.testing.folder import Folder

pytestmark = pytest.mark.slow
OPTIONS: dict[str, dict[str, Any]] = {
    "json_schema": {"schema": {"type": "array"}},
    "length": {"max_words": 5},
    "regex": {"pattern": "refund.*days"},
}
METRICS = sorted(BUILT_IN["metrics"].keys() - BEYOND_TEXTS)
SLOW = ["bleu", "chrf"]
"""The metrics that take seconds for these texts."""
QUICK = [name for name in METRICS if name not in SLOW]
RUN = """\
import json, logging, sys
from pathlib import Path
from evalharness import evaluate
from evalharness.config import Config
from evalharness.providers.scripted import ScriptedProvider

logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format="%(message)s")
deadline_s = json.loads(sys.argv[1])
for name in sys.argv[2:]:
    config, model = Config(root=Path.cwd()), ScriptedProvider({"*": "the refund takes thirty days " * 70_000})
    found = evaluate(name, models={"m": model}, deadline_s=deadline_s, baseline="none", config=config)
    print("ENDED", name, found.samples[0].error, flush=True)
sys.exit(0)
"""
"""The process ends with metrics at work, as that of a run does."""


@pytest.fixture
def project(tmp_path: Path) -> Folder:
    """A suite for each metric."""
    found = Folder(tmp_path)
    for name in METRICS:
        suite = {"schema": 1, "prompts": {"plain": [{"user": "{{ q }}"}]}, "cases": [{"id": "a", "vars": {"q": "x"}}]}
        found.write(f"suites/{name}.yaml", json.dumps(suite | {"metrics": [{name: OPTIONS.get(name, {})}]}))
        found.write(f"golden/{name}.yaml", json.dumps({"a": "thirty days the refund takes, " * 70_000}))
    return found


def started(root: Path, deadline_s: float | None, *names: str) -> subprocess.Popen[str]:
    """A process that runs the suites of these metrics."""
    command = [sys.executable, "-c", RUN, json.dumps(deadline_s), *names]
    environment = os.environ | {"XDG_CACHE_HOME": str(root / "cache"), "CI": ""}
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=environment)


def ends(process: subprocess.Popen[str]) -> dict[str, str]:
    """For each metric the error of its sample, once the process has ended."""
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    return dict(line.split(" ", 2)[1:] for line in output.splitlines() if line.startswith("ENDED "))


def exists(pid: int) -> bool:
    """Whether a process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_most_metrics_score_or_refuse(project: Folder) -> None:
    """A metric without a deadline that matters scores the text, or names the length that it takes."""
    with started(project.root, 60, *QUICK) as process:
        found = ends(process)

    assert sorted(found) == QUICK
    refused = {name for name, error in found.items() if error.startswith("metric: ")}
    assert refused == {"edit_similarity", "rouge_l", "ter"}
    assert {error for name, error in found.items() if name not in refused} == {"None"}


def test_the_deadline_ends_the_others(project: Folder) -> None:
    """A metric that takes minutes is given up, and its process has ended before that of the run."""
    with started(project.root, 0.5, *SLOW) as process:
        output = process.communicate(timeout=120)[0]
    kinds = set(re.findall(r"^ENDED \w+ (\w+)", output, re.MULTILINE))
    pids = [int(pid) for pid in re.findall(r"in process (\d+)", output)]

    assert kinds == {"deadline"}
    assert len(pids) == len(SLOW)
    assert not any(map(exists, pids))


@pytest.mark.parametrize("name", [SLOW[0], *(pytest.param(name, marks=pytest.mark.deep) for name in SLOW[1:])])
def test_ctrl_c_ends_a_run_in_a_metric(project: Folder, name: str) -> None:
    """An interrupt while a metric is busy leaves a whole record of a stopped run, and no process."""
    with started(project.root, None, name) as process:
        assert process.stdout
        pids = (re.search(r"in process (\d+)", line) for line in process.stdout)
        pid = next(int(found[1]) for found in pids if found)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    run = read_run(project.root / f"reports/{name}/run.jsonl")

    assert process.returncode in (-signal.SIGINT, 130)
    assert not exists(pid)
    assert run.stopped
    assert run.samples == ()
