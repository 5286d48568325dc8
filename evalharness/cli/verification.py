"""Check that a suite has a verdict that counts: of this commit, of the whole suite, and the one its record gives.

Calls no model. Decides the record again: an exit status and `verdict.json` may be those of another program.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from evalharness.cli.rejudge import decide_again
from evalharness.criteria.altered import altered_files
from evalharness.errors import EvalHarnessError, StoreError
from evalharness.evaluation.merge_base import MergeBase
from evalharness.records import Run, Suite
from evalharness.report import Outcome
from evalharness.report.encode import json_text
from evalharness.report.outcome import FAILED, NOT_GREEN
from evalharness.report.verdict_file import verdict_json
from evalharness.store import in_ci, read_run
from evalharness.store.git import head
from evalharness.store.runs import parse_line, record_in
from evalharness.suites import load_suite, prompt_digest, suite_names
from evalharness.suites.load import SUITE_FOLDER

NO_VERDICT = 5
SEVERITY = (0, NOT_GREEN, NO_VERDICT, FAILED)
"""Exit statuses from best to worst."""
_COMPARED = ("schema", "suite", "run", "status", "complete", "criteria", "verdicts")
_SHA_CHARS = 12


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for one suite."""

    suite: str
    exit_status: int
    """0, `NOT_GREEN`, `NO_VERDICT` or `FAILED`."""
    word: str
    """VERIFIED, RELAXED, NOT COMPARED, NO VERDICT, or the status of a red verdict."""
    reason: str
    run: str = ""
    """The id of the run; empty without a verdict."""

    def __str__(self) -> str:
        return f"{self.word} {self.suite}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The options of the runs to verify. They come from the command line, never from a run."""

    models: tuple[str, ...] = ()
    """Models that run instead of the suite's own."""
    prompts: tuple[str, ...] = ()
    """Prompts that run instead of the suite's own."""
    baseline: str | None = None
    report: str | None = None
    """Folder of the reports, relative to the root. None: `reports/SUITE`."""
    fail_inconclusive: bool = False


def suites_to_verify(base: MergeBase) -> list[str]:
    """The suites of the work tree and of the merge base, sorted. Raises GitError."""
    return sorted({*suite_names(base.config.root), *_suites_at(base)})


def _suites_at(base: MergeBase) -> set[str]:
    paths = map(PurePosixPath, base.commit.files(SUITE_FOLDER) if base.commit else ())
    return {path.stem for path in paths if path.suffix == ".yaml" and str(path.parent) == SUITE_FOLDER}


def verify_suites(base: MergeBase, names: list[str], settings: RunSettings) -> list[Verification]:
    """A verification for each suite, the worst first. Raises GitError."""
    commit, deleted = _head(base.config.root), _suites_at(base) - set(suite_names(base.config.root))
    altered = altered_files(base.config.root) if commit and in_ci() else []
    folder = base.config.root / (settings.report or "reports")
    in_folders = not settings.report or len(names) > 1  # as `--llm-report` chooses them
    found = [
        Verification(name, NOT_GREEN, "RELAXED", "the suite was deleted since the merge base")
        if name in deleted
        else _verification(base, name, folder / name if in_folders else folder, commit, settings)
        for name in names
    ]
    if altered:
        found = [one if one.exit_status in (FAILED, NO_VERDICT) else _of_altered(one.suite, altered) for one in found]
    return sorted(found, key=lambda one: -SEVERITY.index(one.exit_status))


def _of_altered(suite: str, files: list[str]) -> Verification:
    """The verification where the work tree no longer shows what has run."""
    more = f" and {len(files) - 1} more are" if len(files) > 1 else " is"
    return Verification(suite, NO_VERDICT, "NO VERDICT", f"{files[0]}{more} not as in the commit that was checked out")


def _head(root: Path) -> str | None:
    """The commit of this checkout; None outside of a repository. Raises StoreError: there is none in CI."""
    commit = head(root)
    if commit is None and in_ci():
        raise StoreError(f"{root.name}: expected a git checkout in CI, because a verdict counts for one commit")
    return commit


def _reason(error: Exception, root: Path) -> str:
    """The first line of an error, with paths relative to the root."""
    return str(error).partition("\n")[0].replace(f"{root}/", "")


def _verification(base: MergeBase, name: str, folder: Path, commit: str | None, settings: RunSettings) -> Verification:
    """The verification of one suite of the work tree."""
    try:
        return _verified(base, name, folder, commit, settings)
    except EvalHarnessError as error:
        return Verification(name, NO_VERDICT, "NO VERDICT", _reason(error, base.config.root))


def _verified(base: MergeBase, name: str, folder: Path, commit: str | None, settings: RunSettings) -> Verification:
    """The verification of one suite. Raises EvalHarnessError if it has no verdict that counts."""
    suite, path = load_suite(name, base.config), record_in(folder)
    if not path.is_file():
        raise StoreError(f"no record of a run: expected {path}")
    record = read_run(path)
    for problem in _problems(record, suite, commit, settings):
        raise StoreError(problem)
    stored = _verdict_file(folder)
    baseline = "none" if stored.get("compared") is False else settings.baseline
    outcome = decide_again(base, path, record, baseline)
    _check_verdict(stored, outcome)
    return _of(outcome, fail_inconclusive=settings.fail_inconclusive)


def _problems(record: Run, suite: Suite, commit: str | None, settings: RunSettings) -> Iterator[str]:
    """The reasons why a record is not one of this commit and of the whole suite."""
    if shard := record.header.shard:
        yield f"the record is {shard}: a verdict needs all of them, see evalharness merge"
    if record.header.suite != suite.name:
        yield f"the record is of another suite: expected {suite.name}, got {record.header.suite}"
    if (found := _commit_of(record)) != commit:
        yield f"the record is of another commit: expected {_short(commit)}, got {_short(found)}"
    if record.stopped:
        yield f"the run was stopped or killed after {len(record.samples)} of {len(record.header.planned)} answers"
    yield from _gaps(record, suite, settings)


def _gaps(record: Run, suite: Suite, settings: RunSettings) -> Iterator[str]:
    """The parts of the suite that a run leaves out."""
    planned = record.header.planned
    for model, prompt in sorted(_expected_pairs(suite, settings) - set(planned.pairs)):
        yield f"the run leaves out model '{model}' with prompt '{prompt}'"
    if not _is_of_suite(record, suite):
        yield "the suite has changed since the run"
    if left_out := sum(1 for _ in planned.lacking(record.selected)):
        yield f"the run selected {len(planned) - left_out} of {len(planned)} answers"


def _commit_of(record: Run) -> str | None:
    git = record.header.environment.get("git")
    commit = git.get("commit") if isinstance(git, Mapping) else None
    return commit if isinstance(commit, str) else None


def _short(commit: str | None) -> str:
    return commit[:_SHA_CHARS] if commit else "none"


def _expected_pairs(suite: Suite, settings: RunSettings) -> set[tuple[str, str]]:
    """The models and prompts that a run must have. None for a suite without models: tests give its answers."""
    prompts = settings.prompts or suite.default_prompts
    return {(model, prompt) for model in settings.models or suite.models for prompt in prompts}


def _is_of_suite(record: Run, suite: Suite) -> bool:
    """Whether a run planned the cases, prompts, parameters and gates that the suite has now."""
    header, cases = record.header, {case.id: case.digest for case in suite.cases}
    pairs = header.planned.pairs
    return (
        bool(pairs)
        and all(set(header.planned.cases(*pair)) == cases.keys() for pair in pairs)
        and all(_has_prompt(suite, name, header.prompts.get(name)) for _, name in pairs)
        and all(sample.digest == cases.get(sample.key.case) for sample in record.samples)
        and header.metrics == tuple(spec.score_name for spec in suite.metrics)
        and header.gates == tuple(gate.rule for gate in suite.gates)
    )


def _has_prompt(suite: Suite, name: str, digest: str | None) -> bool:
    """Whether a suite has this prompt. One in the project's code counts by its name: the code is not run here."""
    prompt = suite.prompts.get(name)
    return prompt is not None and (bool(prompt.configured) or prompt_digest(suite, name) == digest)


def _verdict_file(folder: Path) -> dict[str, Any]:
    """The content of `verdict.json`. Raises StoreError."""
    path = folder / "verdict.json"
    if not path.is_file():
        raise StoreError(f"the run ended before its verdict: expected {path}")
    try:
        return parse_line(path, 1, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None


def _check_verdict(stored: Mapping[str, Any], outcome: Outcome) -> None:
    """Raise StoreError unless a stored verdict is the one that the record gives."""
    if stored.get("accepted"):
        raise StoreError("the run was accepted, so its verdict is about an earlier baseline")
    again: dict[str, Any] = json.loads(json_text(verdict_json(outcome)))
    different = [name for name in _COMPARED if stored.get(name) != again[name]]
    if different:
        raise StoreError(f"verdict.json differs from the verdict on its record: {', '.join(different)}")


def _of(outcome: Outcome, *, fail_inconclusive: bool) -> Verification:
    """The verification of a verdict that counts."""
    status = outcome.exit_status(fail_inconclusive=fail_inconclusive)
    word, reason = outcome.word, outcome.headline
    if status in (0, NOT_GREEN):
        status = status if outcome.compared else NOT_GREEN  # outside of CI too
        word, reason = _word(outcome, status), outcome.reservation or f"{word}, {reason}"
    return Verification(outcome.run.header.suite, status, word, reason, outcome.run.header.id)


def _word(outcome: Outcome, status: int) -> str:
    if status == 0:
        return "VERIFIED"
    return "RELAXED" if outcome.relaxing else "NOT COMPARED"


def as_json(found: list[Verification], status: int, base: MergeBase) -> dict[str, Any]:
    """The results as plain data."""
    return {
        "schema": 1,
        "kind": "verification",
        "exit_status": status,
        "base": base.commit.sha if base.commit else "",
        "suites": [asdict(one) for one in found],
    }
