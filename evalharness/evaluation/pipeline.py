"""From a suite's requests to its samples: the engine sends, the scorer scores, in batches in a thread of its own.

    submit ── engine ──> response ── scorer.requests ── engine ──> replies ── scorer.samples ──> sample
                                            ^── a second round ────────┘

The engine goes ahead of the caller: while a slow metric (an embedding model) is imported, the models answer already.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import count, groupby
from typing import TYPE_CHECKING, Any

from evalharness.errors import MetricError
from evalharness.evaluation.warm_up import WarmUp
from evalharness.execution import Engine, Exchange
from evalharness.foreign import describe
from evalharness.logs import get_logger
from evalharness.records import Case, Request, Response, Sample, SampleError
from evalharness.scoring.long_texts import LongTexts
from evalharness.scoring.scorer import Answered, Scorer

if TYPE_CHECKING:  # only some suites have conversations
    from evalharness.evaluation.conversations import Conversations

_log = get_logger(__name__)
_MOST_AT_ONCE = 256
_LINGERS, _LINGER_S = 6, 0.005  # waits for more responses, and the seconds of one
_PATIENCE_S = 2.0  # that the end of a run waits for a busy metric
_UNSCORED = SampleError("stopped", "the run was stopped before this response was scored")
_TOO_LATE = SampleError("deadline", "the run's deadline ended before this response was scored")
_GRACE_S = 1.0
"""Seconds after the deadline for responses that arrived in time to get their scores."""
_MOST_CHARS_AT_ONCE = 1_000_000  # of the responses of one batch, so that long ones are scored one by one


@dataclass(slots=True, eq=False)
class _Task:
    """One sample on its way."""

    case: Case
    request: Request
    """As planned; in a conversation, as sent from then on."""
    scorer: Scorer
    exchange: Exchange | None = None
    rounds: list[list[list[Future[Exchange]] | MetricError]] = field(default_factory=list)
    """For each round of requests and each metric: the exchanges, or the error."""
    sample: Future[Sample] = field(default_factory=Future)

    @property
    def chars(self) -> int:
        """The length of the response; 0 without one."""
        response = self.exchange.response if self.exchange else None
        return len(response.text) if response else 0

    def answered(self) -> Answered:
        response, error = (self.exchange.response, self.exchange.error) if self.exchange else (None, None)
        replies = tuple(_joined(sent) for sent in zip(*self.rounds, strict=True)) if self.rounds else None
        return Answered(self.case, self.request, response, error, replies, self._effort())

    def finish(self, sample: Sample) -> None:
        """Set the sample. Later calls do nothing."""
        with suppress(Exception):  # the scoring thread and the end of the run may both finish it
            self.sample.set_result(sample)

    @property
    def sent_for_metrics(self) -> int:
        """Number of times that a request of the metrics was sent."""
        return sum(one.attempts for one in self._replies() if not one.recorded_at)

    def _effort(self) -> dict[str, Any]:
        """What the requests took: fields of the sample."""
        own, replies = self.exchange or Exchange(self.request), self._replies()
        mine = {"cost_usd": own.cost_usd, "recorded_at": own.recorded_at, "attempts": own.attempts}
        return mine | {
            "metrics_cost_usd": sum(one.cost_usd or 0.0 for one in replies if not one.recorded_at),
            "recorded_from": tuple(sorted({source for one in (own, *replies) for source in one.all_sources})),
        }

    def _replies(self) -> list[Exchange]:
        """The exchanges of the metrics' requests that have ended."""
        sent = [one for sent in self.rounds for one in sent if not isinstance(one, MetricError)]
        return [future.result() for futures in sent for future in futures if future.done()]


class Pipeline:
    """One for all suites of an invocation. Use as a context manager: leaving it stops the requests at once."""

    def __init__(self, engine: Engine, deadline_s: float | None = None) -> None:
        """Prepare a pipeline; nothing is started. After `deadline_s` and a second, no response is scored any more."""
        self._engine, self._deadline_s = engine, deadline_s
        self._started_at, self._finished = time.monotonic(), 0
        self._over = threading.Event()
        self._timer = threading.Timer(deadline_s + _GRACE_S, self._too_late) if deadline_s is not None else None
        self._ready: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._unfinished: set[_Task] = set()
        self._warm_up = WarmUp(self._ready.put)
        self._stopped = threading.Event()
        self._long_texts = LongTexts()
        self._scorers: dict[Scorer, None] = {}
        self.sent = Counter[Scorer]()
        """By scorer: number of times that a request of its metrics was sent, for samples that are finished."""
        self._thread = threading.Thread(target=self._score_all, daemon=True, name="evalharness-scores")

    def __enter__(self) -> Pipeline:
        self._engine.__enter__()
        self._started_at = time.monotonic()
        self._thread.start()
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        with ExitStack() as ending:
            ending.callback(self._end_thread)
            ending.push(self._engine)

    def has_time_for(self, samples: int) -> bool:
        """Whether as many samples fit into the time until the deadline, at the pace so far."""
        if self._deadline_s is None:
            return True
        passed = time.monotonic() - self._started_at
        return passed * (1 + samples / max(1, self._finished)) <= self._deadline_s

    def submit(self, case: Case, request: Request, scorer: Scorer) -> Future[Sample]:
        """Send a request. Returns its future sample, which holds an error where the request or a metric failed."""
        return self.submit_all([(case, request)], scorer)[0]

    def submit_all(self, requests: Iterable[tuple[Case, Request]], scorer: Scorer) -> list[Future[Sample]]:
        """Send requests, and warm up their scorer while they are in flight. Returns their future samples.

        This thread imports everything that the threads of the run will need for these requests.
        """
        self._scorers[scorer] = None
        tasks = [_Task(case, request, scorer) for case, request in requests]
        self._engine.import_modules([*(task.request.key.model for task in tasks), *scorer.models])
        for task in tasks:
            self._send(task)
        self._warm_up.run(scorer)
        return [task.sample for task in tasks]

    def score_stored(self, answered: Iterable[tuple[Case, Request, Response]], scorer: Scorer) -> list[Future[Sample]]:
        """Score responses that are known already. Only the metrics send requests."""
        self._scorers[scorer] = None
        self._engine.import_modules(scorer.models)
        tasks = [_Task(case, request, scorer, Exchange(request, response)) for case, request, response in answered]
        for task in tasks:
            self._unfinished.add(task)
            self._arrived(task, task.exchange or Exchange(task.request))
        self._warm_up.run(scorer)
        return [task.sample for task in tasks]

    def _send(self, task: _Task) -> None:
        self._unfinished.add(task)
        if task.request.is_single:
            self._engine.send(task.request, partial(self._arrived, task))
        else:  # the exchange of all that its answer takes
            exchange = self._conversations.exchange(task.request)
            exchange.add_done_callback(lambda future: self._arrived(task, future.result()))

    @cached_property
    def _conversations(self) -> Conversations:
        from evalharness.evaluation.conversations import Conversations

        return Conversations(self._engine.submit, self._engine.keeps_state)

    def _arrived(self, task: _Task, exchange: Exchange) -> None:
        task.exchange, task.request = exchange, exchange.request
        if self._over.is_set():
            self._leave_unscored(task, _TOO_LATE)
        elif self._stopped.is_set() and not self._thread.is_alive():
            self._leave_unscored(task, _UNSCORED)
        else:
            self._warm_up.add(task.scorer, task)

    def _end_thread(self) -> None:
        self._ready.put(None)
        self._thread.join(timeout=0 if self._over.is_set() else _PATIENCE_S)
        self._stop_children()
        for task in list(self._unfinished):  # a metric is still busy, or not warm
            self._leave_unscored(task, _UNSCORED)

    def _too_late(self) -> None:
        """Give up the scores of all responses: the scoring thread may be in a metric that takes minutes."""
        self._over.set()
        for task in list(self._unfinished):
            if task.exchange is not None:  # the engine ends the others, which then come to `_arrived`
                self._leave_unscored(task, _TOO_LATE)
        self._stop_children()

    def _stop_children(self) -> None:
        """End the processes that score and check; a call in one of them then ends with an error."""
        self._long_texts.stop()
        for scorer in list(self._scorers):
            scorer.close()

    def _leave_unscored(self, task: _Task, error: SampleError) -> None:
        answered = task.answered()
        self._finish(task, replace(answered, error=answered.error or error).sample())

    def _score_all(self) -> None:
        while (task := self._ready.get()) is not None:
            for scorer, tasks in groupby(self._batch(task), key=lambda ready: ready.scorer):
                waiting = [one for one in tasks if not one.sample.done()]  # a deadline may have ended it
                self._score(scorer, [one for one in waiting if not self._needs_replies(one)])

    def _batch(self, task: _Task) -> list[_Task]:
        """Return the task and all that are ready by now: metrics that work in batches get them together."""
        batch, chars = [task], task.chars
        for _ in range(_LINGERS):  # responses arrive in bursts: let the loop read them all before others need the GIL
            if 1 + self._ready.qsize() >= min(_MOST_AT_ONCE, len(self._unfinished)):
                break
            time.sleep(_LINGER_S)
        while len(batch) < _MOST_AT_ONCE and chars < _MOST_CHARS_AT_ONCE:
            try:
                following = self._ready.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._ready.put(None)
                break
            batch.append(following)
            chars += following.chars
        return batch

    def _needs_replies(self, task: _Task) -> bool:
        """Send the next round of the metrics' requests. Returns whether the task waits for it, to be queued again."""
        if len(task.rounds) == task.scorer.rounds or task.answered().response is None:
            return False
        wanted = task.scorer.requests(task.answered())
        sent = [one if isinstance(one, MetricError) else [self._engine.submit(r) for r in one] for one in wanted]
        task.rounds.append(sent)
        futures = [future for one in sent if not isinstance(one, MetricError) for future in one]
        arrivals = count(1)  # its next() is atomic

        def arrived(_: Future[Exchange]) -> None:
            if next(arrivals) == len(futures):
                self._ready.put(task)

        for future in futures:
            future.add_done_callback(arrived)
        return bool(futures)

    def _score(self, scorer: Scorer, tasks: Sequence[_Task]) -> None:
        _log.debug("scoring starts: batch of %d", len(tasks))
        try:
            samples = scorer.samples([task.answered() for task in tasks], self._long_texts)
        except BaseException as error:  # each sample has a waiting reader
            if len(tasks) > 1:  # one response may have spoilt the batch
                for task in tasks:
                    self._score(scorer, [task])
                return
            failure = SampleError("scoring", describe(error))
            answered = [task.answered() for task in tasks]
            samples = [replace(one, error=one.error or failure).sample() for one in answered]
        _log.debug("scoring finished: batch of %d", len(tasks))
        for task, sample in zip(tasks, samples, strict=True):
            self._finish(task, sample)

    def _finish(self, task: _Task, sample: Sample) -> None:
        self._unfinished.discard(task)
        self._finished += 1
        self.sent[task.scorer] += task.sent_for_metrics
        task.finish(sample)


def _joined(sent: Sequence[list[Future[Exchange]] | MetricError]) -> tuple[Response, ...] | MetricError:
    """The responses to one metric's requests in all rounds, or the first error."""
    found: tuple[Response, ...] = ()
    for one in map(_replies, sent):
        if isinstance(one, MetricError):
            return one
        found += one
    return found


def _replies(sent: list[Future[Exchange]] | MetricError) -> tuple[Response, ...] | MetricError:
    """The responses to one metric's requests, or the error of the first that failed."""
    if isinstance(sent, MetricError):
        return sent
    exchanges = [future.result() for future in sent if future.done()]
    failed = next((one for one in exchanges if one.error), None)
    if failed is not None and failed.error:
        return MetricError(f"no response of '{failed.request.key.model}': {failed.error.kind}: {failed.error.message}")
    return tuple(one.response for one in exchanges if one.response is not None)
