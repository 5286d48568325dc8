"""Reads and writes baselines: `golden/baselines/SUITE/MODEL.PROMPT.jsonl`.

The file is made to be read in a diff. A header line with the number of cases, so that a lost line is detected. Then one
case per line, sorted by id, with a sample of each accepted run. Equal runs give equal bytes.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any

from evalharness.errors import RefusedError, StoreError
from evalharness.records import AcceptedRun, Baseline, BaselineCase, BaselineSample, Run, Sample, slots_of
from evalharness.records.chosen_samples import chosen
from evalharness.records.marks import IndexedSamples, Mark, marked, marked_keys
from evalharness.store.baseline_cases import PlacedLine, read_cases
from evalharness.store.baseline_lines import HeaderLine, RunLine
from evalharness.store.checked_line import checked_line
from evalharness.store.files import open_regular
from evalharness.store.runs import check_kind, parse_line
from evalharness.store.stored_samples import IN_MEMORY
from evalharness.store.upgrade import SCHEMA, upgraded_header

BASELINE_FOLDER = "golden/baselines"
PINNED = "pinned"
MOST_RUNS = 5
_SECONDS_DIGITS = 6
_LATER = ("first_token_s", "per_token_s", "calibration_s", "identity", "slots", "not_applicable")
"""Fields that older files lack. They are left out if they are None or empty."""


def baseline_path(root: Path, suite: str, model: str, prompt: str, *, pinned: bool = False) -> Path:
    """The file of a baseline. The pinned one is a copy that accepted runs do not move."""
    folder = root / BASELINE_FOLDER / suite
    return (folder / PINNED if pinned else folder) / f"{model}.{prompt}.jsonl"


def accepted_suites(root: Path) -> list[str]:
    """The names of the suites that have a baseline."""
    return sorted({path.parent.name for path in (root / BASELINE_FOLDER).glob("*/*.jsonl")})


def read_baseline(path: Path, root: Path) -> Baseline | None:
    """The baseline in a file; None if there is no file.

    Raises StoreError with file and line.
    """
    if not path.exists():
        return None
    file = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    values = _values(path, file)
    first, _, _ = next(values)
    if is_old := check_kind(file, first, "baseline") < SCHEMA:
        first = upgraded_header(first)
    header = checked_line(
        HeaderLine, file, 1, {**{k: v for k, v in first.items() if k != "schema"}, "schema_": first["schema"]}
    )
    place = baseline_path(root, header.suite, header.model, header.prompt, pinned=path.parent.name == PINNED)
    if path.is_relative_to(root / BASELINE_FOLDER) and path != place:
        raise StoreError(
            f"{file}:1: expected the baseline of this path, got that of {place.relative_to(root).as_posix()}: "
            "restore the file from git"
        )
    runs = tuple(AcceptedRun(**run.model_dump()) for run in header.runs)
    if len({(run.request_digest, *sorted(run.signatures.items())) for run in runs}) != 1:
        raise StoreError(f"{file}:1: the accepted runs differ in request or metric settings: accept a new baseline")
    signatures = {run.id: run.signatures for run in runs}
    cases = read_cases(path, file, values, signatures, is_large=header.cases > IN_MEMORY, is_old=is_old)
    if len(cases) != header.cases or not cases:
        raise StoreError(f"{file}:1: expected {header.cases} cases, got {len(cases)}: restore the file from git")
    return Baseline(file, header.suite, header.model, header.prompt, runs, cases)


def _values(path: Path, file: str) -> Iterator[PlacedLine]:
    """The lines as JSON objects, one at a time, with the bytes of the file in which each starts and has ended."""
    start = 0
    try:
        with open(path, "rb", opener=open_regular) as lines:
            first = lines.readline()
            for number, line in enumerate(chain([first], lines), start=1):
                yield parse_line(file, number, line.decode().removesuffix("\n")), start, start + len(line)
                start += len(line)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file}: cannot be read: {error}") from None


def accepted_baselines(
    run: Run, *, root: Path, digests: Mapping[tuple[str, str], str], accepted_at: str
) -> dict[Path, str]:
    """The files of the baselines with this run, for each of its models and prompts.

    The run joins the accepted runs if model, request and metric settings are equal. If one
    differs, it starts a new baseline. Raises RefusedError for a run that is partial, stopped or errored.
    """
    if reason := unacceptable(run):
        raise RefusedError(f"not accepted: {reason}")
    texts = {}
    for (model, prompt), digest in digests.items():
        path = baseline_path(root, run.header.suite, model, prompt)
        entry = _entry(run, model, accepted_at, digest)
        samples = _planned_samples(run, model, prompt)
        joined = _joined(_readable(path, root), entry, samples, (run.header.suite, model, prompt))
        if model not in run.header.deterministic and (stale := _stale(joined, samples)):
            raise RefusedError(f"not accepted: {stale}")
        texts[path] = _text(joined)
    return texts


def baseline_of(run: Run, model: str, prompt: str) -> Baseline:
    """The baseline that a complete run would be, without accepting it.

    Its `request_digest` is empty.
    """
    entry = _entry(run, model, run.header.started_at, "")
    return _joined(None, entry, _planned_samples(run, model, prompt), (run.header.suite, model, prompt))


def _planned_samples(run: Run, model: str, prompt: str) -> Sequence[Sample]:
    """The samples that were planned. Those of a confirmation exist for some models and prompts only."""
    keys, planned = marked_keys(run.samples), run.header.planned
    mine = [place for place, key in enumerate(keys) if (key.model, key.prompt) == (model, prompt) and key in planned]
    return chosen(run.samples, mine)


def _entry(run: Run, model: str, accepted_at: str, request_digest: str) -> AcceptedRun:
    header = run.header
    slots = slots_of(sample for sample in run.samples if sample.key.model == model)
    return AcceptedRun(
        header.id,
        accepted_at,
        header.machine_class,
        header.signatures,
        request_digest,
        run.calibration_s,
        header.models.get(model),
        slots,
    )


def _stale(joined: Baseline, samples: Sequence[Sample]) -> str:
    """Why replayed responses cannot be accepted: they are as old as the last accepted run, and may be its copies."""
    before = joined.runs[-2].accepted_at if len(joined.runs) > 1 else ""
    old = sum(sample.recorded_at <= before for sample in marked(samples, Mark.REPLAYED)) if before else 0
    if not old:
        return ""
    return (
        f"{old} of {len(samples)} responses were replayed and are older than the last accepted run; generate new "
        "ones with --llm-record=all"
    )


def unacceptable(run: Run) -> str:
    """Why a run cannot be accepted; empty if it can."""
    if run.header.shard:
        return f"expected a whole run, got {run.header.shard}: merge all shards with evalharness merge"
    if not run.complete:
        good = len(set(marked_keys(run.samples, Mark.ANY, Mark.ERROR)))
        stopped = " and was stopped" if run.stopped else ""
        return f"expected a complete run, but it has {good} of {len(run.header.planned)} samples{stopped}"
    if twice := _repeated(run.samples):
        return f"case {twice} has duplicate samples"
    odd = (one.key.case for one in run.samples if not all(0 <= score.value <= 1 for score in one.scores))
    return f"case {first} has a score outside of [0, 1]" if (first := next(odd, "")) else ""


def _repeated(samples: Sequence[Sample]) -> str:
    """A case of which two samples have the same key; empty if there is none."""
    hashes = array("q", map(hash, marked_keys(samples)))  # eight bytes each: there may be a million keys
    if len(set(hashes)) == len(hashes):
        return ""
    return next(key.case for key, count in Counter(marked_keys(samples)).items() if count > 1)


def _readable(path: Path, root: Path) -> Baseline | None:
    """The baseline in a file; None for a damaged one, because accepting a run replaces it."""
    try:
        return read_baseline(path, root)
    except StoreError:
        return None


def _joined(
    old: Baseline | None, entry: AcceptedRun, samples: Sequence[Sample], names: tuple[str, str, str]
) -> Baseline:
    settings = old and (old.runs[-1].request_digest, old.runs[-1].signatures)
    same = old if settings == (entry.request_digest, entry.signatures) else None
    kept = [run for run in (same.runs if same else ()) if run.id != entry.id][-(MOST_RUNS - 1) :]
    runs = (*kept, entry)
    cases = _JoinedCases(same.cases if same else {}, frozenset(run.id for run in kept), samples, entry.id)
    return Baseline("", *names, runs, cases if isinstance(samples, IndexedSamples) else dict(cases.items()))


class _JoinedCases(Mapping[str, BaselineCase]):
    """The accepted samples of each case, and those of a run, joined when they are needed."""

    def __init__(
        self, accepted: Mapping[str, BaselineCase], kept: frozenset[str], samples: Sequence[Sample], run: str
    ) -> None:
        """`kept`: the ids of the accepted runs that stay."""
        self._accepted, self._kept, self._samples, self._run = accepted, kept, samples, run
        self._first, self._more = dict[str, int](), dict[str, list[int]]()
        keys = list(marked_keys(samples))
        for place in sorted(range(len(keys)), key=lambda place: (keys[place].case, keys[place].repeat)):
            if self._first.setdefault(keys[place].case, place) != place:
                self._more.setdefault(keys[place].case, []).append(place)

    def __getitem__(self, case: str) -> BaselineCase:
        mine = [self._samples[place] for place in (self._first[case], *self._more.get(case, ()))]
        before = self._accepted.get(case)
        is_same = before is not None and before.digest == mine[0].digest
        kept = [one for one in before.samples if one.run in self._kept] if before and is_same else []
        return BaselineCase(mine[0].digest, (*kept, *(_stored(sample, self._run) for sample in mine)), 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)


def _stored(sample: Sample, run: str) -> BaselineSample:
    assert sample.response  # every sample of a complete run has one
    usage, left_out = sample.response.usage, tuple(one.metric for one in sample.not_applicable)
    scores = {score.metric: score.value for score in sample.scores}
    rounded = [None if value is None else round(value, _SECONDS_DIGITS) for value in sample.timings.values()]
    tokens = usage.prompt_tokens, usage.completion_tokens
    return BaselineSample(run, sample.response.text, scores, *tokens, *rounded, not_applicable=left_out)


def _text(baseline: Baseline) -> str:
    header = {
        "schema": SCHEMA,
        "kind": "baseline",
        "suite": baseline.suite,
        "model": baseline.model,
        "prompt": baseline.prompt,
        "cases": len(baseline.cases),
        "runs": [RunLine(**_as_dict(run)).model_dump(exclude_none=True) for run in baseline.runs],
    }
    return "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in _lines(header, baseline))


def _lines(header: dict[str, Any], baseline: Baseline) -> Iterator[dict[str, Any]]:
    yield header
    for case in sorted(baseline.cases):
        stored = baseline.cases[case]
        yield {"case": case, "digest": stored.digest, "samples": [_as_dict(sample) for sample in stored.samples]}


def _as_dict(record: AcceptedRun | BaselineSample) -> dict[str, Any]:
    values = {one.name: getattr(record, one.name) for one in fields(record)}
    values = {name: value for name, value in values.items() if value not in (None, ()) or name not in _LATER}
    return {k: dict(sorted(v.items())) if isinstance(v, Mapping) else v for k, v in values.items()}
