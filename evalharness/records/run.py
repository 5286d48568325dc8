"""Runs: the samples of one suite, with the settings that produced them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import fsum
from typing import Any

from evalharness.records.gates import GateRule
from evalharness.records.judged_again import JudgedAgain
from evalharness.records.marks import Mark, marked, marked_keys, metrics_of
from evalharness.records.planned import KeyList, PlannedKeys
from evalharness.records.response import SampleKey
from evalharness.records.sample import Sample
from evalharness.records.shard import Shard

CLASSES = " | "
"""Separates the classes of machines of a merged run."""


@dataclass(frozen=True, slots=True)
class RunHeader:
    """The settings of a run: first line of `run.jsonl`."""

    __pydantic_config__ = {"arbitrary_types_allowed": True}  # noqa: RUF012 - `planned` is read and written by itself

    id: str
    suite: str
    file: str
    started_at: str
    """UTC, ISO 8601."""
    models: Mapping[str, Mapping[str, Any]]
    """Identity of each model: provider, file hash, engine build, ..."""
    prompts: Mapping[str, str]
    """Digest of each prompt in the suite: template, shared variables, parameters."""
    params: Mapping[str, Any]
    metrics: tuple[str, ...]
    signatures: Mapping[str, str]
    """Signature of each metric."""
    gates: tuple[GateRule, ...]
    planned: PlannedKeys
    """All samples of the suite with the chosen models and prompts, whether they are selected or not."""
    machine_class: str
    """Processor, cores and system. Latency is compared only within one class."""
    environment: Mapping[str, Any]
    prices: Mapping[str, str] = field(default_factory=dict)
    """Source of the price of each model that has one."""
    deterministic: tuple[str, ...] = ()
    """Models that return the same response to every repeat of a request."""
    fixed: tuple[str, ...] = ()
    """Local models: their identity fixes the weights, so that samples of another day count like those of today."""
    max_stages: int = 1
    """2 if fresh samples must confirm a suspicion before a gate fails."""
    against: str = ""
    """Commit whose version of the suite is the baseline of this run, instead of the accepted runs."""
    questions: Mapping[str, str] = field(default_factory=dict)
    """What each judge metric asks; cases may have questions of their own."""
    shard: Shard | None = None
    """The part of the suite that this run is; None: the whole suite. Its gates are decided by `evalharness merge`."""

    @property
    def machine_classes(self) -> list[str]:
        """The classes of machines that ran it: several after a merge of shards."""
        return self.machine_class.split(CLASSES)


@dataclass(frozen=True, slots=True)
class Stability:
    """The accepted runs of a case that broke an assertion."""

    model: str
    prompt: str
    case: str
    broken: int
    """Number of accepted runs that broke it too."""
    runs: int
    """Number of accepted runs."""
    assertion: str = ""
    """The assertion with `must_pass: baseline`; empty for the stable assertions of the case."""


@dataclass(frozen=True)
class Run:
    """The samples of one suite, with the settings that produced them."""

    header: RunHeader
    samples: Sequence[Sample]
    """In the order of the record. A tuple, or a sequence that reads each sample from the record (`marks.py`)."""
    selected: Sequence[SampleKey]
    """Selected samples: all planned ones (then it is `header.planned` itself), or a part (`-k`, a node id)."""
    stopped: bool = False
    """Whether the run was interrupted (`-x`, Ctrl-C), so that no gate can pass."""
    calibration_s: float | None = None
    """Seconds of a fixed piece of work during the run: the speed of the machine. None if no gate needs it."""
    stability: tuple[Stability, ...] = ()
    """Accepted runs of each case that broke an assertion."""
    judged_again: tuple[JudgedAgain, ...] = ()
    """Scores of accepted answers by judges that have changed since."""
    lost_nodes: tuple[str, ...] = ()
    """The nodes of a cluster, and the workers on them, that were lost while this invocation ran."""

    @cached_property
    def complete(self) -> bool:
        """Whether there are planned samples, and all of them have a response."""
        answered = marked_keys(self.samples, Mark.ANSWERED)
        return not self.stopped and bool(self.header.planned) and self.header.planned.are_in(answered)

    @property
    def lost(self) -> Iterator[SampleKey]:
        """The selected samples that there are none of."""
        if self.complete:
            return iter(())
        selected = self.selected if isinstance(self.selected, PlannedKeys) else KeyList(self.selected)
        return selected.lacking(marked_keys(self.samples))

    @property
    def is_whole(self) -> bool:
        """Whether all planned samples were selected."""
        return self.header.planned.are_in(self.selected)

    @property
    def metric_names(self) -> list[str]:
        """The metrics of the suite, then those that only samples have."""
        return list(dict.fromkeys([*self.header.metrics, *metrics_of(self.samples)]))

    @property
    def means(self) -> dict[tuple[str, str], dict[str, float]]:
        """The mean of each metric over the planned samples, by model and prompt."""
        values: dict[tuple[str, str], dict[str, array[float]]] = {}
        for sample in marked(self.samples, Mark.PLANNED):
            by_metric = values.setdefault((sample.key.model, sample.key.prompt), {})
            for score in sample.scores:
                by_metric.setdefault(score.metric, array("d")).append(score.value)
        return {pair: {name: fsum(found) / len(found) for name, found in by.items()} for pair, by in values.items()}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a table row for each sample, in the order of the record.

        Unknown values are None or missing.
        """
        names = {"suite": self.header.suite, "run_id": self.header.id, "started_at": self.header.started_at}
        for sample in self.samples:
            yield {**names, **sample.row()}

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame with one row per sample.

        docs/data.md explains its columns. Raises MissingExtraError without pandas.
        """
        from evalharness.records import table

        return table.frame(self.rows(), self.metric_names, self.header.signatures)
