"""A third party's destination: a line in a file for each run."""

from __future__ import annotations

from pathlib import Path

from evalharness import Outcome
from evalharness.publish import PublishError


class Journal:
    """Appends the verdict to a file."""

    when = "always"

    def __init__(self, *, file: str) -> None:
        self.file = Path(file)

    def publish(self, outcome: Outcome) -> None:
        """Append a line. Raises PublishError: the file cannot be written."""
        try:
            with self.file.open("a", encoding="utf-8") as journal:
                journal.write(f"{outcome.run.header.suite}: {outcome.status}\n")
        except OSError as error:
            raise PublishError(f"{self.file.name}: {error.strerror}") from None
