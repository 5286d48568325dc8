"""The lines of a baseline's file, for its strict reader."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from evalharness.store.sample_lines import MOST_TOKENS

_Tokens = Annotated[int, Field(ge=0, le=MOST_TOKENS)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class RunLine(_Line):
    """An accepted run, in the header."""

    id: str
    accepted_at: str
    machine_class: str
    signatures: dict[str, str]
    request_digest: str
    calibration_s: FiniteFloat | None = None
    identity: dict[str, Any] | None = None
    slots: int | None = None


class HeaderLine(_Line):
    """The first line."""

    schema_: int
    kind: str
    suite: str
    model: str
    prompt: str
    cases: int
    runs: list[RunLine]


class SampleLine(_Line):
    """One sample of a case."""

    run: str
    text: str
    scores: dict[str, FiniteFloat]
    prompt_tokens: _Tokens
    completion_tokens: _Tokens
    total_s: FiniteFloat | None
    first_token_s: FiniteFloat | None = None
    per_token_s: FiniteFloat | None = None
    not_applicable: list[str] = []


class CaseLine(_Line):
    """One case with its samples."""

    case: str
    digest: str
    samples: list[SampleLine]
