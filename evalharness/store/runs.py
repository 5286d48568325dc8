"""Reads and writes run records: `reports/SUITE/run.jsonl`.

A header line, one sample per line in the order of completion, the scores of accepted answers that were judged again,
and an end line. A run writes `run.jsonl.part`, which gets its name at the end. That of a killed run stays; a file
without the end line is read as a stopped run.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from evalharness.errors import StoreError
from evalharness.records import JudgedAgain, Run, RunHeader, Sample, SampleKey, Stability
from evalharness.redaction import scrubbed
from evalharness.store.files import CREATE, LONE_SURROGATES, open_regular, write_all
from evalharness.store.folders import folder_of, writing
from evalharness.store.recorded import canonical, drop_empty, without_empty
from evalharness.store.upgrade import (
    SCHEMA,
    SCHEMAS,
    planned_repeats,
    upgraded_header,
    upgraded_run_line,
    with_context_records,
)

RECORD = "run.jsonl"
"""File name of a run record."""
PART = ".part"
"""Ends the name of a record that is not whole."""
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_TOKENS, _MOST_SCORE = 10**12, 10**6
_OF_THE_OCCASION = (
    "id",
    "started_at",
    "machine_class",
    "environment",
    "recorded_at",
    "recorded_from",
    "attempts",
    "metrics_cost_usd",
)


@dataclass(frozen=True, slots=True)
class _End:
    selected: tuple[SampleKey, ...]
    stopped: bool
    calibration_s: float | None = None
    stability: tuple[Stability, ...] = ()


_HEADER, _SAMPLE, _END = TypeAdapter(RunHeader), TypeAdapter(Sample), TypeAdapter(_End)
_JUDGED = TypeAdapter(JudgedAgain)


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """A sample as plain data."""
    value: dict[str, Any] = _SAMPLE.dump_python(sample, mode="json")
    for message in value["messages"]:
        drop_empty(message)
    if value["response"]:
        value["response"] = without_empty(value["response"])
    for name in ("metrics_cost_usd", "recorded_from", "violations", "not_applicable"):
        if not value[name]:
            del value[name]
    for score in value["scores"]:
        for name in ("explanation", "parts", "note", "question", "against"):
            if not score[name]:
                del score[name]
    return value


def sample_from_json(value: Any) -> Sample:
    """A sample from plain data. Raises StoreError for invalid data."""
    try:
        return _SAMPLE.validate_python(value)
    except ValidationError as error:
        raise StoreError(f"not a sample: {error}") from None


class RunWriter:
    """Writes a run record line by line, so that a killed run loses no finished sample.

    The file gets its name at the end. Below `root`, no symbolic link is followed. The caller holds the lock of the
    folder (`RunLock`). Raises StoreError.
    """

    def __init__(self, path: Path, header: RunHeader, root: Path | None = None) -> None:
        self._path, self._part, self._root = path, path.with_name(path.name + PART), root
        with writing(path), folder_of(path, root) as folder:
            _refuse_folder(path, folder)
            with suppress(FileNotFoundError):  # of a killed run
                os.unlink(self._part.name, dir_fd=folder)
            os.close(os.open(self._part.name, CREATE, 0o644, dir_fd=folder))
        self._write({"schema": SCHEMA, "kind": "run", **_HEADER.dump_python(header, mode="json")})

    def append(self, sample: Sample) -> None:
        """Append a sample."""
        self._write({"sample": sample_to_json(sample)})

    def end(self, run: Run) -> None:
        """Write the last lines, and give the file its name."""
        for judged in run.judged_again:
            self._write({"judged_again": _JUDGED.dump_python(judged, mode="json")})
        end = _End(run.selected, run.stopped, run.calibration_s, run.stability)
        self._write({"end": _END.dump_python(end, mode="json")}, last=True)

    def _write(self, value: dict[str, Any], *, last: bool = False) -> None:
        line = json.dumps(scrubbed(value), ensure_ascii=False, allow_nan=False) + "\n"
        with writing(self._path), folder_of(self._part, self._root) as folder:
            # opened for each line: a session with a thousand suites has too many files to keep them open
            handle = os.open(self._part.name, _APPEND, dir_fd=folder)
            try:
                write_all(handle, line.encode("utf-8", LONE_SURROGATES))
                if last:
                    os.fsync(handle)
            finally:
                os.close(handle)
            if last:
                os.replace(self._part.name, self._path.name, src_dir_fd=folder, dst_dir_fd=folder)


def _refuse_folder(path: Path, folder: int) -> None:
    """Raise OSError for a folder with the name of the record, which would prevent the move at the end."""
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise IsADirectoryError("is a folder")


def record_in(folder: Path) -> Path:
    """The record in a folder: that of a whole run, or the part that a killed run has left."""
    path = folder / RECORD
    part = folder / f"{RECORD}{PART}"
    return part if not os.path.exists(path) and os.path.exists(part) else path  # noqa: PTH110 - a name may be too long


def read_run(path: Path) -> Run:
    """The run of a record.

    Raises StoreError with the line if it is damaged, cut off, or of an unknown version.
    """
    lines = stored_lines(path)
    number, first = next(lines, (1, {}))
    if old := check_kind(path, first, "run") < SCHEMA:
        first = upgraded_header(first)
    planned = planned_repeats(first)
    try:
        header = _HEADER.validate_python({key: value for key, value in first.items() if key not in ("schema", "kind")})
        samples: list[Sample] = []
        judged: list[JudgedAgain] = []
        end: _End | None = None
        for number, stored in lines:
            line = upgraded_run_line(stored, planned) if old else stored
            if end or line.keys() not in ({"sample"}, {"judged_again"}, {"end"}):
                raise StoreError(f"{path}:{number}: invalid run record: expected a sample, or one end line")
            if "sample" in line:
                samples.append(_SAMPLE.validate_python(_readable(line["sample"])))
                if problem := _out_of_range(samples[-1]):
                    raise StoreError(f"{path}:{number}: invalid run record: {problem}")
            elif "judged_again" in line:
                judged.append(_JUDGED.validate_python(line["judged_again"]))
            else:
                end = _END.validate_python(line["end"])
    except ValidationError as error:
        raise StoreError(f"{path}:{number}: invalid run record: {error.errors()[0]['msg']}") from None
    end = end or _End(tuple(sample.key for sample in samples), stopped=True)
    return Run(header, tuple(samples), end.selected, end.stopped, end.calibration_s, end.stability, tuple(judged))


def _readable(sample: Any) -> Any:
    """The sample with a record for each context of its response."""
    response = sample.get("response") if isinstance(sample, dict) else None
    has_contexts = isinstance(response, dict) and "contexts" in response
    return {**sample, "response": with_context_records(response)} if has_contexts else sample


def _out_of_range(sample: Sample) -> str:
    """A message for a value that no run can produce; empty if there is none."""
    if sample.response and (problem := sample.response.added_problem):
        return problem
    usage = sample.response.usage if sample.response else None
    if usage and max(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) > _MOST_TOKENS:
        return f"expected at most {_MOST_TOKENS:,} tokens"
    scored = {score.metric for score in sample.scores}
    if both := [one.metric for one in sample.not_applicable if one.metric in scored]:
        return f"the metric {both[0]} has a score, and does not apply"
    odd = [score.metric for score in sample.scores if not abs(score.value) <= _MOST_SCORE]
    return f"expected a score of {odd[0]} within ±{_MOST_SCORE:,}" if odd else ""


def canonical_run(run: Run) -> bytes:
    """The result of a run as bytes.

    Equal for two runs with equal requests and responses. Ids, times, dates, the machine, and the number of attempts are
    left out.
    """
    header = _HEADER.dump_python(run.header, mode="json")
    lines = [{name: value for name, value in header.items() if name not in _OF_THE_OCCASION}]
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        line = sample_to_json(sample)
        if line["response"]:
            del line["response"]["timing"]
        lines.append({name: value for name, value in line.items() if name not in _OF_THE_OCCASION})
    return "".join(canonical(line) + "\n" for line in lines).encode()


def stored_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a stored file with their numbers.

    Raises StoreError for a file that is unreadable, cut off, or not JSON.
    """
    try:
        with open(path, encoding="utf-8", opener=open_regular) as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None
    yield from lines_of(path, text)


def lines_of(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of the text of a stored file. Raises StoreError for text that is cut off or not JSON."""
    if text and not text.endswith("\n"):
        raise StoreError(f"{path}:{text.count(chr(10)) + 1}: the last line is cut off")
    for number, line in enumerate(text.split("\n")[:-1], start=1):  # not splitlines: texts may contain U+2028
        yield number, parse_line(path, number, line)


def parse_line(path: Path | str, number: int, line: str) -> dict[str, Any]:
    """The JSON object on a line of a stored file.

    Raises StoreError for other text, NaN and infinity.
    """

    def refuse(constant: str) -> NoReturn:
        raise StoreError(f"{path}:{number}: expected a finite number, got {constant}")

    def finite(digits: str) -> float:
        return value if math.isfinite(value := float(digits)) else refuse(digits)

    try:
        value = json.loads(line, parse_constant=refuse, parse_float=finite)
    except json.JSONDecodeError as error:
        raise StoreError(f"{path}:{number}:{error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:  # a number with thousands of digits, or deep nesting
        raise StoreError(f"{path}:{number}: unsupported JSON: {error}") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path}:{number}: expected a JSON object, got {type(value).__name__}")
    return value


def check_kind(path: Path | str, first: dict[str, Any], kind: str) -> int:
    """The schema of a file, by its first line.

    Raises StoreError for another kind or an unreadable schema.
    """
    if first.get("kind") != kind:
        raise StoreError(f'{path}:1: not a {kind}: expected "kind": "{kind}" in the first line')
    found = first.get("schema")
    if isinstance(found, bool) or found not in SCHEMAS:
        newer = isinstance(found, int) and found > SCHEMA
        action = ": upgrade evalharness" if newer else ""
        raise StoreError(f"{path}:1: schema {json.dumps(found)}, this version reads 1 to {SCHEMA}{action}")
    return int(found)
