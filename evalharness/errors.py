"""Everything that evalharness raises on purpose.

EvalHarnessError
├── SuiteError          a suite, case file or golden is wrong: carries every problem found, each with its place
├── ConfigError         [tool.evalharness] in pyproject.toml is wrong
├── MissingExtraError   an optional package is not installed; names the extra that brings it
├── ProviderError       one request got no usable response; `kind` says which way, `again` whether asking again may help
├── MetricError         one answer could not be scored: never a 0, never a pass
└── StoreError          a run record or a baseline cannot be read, or must not be written
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Again = Literal["never", "once", "safe"]
"""Whether a request that failed may be asked again: `safe`: nothing was done; `once`: what became of it is unknown, and
it may have been billed.
"""


POSIX_ONLY = "evalharness runs on Linux and macOS (it locks files with fcntl); on Windows, use WSL"


class EvalHarnessError(Exception):
    """The root: its text is meant for a person and needs no traceback."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file, and where."""

    file: str
    """Path relative to the root."""
    line: int
    """From 1; 0 when the file as a whole is meant."""
    column: int
    """From 1; 0 when the line as a whole is meant."""
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{place}: {self.message}"


class SuiteError(EvalHarnessError):
    """A suite cannot be used. `problems` lists everything that was found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class ConfigError(EvalHarnessError):
    """The configuration is wrong: the text names the key and what it takes."""


class MissingExtraError(EvalHarnessError):
    """A feature needs a package that is not installed."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(f"{feature} needs the package {package}: pip install 'evalharness[{extra}]'")


class ProviderError(EvalHarnessError):
    """A request ended without a complete response."""

    def __init__(
        self,
        message: str,
        *,
        kind: str = "provider",
        again: Again = "never",
        wait_s: float | None = None,
        throttled: bool = False,
        fatal: bool = False,
        may_cost: bool = False,
    ) -> None:
        self.kind = kind
        """One or two words for the way it failed: crash, deadline, context, rate limit, truncated, auth, ..."""
        self.again: Again = again
        self.wait_s = wait_s
        """How long the endpoint says to wait."""
        self.throttled = throttled
        """The endpoint wants fewer requests."""
        self.fatal = fatal
        """No other request to this model can succeed either."""
        self.may_cost = may_cost
        """Tokens may have been drawn, and billed."""
        super().__init__(message)


class MetricError(EvalHarnessError):
    """A metric cannot score an answer."""


class StoreError(EvalHarnessError):
    """A stored file is damaged, of another version, or must not be written."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean ...?' with the nearest known words, or the list of them when none is near."""
    import difflib

    known = sorted(set(known))
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(repr(name) for name in near)}?"
    return f"; known: {', '.join(known)}" if known else ""
