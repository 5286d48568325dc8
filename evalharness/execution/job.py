"""One request between its submission and its exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from evalharness.errors import ProviderError, RetryableError, StoreError
from evalharness.execution.executor import Exchange
from evalharness.execution.options import RecordMode
from evalharness.execution.sound import encodable
from evalharness.foreign import describe
from evalharness.records import Request, Response, SampleError
from evalharness.redaction import scrub
from evalharness.wire.retry import Tries


@dataclass(slots=True, eq=False)
class Job:
    """A request and its state."""

    number: int
    """In the order of submission: the caller waits in that order."""
    request: Request
    then: Callable[[Exchange], None] | None
    """Gets the exchange; None once it has."""
    record: RecordMode | None = None
    """The record mode of this request; None: that of the run."""
    key: str = ""
    """The key of the request in the ledger; "" where responses are not recorded."""
    tries: Tries | None = None
    deadline: float | None = None
    """On the loop's clock, from the first attempt on."""
    attempts: int = 0
    response: Response | None = None
    error: SampleError | None = None
    retryable: bool = False
    recorded_at: str = ""
    recorded_from: str = ""
    cost_usd: float | None = None
    duplicates: list[Job] = field(default_factory=list)
    """Equal requests: they share the response."""

    @property
    def has_ended(self) -> bool:
        """Whether it has its response or its error."""
        return self.response is not None or self.error is not None

    def __str__(self) -> str:
        key = self.request.key
        purpose = "" if key.purpose == "planned" else f"{key.purpose} "
        return f"{key.case}[{key.model}-{key.prompt}] {purpose}#{key.repeat}"

    def fail(self, error: BaseException) -> None:
        """Set the error of this request; the run continues."""
        self.retryable = isinstance(error, RetryableError)
        if isinstance(error, ProviderError):
            self.error = SampleError(error.kind, _writable(str(error)))
        elif isinstance(error, StoreError):
            self.error = SampleError("ledger", _writable(str(error)))
        else:  # a bug of a third party
            self.error = SampleError("provider", _writable(describe(error)))

    def complete(self) -> None:
        """Pass the exchange on. Later calls do nothing."""
        if self.then is None:
            return
        then, self.then = self.then, None
        ended = (self.response, self.error, self.cost_usd, self.recorded_at, self.attempts, self.retryable)
        then(Exchange(self.request, *ended, self.recorded_from))

    def share(self, *, priced: bool) -> None:
        """Complete the equal requests with this response or error."""
        for duplicate in self.duplicates:
            duplicate.response, duplicate.error, duplicate.recorded_at = self.response, self.error, self.recorded_at
            duplicate.recorded_from = self.recorded_from
            duplicate.cost_usd, duplicate.attempts = (0.0 if priced else None), 0
            duplicate.complete()


def _writable(text: str) -> str:
    return scrub(encodable(text))
