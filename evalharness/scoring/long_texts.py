"""Long texts are scored in a process of their own, which ends with the run.

Two texts of 2 MB keep chrF busy for a minute and take gigabytes. A thread cannot be stopped: it would slow down the end
of the run, and every suite after it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from evalharness.errors import MetricError
from evalharness.logs import get_logger
from evalharness.records import Spec
from evalharness.scoring.metrics.base import Metric, Responses, Result, SampleView

_log = get_logger(__name__)
LONG_CHARS = 200_000
"""Of a response with its golden answers. Below, every built-in metric takes less than about three seconds."""
_ENVIRONMENT = ("PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def is_long(view: SampleView) -> bool:
    """Whether the texts of a sample are long."""
    return len(view.text) + sum(map(len, view.golden)) > LONG_CHARS


class LongTexts:
    """Scores one sample at a time in a child process. `stop` ends it from any thread."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def of(self, metric: Metric) -> Metric:
        """Return the metric with long texts scored in the child process, if another process can open it."""
        return replace(metric, score=partial(self._scores, metric)) if metric.texts_alone else metric

    def stop(self) -> None:
        """Kill the process. Later scores of long texts are errors."""
        with self._lock:
            self._stopped = True
            if self._child is not None:
                _end(self._child)

    def _scores(self, metric: Metric, views: Sequence[SampleView], replies: Sequence[Responses]) -> list[Result]:
        return [
            self._score(metric.texts_alone, view)
            if metric.texts_alone and is_long(view)
            else metric.score([view], [reply])[0]
            for view, reply in zip(views, replies, strict=True)
        ]

    def _score(self, spec: Spec, view: SampleView) -> Result:
        try:
            child = self._started()
        except (MetricError, OSError) as error:
            return MetricError(str(error))
        _log.debug("%s scores %d characters in process %d", spec.name, len(view.text), child.pid)
        line = _exchange(child, spec, view)
        if not line:
            return MetricError(f"the process that scores long texts ended with exit status {self._ended()}")
        reply = json.loads(line)
        return MetricError(reply["error"]) if "error" in reply else float(reply["value"])

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise MetricError("the run ended before this text was scored")
            self._child = self._child or _start()
            return self._child

    def _ended(self) -> int:
        """The exit status of the process; the next score starts another."""
        with self._lock:
            assert self._child
            status, self._child = _end(self._child), None
            return status


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -I: nothing in the folder or the environment of this run can change which code is imported
        [sys.executable, "-I", "-m", "evalharness.scoring.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the child
    )


def _exchange(child: subprocess.Popen[bytes], spec: Spec, view: SampleView) -> bytes:
    """The reply of the process; empty once it has ended."""
    request = {"metric": spec.name, "options": spec.options, "text": view.text, "golden": view.golden}
    written = json.dumps(request).encode() + b"\n"
    assert child.stdin
    assert child.stdout
    with suppress(OSError, ValueError):  # it has ended, or `stop` has closed its pipes
        child.stdin.write(written)
        child.stdin.flush()
        return child.stdout.readline()
    return b""


def _end(child: subprocess.Popen[bytes]) -> int:
    """Kill the process. Returns its exit status."""
    child.kill()
    status = child.wait()
    for stream in (child.stdin, child.stdout):
        with suppress(OSError):  # unsent bytes to a dead process
            if stream:
                stream.close()
    return status
