"""One request on its way to a response: its tokens, text and times."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from evalharness.errors import ProviderError
from evalharness.local.native import Native, Row
from evalharness.local.sampler import Sampler, log_probability


class Sequence:
    """A sequence that grows by a token with each step.

    Its clock starts with the case's own part of the prompt.
    """

    def __init__(self, native: Native, number: int, request: Mapping[str, Any], *, prompt: int, own: int) -> None:
        """`prompt`: tokens of the prompt. `own`: its tokens after the shared prefix.

        Raises ProviderError for an invalid grammar.
        """
        params = request["params"]
        self.number, self.finish_reason = number, ""
        self.golden_logprobs: list[list[float]] = []
        self._native, self._prompt, self._own = native, prompt, own
        self._sampler = Sampler(native, params)
        self._max_tokens, self._stops = params["max_tokens"], [stop.encode() for stop in params["stop"]]
        self._wants_logprobs = params.get("logprobs", False)
        self._deadline_s, self._waited_s = request["deadline_s"], 0.0
        self._tokens: list[int] = []
        self._text, self._logprobs = b"", list[float]()
        self._times = [time.perf_counter()]
        """The start, then one time for each token."""

    def sample(self, row: int) -> None:
        """Sample the next token from a row of the last `decode`.

        Sets `finish_reason` if the text ends there.
        """
        token = self._sampler.token(row)
        self._times.append(time.perf_counter())
        if self._native.ends(token):
            self.finish_reason = "stop"
            return
        if self._wants_logprobs:
            self._logprobs.append(log_probability(self._native.logits(row), token))
        self._tokens.append(token)
        self._text += self._native.piece(token)
        self._check_end()

    def row(self, sequence: int) -> Row:
        """The last token at its position: the row of the next decode step."""
        return Row(self._tokens[-1], self._prompt + len(self._tokens) - 1, sequence, logits=True)

    def exclude(self, seconds: float) -> None:
        """Exclude seconds that were spent on scoring golden answers."""
        self._times = [at + seconds for at in self._times]

    def add_wait(self, seconds: float) -> None:
        """Exclude seconds from the deadline, but not from the times.

        They were spent on the prompt of another sequence.
        """
        self._waited_s += seconds

    def deadline_error(self) -> ProviderError | None:
        """The error of a sequence that is past its deadline; None in time."""
        if time.perf_counter() - self._times[0] - self._waited_s <= self._deadline_s:
            return None
        return ProviderError(f"no complete answer within deadline_s = {self._deadline_s:g}", kind="deadline")

    def result(self) -> dict[str, Any]:
        """The fields of the reply, from which the parent builds a Response."""
        return {
            "text": self._text.decode("utf-8", "replace"),
            "finish_reason": self.finish_reason,
            "prompt_tokens": self._prompt,
            "completion_tokens": len(self._tokens),
            "logprobs": self._logprobs,
            "golden_logprobs": self.golden_logprobs,
            "timing": self._timing(),
        }

    def close(self) -> None:
        """Free the sampler."""
        self._sampler.close()

    def _check_end(self) -> None:
        found = [at for at in map(self._text.find, self._stops) if at >= 0]
        if found:
            self._text, self.finish_reason = self._text[: min(found)], "stop"
        elif len(self._tokens) == self._max_tokens:
            self.finish_reason = "length"

    def _timing(self) -> dict[str, float | None]:
        """Seconds and rates of this sequence, neighbours included."""
        first_s, rest_s, rest = self._times[1] - self._times[0], self._times[-1] - self._times[1], len(self._times) - 2
        return {
            "total_s": self._times[-1] - self._times[0],
            "first_token_s": first_s,
            "prompt_tokens_per_s": self._own / first_s if first_s > 0 else None,
            "decode_tokens_per_s": rest / rest_s if rest > 0 and rest_s > 0 else None,
        }
