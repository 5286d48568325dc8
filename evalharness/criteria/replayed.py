"""Answers from recordings that differ from the merge base: the change has written them itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from evalharness.criteria.forms import in_form_of
from evalharness.criteria.recordings import content_at, sha256
from evalharness.records import Baseline, CriteriaChange, Sample, SampleKey
from evalharness.store import Commit

_FILE_CHARS = 100


def replayed_changes(
    commit: Commit, root: Path, samples: Iterable[Sample], baselines: Mapping[SampleKey, Baseline]
) -> Iterator[CriteriaChange]:
    """A relaxing change for each recording that samples replay and that the commit does not have. Raises GitError.

    `baselines` are those of the commit for the samples whose request has not changed since: an accepted answer does not
    count.
    """
    brought = (one for one in samples if not _is_accepted(one, baselines.get(one.key)))
    sources = Counter(source for sample in brought for source in sample.recorded_from)
    for source, answers in sorted(sources.items()):
        file, _, digest = source.rpartition("@")
        then = content_at(commit, file)
        if then is not None and sha256(then) == digest:
            continue
        if then is not None and _restored(then, root / file) == digest:
            continue
        state = "new" if then is None else "changed"
        noun = "answer" if answers == 1 else "answers"
        what = f"{answers} {noun} replayed from {' '.join(file.split())[:_FILE_CHARS]}"
        yield CriteriaChange(what, "", f"this recording is {state}", relaxes=True)


def _restored(then: bytes, now: Path) -> str:
    """The digest of a committed file in the form that a checkout gives it."""
    return sha256(in_form_of(then, now))


def _is_accepted(sample: Sample, baseline: Baseline | None) -> bool:
    """Whether a replayed response is one of an accepted run: with its text, tokens and comparable scores."""
    stored = baseline.cases.get(sample.key.case) if baseline else None
    if baseline is None or stored is None or stored.digest != sample.digest or sample.response is None:
        return False
    comparable = [score for score in sample.scores if baseline.signatures.get(score.metric) == score.signature]
    usage = sample.response.usage
    mine = (sample.response.text, usage.prompt_tokens, usage.completion_tokens, [one.value for one in comparable])
    return any(
        mine == (one.text, one.prompt_tokens, one.completion_tokens, [one.scores[s.metric] for s in comparable])
        for one in stored.samples
    )
