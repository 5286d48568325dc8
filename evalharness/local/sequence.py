"""One request on its way to its answer: where it stands, what it has drawn, how long that took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from evalharness.errors import ProviderError
from evalharness.local.native import Native, Row
from evalharness.local.sampler import Sampler, log_probability


class Sequence:
    """Grows by a token with each step. Its seconds begin when the case's own part of the prompt does."""

    def __init__(self, native: Native, number: int, request: Mapping[str, Any], *, prompt: int, own: int) -> None:
        """`prompt`: its tokens; `own`: those behind the shared prefix. Raises ProviderError: the grammar is none."""
        params = request["params"]
        self.number, self.finish_reason = number, ""
        self.golden_logprobs: list[list[float]] = []
        self._native, self._prompt, self._own = native, prompt, own
        self._draw = Sampler(native, params)
        self._most, self._stops = params["max_tokens"], [stop.encode() for stop in params["stop"]]
        self._wants_logprobs = params.get("logprobs", False)
        self._deadline_s, self._waited_s = request["deadline_s"], 0.0
        self._tokens: list[int] = []
        self._text, self._logprobs = b"", list[float]()
        self._times = [time.perf_counter()]

    def read(self, row: int) -> None:
        """Draw the next token after a row of the last `decode`, and see whether the answer ends there."""
        token = self._draw.token(row)
        self._times.append(time.perf_counter())
        if self._native.ends(token):
            self.finish_reason = "stop"
            return
        if self._wants_logprobs:
            self._logprobs.append(log_probability(self._native.logits(row), token))
        self._tokens.append(token)
        self._text += self._native.piece(token)
        self._see_the_end()

    def row(self, sequence: int) -> Row:
        """The token that was drawn last, at its place: what the next step decodes."""
        return Row(self._tokens[-1], self._prompt + len(self._tokens) - 1, sequence, logits=True)

    def leave_out(self, seconds: float) -> None:
        """They went into something else: the times that follow are later by as much."""
        self._times = [at + seconds for at in self._times]

    def wait(self, seconds: float) -> None:
        """While the prompt of another one was read: they count for its times, which are what they are, but not against
        its deadline.
        """
        self._waited_s += seconds

    def check(self) -> None:
        """Raises ProviderError when it has taken too long."""
        if time.perf_counter() - self._times[0] - self._waited_s > self._deadline_s:
            raise ProviderError(f"no end within deadline_s = {self._deadline_s:g}", kind="deadline")

    def result(self) -> dict[str, Any]:
        """What the parent makes a Response of."""
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
        """Give its sampler back."""
        self._draw.close()

    def _see_the_end(self) -> None:
        found = [at for at in map(self._text.find, self._stops) if at >= 0]
        if found:
            self._text, self.finish_reason = self._text[: min(found)], "stop"
        elif len(self._tokens) == self._most:
            self.finish_reason = "length"

    def _timing(self) -> dict[str, float | None]:
        """Seconds of this sequence as it went, its neighbours beside it."""
        first_s, rest_s, rest = self._times[1] - self._times[0], self._times[-1] - self._times[1], len(self._times) - 2
        return {
            "total_s": self._times[-1] - self._times[0],
            "first_token_s": first_s,
            "prompt_tokens_per_s": self._own / first_s if first_s > 0 else None,
            "decode_tokens_per_s": rest / rest_s if rest > 0 and rest_s > 0 else None,
        }
