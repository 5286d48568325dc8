"""Upgrades files of schema 1, which version 0.1 wrote, to schema 2.

Schema 2 renames fields: `looks` to `max_stages`, `asked` to `request_digest`, `draws` to `samples`, `asked_at` to
`recorded_at`, `shared` to `shared_prefix`. It also adds a purpose to every sample, which schema 1 encoded in the number
of the repeat (`reference` from 1,000, `rerun` from 2,000), and a unit to every gate.

The lines are untrusted: a value of an unexpected type is left unchanged, and the reader reports it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SCHEMA = 2
"""The version of written files, apart from run records."""
RUN_SCHEMA = 3
"""The version of written run records: those of schema 2 list each key of `planned` and `selected`."""
SCHEMAS = (1, SCHEMA)
"""The versions of readable files."""
_REFERENCE, _RERUN = 1_000, 2_000
_KEY_FIELDS, _GATE_FIELDS = 4, 5

Line = dict[str, Any]


def upgraded_header(line: Line) -> Line:
    """The upgraded first line of a run record or a baseline."""
    runs = line.get("runs")
    if isinstance(runs, list):
        line = line | {
            "runs": [_renamed(run, "asked", "request_digest") if isinstance(run, dict) else run for run in runs]
        }
    planned = line.get("planned")
    if isinstance(gates := line.get("gates"), list):
        line = line | {"gates": [_with_unit(gate) for gate in gates]}
    if isinstance(planned, list):
        line = line | {"planned": [_with_purpose(key, _REFERENCE) for key in planned]}
    return _renamed(line, "looks", "max_stages") | {"schema": SCHEMA}


def planned_repeats(header: Mapping[str, Any]) -> int:
    """The number of planned samples per case, by the header of a run record."""
    planned = header.get("planned")
    keys = [key[:_KEY_FIELDS] for key in planned if isinstance(key, list)] if isinstance(planned, list) else []
    return 1 + max((key[3] for key in keys if _is_key(key)), default=-1)


def upgraded_run_line(line: Line, planned: int) -> Line:
    """The upgraded sample or end line of a run record with so many planned samples per case."""
    sample, end = line.get("sample"), line.get("end")
    if isinstance(sample, dict) and "key" in sample:
        return line | {"sample": sample | {"key": _with_purpose(sample["key"], planned)}}
    if isinstance(end, dict) and isinstance(end.get("selected"), list):
        return line | {"end": end | {"selected": [_with_purpose(key, planned) for key in end["selected"]]}}
    return line


def upgraded_case(line: Line) -> Line:
    """The upgraded case of a baseline."""
    return _renamed(line, "draws", "samples")


def upgraded_response(line: Line) -> Line:
    """The upgraded line of a recording. Its key stays that of the request of schema 1."""
    return _renamed(line, "asked_at", "recorded_at")


def upgraded_request(request: str) -> str:
    """The upgraded request, as canonical JSON."""
    value = json.loads(request)
    if not isinstance(value, dict):
        return request
    wire, repeat = value.get("wire"), value.get("repeat")
    if isinstance(wire, dict):
        value["wire"] = _renamed(wire, "shared", "shared_prefix")
    if isinstance(repeat, int) and repeat >= _REFERENCE:
        value["repeat"], value["purpose"] = _own_count(repeat)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def with_context_records(response: Any) -> Any:
    """The response with a record for each context. Older files have texts."""
    if not isinstance(response, Mapping) or not isinstance(contexts := response.get("contexts"), list):
        return response
    return {**response, "contexts": [{"text": one} if isinstance(one, str) else one for one in contexts]}


def _with_unit(gate: Any) -> Any:
    """The gate with its unit. In schema 1, four metrics have ratios as margins."""
    if not isinstance(gate, list) or len(gate) != _GATE_FIELDS:
        return gate
    return [*gate, "ratio" if gate[0] in ("latency", "first_token", "per_token", "cost") else "points"]


def _is_key(key: Any) -> bool:
    return isinstance(key, list) and len(key) == _KEY_FIELDS and isinstance(key[3], int)


def _with_purpose(key: Any, planned: int) -> Any:
    """The key with its purpose. `confirm` continues the count of the planned samples."""
    if not _is_key(key):
        return key
    if key[3] < _REFERENCE:
        return [*key, "planned" if key[3] < planned else "confirm"]
    return [*key[:3], *_own_count(key[3])]


def _own_count(repeat: int) -> tuple[int, str]:
    return (repeat - _RERUN, "rerun") if repeat >= _RERUN else (repeat - _REFERENCE, "reference")


def _renamed(line: Line, old: str, new: str) -> Line:
    return {new if name == old else name: value for name, value in line.items()}
