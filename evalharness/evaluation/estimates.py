"""What requests can cost, before they are sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalharness.evaluation.plan import Plan
from evalharness.evaluation.planned_requests import MOST_HELD
from evalharness.execution.pricing import Pricing
from evalharness.providers import Provider
from evalharness.records import Request
from evalharness.report.usage import dollars

_STAND_FOR_ALL = 2_000
"""Requests that stand for all where there are more than a plan keeps: each of the others would be made twice."""


@dataclass(slots=True)
class _Estimate:
    """What the requests to a model can cost."""

    counted: int = 0
    number: float = 0.0
    """Of the requests that those counted stand for."""
    about_usd: float = 0.0
    most_usd: float = 0.0

    def add(self, price: Pricing, request: Request, deadline_s: float, times: float) -> None:
        self.counted += 1
        self.number += times
        self.about_usd += times * price.about_usd(request)
        self.most_usd += times * price.most_usd(request, deadline_s)

    def lines(self, model: str, price: Pricing) -> Iterator[str]:
        number, about, most = round(self.number), dollars(self.about_usd), dollars(self.most_usd)
        judged = f", judging by {self.counted:,} of them" if self.counted < number else ""
        yield f"llm: {number} requests to {model}: about {about} if every response has max_tokens, at most "
        yield f"     {most} without retries{judged}; recorded responses cost nothing ({price.source})"


def estimate_lines(
    requests: Sequence[tuple[Plan, Sequence[Request]]],
    pricing: Mapping[str, Pricing],
    providers: Mapping[str, Provider],
) -> Iterator[str]:
    """The cost of the requests of these plans: a line for each model with a price.

    Of more than 20,000 requests of a plan, about 2,000 stand for all.
    """
    found = dict[str, _Estimate]()
    for _, its in requests if pricing else ():
        some = its[:: len(its) // _STAND_FOR_ALL] if len(its) > MOST_HELD else its
        for request in some:
            if price := pricing.get(request.key.model):
                deadline_s = providers[request.key.model].capabilities.deadline_s
                found.setdefault(request.key.model, _Estimate()).add(price, request, deadline_s, len(its) / len(some))
    for model, estimate in sorted(found.items()):
        yield from estimate.lines(model, pricing[model])
