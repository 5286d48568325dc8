"""Asks every request once, in a thread of its own, and scores what is ready in batches in another.

pytest runs items one after another and each waits for its own sample; the engine goes ahead in the order in which they
will ask. So a slow scorer (an embedding model that is still being imported) overlaps with the model's work.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from evalharness.engine.scoring import Scorer
from evalharness.errors import ProviderError
from evalharness.metrics import Metric
from evalharness.providers import Provider
from evalharness.records import Case, Failure, Request, Response, Sample, SampleKey


@dataclass(slots=True)
class _Job:
    case: Case
    request: Request
    response: Response | None = None
    error: Failure | None = None
    sample: Future[Sample] = field(default_factory=Future)


class Engine:
    """Use as a context manager: leaving it stops asking at once and ends the providers."""

    def __init__(self, providers: Mapping[str, Provider], metrics: Sequence[Metric]) -> None:
        self._providers, self._scorer = providers, Scorer(metrics)
        self._to_ask: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._to_score: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._jobs: dict[SampleKey, _Job] = {}
        self._prepared: set[str] = set()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._ask_all, self._score_all, self._scorer.warm_up)
        ]

    def __enter__(self) -> Engine:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stopped.set()
        self._to_ask.put(None)
        for provider in self._providers.values():
            provider.close()
        for thread in self._threads[:2]:
            thread.join(timeout=30)

    def plan(self, case: Case, request: Request) -> None:
        """Ask this when its turn comes; planning it again changes nothing."""
        if request.key not in self._jobs:
            job = self._jobs[request.key] = _Job(case, request)
            self._to_ask.put(job)

    def sample(self, key: SampleKey) -> Sample:
        """The sample of a planned request; waits for it."""
        return self._jobs[key].sample.result()

    def _ask_all(self) -> None:
        while (job := self._to_ask.get()) is not None:
            self._ask(job)
            self._to_score.put(job)
        self._to_score.put(None)

    def _ask(self, job: _Job) -> None:
        try:
            job.response = self._provider(job.request.key.model).complete(job.request)
        except ProviderError as error:
            job.error = Failure(error.kind, str(error))
        except Exception as error:  # a provider of a third party: its bug is this case's error
            job.error = Failure("provider", f"{type(error).__name__}: {error}")

    def _provider(self, model: str) -> Provider:
        if self._stopped.is_set():
            raise ProviderError("the run was stopped", kind="stopped")
        provider = self._providers[model]
        if model not in self._prepared:
            self._prepared.add(model)
            provider.prepare()
        return provider

    def _score_all(self) -> None:
        while (job := self._to_score.get()) is not None:
            batch = [job]
            try:
                while len(batch) < 256:
                    following = self._to_score.get_nowait()
                    if following is None:
                        self._to_score.put(None)
                        break
                    batch.append(following)
            except queue.Empty:
                pass  # that is all there is at the moment
            self._score(batch)

    def _score(self, batch: Sequence[_Job]) -> None:
        samples = self._scorer.samples([(job.case, job.request, job.response, job.error) for job in batch])
        for job, sample in zip(batch, samples, strict=True):
            job.sample.set_result(sample)
