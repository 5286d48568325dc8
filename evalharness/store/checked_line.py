"""Lines of files of others: checked against a model, with file and line in the error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from evalharness.errors import StoreError

_T = TypeVar("_T", bound=BaseModel)


def checked_line(model: type[_T], file: Path | str, number: int, value: Mapping[str, Any]) -> _T:
    """The line as this model. Raises StoreError with file:line, the field and what is wrong with it."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise StoreError(f"{file}:{number}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


def check_size(file: Path, most_mb: float) -> None:
    """Raise StoreError unless this is a regular file of at most `most_mb`, the setting `limits.file_mb`."""
    if not file.is_file():
        raise StoreError(f"{file}: expected a regular file")
    size_mb = file.stat().st_size / 1e6
    if size_mb > most_mb:
        raise StoreError(f"{file}: {size_mb:.1f} MB exceed limits.file_mb = {most_mb:g}")
