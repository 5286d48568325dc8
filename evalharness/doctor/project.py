"""Check the configuration, the repository and the ledger of a project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from evalharness.config import Config, load_config
from evalharness.doctor.result import CheckResult
from evalharness.errors import ConfigError, GitError, StoreError
from evalharness.store import merge_base
from evalharness.store.job_ledger import LEDGER, open_ledger

_FILE = "pyproject.toml"
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")
_TABLE = re.compile(r"\[(tool\.evalharness[^\]]*)\]")
_KEY = re.compile(r"(?:unknown key )?'?([\w-]+)")


def check_configuration(root: Path) -> tuple[Config | None, CheckResult]:
    """The configuration, None if it is invalid, and the result of the check."""
    try:
        config = load_config(root)
    except ConfigError as error:
        return None, CheckResult("configuration", "broken", _located(str(error), root), needed=True)
    if not (root / _FILE).is_file():
        return config, CheckResult("configuration", "missing", f"no {_FILE} in {root}: evalharness init creates it")
    models, embedders = len(config.models), len(config.embedders)
    return config, CheckResult(
        "configuration", "ok", f"{_FILE}: {_count(models, 'model')}, {_count(embedders, 'embedder')}"
    )


def check_repository(root: Path) -> CheckResult:
    """Whether git has a commit to compare a change with."""
    try:
        base = merge_base(root)
    except GitError as error:
        return CheckResult("repository", "broken", str(error), needed=True)
    if base is None:
        return CheckResult("repository", "missing", "no git commit yet: baselines are read from the working directory")
    return CheckResult("repository", "ok", f"git: baselines and margins are read from commit {base.sha[:12]}")


def check_ledger(config: Config) -> CheckResult:
    """The number of responses in the ledger. Does not create the ledger."""
    path = ledger_path(config)
    if not path.exists():
        return CheckResult("ledger", "ok", f"not created yet: the first run creates {path}")
    try:
        with closing(open_ledger(config.cache_dir, config.root)) as ledger:
            responses = ledger.count()
    except StoreError as error:
        return CheckResult("ledger", "broken", str(error), needed=True)
    return CheckResult("ledger", "ok", f"{path}: {_count(responses, 'response')}, {path.stat().st_size / 1e6:.1f} MB")


def ledger_path(config: Config) -> Path:
    """The path of the ledger, which may not exist yet."""
    return config.cache_dir / LEDGER


def _located(message: str, root: Path) -> str:
    """The message with file and line before each problem that has a known line."""
    return "\n".join(_located_line(line, root) for line in message.splitlines())


def _located_line(message: str, root: Path) -> str:
    text = message.removeprefix(f"{_FILE}: ")
    if at := _AT.search(text):
        return f"{_FILE}:{at[1]}:{at[2]}: {text}"
    line = next(_lines(text, root), 0)
    return f"{_FILE}:{line}: {text}" if line else message


def _lines(message: str, root: Path) -> Iterator[int]:
    """The line numbers of the key in a message, then of its table."""
    table = _TABLE.match(message)
    key = _KEY.match(message[table.end() :].lstrip()) if table else None
    if table is None:
        return
    lines = (root / _FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    heads = {n: line.strip() for n, line in enumerate(lines, 1) if line.strip().startswith(f"[{table[1]}")}
    start = next((n for n, line in heads.items() if line.startswith(f"[{table[1]}]")), next(iter(heads), 0))
    for number, line in enumerate(lines[start:] if key and start else [], start + 1):
        if line.lstrip().startswith("["):
            break
        if key and re.match(rf"\s*['\"]?{re.escape(key[1])}['\"]?\s*=", line):
            yield number
    if start:
        yield start


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
