"""`golden/HISTORY.jsonl`: who accepted what, when, from which run and why. A record: it decides nothing, only grows."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from evalharness.errors import RefusedError
from evalharness.records import Run, Status
from evalharness.store.environment import run_git
from evalharness.store.lines import MOST_PROBLEMS, append_line, read_lines

HISTORY = "golden/HISTORY.jsonl"
SCHEMA = 1
_MOST_CHARS = 2_000


def _short(text: str) -> str:
    if len(text) > _MOST_CHARS:
        raise ValueError(f"it has {len(text)} characters, at most {_MOST_CHARS} are kept")
    return text


_Text = Annotated[str, AfterValidator(_short)]


class Acceptance(BaseModel):
    """One line: a run that became part of baselines, or answers of it that became golden."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["acceptance"] = "acceptance"
    at: _Text
    """UTC, ISO 8601."""
    by: _Text
    because: _Text
    suite: _Text
    run: _Text
    commit: _Text | None
    """What was checked out when the run was made; None outside of git."""
    dirty: bool
    """Whether files differed from that commit."""
    models: list[_Text]
    prompts: list[_Text]
    baselines: list[_Text] = []
    """Files that the run became part of."""
    goldens: _Text = ""
    """File that answers were written to."""
    cases: list[_Text] = []
    """Cases whose golden answers changed."""
    replaced: bool = False
    """Whether the new golden answers took the place of the old ones."""
    overrode: Status
    """What the gates said of the run before."""


def person(root: Path) -> str:
    """Who this is: as git knows them here, else the name of the account."""
    name, email = run_git(root, "config", "user.name"), run_git(root, "config", "user.email")
    if name or email:
        return f"{name or ''} <{email}>".strip() if email else str(name)
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def origin(run: Run) -> dict[str, Any]:
    """What an acceptance says of its run."""
    found = run.header.environment.get("git")
    git = found if isinstance(found, Mapping) else {}
    commit = git.get("commit")
    return {
        "suite": run.header.suite,
        "run": run.header.id,
        "commit": str(commit) if commit else None,
        "dirty": bool(git.get("dirty")),
    }


def checked(**values: Any) -> Acceptance:
    """Return a valid acceptance. Raises RefusedError: a text that is too long."""
    try:
        return Acceptance(**values)
    except ValidationError as error:
        raise RefusedError(_sentence(error)) from None


def record_acceptance(root: Path, acceptance: Acceptance) -> None:
    """Add it to the history. Raises StoreError."""
    append_line(root / HISTORY, acceptance.model_dump(by_alias=True))


def read_history(root: Path) -> tuple[list[Acceptance], list[str]]:
    """The acceptances, and a sentence with file and line for each line that is none. Raises StoreError."""
    lines, problems = read_lines(root / HISTORY, HISTORY)
    found = []
    for number, value in lines:
        try:
            found.append(Acceptance.model_validate(value))
        except ValidationError as error:
            schema = value.get("schema")
            newer = isinstance(schema, int) and schema > SCHEMA
            why = f"a newer evalharness wrote schema {schema}: upgrade" if newer else _sentence(error)
            problems.append(f"{HISTORY}:{number}: {why}")
    return found, problems[:MOST_PROBLEMS]


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
