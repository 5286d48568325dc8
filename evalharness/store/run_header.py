"""The first line of a run record.

The planned samples of a suite are stored as its cases, prompts and models; those of another tool as a list of keys, as
in schema 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from evalharness.records import KeyGrid, KeyList, PlannedKeys, RunHeader, SampleKey
from evalharness.store.upgrade import RUN_SCHEMA

MOST_PLANNED = 20_000_000
"""A record of a kilobyte must not stand for more samples than a machine can count."""


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("expected each planned case and prompt once")
    return names


_Names = Annotated[tuple[str, ...], AfterValidator(_unique)]


@dataclass(frozen=True, slots=True)
class _Grid:
    cases: _Names
    prompts: _Names
    models: Mapping[str, Annotated[int, Field(ge=0, strict=True)]]
    """The number of samples of each case."""


def _bounded(grid: _Grid) -> KeyGrid:
    found = len(grid.cases) * len(grid.prompts) * sum(grid.models.values())
    if found > MOST_PLANNED:
        raise ValueError(f"expected at most {MOST_PLANNED:,} planned samples, got {found:,}")
    return KeyGrid(grid.cases, grid.prompts, grid.models)


_GRID: TypeAdapter[Any] = TypeAdapter(Annotated[_Grid, AfterValidator(_bounded)])
_KEYS = TypeAdapter(tuple[SampleKey, ...])
_HEADER = TypeAdapter(RunHeader)


def header_to_json(header: RunHeader) -> dict[str, Any]:
    """The first line of a record as plain data."""
    return {"schema": RUN_SCHEMA, "kind": "run", **settings_of(header), "planned": planned_to_json(header.planned)}


def settings_of(header: RunHeader) -> dict[str, Any]:
    """The header as plain data, without the planned samples."""
    settings: dict[str, Any] = _HEADER.dump_python(header, mode="json", exclude={"planned"})
    return settings


def header_from_json(first: Mapping[str, Any]) -> RunHeader:
    """The header of the first line of a record. Raises ValidationError of pydantic."""
    fields = {key: value for key, value in first.items() if key not in ("schema", "kind")}
    if "planned" in fields:
        fields["planned"] = planned_from_json(fields["planned"])
    return _HEADER.validate_python(fields)


def planned_to_json(planned: PlannedKeys) -> Any:
    """The keys as plain data."""
    if isinstance(planned, KeyGrid):
        return {"cases": list(planned.case_ids), "prompts": list(planned.prompts), "models": planned.models}
    return [list(key) for key in planned]


def planned_number(value: Any) -> int | None:
    """The number of planned samples from plain data; None for anything else."""
    with suppress(ValidationError):
        return len(planned_from_json(value))
    return None


def planned_from_json(value: Any) -> PlannedKeys:
    """The keys from plain data. Raises ValidationError of pydantic."""
    if not isinstance(value, dict):
        return KeyList(_KEYS.validate_python(value))
    grid: KeyGrid = _GRID.validate_python(value)
    return grid
