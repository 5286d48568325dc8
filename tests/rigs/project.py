"""A project with the fault server as its model, evaluated by the real pytest in a child process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evalharness import testing
from evalharness.testing.fault_server import Received, Reply, Script

SUITE = """\
schema: 1
models: [remote]
prompts:
  plain:
    - user: "{{ question }}"
params: {max_tokens: 50}
metrics: [exact, token_f1]
cases: cases.jsonl
gates:
  - {metric: exact, margin: 5%}
  - {metric: token_f1, margin: 5%}
"""
KEY_NAME = "RIG_KEY"
_NOT_INHERITED = ("CI", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER")


class Project(testing.Project):
    """A folder with one suite, `rig`; each cache folder has a ledger of its own."""

    def __init__(self, root: Path, key: str = "sk-rig-0123456789", more_env: Mapping[str, str] | None = None) -> None:
        super().__init__(root, suite="rig")
        self.key, self.more_env = key, more_env or {}

    def write_all(self, url: str, questions: Mapping[str, str], goldens: Mapping[str, str], **options: Any) -> None:
        """Write the suite: a question and a golden for each case id. `options` go to the model's table."""
        table = {"provider": "openai", "base_url": url, "model": "m", "api_key_env": KEY_NAME, **options}
        self.configure(remote=table)
        self.write("suites/rig.yaml", SUITE)
        self.write("suites/cases.jsonl", _jsonl({"id": i, "vars": {"question": q}} for i, q in questions.items()))
        self.write("golden/rig.jsonl", _jsonl({"id": i, "golden": golden} for i, golden in goldens.items()))

    def environment(self, cache: Path) -> dict[str, str]:
        """Return the environment of a child: ours without the variables that change its behavior."""
        ours = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        own = {"XDG_CACHE_HOME": str(cache), KEY_NAME: self.key, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return {**ours, **own, **self.more_env}

    @contextmanager
    def child(self, cache: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run `pytest --llm-suite=rig` in a process group of its own, with its output in CACHE.out."""
        cache.mkdir(parents=True, exist_ok=True)
        with output_of(cache).open("wb") as output:
            process = subprocess.Popen(
                command(*arguments),
                cwd=self.root,
                env=self.environment(cache),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with process:
            try:
                yield process
            finally:
                kill(process)

    def run(self, cache: Path, *arguments: str, timeout_s: float = 120) -> int:
        """Run a child to its end, and return its exit code."""
        with self.child(cache, *arguments) as process:
            return process.wait(timeout_s)


@dataclass(frozen=True)
class LedgerState:
    """The contents of a ledger at one moment."""

    answered: dict[str, str] = field(default_factory=dict)
    """Text of the last message -> key of the request."""
    attempts: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Id -> key and outcome."""

    @property
    def runs(self) -> set[str]:
        """The runs with an attempt in the ledger."""
        return {run_of(attempt) for attempt in self.attempts}


def ledger_state(cache: Path) -> LedgerState:
    """Read a ledger without our code, from a copy because opening may repair it. A missing one is empty."""
    with TemporaryDirectory() as folder:
        for part in (cache / "evalharness").glob("ledger.sqlite*"):
            if not part.name.endswith("-shm"):
                shutil.copy(part, folder)
        with closing(sqlite3.connect(f"{folder}/ledger.sqlite")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'attempt'").fetchone():
                return LedgerState()
            answered = connection.execute("SELECT request, key FROM response").fetchall()
            attempts = connection.execute("SELECT id, key, outcome FROM attempt").fetchall()
    texts = {json.loads(request)["wire"]["messages"][-1]["content"]: key for request, key in answered}
    return LedgerState(texts, {attempt: (key, outcome) for attempt, key, outcome in attempts})


def run_of(attempt: str) -> str:
    """Return the run that an attempt belongs to."""
    return attempt.rpartition("-")[0]


def command(*arguments: str) -> list[str]:
    """Return the command `pytest --llm-suite=rig` with our plugin alone."""
    return [sys.executable, "-m", "pytest", "-p", "evalharness.plugin", "--llm-suite=rig", "-q", *arguments]


def output_of(cache: Path) -> Path:
    """Return the file with the output of the last child with this cache."""
    return cache.with_suffix(".out")


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill the whole group with SIGKILL, and return whether the child was alive."""
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return alive


def with_attempts_from_zero(script: Script) -> Script:
    """Return the script with attempts counted from here: each case's next POST is its first."""
    counts: Counter[str] = Counter()

    def forgetful(seen: Received) -> Reply:
        number = counts[seen.case]
        counts[seen.case] += 1
        return script(replace(seen, attempt=number))

    return forgetful


def _jsonl(lines: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)
