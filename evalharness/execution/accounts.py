"""The accounts of one model: what its requests cost, what the budget allows, what the ledger keeps.

Each attempt is an intent in the ledger before it leaves, and a settlement afterwards. Without a ledger all of this does
nothing, except that a response with a price has a cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from evalharness.execution.job import Job
from evalharness.execution.keys import request_text
from evalharness.execution.ledger_writer import LedgerWriter
from evalharness.execution.options import RunOptions
from evalharness.execution.pricing import Pricing
from evalharness.providers import Provider
from evalharness.providers.estimates import with_estimates
from evalharness.records import Response
from evalharness.store.ledger import Grant, Intent, Settlement
from evalharness.store.recorded import Recorded


@dataclass
class Accounts:
    """Used on the event loop."""

    provider: Provider
    options: RunOptions
    pricing: Pricing | None = None
    ledger_writer: LedgerWriter | None = None
    _identity: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._identity = self.provider.identity()

    @property
    def records(self) -> bool:
        """Whether responses of this model are recorded."""
        return self.provider.capabilities.recorded and self.ledger_writer is not None

    def request_text(self, job: Job) -> str:
        """Return everything that the response depends on as canonical JSON. The ledger's key is its hash."""
        return request_text(self.provider, self._identity, job.request)

    def counted(self, job: Job, response: Response) -> Response:
        """Return the response of a model with a price with estimates for tokens that its provider does not count."""
        if self.pricing is None:
            return response
        return replace(response, usage=with_estimates(response.usage, job.request, response.text))

    def cost_usd(self, response: Response) -> float | None:
        """Return the dollars of a response: those that an application reports, else by the price; None if unknown."""
        if response.cost_usd is not None:
            return response.cost_usd
        return self.pricing.cost_usd(response) if self.pricing else None

    def most_usd(self, job: Job) -> float:
        """Return the worst-case dollars of one attempt, 0 where no price is known."""
        return self.pricing.most_usd(job.request, self.provider.capabilities.deadline_s) if self.pricing else 0.0

    async def intend(self, job: Job, attempt: str, most_usd: float) -> tuple[Grant, int]:
        """Write that an attempt is about to leave. Returns the grant and its number, see `Ledger.commit`."""
        if self.ledger_writer is None:
            return "go", 0
        ignore_recorded = (job.record or self.options.record) == "all"
        return await self.ledger_writer.enter(Intent(attempt, job.key or attempt, most_usd, ignore_recorded))

    def recorded(self, job: Job) -> Recorded:
        """Return the recorded response of a job whose grant is `recorded`."""
        assert self.ledger_writer is not None
        return self.ledger_writer.ledger.find([job.key])[job.key]

    async def settle(self, attempt: str, outcome: str, cost_usd: float) -> None:
        """Write how an attempt ended. Returns once it is on the disk."""
        if self.ledger_writer is not None:
            await self.ledger_writer.enter(Settlement(attempt, outcome, cost_usd))

    async def record(self, job: Job, attempt: str, response: Response) -> None:
        """Write that an attempt has its response, and the response itself where responses are recorded."""
        if self.ledger_writer is None:
            return
        recorded = None
        if self.records:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            recorded = Recorded(job.key, self.request_text(job), response, now)
        await self.ledger_writer.enter(Settlement(attempt, "answered", job.cost_usd or 0.0, recorded))

    def settle_last(self, attempt: str, outcome: str, cost_usd: float) -> None:
        """Write how an attempt ended without waiting for the disk: its task is being cancelled."""
        if self.ledger_writer is not None:
            self.ledger_writer.enter_last(Settlement(attempt, outcome, cost_usd))
