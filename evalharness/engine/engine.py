"""Asks every request once, in a thread of its own, and scores what is ready in batches in another.

pytest runs items one after another and each waits for its own sample; the engine goes ahead in the order in which they
will ask. So a slow scorer (an embedding model that is still being imported) overlaps with the model's work.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import astuple, dataclass, field, replace
from itertools import groupby
from typing import Any, get_args

from evalharness.engine.scoring import Scorer
from evalharness.errors import ProviderError
from evalharness.providers import Provider
from evalharness.records import Case, Failure, FinishReason, Request, Response, Sample

_MOST_AT_ONCE = 256


@dataclass(slots=True)
class _Job:
    case: Case
    request: Request
    scorer: Scorer
    response: Response | None = None
    error: Failure | None = None
    sample: Future[Sample] = field(default_factory=Future)


class Engine:
    """One for all suites of a session, so that their requests queue for one model instead of fighting over the machine.

    Use as a context manager: leaving it stops asking at once and ends the providers.
    """

    def __init__(self, providers: Mapping[str, Provider], scorers: Iterable[Scorer]) -> None:
        self._providers, self._scorers = providers, list(scorers)
        self._to_ask: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._to_score: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._prepared: set[str] = set()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._ask_all, self._score_all)]

    def __enter__(self) -> Engine:
        for thread in (*self._threads, threading.Thread(target=self._warm_up, daemon=True)):
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stopped.set()
        self._to_ask.put(None)
        with ExitStack() as ending:  # last in, first out: one that cannot close keeps no other from it
            for thread in self._threads:
                ending.callback(thread.join, timeout=30)
            for provider in self._providers.values():
                ending.callback(provider.close)

    def ask(self, case: Case, request: Request, scorer: Scorer) -> Future[Sample]:
        """Ask this when its turn comes. The sample always comes, with an error in it if need be."""
        job = _Job(case, request, scorer)
        if self._stopped.is_set():
            self._ask(job)
            self._score(scorer, [job])
        else:
            self._to_ask.put(job)
        return job.sample

    def _warm_up(self) -> None:
        for scorer in self._scorers:
            scorer.warm_up()

    def _ask_all(self) -> None:
        while (job := self._to_ask.get()) is not None:
            self._ask(job)
            self._to_score.put(job)
        self._to_score.put(None)

    def _ask(self, job: _Job) -> None:
        try:
            job.response = _sound(self._provider(job.request.key.model).complete(job.request))
        except ProviderError as error:
            job.error = Failure(error.kind, str(error))
        except BaseException as error:  # a provider of a third party: its bug, its sys.exit too, is this case's error
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
            for scorer, jobs in groupby(self._ready(job), key=lambda ready: ready.scorer):
                self._score(scorer, list(jobs))

    def _ready(self, job: _Job) -> list[_Job]:
        """The job and all that have come in meanwhile: metrics that work in batches get them together."""
        batch = [job]
        while len(batch) < _MOST_AT_ONCE:
            try:
                following = self._to_score.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._to_score.put(None)
                break
            batch.append(following)
        return batch

    def _score(self, scorer: Scorer, jobs: Sequence[_Job]) -> None:
        try:
            samples = scorer.samples([(job.case, job.request, job.response, job.error) for job in jobs])
        except BaseException as error:  # somebody waits for every one of them
            if len(jobs) > 1:  # one answer may have spoilt the batch
                for job in jobs:
                    self._score(scorer, [job])
                return
            failure = Failure("scoring", f"{type(error).__name__}: {error}")
            samples = [scorer.unscored(job.case, job.request, job.response, job.error or failure) for job in jobs]
        for job, sample in zip(jobs, samples, strict=True):
            if job.sample.set_running_or_notify_cancel():
                job.sample.set_result(sample)


def _sound(response: Response) -> Response:
    """The response, its text as Unicode can be written. Raises ProviderError for anything else a provider returned."""
    if not isinstance(response, Response) or not isinstance(response.text, str):
        raise ProviderError(f"the provider returned no response but {type(response).__name__}")
    numbers = [*astuple(response.usage), *(value for value in astuple(response.timing) if value is not None)]
    if response.finish_reason not in get_args(FinishReason) or not all(0 <= number < math.inf for number in numbers):
        raise ProviderError(
            f"the provider returned a response that cannot be recorded: {replace(response, text='...')}"
        )
    return replace(response, text=response.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
