"""A project on disk whose model is the fault server, and the real pytest as a child process that evaluates it."""

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

from fault_server import Reply, Script, Seen

from evalharness.records import Run
from evalharness.store import read_run

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


@dataclass(frozen=True)
class Project:
    """A folder with one suite, `rig`; each cache folder has a ledger of its own."""

    root: Path
    key: str = "sk-rig-0123456789"
    more_env: Mapping[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> None:
        """A file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def write_all(self, url: str, questions: Mapping[str, str], goldens: Mapping[str, str], **options: Any) -> None:
        """The suite: a question and a golden for each case id. `options`: more of the model's."""
        table = {"provider": "openai", "base_url": url, "model": "m", "api_key_env": KEY_NAME, **options}
        lines = "".join(f"{name} = {_toml(value)}\n" for name, value in table.items())
        self.write("pyproject.toml", f"[tool.evalharness.models.remote]\n{lines}")
        self.write("suites/rig.yaml", SUITE)
        self.write("suites/cases.jsonl", _jsonl({"id": i, "vars": {"question": q}} for i, q in questions.items()))
        self.write("golden/rig.jsonl", _jsonl({"id": i, "golden": golden} for i, golden in goldens.items()))

    def environment(self, cache: Path) -> dict[str, str]:
        """Of a child: ours, less what would make it behave otherwise."""
        ours = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        own = {"XDG_CACHE_HOME": str(cache), KEY_NAME: self.key, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return {**ours, **own, **self.more_env}

    @contextmanager
    def child(self, cache: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """`pytest --llm-suite=rig` in a process group of its own; what it prints goes to CACHE.out."""
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
        """Let a child come to its end; its exit code."""
        with self.child(cache, *arguments) as process:
            return process.wait(timeout_s)

    def record(self) -> Run:
        """The last run's record."""
        return read_run(self.root / "reports/rig/run.jsonl")

    def verdict(self) -> dict[str, Any]:
        """The last run's verdict."""
        verdict: dict[str, Any] = json.loads((self.root / "reports/rig/verdict.json").read_text())
        return verdict


@dataclass(frozen=True)
class Books:
    """What a ledger held at one moment."""

    answered: dict[str, str] = field(default_factory=dict)
    """Text of the last message -> key of the request."""
    attempts: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Id -> key and outcome."""

    @property
    def runs(self) -> set[str]:
        """All that have intended anything."""
        return {run_of(attempt) for attempt in self.attempts}


def books(cache: Path) -> Books:
    """Read a ledger without our code, from a copy, for who opens it may repair it; one that is not there is empty."""
    with TemporaryDirectory() as folder:
        for part in (cache / "evalharness").glob("ledger.sqlite*"):
            if not part.name.endswith("-shm"):
                shutil.copy(part, folder)
        with closing(sqlite3.connect(f"{folder}/ledger.sqlite")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'attempt'").fetchone():
                return Books()
            answered = connection.execute("SELECT request, key FROM response").fetchall()
            attempts = connection.execute("SELECT id, key, outcome FROM attempt").fetchall()
    texts = {json.loads(request)["wire"]["messages"][-1]["content"]: key for request, key in answered}
    return Books(texts, {attempt: (key, outcome) for attempt, key, outcome in attempts})


def run_of(attempt: str) -> str:
    """The run that an attempt belongs to."""
    return attempt.rpartition("-")[0]


def command(*arguments: str) -> list[str]:
    """`pytest --llm-suite=rig`, with our plugin and no other."""
    return [sys.executable, "-m", "pytest", "-p", "evalharness.plugin", "--llm-suite=rig", "-q", *arguments]


def output_of(cache: Path) -> Path:
    """What the children with this cache printed last."""
    return cache.with_suffix(".out")


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill -9 the whole group; whether the child was still alive."""
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return alive


def afresh(script: Script) -> Script:
    """The same script that has forgotten what it was asked before: each case's next POST is its first."""
    counts: Counter[str] = Counter()

    def forgetful(seen: Seen) -> Reply:
        number = counts[seen.case]
        counts[seen.case] += 1
        return script(replace(seen, attempt=number))

    return forgetful


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value)


def _jsonl(lines: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)
