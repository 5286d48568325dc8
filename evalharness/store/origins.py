"""Reads where golden answers come from: the field `origins` of the lines of `golden/HISTORY.jsonl`.

A golden answer that was accepted from an answer of a model has that model's words. The text itself stays in the golden
file; the history has its digest, so an answer that a person edits afterwards has no origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalharness.errors import StoreError
from evalharness.records.answer_label import text_digest as text_digest
from evalharness.store.files import open_regular
from evalharness.store.runs import parse_line

HISTORY = "golden/HISTORY.jsonl"
MOST_BYTES = 32 * 1024 * 1024
_MARK = b'"origins"'
_UNKNOWN = "the origin of some golden answers is unknown"
_Name = Annotated[str, Field(max_length=2_000)]


class GoldenOrigin(BaseModel):
    """The answers of one model and prompt that an acceptance made golden."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    model: _Name
    prompt: _Name
    request: _Name
    """Digest of model identity, prompt and parameters, as a baseline has it."""
    answers: dict[_Name, list[_Name]]
    """Case -> `text_digest` of each answer."""


class _Line(BaseModel):
    """The fields of an acceptance that count here."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    schema_: Literal[1] = Field(alias="schema")
    suite: str
    origins: list[GoldenOrigin]


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of golden answers in one version of a project."""

    claims: Mapping[tuple[str, str, str], Mapping[str, frozenset[tuple[str, str]]]] = field(default_factory=dict)
    """(suite, model, prompt) -> case -> `text_digest` and `request` of each answer that became golden."""
    problem: str = ""
    """Why origins are missing; empty if none are."""

    def of_case(self, suite: str, case: str) -> frozenset[tuple[str, str, str]]:
        """The origins of one case: `text_digest`, MODEL.PROMPT and `request`."""
        return frozenset(
            (digest, f"{model}.{prompt}", request)
            for (name, model, prompt), cases in self.claims.items()
            if name == suite
            for digest, request in cases.get(case, ())
        )


NO_ORIGINS = Origins()


def read_origins(root: Path) -> Origins:
    """The origins in a project's history; none without a history, or with one above `MOST_BYTES`."""
    try:
        with open(root / HISTORY, "rb", opener=open_regular) as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return Origins()
    except OSError as error:
        return Origins(problem=f"{_UNKNOWN}: {HISTORY} cannot be read: {error.strerror or error}")
    if len(data) > MOST_BYTES:
        return Origins(problem=f"{_UNKNOWN}: {HISTORY}: expected at most {MOST_BYTES // 1024**2} MiB")
    return _origins(data) if _MARK in data else Origins()


def _origins(data: bytes) -> Origins:
    claims: dict[tuple[str, str, str], dict[str, frozenset[tuple[str, str]]]] = {}
    marked = [line for line in data.split(b"\n") if _MARK in line]
    lines = [line for line in map(_parsed, marked) if line is not None]
    for line in lines:
        for origin in line.origins:
            cases = claims.setdefault((line.suite, origin.model, origin.prompt), {})
            for case, digests in origin.answers.items():
                cases[case] = cases.get(case, frozenset()) | {(digest, origin.request) for digest in digests}
    lost = len(marked) - len(lines)
    problem = f"{_UNKNOWN}: {HISTORY} has unreadable lines ({lost}): run evalharness validate"
    return Origins(claims, problem if lost else "")


def _parsed(line: bytes) -> _Line | None:
    try:
        return _Line.model_validate(parse_line(HISTORY, 0, line.decode()))
    except (UnicodeDecodeError, ValidationError, StoreError):
        return None
