"""Reads the files of one suite, and collects the problems of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evalharness.config import Config
from evalharness.errors import Problem, SuiteError
from evalharness.suites.document import Document, DocumentError, Loc, problem
from evalharness.suites.files import FileError, read_text
from evalharness.suites.validation import validate

_MAX_PROBLEMS = 200


class Reading:
    """The problems found so far. A file that cannot be read ends the reading at once."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config, self.problems = path, config, list[Problem]()

    def error(self, *more: Problem) -> SuiteError:
        """The problems so far and `more`, in file order, the suite file first."""
        own = self.path.relative_to(self.config.root).as_posix()
        found = sorted({*self.problems, *more}, key=lambda p: (p.file != own, p.file, p.line, p.column))
        rest = len(found) - _MAX_PROBLEMS
        return SuiteError([*found[:_MAX_PROBLEMS], *([problem(own, 0, 0, f"and {rest} more")] if rest > 0 else [])])

    def read(self, path: Path, reader: Callable[..., Document]) -> Document:
        """The content of a file. Raises SuiteError at once: the other checks need it."""
        file = path.relative_to(self.config.root).as_posix()
        try:
            return reader(read_text(path, self.config.root, self.config.limits), file, self.config.limits)
        except FileError as error:
            raise self.error(problem(file, error.line, 0, str(error))) from None
        except DocumentError as error:
            raise self.error(error.problem) from None

    def parts(self, path: Path, parts: Iterable[Document]) -> Iterator[Document]:
        """The parts of a large file. Raises SuiteError at the part that cannot be read."""
        try:
            yield from parts
        except FileError as error:
            file = path.relative_to(self.config.root).as_posix()
            raise self.error(problem(file, error.line, 0, str(error))) from None
        except DocumentError as error:
            raise self.error(error.problem) from None

    def checked(self, adapter: TypeAdapter[Any], document: Document, found: Sequence[Problem] = ()) -> Any:
        """The validated value. Raises SuiteError with the problems in `found` and all that the schema finds."""
        value, problems = validate(adapter, document)
        if problems or found:
            raise self.error(*found, *problems)
        return value

    def note(self, document: Document, loc: Loc, message: str) -> None:
        """Note a problem at a place of a document."""
        self.problems.append(document.problem(loc, message))
