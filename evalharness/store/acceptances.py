"""Reads and writes acceptances: `golden/HISTORY.jsonl`.

A line has person, time, run and reason. Only the origins of golden answers influence a verdict, see `origins.py`. Lines
are only added.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalharness.errors import RefusedError
from evalharness.records import Run, Status
from evalharness.store.environment import run_git
from evalharness.store.files import as_bytes, read_below
from evalharness.store.lines import MOST_PROBLEMS, read_lines
from evalharness.store.origins import HISTORY, GoldenOrigin

ACCEPTANCES = HISTORY
SCHEMA = 1
_MOST_CHARS = 2_000
MOST_RELAXED = 50
"""Most relaxing changes in a line; the last one counts the rest."""


_Text = Annotated[str, Field(max_length=_MOST_CHARS)]
_Count = Annotated[int, Field(ge=0)]


class Acceptance(BaseModel):
    """One line: a run accepted into baselines, or responses accepted as golden."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["acceptance"] = "acceptance"
    at: _Text
    """UTC, ISO 8601."""
    by: _Text
    because: _Text
    suite: _Text
    run: _Text
    commit: _Text | None
    """Commit of the run; None outside of git."""
    dirty: bool
    """Whether tracked files differed from the commit."""
    models: list[_Text]
    prompts: list[_Text]
    baselines: list[_Text] = []
    """Files of the baselines."""
    goldens: _Text = ""
    """File of the golden answers."""
    cases: list[_Text] = []
    """Cases whose golden answers changed."""
    replaced: bool = False
    """Whether the new golden answers replaced the old ones."""
    origins: list[GoldenOrigin] = []
    """Whose answers became golden. Older lines lack it."""
    overrode: Status
    """Status of the run before."""
    verdicts: dict[Status, _Count] | None = None
    """Number of gates with each status. Older lines lack it."""
    relaxed: Annotated[list[_Text], Field(max_length=MOST_RELAXED)] | None = None
    """The changes that relaxed the criteria of the run. Missing: unknown, in older lines and outside of git."""


def person(root: Path) -> str:
    """The name and email of the user in git, or the name of the account."""
    name, email = run_git(root, "config", "user.name"), run_git(root, "config", "user.email")
    if name or email:
        return f"{name or ''} <{email}>".strip() if email else str(name)
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def origin(run: Run) -> dict[str, Any]:
    """The fields of an acceptance that come from its run."""
    found = run.header.environment.get("git")
    git = found if isinstance(found, Mapping) else {}
    commit = git.get("commit")
    return {
        "suite": run.header.suite,
        "run": run.header.id,
        "commit": str(commit) if commit else None,
        "dirty": bool(git.get("dirty")),
    }


def new_acceptance(**values: Any) -> Acceptance:
    """An acceptance with these values.

    Raises RefusedError for a text that is too long.
    """
    try:
        return Acceptance(**values)
    except ValidationError as error:
        raise RefusedError(_message(error)) from None


def acceptances_with(root: Path, acceptance: Acceptance) -> bytes:
    """The content of the file with one more acceptance. Raises StoreError.

    If the last line is cut off, it stays, and the new one starts on its own.
    """
    old = read_below(root, root / ACCEPTANCES) or b""
    unset = {name for name in ("verdicts", "relaxed") if getattr(acceptance, name) is None}
    unset |= set() if acceptance.origins else {"origins"}
    line = json.dumps(acceptance.model_dump(by_alias=True, exclude=unset), ensure_ascii=False)
    return old + (b"" if old.endswith(b"\n") or not old else b"\n") + as_bytes(line + "\n")


def read_acceptances(root: Path) -> tuple[list[Acceptance], list[str]]:
    """The acceptances, and a message with file and line for each unreadable line.

    Raises StoreError.
    """
    found, problems = numbered_acceptances(root)
    return [one for _, one in found], problems


def numbered_acceptances(root: Path) -> tuple[list[tuple[int, Acceptance]], list[str]]:
    """The same, each acceptance with its line in the file. Raises StoreError."""
    lines, problems = read_lines(root / ACCEPTANCES, ACCEPTANCES)
    found = []
    for number, value in lines:
        try:
            found.append((number, Acceptance.model_validate(value)))
        except ValidationError as error:
            schema = value.get("schema")
            newer = isinstance(schema, int) and schema > SCHEMA
            upgrade = f"schema {schema}, this version reads {SCHEMA}: upgrade evalharness"
            problems.append(f"{ACCEPTANCES}:{number}: {upgrade if newer else _message(error)}")
    return found, problems[:MOST_PROBLEMS]


def _message(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
