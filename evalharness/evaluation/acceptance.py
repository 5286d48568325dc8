"""Accept a run as a baseline, or its answers as golden. Every acceptance is in the history, or nothing changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evalharness.config import Config
from evalharness.errors import RefusedError, StoreError, SuiteError, did_you_mean
from evalharness.records import Run, Status, Suite
from evalharness.store import accept, in_ci, write_whole
from evalharness.store.acceptances import Acceptance, new_acceptance, origin, person, record_acceptance
from evalharness.store.baselines import baseline_path, unacceptable
from evalharness.store.files import all_or_none, locked
from evalharness.suites import load_suite, suite_path
from evalharness.suites.golden import GOLDEN_FOLDER
from evalharness.suites.golden_text import with_answers
from evalharness.suites.load import digest

_NAME = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason of an acceptance."""

    because: str
    overrode: Status
    """The status before the acceptance."""
    by: str = ""
    """Who accepts. Empty: the user of git, or of the system."""


def refuse_ci() -> None:
    """Raise RefusedError in CI, where no review precedes the acceptance."""
    if in_ci():
        raise RefusedError("nothing is accepted in CI: accept the run on your machine and commit golden/")


def request_digests(run: Run) -> dict[tuple[str, str], str]:
    """By (model, prompt): the digest of model, prompt and parameters, as in the plan of the run."""
    header = run.header
    pairs = sorted({(key.model, key.prompt) for key in header.planned})
    return {(model, prompt): digest([header.models[model], header.prompts[prompt]]) for model, prompt in pairs}


def accept_run(run: Run, config: Config, reason: Reason) -> list[Path]:
    """Add the run to its baselines. Returns the written files. Raises RefusedError, StoreError."""
    refuse_ci()
    _check_names(run, config)
    root, digests = config.root, request_digests(run)
    with locked(_folder(root)), all_or_none(baseline_path(root, run.header.suite, *pair) for pair in digests):
        written = accept(run, root=root, digests=digests, accepted_at=_now())
        files = [path.relative_to(root).as_posix() for path in written]
        record_acceptance(root, _acceptance(run, root, reason, baselines=files))
    return written


def _is_application(run: Run, model: str) -> bool:
    """Whether tests gave the answers of this model: its name is not in the configuration."""
    identity = run.header.models.get(model, {})
    return identity.get("provider") == "application" and _NAME.fullmatch(model) is not None


def _check_names(run: Run, config: Config) -> None:
    """Check names that become paths, because a record may come from elsewhere. Raises EvalHarnessError."""
    suite_path(run.header.suite, config.root)
    for key in run.header.planned:
        if key.model not in config.models and not _is_application(run, key.model):
            config.model(key.model)  # raises, with near names
        if not _NAME.fullmatch(key.prompt):
            raise RefusedError(f"not accepted: {key.prompt!r} is not the name of a prompt")
        if key.model not in run.header.models or key.prompt not in run.header.prompts:
            raise RefusedError(f"not accepted: the record has no identity for {key.model} or {key.prompt}")


def accept_answers(
    run: Run, config: Config, answers: Mapping[str, Sequence[str]], reason: Reason, *, replace: bool = False
) -> Path:
    """Add golden answers by case, or replace the existing ones. Returns the path of the written file.

    Raises RefusedError: a partial run, an unknown or edited case, a file that cannot be edited; StoreError.
    """
    refuse_ci()
    if why := unacceptable(run):
        raise RefusedError(f"not accepted: {why}")
    root, name = config.root, run.header.suite
    folder = _folder(root)
    with locked(folder):
        path = _golden_path(folder, name)
        with all_or_none([path]):
            _write_golden(path, run, config, answers, replace=replace)
            line = {"goldens": path.relative_to(root).as_posix(), "cases": sorted(answers), "replaced": replace}
            record_acceptance(root, _acceptance(run, root, reason, **line))
    return path


def _folder(root: Path) -> Path:
    """The folder whose lock serializes acceptances. Raises StoreError."""
    folder = root / GOLDEN_FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(f"{GOLDEN_FOLDER}: cannot be written: {error.strerror or error}") from None
    return folder


def _golden_path(folder: Path, name: str) -> Path:
    lines = folder / f"{name}.jsonl"
    return lines if lines.exists() else folder / f"{name}.yaml"


def _write_golden(path: Path, run: Run, config: Config, answers: Mapping[str, Sequence[str]], *, replace: bool) -> None:
    """Write the file, read it again, and compare."""
    name = run.header.suite
    suite = load_suite(name, config)
    _refuse_old(run, suite, answers)
    wanted = _wanted(suite, answers, replace=replace)
    text = path.read_bytes().decode() if path.exists() else ""
    write_whole(path, with_answers(text, lines=path.suffix == ".jsonl", answers=answers, replace=replace))
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


def _acceptance(run: Run, root: Path, reason: Reason, **what: object) -> Acceptance:
    pairs = {(key.model, key.prompt) for key in run.header.planned}
    return new_acceptance(
        at=_now(),
        by=reason.by or person(root),
        because=reason.because,
        **origin(run),
        models=sorted({model for model, _ in pairs}),
        prompts=sorted({prompt for _, prompt in pairs}),
        overrode=reason.overrode,
        **what,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
