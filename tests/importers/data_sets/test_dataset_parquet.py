"""Parquet files, with the schema that the library datasets writes."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dataset_projects import DatasetProject, table

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def file(path: Path, columns: dict[str, Any], features: dict[str, Any] | None = None, **options: Any) -> bytes:
    """The bytes of a Parquet file, with the features of the library datasets in its schema."""
    found = pyarrow.table(columns)
    if features:
        found = found.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(found, path, **options)
    return path.read_bytes()


def test_columns(project: DatasetProject, tmp_path: Path) -> None:
    """Nested columns, classes, dates and numbers become what they are in JSON."""
    columns = {
        "id": ["a", "b"],
        "text": ["Fine", "Awful"],
        "price": [Decimal("1.10"), Decimal("2.00")],
        "half": pyarrow.array([0.1, 2.0], pyarrow.float32()),
        "day": [date(2026, 1, 2), None],
        "at": [datetime(2026, 1, 2, 3, 4), None],
        "label": [1, 0],
        "__index_level_0__": [5, 7],
    }
    content = file(tmp_path / "x", columns, {"label": {"_type": "ClassLabel", "names": ["bad", "good"]}})

    imported = project.convert("a.parquet", content)

    assert imported.vars[0] == {
        "text": "Fine", "price": "1.10", "half": 0.1, "day": "2026-01-02", "at": "2026-01-02T03:04:00",
    }  # fmt: skip
    assert imported.vars[1]["day"] == ""
    assert (imported.ids, imported.answers) == (["a", "b"], [["good"], ["bad"]])


def test_nested_columns(project: DatasetProject, tmp_path: Path) -> None:
    """Answers of SQuAD and chats, which Parquet stores as lists and structs."""
    answers = [{"text": ["Ada"], "answer_start": [0]}, {"text": ["Bob", "Rob"], "answer_start": [0, 1]}]
    content = file(tmp_path / "x", {"question": ["Who?", "And?"], "answers": answers})

    assert project.convert("a.parquet", content).answers == [["Ada"], ["Bob", "Rob"]]


def test_many_row_groups(project: DatasetProject, tmp_path: Path) -> None:
    """All row groups are read, and a name without an ending is no obstacle."""
    columns = {"question": [f"q{n}" for n in range(1_300)], "answer": ["x"] * 1_300}
    content = file(tmp_path / "x", columns, row_group_size=400)

    assert len(project.convert("train-00000-of-00001", content).cases) == 1_300


def test_images(project: DatasetProject, tmp_path: Path) -> None:
    """A column of images is left out by name."""
    columns = {"image": [{"bytes": b"\x89PNG", "path": "a.png"}], "question": ["What?"], "answer": ["A cat"]}

    output = project.preview("a.parquet", file(tmp_path / "x", columns))

    assert table(output)["image"] == "left out an image or another file"


def test_a_damaged_file(project: DatasetProject) -> None:
    """A file that only starts like Parquet is refused with its name."""
    assert "a.parquet: cannot read the Parquet file" in project.refusal("a.parquet", b"PAR1 and no more PAR1")


def test_without_pyarrow(project: DatasetProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow, the message says what to install."""
    content = file(tmp_path / "x", {"question": ["Who?"], "answer": ["Ada"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    message = project.refusal("a.parquet", content)

    assert "a Parquet file needs the package pyarrow: pip install 'evalharness[pandas]'" in message
