"""An outcome as parameters, metrics and tags of an MLflow run, within the limits of its server."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from evalharness import __version__
from evalharness.publish.message import message_of
from evalharness.records.marks import Mark, count_marked
from evalharness.report import Outcome
from evalharness.report.encode import one_line
from evalharness.report.gate_data import gate_data

_KEY_CHARS, _VALUE_CHARS = 250, 500
"""Limits of MLflow's oldest supported server."""
_NOT_IN_KEYS = re.compile(r"[^\w.\- ]")
_OF_GATE = ("before", "after", "change", "low", "high", "margin", "p_value")


def params_of(outcome: Outcome) -> dict[str, str]:
    """What was run: models, prompts, sampling and the metrics' signatures."""
    return {key: one_line(value, _VALUE_CHARS) for key, value in _keyed(_params(outcome)) if value}


def _params(outcome: Outcome) -> Iterator[tuple[str, str]]:
    header = outcome.run.header
    yield "suite", header.suite
    for name, identity in header.models.items():
        yield f"model.{name}", _compact(identity)
    yield from ((f"prompt.{name}", digest) for name, digest in header.prompts.items())
    yield from ((f"params.{name}", _compact(value)) for name, value in header.params.items())
    yield from ((f"metric.{name}", signature) for name, signature in header.signatures.items())


def metrics_of(outcome: Outcome) -> dict[str, float]:
    """Scores, the numbers of each gate, and counts. Only finite numbers."""
    return {key: float(value) for key, value in _keyed(_metrics(outcome)) if math.isfinite(value)}


def _metrics(outcome: Outcome) -> Iterator[tuple[str, float]]:
    run = outcome.run
    yield "samples", len(run.samples)
    yield "errors", count_marked(run.samples, Mark.ERROR) + len(outcome.lost)
    yield "failed_checks", count_marked(run.samples, Mark.FAILED)
    for (model, prompt), means in run.means.items():
        yield from ((f"score.{metric}.{model}.{prompt}", mean) for metric, mean in means.items())
    for verdict in outcome.verdicts:
        data = gate_data(verdict)
        yield from ((f"gate.{verdict.name}.{name}", data[name]) for name in _OF_GATE if data[name] is not None)


def tags_of(outcome: Outcome) -> dict[str, str]:
    """The verdict, the commit, and the message as the run's description."""
    message = message_of(outcome)
    found = {
        "evalharness.status": message.word,
        "evalharness.headline": message.headline,
        "evalharness.run": message.run,
        "evalharness.version": __version__,
        "mlflow.source.git.commit": message.commit,
        "mlflow.source.name": "evalharness",
        "mlflow.note.content": "\n".join(
            f"    {line}" for line in message.lines()
        ),  # an indented block has no markdown
    }
    return {key: value for key, value in found.items() if value}


def started_ms(outcome: Outcome) -> int:
    """When the run started, in milliseconds since 1970; now, if the record does not say."""
    try:
        return int(1000 * datetime.fromisoformat(outcome.run.header.started_at).timestamp())
    except (ValueError, OverflowError):  # the record is untrusted
        return int(1000 * time.time())


def _keyed(pairs: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The pairs with keys that MLflow takes."""
    return ((_NOT_IN_KEYS.sub("_", one_line(key, _KEY_CHARS)), value) for key, value in pairs)


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(dict(value) if isinstance(value, Mapping) else value)
