"""The answers of two sides as pairs, for a blind comparison: of two runs or baselines, or of one run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evalharness.errors import RefusedError, did_you_mean
from evalharness.records import Message, Run
from evalharness.report.blind import AnswerPair, ShownPrompt, Side
from evalharness.review.side_names import SideName, sides_named
from evalharness.review.what_varies import Place, shown_prompts, without_prompt
from evalharness.store import read_baseline, read_run
from evalharness.store.runs import stored_lines


@dataclass(frozen=True, slots=True)
class SideAnswers:
    """The answers of one side, with the messages and goldens of its cases."""

    suite: str
    run: str
    answers: Mapping[Place, str]
    messages: Mapping[Place, tuple[Message, ...]]
    """Empty for a baseline, which stores no messages. The same for `golden`."""
    golden: Mapping[Place, tuple[str, ...]]

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """The models and prompts of the answers."""
        return {(place.model, place.prompt) for place in self.answers}


def read_answers(path: Path, root: Path) -> SideAnswers:
    """The answers in a run record, a baseline file or a folder of baselines. Raises StoreError, RefusedError."""
    if path.is_dir():
        return _of_folder(path, root)
    _, first = next(stored_lines(path), (1, {}))
    if first.get("kind") != "baseline":
        return _of_run(read_run(path))
    baseline = read_baseline(path, root)
    assert baseline is not None
    answers = {
        Place(case, baseline.model, baseline.prompt): stored.samples[-1].text for case, stored in baseline.cases.items()
    }
    return SideAnswers(baseline.suite, baseline.runs[-1].id, answers, {}, {})


def _of_folder(path: Path, root: Path) -> SideAnswers:
    sides = [read_answers(one, root) for one in sorted(path.glob("*.jsonl"))]
    if not sides:
        raise RefusedError(f"{path}: no baseline in this folder")
    if len({side.run for side in sides}) != 1:
        raise RefusedError(f"{path}: the baselines are of several accepted runs: pass one of the files")
    return replace(sides[0], answers={place: text for side in sides for place, text in side.answers.items()})


def _of_run(run: Run) -> SideAnswers:
    planned, answers = run.header.planned, dict[Place, str]()
    messages: dict[Place, tuple[Message, ...]] = {}
    golden: dict[Place, tuple[str, ...]] = {}
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        key = sample.key
        if sample.response and key in planned:
            place = Place(key.case, key.model, key.prompt)
            answers.setdefault(place, sample.response.text)
            messages.setdefault(place, sample.messages)
            golden.setdefault(place, sample.golden)
    return SideAnswers(run.header.suite, run.header.id, answers, messages, golden)


def only(side: SideAnswers, models: Collection[str], prompts: Collection[str]) -> SideAnswers:
    """The answers of some models and prompts; empty: of all. Raises RefusedError: the run does not have one of them."""
    for given, known, what in (
        (models, {model for model, _ in side.pairs}, "model"),
        (prompts, {prompt for _, prompt in side.pairs}, "prompt"),
    ):
        if unknown := sorted(set(given) - known):
            raise RefusedError(f"{side.run} has no {what} '{unknown[0]}'{did_you_mean(unknown[0], known)}")
    chosen = {
        place: text
        for place, text in side.answers.items()
        if (not models or place.model in models) and (not prompts or place.prompt in prompts)
    }
    return replace(side, answers=chosen)


def pair_answers(a: SideAnswers, b: SideAnswers, sides: str = "") -> tuple[Side, Side, list[AnswerPair]]:
    """Both sides, and the cases with different answers. `sides`: their models and prompts, as in `sides_named`.

    Raises RefusedError: two suites, unknown sides, no common model and prompt, or no different answer.
    """
    if a.suite != b.suite:
        raise RefusedError(f"expected two runs of one suite, got {a.suite} and {b.suite}")
    names = sides_named(sides, a.pairs, b.pairs) if sides else _sides(a, b)
    pairs = list(_differing(a, b, *names))
    if not pairs:
        raise RefusedError("nothing to compare: every common answer is the same on both sides")
    first, second = (Side(side.run, *name) for side, name in zip((a, b), names, strict=True))
    return first, second, pairs


def _sides(a: SideAnswers, b: SideAnswers) -> tuple[SideName, SideName]:
    """Every model and prompt that both have; or, without a common one, the only one of each."""
    if a.pairs & b.pairs:
        return SideName("", ""), SideName("", "")
    if len(a.pairs) != 1 or len(b.pairs) != 1:
        raise RefusedError(
            "the runs share no model and prompt: choose one model and prompt of each, as in "
            "--sides smollm2.concise,gemma.concise"
        )
    return SideName(*next(iter(a.pairs))), SideName(*next(iter(b.pairs)))


def _differing(a: SideAnswers, b: SideAnswers, name_a: SideName, name_b: SideName) -> Iterator[AnswerPair]:
    places = [_places(side, name) for side, name in ((a, name_a), (b, name_b))]
    shown = [shown_prompts(side.messages) for side in (a, b)]
    for key in sorted(places[0].keys() & places[1].keys()):
        at_a, at_b = (found[key] for found in places)
        if a.answers[at_a] != b.answers[at_b]:
            prompt = _prompt(shown[0].get(at_a), shown[1].get(at_b))
            golden = a.golden.get(at_a) or b.golden.get(at_b) or ()
            yield AnswerPair(*key, prompt, golden, a.answers[at_a], b.answers[at_b])


def _places(side: SideAnswers, name: SideName) -> dict[Place, Place]:
    """The places of the answers of a side, by what they have in common with the other side's."""
    return {
        Place(place.case, "" if name.model else place.model, "" if name.prompt else place.prompt): place
        for place in side.answers
        if name.model in ("", place.model) and name.prompt in ("", place.prompt)
    }


def _prompt(a: ShownPrompt | None, b: ShownPrompt | None) -> ShownPrompt:
    if a is None or b is None or a == b:
        return a or b or ShownPrompt()
    return without_prompt(a, b)
