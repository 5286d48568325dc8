"""Questions in a text file, one on each line, as the rows of a data set."""

from __future__ import annotations

import json
import re
from pathlib import Path

from evalharness.importers.datasets.table import DatasetError

_ID_CHARS = 40


def question_rows(file: Path, folder: Path) -> Path:
    """A file in `folder` with a row for each line: the column `question`, and its first words as id.

    Raises DatasetError: the file cannot be read, or is empty.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {file}: {error}") from None
    if not lines:
        raise DatasetError(f"{file} has no questions: write one on each line")
    path = folder / f"{file.stem}.jsonl"
    rows = (json.dumps({"id": _id(line), "question": line}) for line in lines)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def _id(question: str) -> str:
    return re.sub(r"\W+", "-", question.lower())[:_ID_CHARS].strip("-_") or "question"
