"""One request on its way to its sample."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from evalharness.errors import ProviderError, StoreError
from evalharness.execution.retry import Tries
from evalharness.records import Case, Request, Response, Sample, SampleError
from evalharness.redaction import scrub
from evalharness.scoring.scorer import Scorer

_LOGPROB_DIGITS = 4
"""Rounded where they come in, so that a stored one and a fresh one are the same number."""


@dataclass(slots=True, eq=False)
class Job:
    """A request, its case, and what has become of it."""

    number: int
    """In the order in which the samples will be waited for."""
    case: Case
    request: Request
    scorer: Scorer
    key: str = ""
    """Of the request in the ledger; "" where responses are not recorded."""
    tries: Tries | None = None
    deadline: float | None = None
    """On the loop's clock, from the first try on."""
    attempts: int = 0
    response: Response | None = None
    error: SampleError | None = None
    recorded_at: str = ""
    cost_usd: float | None = None
    duplicates: list[Job] = field(default_factory=list)
    """Equal requests: they share the answer."""
    sample: Future[Sample] = field(default_factory=Future)

    def __str__(self) -> str:
        key = self.request.key
        purpose = "" if key.purpose == "planned" else f"{key.purpose} "
        return f"{key.case}[{key.model}-{key.prompt}] {purpose}#{key.repeat}"

    def fail(self, error: BaseException) -> None:
        """Every error is this request's own: the run goes on."""
        if isinstance(error, ProviderError):
            self.error = SampleError(error.kind, _writable(str(error)))
        elif isinstance(error, StoreError):
            self.error = SampleError("ledger", _writable(str(error)))
        else:  # a provider of a third party, with a bug
            self.error = SampleError("provider", _writable(f"{type(error).__name__}: {error}"))

    def finished(self, sample: Sample) -> None:
        """Hand the sample over, with what the asking was like."""
        whole = replace(sample, cost_usd=self.cost_usd, recorded_at=self.recorded_at, attempts=self.attempts)
        if self.sample.set_running_or_notify_cancel():
            self.sample.set_result(whole)


def sound(response: Response) -> Response:
    """The response, its texts as Unicode can be written and without keys.

    Raises ProviderError for anything else that a provider returned.
    """
    if not isinstance(response, Response) or not isinstance(response.text, str):
        raise ProviderError(f"the provider returned no response but {type(response).__name__}")
    if not response.is_sound:
        raise ProviderError(
            f"the provider returned a response that cannot be recorded: {replace(response, text='...')}"
        )
    return replace(
        response,
        text=_writable(response.text),
        model=scrub(response.model)[:200],
        fingerprint=scrub(response.fingerprint)[:200],
        logprobs=_rounded(response.logprobs),
        golden_logprobs=tuple(_rounded(golden) for golden in response.golden_logprobs),
        contexts=tuple(_writable(text) for text in response.contexts),
    )


def _rounded(logprobs: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(float(value), _LOGPROB_DIGITS) + 0.0 for value in logprobs)  # + 0.0: never -0.0


def _writable(text: str) -> str:
    """Without keys, and without halves of surrogate pairs, which no file can hold."""
    return scrub(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
