"""Accept a run as a baseline, or its answers as golden. Every acceptance is in the history, or nothing changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evalharness.config import Config
from evalharness.errors import RefusedError, SuiteError, did_you_mean
from evalharness.records import Run, Status, Suite
from evalharness.records.names import is_name
from evalharness.report.outcome import Outcome
from evalharness.store import accepted_baselines, in_ci
from evalharness.store.acceptances import (
    ACCEPTANCES,
    MOST_RELAXED,
    Acceptance,
    acceptances_with,
    new_acceptance,
    origin,
    person,
)
from evalharness.store.baselines import unacceptable
from evalharness.store.files import read_below
from evalharness.store.folders import writing
from evalharness.store.locks import locked
from evalharness.store.origins import text_digest
from evalharness.store.together import restore_locked, written_together
from evalharness.suites import load_suite, suite_path
from evalharness.suites.golden import GOLDEN_FOLDER
from evalharness.suites.golden_text import with_answers
from evalharness.suites.load import digest, request_digest

_MOST_CHARS = 500
"""Longest text of a relaxing change."""


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason of an acceptance."""

    because: str
    overrode: Status
    """The status before the acceptance."""
    by: str = ""
    """Who accepts. Empty: the user of git, or of the system."""
    verdicts: Mapping[Status, int] | None = None
    """Number of gates with each status; None if unknown."""
    relaxed: tuple[str, ...] | None = None
    """The changes that relaxed the criteria of the run; None if nothing was compared."""

    @classmethod
    def of(cls, outcome: Outcome, because: str, by: str = "") -> Reason:
        """The reason, with the outcome that the acceptance overrides."""
        counts = Counter(verdict.status for verdict in outcome.verdicts if verdict.gating)
        return cls(because, outcome.status, by, dict(sorted(counts.items())), _relaxed(outcome))


def _relaxed(outcome: Outcome) -> tuple[str, ...] | None:
    """A text for each relaxing change; None where there is no commit to compare with.

    At most `MOST_RELAXED`: the last one counts the rest.
    """
    if not outcome.base:
        return None
    texts = [str(change)[:_MOST_CHARS] for change in outcome.relaxing]
    rest = len(texts) - (MOST_RELAXED - 1)
    return (*texts[: MOST_RELAXED - 1], f"{rest} more changes") if rest > 1 else tuple(texts)


def refuse_ci() -> None:
    """Raise RefusedError in CI, where no review precedes the acceptance."""
    if in_ci():
        raise RefusedError("nothing is accepted in CI: accept the run on your machine and commit golden/")


def request_digests(run: Run) -> dict[tuple[str, str], str]:
    """By (model, prompt): the digest of model, prompt and parameters, as in the plan of the run."""
    return {pair: request_digest(run, *pair) for pair in sorted(run.header.planned.pairs)}


def accept_run(run: Run, config: Config, reason: Reason) -> list[Path]:
    """Add the run to its baselines. Returns the written files. Raises RefusedError, StoreError."""
    refuse_ci()
    _check_names(run, config)
    root, digests = config.root, request_digests(run)
    with _one_at_a_time(root):
        texts = accepted_baselines(run, root=root, digests=digests, accepted_at=_now())
        files = [path.relative_to(root).as_posix() for path in texts]
        history = acceptances_with(root, _acceptance(run, root, reason, baselines=files))
        with written_together(root, texts | {root / ACCEPTANCES: history}):
            pass
    return list(texts)


def _is_application(run: Run, model: str) -> bool:
    """Whether tests gave the answers of this model: its name is not in the configuration."""
    identity = run.header.models.get(model, {})
    return identity.get("provider") == "application" and is_name(model)


def _check_names(run: Run, config: Config) -> None:
    """Check names that become paths, because a record may come from elsewhere. Raises EvalHarnessError."""
    suite_path(run.header.suite, config.root)
    for model, prompt in run.header.planned.pairs:
        if model not in config.models and not _is_application(run, model):
            config.model(model)  # raises, with near names
        if not is_name(prompt):
            raise RefusedError(f"not accepted: {prompt!r} is not the name of a prompt")
        if model not in run.header.models or prompt not in run.header.prompts:
            raise RefusedError(f"not accepted: the record has no identity for {model} or {prompt}")


def accept_answers(
    run: Run, config: Config, answers: Mapping[str, Sequence[str]], reason: Reason, *, replace: bool = False
) -> Path:
    """Add golden answers by case, or replace the existing ones. Returns the path of the written file.

    Raises RefusedError: a partial run, an unknown or edited case, a file that cannot be edited; StoreError.
    """
    refuse_ci()
    if why := unacceptable(run):
        raise RefusedError(f"not accepted: {why}")
    root = config.root
    with _one_at_a_time(root):
        path = _golden_path(root, run.header.suite)
        line = {"goldens": path.relative_to(root).as_posix(), "cases": sorted(answers), "replaced": replace}
        acceptance = _acceptance(run, root, reason, **line, origins=list(_origins(run, answers)))
        history = acceptances_with(root, acceptance)
        _write_golden(path, run, config, answers, history, replace=replace)
    return path


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """Serialize acceptances, and undo one that was killed. Raises StoreError."""
    folder = root / GOLDEN_FOLDER
    with writing(folder), locked(folder, root):
        restore_locked(root)
        yield


def _golden_path(root: Path, name: str) -> Path:
    lines = root / GOLDEN_FOLDER / f"{name}.jsonl"
    return lines if lines.exists() else lines.with_suffix(".yaml")


def _write_golden(
    path: Path, run: Run, config: Config, answers: Mapping[str, Sequence[str]], history: bytes, *, replace: bool
) -> None:
    """Write the file and the history, read the file again, and compare."""
    suite = load_suite(run.header.suite, config)
    _refuse_old(run, suite, answers)
    wanted = _wanted(suite, answers, replace=replace)
    text = (read_below(config.root, path) or b"").decode()
    text = with_answers(text, lines=path.suffix == ".jsonl", answers=answers, replace=replace)
    with written_together(config.root, {path: text, config.root / ACCEPTANCES: history}):
        _check_golden(path, suite.name, config, answers, wanted)


def _check_golden(
    path: Path,
    name: str,
    config: Config,
    answers: Mapping[str, Sequence[str]],
    wanted: Mapping[str, tuple[str, ...]],
) -> None:
    """Raise RefusedError if the suite's golden answers are not the wanted ones."""
    found: dict[str, tuple[str, ...]] = {}
    with suppress(SuiteError):
        found = {case.id: case.golden for case in load_suite(name, config).cases}
    if found != wanted:
        cases = [case for case in answers if found.get(case) != wanted[case]] or list(answers)
        file = path.relative_to(config.root).as_posix()
        raise RefusedError(
            f"{file}: nothing was changed: the answer to '{cases[0]}' cannot be put in there without changing "
            "something else; write it in by hand"
        )


def _refuse_old(run: Run, suite: Suite, cases: Collection[str]) -> None:
    """Refuse an answer to an older version of a case; other golden answers do not matter. Raises RefusedError."""
    now = {case.id: case for case in suite.cases if case.id in cases}
    for sample in run.samples:
        case = now.get(sample.key.case)
        if case and sample.digest not in (case.digest, digest([case.vars, list(sample.golden)])):
            raise RefusedError(f"not accepted: the case '{case.id}' was edited after this run: run the suite again")


def _wanted(suite: Suite, answers: Mapping[str, Sequence[str]], *, replace: bool) -> dict[str, tuple[str, ...]]:
    """The golden answers of every case after the acceptance."""
    golden = {case.id: case.golden for case in suite.cases}
    for case, new in answers.items():
        if case not in golden:
            raise RefusedError(f"{suite.file}: unknown case '{case}'{did_you_mean(case, golden)}")
        if not new or not all(text.strip() for text in new):
            raise RefusedError(f"the answer to '{case}' is empty: an empty answer cannot be golden")
        golden[case] = (*(() if replace else golden[case]), *new)
    return golden


def _origins(run: Run, answers: Mapping[str, Sequence[str]]) -> Iterator[dict[str, object]]:
    """A `GoldenOrigin` for each model and prompt of the run that gave one of these answers."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for sample in run.samples:
        if sample.response and sample.response.text in answers.get(sample.key.case, ()):
            mine = found.setdefault((sample.key.model, sample.key.prompt), {}).setdefault(sample.key.case, [])
            if (made := text_digest(sample.response.text)) not in mine:
                mine.append(made)
    for (model, prompt), by_case in sorted(found.items()):
        request = request_digest(run, model, prompt)
        yield {"model": model, "prompt": prompt, "request": request, "answers": dict(sorted(by_case.items()))}


def _acceptance(run: Run, root: Path, reason: Reason, **what: object) -> Acceptance:
    pairs = run.header.planned.pairs
    return new_acceptance(
        at=_now(),
        by=reason.by or person(root),
        because=reason.because,
        **origin(run),
        models=sorted({model for model, _ in pairs}),
        prompts=sorted({prompt for _, prompt in pairs}),
        overrode=reason.overrode,
        verdicts=reason.verdicts,
        relaxed=reason.relaxed,
        **what,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
