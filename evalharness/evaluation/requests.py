"""The requests of one evaluation: its own, and those of the baseline's version next to it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path

from evalharness.errors import EvalHarnessError, StoreError
from evalharness.evaluation.options import EvaluationOptions
from evalharness.evaluation.plan import Plan
from evalharness.evaluation.reference import ReferenceRun, open_reference_run
from evalharness.evaluation.resources import Resources
from evalharness.logs import get_logger
from evalharness.records import Baseline, Baselines, Case, Request, Run, Sample, SampleKey
from evalharness.store import Commit

_log = get_logger(__name__)
MOST_AHEAD = 2_000
"""Requests of a model that are sent and not waited for: each takes several kilobytes."""
MOST_TOGETHER = 64
"""Samples that a record gets at once. One that is waited for does not keep others back."""


class Requests:
    """Sends requests through the shared pipeline. Each sample is handed out once."""

    def __init__(self, resources: Resources, plan: Plan, options: EvaluationOptions, folder: Path) -> None:
        self._resources, self._plan, self._options, self._folder = resources, plan, options, folder
        self.reference: ReferenceRun | None = None
        """The baseline's version next to this run, once it is planned."""
        if options.against is not None:
            self.reference = open_reference_run(options.against, plan, folder, resources)
        self._unsent: dict[str, Iterator[SampleKey]] = {}
        """By model, in the order of the plan."""
        self._early: set[SampleKey] = set()
        """Those that were sent before their turn, which has not come."""
        self._ahead: Counter[str] = Counter()
        """By model, the number of `_futures`."""
        self._futures: dict[SampleKey, Future[Sample]] = {}
        self._reference_futures: deque[Future[Sample]] = deque()

    def send(self, case: Case, request: Request) -> Future[Sample]:
        """Send one request. Returns the sample to come, scored by this suite's metrics."""
        return self._resources.pipeline.submit(case, request, self._plan.scorer)

    def start(self, keys: Sequence[SampleKey]) -> None:
        """Send these planned requests, of each model at most 2,000 ahead of the samples that are waited for."""
        for model in self._plan.providers:
            self._unsent[model] = filter(partial(_is_of, model), keys)
        for model in self._unsent:
            self._send_ahead(model)

    def _send_ahead(self, model: str) -> None:
        room = MOST_AHEAD - self._ahead[model]
        if room < MOST_AHEAD // 2 or not (keys := list(islice(self._unsent.get(model, ()), room))):
            return
        early = self._early.intersection(keys)
        self._early -= early
        self._submit([key for key in keys if key not in early])

    def _submit(self, keys: Sequence[SampleKey]) -> None:
        """Submit these requests, in turns with those of the version in `against`."""
        turns = [(key, self._plan.requests.turn(key), self._counterpart(key)) for key in keys]
        requests = [one for _, mine, other in turns for one in (mine, other) if one]
        futures = iter(self._resources.pipeline.submit_all(requests, self._plan.scorer))
        for key, _, other in turns:
            self._futures[key] = next(futures)
            self._ahead[key.model] += 1
            if other:
                self._reference_futures.append(next(futures))

    def _counterpart(self, key: SampleKey) -> tuple[Case, Request] | None:
        """The request of the version in `against`."""
        return self.reference.counterpart(key) if self._options.against and self.reference else None

    def future(self, key: SampleKey) -> Future[Sample]:
        """Return the sample to come of a planned request; sends the request if that has not happened."""
        if key not in self._futures:
            if key.model in self._unsent:
                self._early.add(key)
            self._submit([key])
        self._ahead[key.model] -= 1
        found = self._futures.pop(key)
        self._send_ahead(key.model)
        self._collect_reference(MOST_AHEAD)
        return found

    def samples(self, keys: Iterable[SampleKey]) -> Iterator[list[Sample]]:
        """Yield the samples of planned requests in order, as they arrive: together those that are there already."""
        arrived: list[Sample] = []
        for key in keys:
            future = self.future(key)
            if arrived and (len(arrived) == MOST_TOGETHER or not future.done()):
                yield arrived
                arrived = []
            arrived.append(future.result())
        if arrived:
            yield arrived

    def collect_reference(self) -> None:
        """Wait for the samples of the other version, and append them to its record."""
        self._collect_reference(0)

    def _collect_reference(self, waiting: int) -> None:
        """Append the samples of the other version to its record, until so many are left."""
        while len(self._reference_futures) > waiting:
            assert self.reference
            self.reference.add(self._reference_futures.popleft().result())

    def reference_run(self, *, stopped: bool) -> Run | None:
        """The samples of the other version so far; None without any."""
        return self.reference.run(stopped=stopped) if self.reference else None

    def reference_for(self, pairs: Collection[tuple[str, str]], accepted: Baselines) -> ReferenceRun | None:
        """The baseline's version, to run next to this one; None if there is none.

        That is the version in `against`, else the one at the merge base if its requests are those of the latest
        accepted run of each pair of model and prompt, and each application answers as it did then.
        """
        base = self._options.base
        if self.reference is not None or base is None:
            return self.reference
        try:
            found = open_reference_run(base, self._plan, self._folder, self._resources)
        except EvalHarnessError as error:  # the suite or the application did not exist then, or was invalid
            _log.info("suite %s: the accepted version cannot run: %s", self._plan.suite.name, error)
            return None
        digests = found.plan.request_digests
        if all(_has_digest(accepted.get(pair), digests.get(pair)) for pair in pairs) and self._answers_as_at(
            base, found
        ):
            self.reference = found
        return self.reference

    def _answers_as_at(self, commit: Commit, reference: ReferenceRun) -> bool:
        """Whether the models of today answer the requests of a commit as they did then.

        A model whose responses are recorded does, because its identity says what they depend on. An application is
        code of the project: a change of that code would judge itself, unless the commit's own code answers.
        """
        models = self._plan.providers.items()
        capabilities = [provider.capabilities for name, provider in models if name not in reference.own_code]
        root, code = self._plan.config.root, [one.files for one in capabilities if not one.recorded]
        return all(code) and all(_is_equal(root / file, root, commit) for files in code for file in files)


def _is_of(model: str, key: SampleKey) -> bool:
    return key.model == model


def _is_equal(path: Path, root: Path, commit: Commit) -> bool:
    """Whether a file below the root has the same bytes as at the commit."""
    if not path.is_file() or not path.is_relative_to(root) or ".." in path.parts:
        return False
    return path.read_bytes() == commit.read(path.relative_to(root).as_posix())


def _has_digest(baseline: Baseline | StoreError | None, digest: str | None) -> bool:
    """Whether the latest accepted run had requests of this digest."""
    return isinstance(baseline, Baseline) and baseline.runs[-1].request_digest == digest
