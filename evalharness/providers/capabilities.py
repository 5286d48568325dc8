"""What a provider declares before its first request."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from evalharness.records import Params

ALL_PARAMS = frozenset(field.name for field in fields(Params))
NEUTRAL = Params(temperature=None, seed=None)
"""The value of each parameter that means "use the model's default"."""
ALWAYS_SENT = frozenset({"max_tokens"})
"""Every format bounds the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do and what it holds; the defaults fit a Python function."""

    concurrency: int = 1
    """Requests in flight at once. Above 20 the number grows step by step, and shrinks when the endpoint throttles."""
    retries: int = 0
    """Retries of a request that fails with a RetryableError."""
    deadline_s: float = 120.0
    """Seconds for one request, including its retries and waits."""
    recorded: bool = False
    """Store and replay responses. Needs `identity` and `wire` to return everything that a response depends on."""
    files: tuple[str, ...] = ()
    """Files of the project that decide the responses of a provider that is not recorded, relative to the root. The
    accepted version runs next to a change only while none of them has changed; without any, never.
    """
    own_code: bool = False
    """Responses come from code of the project, and `with_code_in` gives those of another commit."""
    deterministic: Literal["never", "greedy", "always"] = "never"
    """When a second sample of a request equals the first, whatever the seed; `greedy`: at temperature 0."""
    keeps_state: bool = False
    """An application that keeps each conversation by its id: it gets the new messages of a turn alone."""
    repeatable: bool = True
    """The provider can generate another sample of a request, so that fresh samples can confirm a suspicion."""
    local: bool = False
    """The model computes on this machine, so latencies depend on its load."""
    memory_bytes: int | None = None
    """Memory of this machine that the loaded model holds; None: a negligible amount. Models that hold memory run one
    at a time, and `unload` frees it.
    """
    memory_detail: str = ""
    """`memory_bytes` and its parts as text, for `evalharness doctor`."""
    params: frozenset[str] = ALL_PARAMS
    """Parameters that reach the model. A suite that sets another one is rejected before the first request."""
    tools: bool = False
    """The tools of a suite reach the model or the application."""
    media_types: frozenset[str] = frozenset()
    """The types of pictures and documents in messages that reach the model, such as `image/png`."""
    golden_logprobs: bool = False
    """The provider fills `Response.golden_logprobs`, which likelihood metrics need."""
    writes: bool = True
    """The provider returns texts; False for one that decides between choices alone, which can only judge."""
    decides: Literal["", "choice", "first token"] = ""
    """How the provider fills `Response.decision`, which judges need: from the probability of a whole choice, or of its
    first token; empty: it does not."""
    price_reference: tuple[str, str] | None = None
    """Base URL and model name to look up in the price list."""
    refusal: str = ""
    """Why every request will fail, such as a damaged model file or a missing key. No request is then sent."""
    refusal_kind: str = "load"
    """The kind of that error."""

    def repeats_differ(self, params: Params) -> bool:
        """Return whether a second sample of the same request can differ from the first."""
        is_greedy = self.deterministic == "greedy" and not params.temperature
        return self.deterministic != "always" and not is_greedy

    def unsupported(self, params: Params) -> list[str]:
        """Return the names of the parameters that are set and do not reach the model."""
        names = [field.name for field in fields(Params) if field.name not in self.params | ALWAYS_SENT]
        return [name for name in names if getattr(params, name) != getattr(NEUTRAL, name)]
