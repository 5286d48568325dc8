"""Requests through a pipeline, and their samples."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from evalharness.evaluation.pipeline import Pipeline
from evalharness.records import Sample
from evalharness.scoring.scorer import Scorer
from evalharness.testing import case, request

PATIENCE_S = 60
"""Seconds after which an open future counts as a hang."""
Result = TypeVar("Result")


def submit(pipeline: Pipeline, names: Iterable[str], model: str = "m", *, text: str = "") -> list[Future[Sample]]:
    """The future of one request for each name, with the name as its text by default."""
    return [pipeline.submit(case(name), request(text or name, case=name, model=model), Scorer([])) for name in names]


def samples_of(futures: Iterable[Future[Sample]]) -> list[Sample]:
    """The samples of these futures."""
    return [future.result(PATIENCE_S) for future in futures]


def kinds(samples: Iterable[Sample]) -> Counter[str]:
    """The number of samples by the kind of their error, or `answered`."""
    return Counter(sample.error.kind if sample.error else "answered" for sample in samples)


def in_time(work: Callable[[], Result]) -> Result:
    """The result or exception of `work`, run in a thread of its own. Raises TimeoutError if it hangs."""
    done = Future[Result]()

    def follow() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=follow, daemon=True).start()
    return done.result(PATIENCE_S)
