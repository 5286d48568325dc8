"""The cases of a baseline: objects, or for a large one their numbers, and an index of its file on disk.

A case takes some 200 bytes then, and each of its samples 60.
"""

from __future__ import annotations

import json
import os
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from evalharness.errors import StoreError
from evalharness.records import BaselineCase, BaselineSample, IndexedCases
from evalharness.store.baseline_lines import CaseLine, SampleLine
from evalharness.store.baseline_numbers import AcceptedSamples
from evalharness.store.checked_line import checked_line
from evalharness.store.files import open_regular
from evalharness.store.stored_samples import StoredFile
from evalharness.store.upgrade import upgraded_case

PlacedLine = tuple[dict[str, Any], int, int]
"""The object on a line, and the bytes of the file in which the line starts and has ended."""
_FIRST_LINE = 2
"""The header is the first line, and each case has one."""


def read_cases(
    path: Path,
    file: str,
    lines: Iterable[PlacedLine],
    runs: Mapping[str, Mapping[str, str]],
    *,
    is_large: bool,
    is_old: bool,
) -> Mapping[str, BaselineCase]:
    """The cases on the lines after the header. `runs`: run id -> signatures. Raises StoreError with file and line.

    Those of a large baseline stay in the file.
    """
    names = {name: name for run, signatures in runs.items() for name in (run, *signatures)}
    few: dict[str, BaselineCase] = {}
    many = StoredBaselineCases(path, partial(_read_again, names=names, is_old=is_old)) if is_large else None
    for number, (value, start, end) in enumerate(lines, start=_FIRST_LINE):
        line = checked_line(CaseLine, file, number, upgraded_case(value) if is_old else value)
        if line.case in (few if many is None else many):
            raise StoreError(f"{file}:{number}: duplicate case '{line.case}'")
        if problem := _problem(line, runs):
            raise StoreError(f"{file}:{number}: case '{line.case}': {problem}")
        if many is None:
            few[sys.intern(line.case)] = _case(line, number, names)
        else:
            many.add(line, start, end)
    return few if many is None else many


def _read_again(text: bytes, number: int, *, names: Mapping[str, str], is_old: bool) -> BaselineCase:
    """The case on a line that was checked before."""
    value = json.loads(text)
    return _case(CaseLine.model_validate(upgraded_case(value) if is_old else value), number, names)


def _case(line: CaseLine, number: int, names: Mapping[str, str]) -> BaselineCase:
    samples = tuple(BaselineSample(**dict(one) | _shared(one, names)) for one in line.samples)
    return BaselineCase(sys.intern(line.digest), samples, number)


def _shared(line: SampleLine, names: Mapping[str, str]) -> dict[str, Any]:
    scores = {names[metric]: score for metric, score in line.scores.items()}
    return {
        "run": names[line.run],
        "scores": scores,
        "not_applicable": tuple(names[one] for one in line.not_applicable),
    }


def _problem(case: CaseLine, runs: Mapping[str, Mapping[str, str]]) -> str:
    """What is wrong with the samples of a case; "" if nothing is. `runs`: run id -> signatures."""
    sampled = {sample.run for sample in case.samples}
    if not sampled or not sampled <= runs.keys():
        return "expected samples of accepted runs only"
    if list(runs)[-1] not in sampled:
        return "no sample of the latest accepted run"
    if any(sorted([*one.scores, *one.not_applicable]) != sorted(runs[one.run]) for one in case.samples):
        return "expected a score for each metric of its runs"
    bad = [f"{k} {v}" for sample in case.samples for k, v in sample.scores.items() if not 0 <= v <= 1]
    return f"expected scores in [0, 1], got {bad[0]}" if bad else ""


class StoredBaselineCases(IndexedCases):
    """Case id -> its samples, read when they are needed."""

    def __init__(self, path: Path, read: Callable[[bytes, int], BaselineCase]) -> None:
        """`read` returns the case of a line with this number."""
        self._file, self._read = StoredFile(open_regular(str(path), os.O_RDONLY)), read
        self._rows: dict[str, int] = {}
        self._samples, self._ends = AcceptedSamples(), array("I")
        self._offsets, self._digests = array("Q"), _Texts()
        self._end = 0
        self._latest: tuple[int, list[str]] | None = None

    def add(self, line: CaseLine, start: int, end: int) -> None:
        """Add the case of the next line, which is in these bytes of the file."""
        self._rows[line.case] = len(self._rows)
        self._offsets.append(start)
        self._digests.append(line.digest)
        for sample in line.samples:
            self._samples.append(sample)
        self._ends.append(len(self._samples))
        self._end = end

    def __getitem__(self, case: str) -> BaselineCase:
        row = self._rows[case]
        first = self._ends[row - 1] if row else 0
        samples = tuple(
            [
                self._samples.sample(place, partial(self._text, row, place - first))
                for place in range(first, self._ends[row])
            ]
        )
        return BaselineCase(self._digests[row], samples, row + _FIRST_LINE)

    def _text(self, row: int, number: int) -> str:
        """The text of one of the samples of a case. The others are often asked for next, so their line is kept."""
        latest = self._latest
        if latest is None or latest[0] != row:
            end = self._offsets[row + 1] if row + 1 < len(self._offsets) else self._end
            found = self._read(self._file.read(self._offsets[row], end), row + _FIRST_LINE)
            latest = self._latest = row, [sample.text for sample in found.samples]
        return latest[1][number]

    def __contains__(self, case: object) -> bool:
        return case in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def digest_hash(self, case: str) -> int:
        """Python's hash of the digest of a case."""
        return hash(self._digests[self._rows[case]])


class _Texts:
    """Short texts, each in its bytes and eight more."""

    def __init__(self) -> None:
        self._bytes, self._ends = bytearray(), array("Q", [0])

    def append(self, text: str) -> None:
        self._bytes += text.encode(errors="surrogatepass")
        self._ends.append(len(self._bytes))

    def __getitem__(self, place: int) -> str:
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode(errors="surrogatepass")
