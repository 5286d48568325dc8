"""The lines of samples in a run record."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from evalharness.errors import StoreError
from evalharness.records import Sample
from evalharness.redaction import may_show_secret, scrubbed
from evalharness.store.files import LONE_SURROGATES
from evalharness.store.upgrade import upgraded_run_line, with_context_records

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MOST_TOKENS, _MOST_SCORE = 10**12, 10**6
_START = b'{"sample":'
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_FOLDER: Any = {"__all__": {"attachments": {"__all__": {"folder"}}}}
_FOLDERS: Any = {"messages": _FOLDER, "response": {"turns": _FOLDER}}
"""Fields of this machine, which are not stored."""


@cache
def _samples() -> TypeAdapter[Sample]:
    from evalharness.store.sample_adapter import SAMPLES

    return SAMPLES


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """A sample as plain data, without the fields that have their default."""
    value: dict[str, Any] = _samples().dump_python(sample, mode="json", exclude_defaults=True, exclude=_FOLDERS)
    return value


def sample_line(sample: Sample) -> bytes:
    """The line of a sample in a record, without keys."""
    try:
        line = b"%b%b}" % (_START, _samples().serializer.to_json(sample, exclude_defaults=True, exclude=_FOLDERS))
    except PydanticSerializationError:  # half a surrogate pair
        return json_line({"sample": sample_to_json(sample)})
    return json_line({"sample": sample_to_json(sample)}) if may_show_secret(line) else line + b"\n"


def json_line(value: dict[str, Any]) -> bytes:
    """A line of a record, without keys."""
    return _JSON.encode(scrubbed(value)).encode("utf-8", LONE_SURROGATES) + b"\n"


def sample_from_json(value: Any) -> Sample:
    """A sample from plain data. Raises StoreError for invalid data."""
    try:
        return _samples().validate_python(value)
    except ValidationError as error:
        raise StoreError(f"not a sample: {error}") from None


def read_sample(value: Any) -> Sample:
    """A sample of a record. Raises ValidationError."""
    return _samples().validate_python(_readable(value))


def written_sample(line: bytes) -> Sample:
    """The sample of a line that this process has written."""
    try:
        return _samples().validate_json(line[len(_START) : line.rindex(b"}")])
    except ValidationError:  # half a surrogate pair, which the quick reader refuses
        return sample_again(line, None)


def sample_again(line: bytes, planned: int | None) -> Sample:
    """The sample of a line that was read before. `planned` samples per case have a record of schema 1."""
    value = json.loads(line.partition(b"\n")[0])
    value = value if planned is None else upgraded_run_line(value, planned)
    return read_sample(value["sample"])


def _readable(sample: Any) -> Any:
    """The sample with a record for each context of its response."""
    response = sample.get("response") if isinstance(sample, dict) else None
    has_contexts = isinstance(response, dict) and "contexts" in response
    return {**sample, "response": with_context_records(response)} if has_contexts else sample


def out_of_range(sample: Sample) -> str:
    """A message for a value that no run can produce; empty if there is none."""
    if sample.response and (problem := sample.response.added_problem):
        return problem
    usage = sample.response.usage if sample.response else None
    if usage and max(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) > MOST_TOKENS:
        return f"expected at most {MOST_TOKENS:,} tokens"
    scored = {score.metric for score in sample.scores}
    if both := [one.metric for one in sample.not_applicable if one.metric in scored]:
        return f"the metric {both[0]} has a score, and does not apply"
    odd = [score.metric for score in sample.scores if not abs(score.value) <= _MOST_SCORE]
    return f"expected a score of {odd[0]} within ±{_MOST_SCORE:,}" if odd else ""
