"""The preview of `evalharness import dataset` as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.importers.datasets import Dataset, rendered
from evalharness.importers.datasets.cases import ImportedRow
from evalharness.importers.datasets.fields import Field
from evalharness.report.encode import one_line, quoted

_NAME_CHARS = 28
_MAX_FIELDS = 60
_LINES, _WIDTH = 12, 160


def preview(dataset: Dataset) -> Iterator[str]:
    """The format, the use of each column, the prompt, and the first cases as they are sent."""
    yield one_line(f"{dataset.file.name}: {', '.join(_facts(dataset))}")
    yield ""
    yield from _columns(dataset)
    yield ""
    yield "prompt:"
    for message in dataset.messages:
        for role, text in message.items():
            yield from _message(role, text)
    for number, case in enumerate(dataset.shown, start=1):
        yield ""
        tags = f"  [{one_line(', '.join(case.tags))}]" if case.tags else ""
        yield f"case {number}: {one_line(case.id)}{tags}"
        for role, text in _sent(dataset, case):
            yield from _message(role, text)
        if case.golden:
            yield f"  {'golden':<9} │ {one_line(' | '.join(case.golden), _WIDTH)}"
    yield ""
    yield _sentence(dataset)


def _sent(dataset: Dataset, case: ImportedRow) -> list[tuple[str, str]]:
    """The messages of a case, with its conversation before the question."""
    *before, question = rendered(dataset.messages, case.variables, dataset.limits)
    earlier = [(role, text) for message in case.messages for role, text in message.items()]
    return [*before, *earlier, question]


def _facts(dataset: Dataset) -> Iterator[str]:
    yield dataset.table.format
    if dataset.table.encoding:
        yield dataset.table.encoding
    yield "1 row" if dataset.rows == 1 else f"{dataset.rows:,} rows"
    if dataset.plan.kind:
        yield dataset.plan.kind


def _columns(dataset: Dataset) -> Iterator[str]:
    fields = dataset.plan.fields
    widths = [min(_NAME_CHARS, max(map(len, column), default=0)) for column in zip(*map(_cells, fields), strict=True)]
    for field in fields[:_MAX_FIELDS]:
        name, use = _cells(field)
        yield f"  {name:<{widths[0]}}  {use:<{widths[1]}}  {one_line(field.reason)}".rstrip()
    if len(fields) > _MAX_FIELDS:
        yield f"  and {len(fields) - _MAX_FIELDS} more columns"
    if not any(dataset.plan.of("id")):
        yield f"  ids are made from the variables, such as {dataset.shown[0].id}; --id names a column"


def _cells(field: Field) -> tuple[str, str]:
    name = f" {field.name}" if field.name else ""
    return one_line(field.column, _NAME_CHARS), one_line(f"{field.role}{name}", _NAME_CHARS)


def _message(role: str, text: str) -> Iterator[str]:
    first, *rest = quoted(text, lines=_LINES, width=_WIDTH)
    yield f"  {role:<9} {first}"
    yield from (f"  {'':<9} {line}" for line in rest)


def _sentence(dataset: Dataset) -> str:
    cases = "1 case" if dataset.count == 1 else f"{dataset.count:,} cases"
    metrics = ", ".join(one if isinstance(one, str) else next(iter(one)) for one in dataset.metrics)
    models = ", ".join(dataset.options.models) or "no configured model"
    golden = "" if dataset.has_golden else " No column has golden answers: --golden names one."
    return one_line(f"{cases} for {models}, scored by {metrics}.{golden}", 500)
