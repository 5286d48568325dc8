"""Find the rows inside one JSON object: exports of datasets-server, pandas, SQuAD, and objects of splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from evalharness.importers.datasets.chat import as_chat
from evalharness.importers.datasets.table import DatasetError, Values
from evalharness.importers.datasets.texts import counted

Rows = Callable[[], Iterator[Values]]
_SPLITS = {"train", "test", "validation", "valid", "val", "dev", "eval"}


def split_sizes(value: Mapping[str, Any]) -> dict[str, int]:
    """The splits of an object of lists of rows, with their sizes; empty if it has at most one list of rows."""
    if is_served(value):
        return {}
    found = {name: len(item) for name, item in value.items() if _is_rows(item)}
    return found if len(found) > 1 or (found.keys() & _SPLITS and len(found) == len(value)) else {}


def rows_of(value: Mapping[str, Any], split: str | None) -> tuple[str, Rows, tuple[str, ...]]:
    """The name of the shape, its rows, and notes about other parts. Raises DatasetError for an unknown split."""
    if split is not None:
        if not _is_rows(value.get(split)):
            raise DatasetError(f"unknown split '{split}'; known: {', '.join(split_sizes(value))}")
        return f"JSON, split {split}", lambda: iter(value[split]), ()
    if is_served(value):
        return "JSON of the Hugging Face datasets-server", lambda: (row["row"] for row in value["rows"]), _cut(value)
    if _is_rows(value.get("data")) and all("paragraphs" in one for one in value["data"]):
        return "JSON of SQuAD", lambda: _squad(value["data"]), ()
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return "JSON, columns and data", lambda: _split_orient(value), ()
    if lists := [name for name, item in value.items() if _is_rows(item)]:
        others = [name for name in value if name != lists[0]]
        note = f"keys beside the rows in '{lists[0]}' are left out: {', '.join(others)}"
        return f"JSON, rows in '{lists[0]}'", lambda: iter(value[lists[0]]), (note,) if others else ()
    return _by_column_or_row(value)


def _by_column_or_row(value: Mapping[str, Any]) -> tuple[str, Rows, tuple[str, ...]]:
    items = list(value.values())
    if len(items) > 1 and all(isinstance(item, list) for item in items) and len({*map(len, items)}) == 1 and items[0]:
        return "JSON, a list for each column", lambda: _transposed(value, range(len(items[0]))), ()
    if items and all(isinstance(item, dict) and item for item in items):
        labels = items[0].keys()
        if [*labels] == [str(index) for index in range(len(labels))] and all(item.keys() == labels for item in items):
            return "JSON, pandas columns", lambda: _transposed(value, labels), ()
        if len(items) > 1 and all(item.keys() & labels for item in items):
            return "JSON, rows by id", lambda: ({"id": name, **item} for name, item in value.items()), ()
    return "JSON, one object", lambda: iter([value]), ()


def class_names(value: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The names of the classes in the `features` of a datasets-server response."""
    features = value.get("features")
    if isinstance(features, list):
        features = {one.get("name"): one.get("type") for one in features if isinstance(one, dict)}
    return labels_of(features) if isinstance(features, dict) else {}


def labels_of(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The names of the classes of each ClassLabel feature."""
    return {
        str(name): tuple(map(str, kind["names"]))
        for name, kind in features.items()
        if isinstance(kind, dict) and kind.get("_type") == "ClassLabel" and isinstance(kind.get("names"), list)
    }


def is_served(value: Mapping[str, Any]) -> bool:
    """Whether this is a response of the Hugging Face datasets-server."""
    return _is_rows(value.get("rows")) and all(isinstance(row.get("row"), dict) for row in value["rows"])


def _is_rows(item: Any) -> bool:
    return isinstance(item, list) and bool(item) and all(isinstance(row, dict) for row in item) and not as_chat(item)


def _cut(value: Mapping[str, Any]) -> tuple[str, ...]:
    total, here = str(value.get("num_rows_total", "")), len(value["rows"])
    notes = (
        [f"the file has {here:,} of {int(total):,} rows of the data set"]
        if total.isdecimal() and int(total) > here
        else []
    )
    cut = [row for row in value["rows"] if row.get("truncated_cells")]
    if cut:
        names = sorted({str(name) for row in cut for name in row["truncated_cells"]})
        notes.append(
            f"the server cut cells of {counted(len(cut), 'row')} ({', '.join(names)}): use the Parquet file instead"
        )
    return tuple(notes)


def _squad(articles: list[dict[str, Any]]) -> Iterator[Values]:
    for article in articles:
        for paragraph in article["paragraphs"]:
            for question in paragraph.get("qas", ()):
                row = {"title": article.get("title"), "context": paragraph.get("context"), **question}
                row.pop("plausible_answers", None)
                yield row


def _split_orient(value: Mapping[str, Any]) -> Iterator[Values]:
    names = [str(name) for name in value["columns"]]
    for cells in value["data"]:
        yield dict(zip(names, cells, strict=False)) if isinstance(cells, list) else {"value": cells}


def _transposed(value: Mapping[str, Any], labels: Any) -> Iterator[Values]:
    for label in labels:
        yield {name: column[label] for name, column in value.items()}
