"""The errors that evalharness raises on purpose.

EvalHarnessError
├── SuiteError                    a suite, case file or golden is invalid: lists every problem and its place
├── ConfigError                   [tool.evalharness] in pyproject.toml is invalid
├── MissingExtraError             an optional package is not installed
├── MetricError                   a metric cannot score a response: never a 0, never a pass
├── StoreError                    a stored file cannot be read or written
├── GitError                      git cannot provide a version of a file
├── RefusedError                  an action is refused, and nothing has changed
└── ProviderError                 a request failed; it is not retried
    ├── BilledError               the failed request may cost money
    ├── RetryableError            a retry may succeed
    │   ├── ThrottledError        the endpoint wants fewer requests
    │   └── UnknownOutcomeError   also a BilledError: one retry at most
    │       └── LostWorkerError   the worker of an executor is gone
    └── ModelUnavailableError     every request to this model will fail
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

POSIX_ONLY = "evalharness runs on Linux and macOS (it locks files with fcntl); on Windows, use WSL"


class EvalHarnessError(Exception):
    """The root class. Its text is complete without a traceback."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One invalid place in a file."""

    file: str
    """Path relative to the root."""
    line: int
    """From 1; 0 for the whole file."""
    column: int
    """From 1; 0 for the whole line."""
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{place}: {self.message}"


class SuiteError(EvalHarnessError):
    """A suite, case file or golden is invalid. `problems` lists all of them in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class ConfigError(EvalHarnessError):
    """The configuration is invalid: the text names the key and the values it takes."""

    line = 0
    """The line of pyproject.toml, 0 if it is unknown."""


class MissingFileError(ConfigError):
    """A configured file does not exist."""


class MissingExtraError(EvalHarnessError):
    """An optional package is not installed."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(f"{feature} needs the package {package}: pip install 'evalharness[{extra}]'")


class MetricError(EvalHarnessError):
    """A metric cannot score a response."""


class CheckError(EvalHarnessError):
    """A response could not be checked: an error of its sample, and no broken assertion."""


class NotStoredError(CheckError):
    """An accepted answer cannot be checked, because a baseline does not keep what the check reads."""


class StoreError(EvalHarnessError):
    """A stored file cannot be read or written."""


class GitError(EvalHarnessError):
    """git cannot provide a version of a file: no repository, an unknown commit, a shallow clone."""


class RefusedError(EvalHarnessError):
    """An action is refused, such as accepting a partial run or overwriting a file; nothing has changed."""


class ProviderError(EvalHarnessError):
    """A request failed and is not retried; it cost nothing.

    `kind` names the failure in one or two words: crash, deadline, context, truncated, auth, ...
    """

    def __init__(self, message: str, *, kind: str = "provider") -> None:
        self.kind = kind
        super().__init__(message)


class BilledError(ProviderError):
    """A request failed after the model may have generated tokens. The budget counts its worst-case cost."""


class RetryableError(ProviderError):
    """A request failed, and a retry may succeed."""

    def __init__(self, message: str, *, kind: str = "provider", wait_s: float | None = None) -> None:
        self.wait_s = wait_s
        """Seconds until the retry; None: exponential backoff."""
        super().__init__(message, kind=kind)


class ThrottledError(RetryableError):
    """The endpoint wants fewer requests: every request to this model waits."""


class UnknownOutcomeError(RetryableError, BilledError):
    """The response is lost or unusable, and may be billed: the request is retried once at most."""


class LostWorkerError(UnknownOutcomeError):
    """The worker that had the request is gone: another one gets it, once, also where `retries` is 0."""


class ModelUnavailableError(ProviderError):
    """Every request to this model will fail, for example because the key is wrong: no other one is sent."""


class SchemaError(ValueError):
    """A JSON schema is invalid or unsupported; `path` leads to the keyword."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        self.path = path
        super().__init__(message)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return '; did you mean ...?' with the nearest known words, or all of them if none is near."""
    import difflib

    known = sorted(set(known))
    near = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(repr(name) for name in near)}?"
    return f"; known: {', '.join(known)}" if known else ""
