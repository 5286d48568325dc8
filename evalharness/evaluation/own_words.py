"""Which golden answers of a run are own words of the version that it is compared with.

A golden answer is, if the history says that it came from an answer of the same model and prompt, and that was either an
answer to the accepted request (model identity, prompt, parameters), or is still one of the accepted answers. Equality
alone proves nothing: in a suite of classes, every version answers `billing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalharness.config import Config
from evalharness.errors import EvalHarnessError
from evalharness.evaluation.sides import Sides
from evalharness.records import Baseline, Baselines, Run, Suite
from evalharness.store.origins import Origins, text_digest
from evalharness.suites.load import request_digest

if TYPE_CHECKING:
    from evalharness.gate.own_words import OwnWords


def own_words(sides: Sides, origins: Origins, suite: Suite | None, config: Config) -> OwnWords:
    """The cases with own words, and the metrics that read them."""
    from evalharness.gate.own_words import NO_OWN_WORDS, OwnWords  # brings the gates

    name = sides.run.header.suite
    if not origins.problem and not any(origin[0] == name for origin in origins.claims):
        return NO_OWN_WORDS
    golden = {sample.key.case: sample.golden for sample in sides.run.samples}
    accepted = _reference(sides) if sides.run.header.against else _accepted(sides.baselines)
    found = {pair: _cases(one, golden, origins, name) for pair, one in accepted.items()}
    pinned = {pair: _cases(one, golden, origins, name) for pair, one in _accepted(sides.pinned).items()}
    return OwnWords(found, pinned, _reading_golden(suite, config), origins.problem)


def own_words_of(suite: Suite, pair: tuple[str, str], request: str, origins: Origins) -> frozenset[str]:
    """The cases whose golden answers are own words of a model and prompt, with this request digest."""
    golden = {case.id: case.golden for case in suite.cases}
    return _cases(_Version(*pair, frozenset([request]), {}), golden, origins, suite.name)


@dataclass(frozen=True, slots=True)
class _Version:
    """What the run is compared with, for one model and prompt."""

    model: str
    prompt: str
    requests: frozenset[str]
    texts: Mapping[str, tuple[str, ...]]
    """Case -> its answers."""


def _accepted(baselines: Baselines) -> dict[tuple[str, str], _Version]:
    return {
        pair: _Version(
            one.model,
            one.prompt,
            frozenset(run.request_digest for run in one.runs),
            {case: tuple(sample.text for sample in stored.samples) for case, stored in one.cases.items()},
        )
        for pair, one in baselines.items()
        if isinstance(one, Baseline)
    }


def _reference(sides: Sides) -> dict[tuple[str, str], _Version]:
    run = sides.reference
    pairs = {(sample.key.model, sample.key.prompt) for sample in run.samples} if run else set()
    return {pair: _Version(*pair, frozenset([request_digest(run, *pair)]), _texts(run, pair)) for pair in pairs if run}


def _texts(run: Run, pair: tuple[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for sample in run.samples:
        if sample.response and (sample.key.model, sample.key.prompt) == pair:
            found[sample.key.case] = (*found.get(sample.key.case, ()), sample.response.text)
    return found


def _cases(version: _Version, golden: Mapping[str, tuple[str, ...]], origins: Origins, suite: str) -> frozenset[str]:
    """The cases of which a golden answer is the version's own."""
    claims = origins.claims.get((suite, version.model, version.prompt), {})

    def own(case: str) -> Iterator[bool]:
        for text in golden.get(case, ()):
            digest = text_digest(text)
            requests = {request for made, request in claims[case] if made == digest}
            yield bool(requests & version.requests) or (bool(requests) and text in version.texts.get(case, ()))

    return frozenset(case for case in claims if any(own(case)))


def _reading_golden(suite: Suite | None, config: Config) -> frozenset[str]:
    """The metrics that read golden answers; of an unknown suite, none, so that its gates stay strict."""
    from evalharness.scoring.metrics import open_metric

    try:
        metrics = [open_metric(spec, config) for spec in suite.metrics] if suite else []
    except (EvalHarnessError, LookupError, ValueError):
        return frozenset()
    return frozenset(metric.name for metric in metrics if metric.needs_golden)
