"""What a load test may cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evalharness.execution.pricing import Pricing
from evalharness.providers.estimates import with_estimates
from evalharness.records import Request, Response


@dataclass(slots=True)
class Budget:
    """Dollars: what was spent, what requests in flight may cost at most, and the limit of both together."""

    pricing: Pricing | None
    deadline_s: float
    limit_usd: float | None = None
    spent_usd: float = 0.0
    reserved_usd: float = 0.0

    def reserve(self, request: Request) -> float | None:
        """Reserve the worst case of a request and return it; None if it exceeds what is left."""
        most = self.pricing.most_usd(request, self.deadline_s) if self.pricing else 0.0
        if self.limit_usd is not None and self.spent_usd + self.reserved_usd + most > self.limit_usd:
            return None
        self.reserved_usd += most
        return most

    def settle(self, request: Request, reserved_usd: float, response: Response | None, *, billed: bool) -> float | None:
        """Count what a request cost, and return it; None without a price. `billed`: a failed one may have cost it."""
        self.reserved_usd -= reserved_usd
        if self.pricing is None:
            return response.cost_usd if response else None
        cost = self._cost_usd(self.pricing, request, response) if response else reserved_usd * billed
        self.spent_usd += cost
        return cost

    def _cost_usd(self, pricing: Pricing, request: Request, response: Response) -> float:
        if response.cost_usd is not None:
            return response.cost_usd
        counted = with_estimates(response.usage, request, response.text)
        return pricing.cost_usd(replace(response, usage=counted))
