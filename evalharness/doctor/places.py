"""The configuration, the repository and the ledger: where they are and whether they can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from evalharness.config import Config, load_config
from evalharness.doctor.finding import Finding
from evalharness.errors import ConfigError, StoreError
from evalharness.store import merge_base
from evalharness.store.ledger import Ledger

_FILE = "pyproject.toml"
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")
_TABLE = re.compile(r"\[(tool\.evalharness[^\]]*)\]")
_KEY = re.compile(r"(?:unknown key )?'?([\w-]+)")


def check_configuration(root: Path) -> tuple[Config | None, Finding]:
    """The configuration, if it can be read."""
    try:
        config = load_config(root)
    except ConfigError as error:
        return None, Finding("configuration", "broken", _placed(str(error), root), needed=True)
    if not (root / _FILE).is_file():
        return config, Finding("configuration", "missing", f"there is no {_FILE} in {root}")
    models, embedders = len(config.models), len(config.embedders)
    return config, Finding(
        "configuration", "ok", f"{_FILE}: {_count(models, 'model')}, {_count(embedders, 'embedder')}"
    )


def check_repository(root: Path) -> Finding:
    """Whether there is something to compare a change with."""
    try:
        base = merge_base(root)
    except StoreError as error:
        return Finding("repository", "broken", str(error), needed=True)
    if base is None:
        return Finding("repository", "missing", "no git commit here yet: baselines count as they lie in the folder")
    return Finding("repository", "ok", f"git: baselines and margins count as of {base.sha[:12]}")


def check_ledger(config: Config) -> Finding:
    """Where answers are kept. None is made here."""
    path = ledger_path(config)
    if not path.exists():
        return Finding("ledger", "ok", f"none yet; the first run makes {path}")
    try:
        with closing(Ledger(path)) as ledger:
            answers = ledger.count()
    except StoreError as error:
        return Finding("ledger", "broken", str(error), needed=True)
    return Finding("ledger", "ok", f"{path}: {_count(answers, 'answer')}, {path.stat().st_size / 1e6:.1f} MB")


def ledger_path(config: Config) -> Path:
    """Where the ledger is or will be."""
    return config.cache_dir / "ledger.sqlite"


def _placed(message: str, root: Path) -> str:
    """With the line in front, where it can be told."""
    return "\n".join(_placed_line(line, root) for line in message.splitlines())


def _placed_line(message: str, root: Path) -> str:
    text = message.removeprefix(f"{_FILE}: ")
    if at := _AT.search(text):
        return f"{_FILE}:{at[1]}:{at[2]}: {text}"
    line = next(_lines(text, root), 0)
    return f"{_FILE}:{line}: {text}" if line else message


def _lines(message: str, root: Path) -> Iterator[int]:
    """The line of the key that a message names, else that of its table."""
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
