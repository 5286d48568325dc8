"""The recorded responses of a plan: to the requests of the suite, turn by turn, and to those of its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

from evalharness.errors import MetricError
from evalharness.evaluation.conversations import Conversations
from evalharness.evaluation.plan import Plan
from evalharness.execution import Exchange
from evalharness.execution.keys import request_key, request_text
from evalharness.execution.options import RecordMode
from evalharness.providers import Provider
from evalharness.records import Request, SampleError, SampleKey
from evalharness.scoring.results import Replies
from evalharness.scoring.scorer import Answered, Scorer
from evalharness.store.recorded import NOT_RECORDED, Recorded

if TYPE_CHECKING:  # few plans have judged answers
    from evalharness.evaluation.stored_answers import StoredAnswers

Find = Callable[[Iterable[str]], Mapping[str, Recorded]]
"""Returns the recorded responses by key."""
_KeyOf = Callable[[Request], str]
_MISSING = SampleError("not recorded", NOT_RECORDED)


class RecordedPlan:
    """What a run of a plan would replay. Only models whose responses are recorded count."""

    def __init__(self, plan: Plan, find: Find) -> None:
        self._plan, self._find, self._key_of = plan, find, _key_of(plan.providers)
        self.wanted: dict[str, SampleKey] = {}
        """The keys of all requests. A turn after one that is not recorded has a key that no response has."""
        self.missing: list[Request] = []
        """The requests of the plan that are sent."""
        single = (one for _, one in plan.requests if one.dialogue is None and _is_recorded(plan.providers, one))
        self._looked_up = {self._key_of(one) for one in single}
        self.found = dict(find(self._looked_up))
        """The recorded responses by key."""
        self.answered = list(self._replayed())
        """The requests with their recorded responses."""

    def metric_keys(self, stored: Iterable[StoredAnswers] = ()) -> dict[str, SampleKey]:
        """Return the keys of the requests that metrics send to score the recorded responses, and accepted answers."""
        keys = self._keys(self._plan.scorer, self.answered)
        for one in stored:
            keys |= self._keys(one.scorer, () if one.missing else one.answers)
        return keys

    def _keys(self, scorer: Scorer, answered: Sequence[Answered]) -> dict[str, SampleKey]:
        keys, key_of = dict[str, SampleKey](), _key_of(self._plan.metric_models)
        for left in reversed(range(scorer.rounds)):
            wanted = [scorer.requests(one) for one in answered]
            now = {key_of(request): request.key for its in wanted for request in self._recordable(its)}
            keys |= now
            found = self._find(now) if left else {}
            replies = (tuple(_replies(one, found, key_of) for one in its) for its in wanted)
            answered = [replace(one, replies=its) for one, its in zip(answered, replies, strict=True)]
        return keys

    def _replayed(self) -> Iterator[Answered]:
        providers = self._plan.providers
        conversations = Conversations(self._submit, lambda model: providers[model].capabilities.keeps_state)
        for case, request in self._plan.requests:
            exchange = conversations.exchange(request).result()
            if exchange.response is None:
                self._note_missing(request)
            else:
                yield Answered(case, exchange.request, exchange.response)

    def _note_missing(self, request: Request) -> None:
        self.missing.append(request)
        if _is_recorded(self._plan.providers, request):  # no key of a turn is known before the earlier answers are
            self.wanted.setdefault(self._key_of(request), request.key)

    def _submit(self, request: Request, record: RecordMode | None = None) -> Future[Exchange]:
        done: Future[Exchange] = Future()
        recorded = self._recorded(request) if _is_recorded(self._plan.providers, request) else None
        found = Exchange(request, error=_MISSING)
        if recorded:
            found = Exchange(request, recorded.response, recorded_at=recorded.recorded_at)
        done.set_result(found)
        return done

    def _recorded(self, request: Request) -> Recorded | None:
        key = self._key_of(request)
        self.wanted[key] = request.key
        if key not in self._looked_up:
            self._looked_up.add(key)
            self.found |= self._find([key])
        return self.found.get(key)

    def _recordable(self, wanted: Iterable[list[Request] | MetricError]) -> Iterator[Request]:
        """The requests of all metrics for one sample to models whose responses are recorded."""
        requests = (request for its in wanted if not isinstance(its, MetricError) for request in its)
        return (one for one in requests if _is_recorded(self._plan.metric_models, one))


def _replies(wanted: list[Request] | MetricError, found: Mapping[str, Recorded], key_of: _KeyOf) -> Replies:
    """The recorded responses to one metric's requests, or an error if one of them is missing."""
    if isinstance(wanted, MetricError):
        return wanted
    recorded = [found.get(key_of(request)) for request in wanted]
    return MetricError(NOT_RECORDED) if None in recorded else tuple(one.response for one in recorded if one)


def _is_recorded(models: Mapping[str, Provider], request: Request) -> bool:
    return models[request.key.model].capabilities.recorded


def _key_of(models: Mapping[str, Provider]) -> _KeyOf:
    identities = {name: provider.identity() for name, provider in models.items()}

    def key(request: Request) -> str:
        model = request.key.model
        return request_key(request_text(models[model], identities[model], request))

    return key
