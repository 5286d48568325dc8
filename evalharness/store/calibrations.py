"""Scores that `evalharness calibrate --over-days` has measured, a line for each run of a metric.

The file is `reports/SUITE/calibration.jsonl`. Lines of another prompt, model or metric setting are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import StoreError
from evalharness.store.files import read_below, write_below
from evalharness.store.runs import parse_line

FILE = "calibration.jsonl"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What the scores of one metric depend on: only scores of equal settings are calibrated together."""

    model: str
    prompt: str
    metric: str
    requests: str
    """Digest of model identity, prompt and parameters."""
    signature: str
    """Of the metric."""


def read_calibrations(root: Path, path: Path, settings: Settings) -> Iterator[dict[str, float]]:
    """The scores of each earlier run by case; nothing without a file. Raises StoreError for a damaged one."""
    content = read_below(root, path)
    for number, line in enumerate((content or b"").decode("utf-8", "replace").splitlines(), start=1):
        found = parse_line(path, number, line)
        if found.get("schema") != _SCHEMA or not _has_scores(found):
            raise StoreError(f"{path}:{number}: expected the scores of a calibration; delete the file to start again")
        if found["settings"] == _plain(settings):
            yield found["scores"]


def add_calibrations(root: Path, path: Path, settings: Settings, runs: Iterable[Mapping[str, float]]) -> None:
    """Append the scores of runs to the file. Raises StoreError."""
    lines = [{"schema": _SCHEMA, "settings": _plain(settings), "scores": dict(run)} for run in runs]
    text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines)
    write_below(root, path, (read_below(root, path) or b"") + text.encode())


def _plain(settings: Settings) -> dict[str, str]:
    return {name: getattr(settings, name) for name in Settings.__slots__}


def _has_scores(found: Mapping[str, Any]) -> bool:
    scores = found.get("scores")
    return isinstance(scores, dict) and all(
        isinstance(value, int | float) and 0 <= value <= 1 for value in scores.values()
    )
