"""The prompts of a run whose text has changed since the merge base, or since the version that it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from evalharness.config import Config
from evalharness.errors import EvalHarnessError
from evalharness.records import Prompt, PromptChange, Run, Suite
from evalharness.store import Commit
from evalharness.suites import load_suite, prompt_digest


@dataclass(frozen=True, slots=True)
class EarlierCode:
    """The code of the earlier version, for prompts that it has."""

    commit: Commit
    checkout: Callable[[], Path]
    """Returns a folder with all files of the commit."""


def prompt_changes(
    run: Run, suite: Suite | None, config: Config, there: Path | None, code: EarlierCode | None = None
) -> tuple[PromptChange, ...]:
    """The changed prompts; `there` holds the files of the earlier version.

    None without an earlier version, and for a run of a suite whose prompts have changed since. A prompt in code counts
    as changed with the file of its module, and is left out without `code`.
    """
    if suite is None or there is None or all(_is_equal(file, config.root, there) for file in _files(suite)):
        return ()
    try:
        then = load_suite(suite.name, config.anchored(there))
    except EvalHarnessError:  # it did not exist then, or is invalid under today's configuration
        return ()
    return tuple(_changes(run, _with_code(then, suite, config, code), suite))


def _with_code(then: Suite, now: Suite, config: Config, code: EarlierCode | None) -> Suite:
    """The earlier suite with the texts of its prompts in code, where their files have changed."""
    names = [name for name, prompt in now.prompts.items() if prompt.configured]
    files = {place.file for name in names for place in now.prompts[name].places if not place.line}
    try:
        if not code or all(_bytes(config.root / file) == code.commit.read(file) for file in files):
            return then
        from evalharness.evaluation.configured_prompts import with_configured

        return with_configured(then, config, names, code.checkout())
    except EvalHarnessError:  # no such prompt then
        return then


def _files(suite: Suite) -> set[str]:
    """The files that the prompts of a suite are read from."""
    prompts = suite.prompts.values()
    files = {one.path for prompt in prompts for one in prompt.attachments.values()}
    return {suite.file, *files, *(place.file for prompt in prompts for place in prompt.places)}


def _is_equal(file: str, root: Path, there: Path) -> bool:
    now = _bytes(root / file)
    return now is not None and now == _bytes(there / file)


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _changes(run: Run, then: Suite, now: Suite) -> Iterator[PromptChange]:
    for name, digest in run.header.prompts.items():
        known = name in then.prompts and name in now.prompts
        if known and prompt_digest(now, name) == digest:
            old, new = _for_one_case(then.prompts[name], now.prompts[name])
            is_read = all(one.messages or not one.configured for one in (old, new))
            if is_read and (old.messages, old.attachments) != (new.messages, new.attachments):
                yield PromptChange(name, _place(old, new), _text(old), _text(new))


def _for_one_case(old: Prompt, new: Prompt) -> tuple[Prompt, Prompt]:
    """Both prompts; where functions make them, as made for their first common case."""
    common = old.by_case.keys() & new.by_case.keys() or old.by_case.keys() | new.by_case.keys()
    case = min(common, default="")
    then, now = (replace(one, messages=one.by_case.get(case, one.messages)) for one in (old, new))
    return then, now


def _place(old: Prompt, new: Prompt) -> str:
    """The files of the messages that differ; of all messages if some are only on one side."""
    pairs = zip_longest(old.messages, new.messages)
    changed = [place.file for place, (then, now) in zip(new.places, pairs, strict=False) if then != now]
    return ", ".join(dict.fromkeys(changed or [place.file for place in new.places]))


def _text(prompt: Prompt) -> str:
    messages = [f"{message.role}:\n{message.shown}" for message in prompt.messages]
    files = sorted(f"{one.path}: SHA-256 {one.sha256}" for one in prompt.attachments.values())
    return "\n\n".join([*messages, *(["\n".join(files)] if files else [])])
