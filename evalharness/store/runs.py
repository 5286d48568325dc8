"""`reports/SUITE/run.jsonl`: a header, then one sample a line, appended as they come, then an end line.

A file without its end line is a run that was killed: its samples count, its completeness does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from evalharness.errors import StoreError
from evalharness.records import Run, RunHeader, Sample, SampleKey

SCHEMA = 1
_HEADER, _SAMPLE, _KEYS = TypeAdapter(RunHeader), TypeAdapter(Sample), TypeAdapter(tuple[SampleKey, ...])


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """A sample as plain data."""
    value: dict[str, Any] = _SAMPLE.dump_python(sample, mode="json")
    return value


def sample_from_json(value: Any) -> Sample:
    """The sample again. Raises StoreError when the data are not one."""
    try:
        return _SAMPLE.validate_python(value)
    except ValidationError as error:
        raise StoreError(f"not a sample: {error}") from None


class RunWriter:
    """Appends to a run record; every line is on disk before the next case is waited for."""

    def __init__(self, path: Path, header: RunHeader) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("w", encoding="utf-8", newline="\n")
        self._write({"schema": SCHEMA, "kind": "run", **_HEADER.dump_python(header, mode="json")})

    def append(self, sample: dict[str, Any]) -> None:
        """One sample, as `sample_to_json` made it."""
        self._write({"sample": sample})

    def end(self, selected: Sequence[SampleKey], *, stopped: bool) -> None:
        """The last line; closes the file."""
        self._write({"end": {"selected": [list(key) for key in selected], "stopped": stopped}})
        self._file.close()

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()


def read_run(path: Path) -> Run:
    """The run of a record. Raises StoreError with the line: damaged, cut off, of another version, NaN."""
    lines = _lines(path)
    number, first = next(lines, (1, {}))
    check_kind(path, first, "run")
    try:
        header = _HEADER.validate_python({key: value for key, value in first.items() if key not in ("schema", "kind")})
        samples: list[Sample] = []
        end: dict[str, Any] = {}
        for number, line in lines:  # noqa: B007 - the number names the line when the next one fails
            if "sample" in line:
                samples.append(_SAMPLE.validate_python(line["sample"]))
            else:
                end = line.get("end") or {}
        selected = _KEYS.validate_python(end.get("selected", [sample.key for sample in samples]))
    except ValidationError as error:
        raise StoreError(f"{path}:{number}: not a record of a run: {error.errors()[0]['msg']}") from None
    return Run(header, tuple(samples), selected, stopped=not end or bool(end.get("stopped")))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None
    if text and not text.endswith("\n"):
        raise StoreError(f"{path}:{text.count(chr(10)) + 1}: the last line is cut off")
    for number, line in enumerate(text.split("\n")[:-1], start=1):  # not splitlines: an answer may hold U+2028
        yield number, parse_line(path, number, line)


def parse_line(path: Path | str, number: int, line: str) -> dict[str, Any]:
    """One line of a stored file. Raises StoreError: not JSON, NaN or infinity, not an object."""

    def refuse(constant: str) -> NoReturn:
        raise StoreError(f"{path}:{number}: {constant} is not a number that a record can hold")

    try:
        value = json.loads(line, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise StoreError(f"{path}:{number}:{error.colno}: not JSON: {error.msg}") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path}:{number}: a line of a record is a JSON object")
    return value


def check_kind(path: Path | str, first: dict[str, Any], kind: str) -> None:
    """Raise StoreError unless the first line says that this file is of our kind and version."""
    if first.get("kind") != kind:
        raise StoreError(f"{path}:1: not a {kind}: its first line does not say so")
    if first.get("schema") != SCHEMA:
        newer = (
            "a newer evalharness wrote it: upgrade"
            if str(first.get("schema")) > str(SCHEMA)
            else "it cannot be read any more"
        )
        raise StoreError(f"{path}:1: schema {first.get('schema')}, this version reads {SCHEMA}; {newer}")
