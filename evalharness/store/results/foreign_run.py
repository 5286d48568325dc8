"""Builds the run of a foreign file from its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalharness.records import (
    FinishReason,
    KeyList,
    Message,
    Response,
    Run,
    RunHeader,
    Sample,
    SampleError,
    SampleKey,
    Score,
    Timing,
    Usage,
)
from evalharness.store.results.values import digest

_MAX_RESULTS = 1_000_000


@dataclass(frozen=True)
class Result:
    """One result of the file."""

    case: str
    content: Any
    """What makes the case: its input and what is expected. Results of equal content compare."""
    prompt: str
    model: str
    text: str | None
    """None without an answer."""
    messages: tuple[Message, ...] = ()
    golden: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    failed: tuple[str, ...] = ()
    error: SampleError | None = None
    usage: Usage | None = None
    timing: Timing | None = None
    """None if the file has no seconds that can be compared."""
    cost_usd: float | None = None
    finish_reason: FinishReason = "stop"
    repeat: int | None = None
    """None: the number of earlier results of the case."""


@dataclass
class ForeignRun:
    """The results of one file so far."""

    tool: str
    path: Path
    samples: dict[SampleKey, Sample] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Add a result."""
        if len(self.samples) >= _MAX_RESULTS:
            self.left_out[f"result beyond the first {_MAX_RESULTS:,}"] += 1
            return
        key = self._key(result)
        if key in self.samples:
            self.left_out["repeated result of one case and epoch"] += 1
            return
        response = None if result.text is None else _response(result, result.text)
        error = result.error or (None if response else SampleError("no answer", "the file has no answer"))
        self.samples[key] = Sample(
            key,
            digest(result.content),
            (),
            result.messages,
            result.golden,
            response,
            result.scores,
            result.failed,
            (),
            error,
            result.cost_usd,
            "" if result.timing else "imported",  # without seconds to compare
        )

    def _key(self, result: Result) -> SampleKey:
        key = SampleKey(result.case, result.prompt, result.model, result.repeat or 0)
        while result.repeat is None and key in self.samples:
            key = key._replace(repeat=key.repeat + 1)
        return key

    def score(self, metric: str, value: Any, settings: Any = None, explanation: str = "") -> Iterable[Score]:
        """The score by a metric of the tool; none, and a note, for a value outside of 0 to 1."""
        if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
            self.left_out[f"score of '{metric}' that is not a number from 0 to 1"] += 1
            return
        signature = "|".join([self.tool, metric, *([] if settings in (None, {}, []) else [digest(settings)[:12]])])
        yield Score(metric, float(value), signature, explanation)

    def run(
        self,
        *,
        id: str,  # noqa: A002 - the name of the field
        suite: str,
        started_at: str,
        prompts: Mapping[str, str],
        planned: Iterable[SampleKey] = (),
        stopped: bool = False,
        commit: str = "",
    ) -> Run:
        """The run. `planned` are results that the tool planned, with or without an answer in the file."""
        every = tuple(dict.fromkeys([*planned, *self.samples]))
        signatures = {score.metric: score.signature for sample in self.samples.values() for score in sample.scores}
        environment: dict[str, Any] = {"tool": self.tool}
        environment |= {"git": {"commit": commit}} if commit else {}
        environment |= {"left_out": [f"{count:,} x {reason}" for reason, count in self.left_out.items()]}
        models = {key.model: {"provider": self.tool} for key in every}
        header = RunHeader(
            id or digest(str(self.path))[:12],
            suite or self.path.stem,
            self.path.name,
            started_at,
            models,
            prompts,
            {},
            tuple(signatures),
            signatures,
            (),
            KeyList(every),
            "",
            environment,
        )
        return Run(header, tuple(self.samples.values()), every, stopped)


def _response(result: Result, answer: str) -> Response:
    return Response(
        answer, result.finish_reason, result.usage or Usage(0, 0), result.timing or Timing(0.0), result.model
    )
