"""A process that scores long texts: one JSON object a line from standard input, one result a line to standard output.

    {"metric": "chrf", "options": {}, "text": "...", "golden": ["..."]}  ->  {"value": 0.5} or {"error": "..."}

It ends when its input ends, also while it scores.
"""

from __future__ import annotations

import json
import os
import queue
import sys
from collections.abc import Mapping
from functools import cache
from threading import Thread
from typing import Any

from evalharness.errors import MetricError
from evalharness.registry import make
from evalharness.scoring.metrics.base import Metric, SampleView, as_metric_error


def main() -> None:
    """Score until the input ends."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # prints of a library are no results
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    Thread(target=_read, args=(lines,), daemon=True).start()
    while True:
        output.write(json.dumps(_reply(json.loads(lines.get()))) + "\n")
        output.flush()


def _read(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _reply(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        metric = _metric(request["metric"], json.dumps(request["options"]))
        (result,) = metric.score([SampleView.of(request["text"], request["golden"])], [()])
    except Exception as error:  # that of a library
        result = as_metric_error(error)
    return {"error": str(result)} if isinstance(result, MetricError) else {"value": result}


@cache
def _metric(name: str, options: str) -> Metric:
    metric: Metric = make("metrics", name, json.loads(options))
    return metric


if __name__ == "__main__":
    main()
