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
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

from pydantic import TypeAdapter, ValidationError

from evalharness.errors import StoreError
from evalharness.records import JudgedAgain, Run, RunHeader, Sample, SampleKey, Stability
from evalharness.records.marks import marked_keys
from evalharness.store.files import CREATE, open_regular, write_all
from evalharness.store.folders import folder_of, writing
from evalharness.store.recorded import canonical
from evalharness.store.run_header import header_from_json, header_to_json, settings_of
from evalharness.store.sample_lines import (
    json_line,
    out_of_range,
    read_sample,
    sample_again,
    sample_line,
    sample_to_json,
    written_sample,
)
from evalharness.store.stored_samples import SampleLog, so_far
from evalharness.store.upgrade import (
    RUN_SCHEMA,
    SCHEMA,
    planned_repeats,
    upgraded_header,
    upgraded_run_line,
)

RECORD = "run.jsonl"
"""File name of a run record."""
PART = ".part"
"""Ends the name of a record that is not whole."""
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
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
    selected: tuple[SampleKey, ...] | Literal["planned"]
    stopped: bool
    calibration_s: float | None = None
    stability: tuple[Stability, ...] = ()
    lost_nodes: tuple[str, ...] = ()


_END, _JUDGED = TypeAdapter(_End), TypeAdapter(JudgedAgain)


class RunWriter:
    """Writes a run record line by line, so that a killed run loses no finished sample.

    The file gets its name at the end. Below `root`, no symbolic link is followed. The caller holds the lock of the
    folder (`RunLock`). Raises StoreError.
    """

    def __init__(self, path: Path, header: RunHeader, root: Path | None = None) -> None:
        self._path, self._part, self._root = path, path.with_name(path.name + PART), root
        self.samples = SampleLog(self._opened, written_sample)
        """The samples so far."""
        self._size = 0
        with writing(path), folder_of(path, root) as folder:
            _refuse_folder(path, folder)
            with suppress(FileNotFoundError):  # of a killed run
                os.unlink(self._part.name, dir_fd=folder)
            os.close(os.open(self._part.name, CREATE, 0o644, dir_fd=folder))
        self._write(json_line(header_to_json(header)))

    def append(self, *samples: Sample) -> None:
        """Append samples."""
        lines, start = [sample_line(sample) for sample in samples], self._size
        self._write(b"".join(lines))
        for sample, line in zip(samples, lines, strict=True):
            self.samples.append(sample, start, start + len(line))
            start += len(line)

    def end(self, run: Run) -> None:
        """Write the last lines, and give the file its name."""
        for judged in run.judged_again:
            self._write(json_line({"judged_again": _JUDGED.dump_python(judged, mode="json")}))
        end = _End(_selection(run), run.stopped, run.calibration_s, run.stability, run.lost_nodes)
        line = _END.dump_python(end, mode="json")
        if not run.lost_nodes:  # older versions read the records of runs that lost none
            del line["lost_nodes"]
        self._write(json_line({"end": line}), last=True)

    def _write(self, data: bytes, *, last: bool = False) -> None:
        with writing(self._path), folder_of(self._part, self._root) as folder:
            # opened each time: a session with a thousand suites has too many files to keep them open
            handle = os.open(self._part.name, _APPEND, dir_fd=folder)
            try:
                write_all(handle, data)
                if last:
                    os.fsync(handle)
            finally:
                os.close(handle)
            if last:
                os.replace(self._part.name, self._path.name, src_dir_fd=folder, dst_dir_fd=folder)
        self._size += len(data)

    def _opened(self) -> int:
        """The record so far, open for reading."""
        with writing(self._path), folder_of(self._part, self._root) as folder:
            return os.open(self._part.name, _READ, dir_fd=folder)


def _selection(run: Run) -> tuple[SampleKey, ...] | Literal["planned"]:
    return "planned" if run.header.planned == run.selected else tuple(run.selected)


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
    """The run of a record. The samples of a large one stay in the file.

    Raises StoreError with the line if it is damaged, cut off, or of an unknown version.
    """
    lines = _placed_lines(path)
    number, _, _, first = next(lines, (1, 0, 0, {}))
    if old := check_kind(path, first, "run") < SCHEMA:
        first = upgraded_header(first)
    planned = planned_repeats(first) if old else None
    log = SampleLog(partial(open_regular, str(path), os.O_RDONLY), partial(sample_again, planned=planned))
    try:
        header = header_from_json(first)
        judged: list[JudgedAgain] = []
        end: _End | None = None
        for number, start, until, stored in lines:
            line = stored if planned is None else upgraded_run_line(stored, planned)
            if end or line.keys() not in ({"sample"}, {"judged_again"}, {"end"}):
                raise StoreError(f"{path}:{number}: invalid run record: expected a sample, or one end line")
            if "sample" in line:
                sample = read_sample(line["sample"])
                if problem := out_of_range(sample):
                    raise StoreError(f"{path}:{number}: invalid run record: {problem}")
                log.append(sample, start, until)
            elif "judged_again" in line:
                judged.append(_JUDGED.validate_python(line["judged_again"]))
            else:
                end = _END.validate_python(line["end"])
    except ValidationError as error:
        raise StoreError(f"{path}:{number}: invalid run record: {error.errors()[0]['msg']}") from None
    samples = so_far(log)
    end = end or _End(tuple(marked_keys(samples)), stopped=True)
    selected = header.planned if end.selected == "planned" else end.selected
    how = end.stopped, end.calibration_s, end.stability, tuple(judged), end.lost_nodes
    return Run(header, samples, selected, *how)


def canonical_run(run: Run) -> bytes:
    """The result of a run as bytes.

    Equal for two runs with equal requests and responses. Ids, times, dates, the machine, and the number of attempts are
    left out.
    """
    header = settings_of(run.header) | {"planned": [list(key) for key in run.header.planned]}
    lines = [{name: value for name, value in header.items() if name not in _OF_THE_OCCASION}]
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        line = sample_to_json(sample)
        (line["response"] or {}).pop("timing", None)
        lines.append({name: value for name, value in line.items() if name not in _OF_THE_OCCASION})
    return "".join(canonical(line) + "\n" for line in lines).encode()


def stored_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a stored file with their numbers, one at a time.

    Raises StoreError for a file that is unreadable, cut off, or not JSON.
    """
    return ((number, line) for number, _, _, line in _placed_lines(path))


def _placed_lines(path: Path) -> Iterator[tuple[int, int, int, dict[str, Any]]]:
    """The lines with their numbers, and the bytes of the file in which each starts and has ended."""
    start = 0
    try:
        with open(path, "rb", opener=open_regular) as file:
            _refuse_cut_off(path, file)
            for number, line in enumerate(file, start=1):  # splits at \n alone: texts may contain U+2028
                yield number, start, start + len(line), parse_line(path, number, line[:-1].decode())
                start += len(line)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None


def _refuse_cut_off(path: Path, file: BinaryIO) -> None:
    """Raise StoreError for a file whose last line has no end."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    is_whole = file.read(1) in (b"", b"\n")
    file.seek(0)
    if not is_whole:
        number = sum(line.decode() is not None for line in file)  # a file that is no text at all is another mistake
        raise StoreError(f"{path}:{number}: the last line is cut off")


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
    found, newest = first.get("schema"), RUN_SCHEMA if kind == "run" else SCHEMA
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= newest:
        newer = isinstance(found, int) and found > newest
        action = ": upgrade evalharness" if newer else ""
        raise StoreError(f"{path}:1: schema {json.dumps(found)}, this version reads 1 to {newest}{action}")
    return int(found)
