"""The main job, end to end, as a user runs it: the repository's own support suite on the real model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASELINE = "golden/baselines/support/smollm2.concise.jsonl"
pytestmark = pytest.mark.slow


def run_pytest(folder: Path, *arguments: str, meanwhile=None) -> subprocess.CompletedProcess:
    """`pytest --llm-suite=support` in the repository, its reports in `folder`, at a desk."""
    environment = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--llm-suite=support",
        "--llm-record=all",
        f"--llm-report={folder}",
    ]
    process = subprocess.Popen(
        [*command, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if meanwhile:
        threading.Thread(target=meanwhile, args=(process.pid,), daemon=True).start()
    said, _ = process.communicate(timeout=600)
    return subprocess.CompletedProcess(command, process.returncode, said)


def samples(folder: Path) -> dict[str, dict]:
    """The samples of a run by case."""
    lines = [json.loads(line) for line in (folder / "run.jsonl").read_text(encoding="utf-8").split("\n") if line]
    return {line["sample"]["key"][0]: line["sample"] for line in lines if "sample" in line}


def test_the_good_prompt_is_never_red(tmp_path):
    """The committed prompt against its baseline: green, or inconclusive on another processor, with a report."""
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout
    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["status"] in ("pass", "inconclusive")
    assert verdict["complete"]
    assert "Content-Security-Policy" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(sample["error"] is None for sample in samples(tmp_path).values())


def test_the_careless_prompt_is_red(tmp_path):
    """The careless prompt against the good one's baseline: exit 1, how much worse, the worst cases, a JUnit failure."""
    junit = tmp_path / "junit.xml"
    done = run_pytest(tmp_path, "--llm-prompt=careless", f"--llm-baseline={BASELINE}", f"--junitxml={junit}")
    assert done.returncode == 1
    assert "FAIL  worse than the baseline: embedding, rouge_l" in done.stdout
    assert "worst cases:" in done.stdout
    assert int(ElementTree.parse(junit).getroot()[0].get("failures")) == 2
    verdicts = {
        verdict["metric"]: verdict for verdict in json.loads((tmp_path / "verdict.json").read_text())["verdicts"]
    }
    assert verdicts["rouge_l"]["drop"] > 0.2


def test_kill_the_model_in_the_middle(tmp_path):
    """`kill -9` of the model's process, once: those that it was answering are asked again one by one, and all keep
    their texts; those seconds count for nothing.
    """
    alone = tmp_path / "alone"
    first = run_pytest(alone, "-k", "refunds or returns")
    done = run_pytest(tmp_path / "killed", "-k", "refunds or returns", meanwhile=kill_the_model)
    before, after = samples(alone), samples(tmp_path / "killed")
    assert {case: sample["response"]["text"] for case, sample in after.items()} == {
        case: sample["response"]["text"] for case, sample in before.items()
    }
    assert max(sample["attempts"] for sample in after.values()) >= 2
    assert done.returncode == first.returncode


def kill_the_model(parent: int) -> None:
    """Wait until the child answers, then kill it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and is_worker_of(entry, parent) and cpu_s(entry) > 5.0:
                os.kill(int(entry.name), signal.SIGKILL)
                return
        time.sleep(0.02)


def is_worker_of(entry: Path, parent: int) -> bool:
    """Whether a process is the model's, and a child of ours."""
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
        return int(fields[1]) == parent and b"llama.worker" in (entry / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return False


def cpu_s(entry: Path) -> float:
    """Processor seconds of a process: loading takes less than two, all answers about ten; at five it is answering."""
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
