"""What a worker sends back: a response, or an error as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.errors import (
    BilledError,
    EvalHarnessError,
    LostWorkerError,
    ModelUnavailableError,
    ProviderError,
    RetryableError,
    ThrottledError,
    UnknownOutcomeError,
)
from evalharness.execution.sound import encodable
from evalharness.foreign import describe

_ERRORS: dict[str, type[ProviderError]] = {
    one.__name__: one
    for one in (
        ProviderError,
        BilledError,
        RetryableError,
        ThrottledError,
        UnknownOutcomeError,
        LostWorkerError,
        ModelUnavailableError,
    )
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of a worker."""

    response: bytes
    """As JSON."""
    note: str = ""
    """Why the worker could not keep a copy; empty where it did, or where responses are not recorded."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that passes between processes."""

    error: str
    """The name of its class."""
    message: str
    kind: str = "ray"
    wait_s: float | None = None

    def to_error(self) -> ProviderError:
        """Return the error to raise."""
        kind = _ERRORS.get(self.error, ProviderError)
        if issubclass(kind, RetryableError):
            return kind(self.message, kind=self.kind, wait_s=self.wait_s)
        return kind(self.message, kind=self.kind)


def failure_of(error: BaseException) -> Failure:
    """Return an error as plain values. That of third-party code may have come after the response."""
    if isinstance(error, ProviderError):
        name = next(one.__name__ for one in type(error).__mro__ if one.__name__ in _ERRORS)
        return Failure(name, encodable(str(error)), error.kind, getattr(error, "wait_s", None))
    if isinstance(error, EvalHarnessError):
        return Failure("ModelUnavailableError", encodable(str(error)), "load")
    return Failure("BilledError", encodable(describe(error)), "provider")
