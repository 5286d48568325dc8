"""Endpoints that decide between choices and write no text: a judge, never the model of a suite.

    [tool.evalharness.models.luna]
    provider = "decisions"
    base_url = "https://api.openai.com/v1"
    model = "gpt-6-luna"
    api_key_env = "OPENAI_API_KEY"

`api = "decisions"`: OpenAI's `POST /decisions` (https://developers.openai.com/api/reference/resources/decisions/), as
vLLM, SGLang, Fireworks and LiteLLM serve it too. `api = "systemone"`: TypeSafe's `POST /systemone`
(https://docs.typesafe.ai/api, https://docs.litellm.ai/docs/decisions/systemone_format), as Upstage and Fireworks serve
it too. Each request asks one question of the type `choice`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from evalharness.errors import BilledError, ConfigError, ProviderError
from evalharness.providers.parse import json_object, text_of
from evalharness.providers.remote import RemoteProvider
from evalharness.providers.stream import Clock
from evalharness.providers.token_usage import chat_usage
from evalharness.records import Request, Response
from evalharness.redaction import shortened

_ASK = "Answer the question at the end of the input with one of the allowed answers."
_NAME = "decision"
_BODY = {"input", "questions", "state"}
_ROUNDING = 0.005
"""OpenAI rounds probabilities to two decimals."""


@dataclass(kw_only=True)
class DecisionsProvider(RemoteProvider):
    """A model behind an endpoint of decisions, at one or more addresses."""

    api: Literal["decisions", "systemone"] = "decisions"

    format: ClassVar[str] = "decisions"
    decides = "choice"
    names: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self) -> None:
        """Check the options. Opens no connection."""
        super().__post_init__()
        self.capabilities = replace(self.capabilities, writes=False, tools=False, media_types=frozenset())

    def wire(self, request: Request) -> Mapping[str, Any]:
        """Return the body."""
        text = "\n\n".join(message.content for message in request.messages)
        question = {"type": "choice", "instructions": _ASK}
        if self.api == "systemone":
            asked = {_NAME: {**question, "criteria": {choice: choice for choice in request.choices}}}
            return {"model": self.model, "state": text, "questions": asked, **self.extra}
        choices = [{"value": choice} for choice in request.choices]
        asked_once = [{**question, "name": _NAME, "choices": choices}]
        return {"model": self.model, "input": text, "questions": asked_once, **self.extra}

    async def complete(self, request: Request) -> Response:
        """Return the response, with the decision and no text. Raises ProviderError: also for a request of a text."""
        if not request.choices:
            raise ProviderError("this endpoint writes no text: use the model as a judge alone", kind="parameter")
        clock = Clock()
        async with self._endpoint.post(f"/{self.api}", self.wire(request), attempt=request.attempt) as response:
            body = json_object(await response.json(), "the response")
        usage = chat_usage(json_object(body.get("usage") or {}, "usage"), request, "", 0)
        return Response(
            "",
            "stop",
            usage,
            clock.timing(usage, {}),
            text_of(body.get("model"), "model"),
            decision=_decision(_answer(body.get("answers")), request.choices),
        )

    def _check_extra(self) -> None:
        super()._check_extra()
        if taken := sorted(_BODY & set(self.extra)):
            raise ConfigError(f"'extra' cannot contain {', '.join(taken)}: each request sets it")


def _answer(answers: Any) -> Mapping[str, Any]:
    """The only answer: in a list, or by its name. Raises BilledError: another number, another kind, or a refusal."""
    found = [answers[_NAME]] if isinstance(answers, Mapping) and _NAME in answers else answers
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], Mapping):
        raise BilledError(f"answers: expected one answer, got {shortened(answers, 100)}", kind="decision")
    answer: Mapping[str, Any] = found[0]
    if answer.get("type") == "refusal":
        raise BilledError("no decision: the model refuses to respond", kind="refused")
    if answer.get("type") != "choice":
        kind = shortened(answer.get("type"), 40)
        raise BilledError(f"answers: expected an answer of the type choice, got {kind}", kind="decision")
    return answer


def _decision(answer: Mapping[str, Any], choices: Sequence[str]) -> tuple[float, ...]:
    """The probability of each choice. Raises BilledError: they are not those of the choices, or no distribution."""
    shares = _shares(answer.get("probabilities"))
    if set(shares) != set(choices):
        expected, got = ", ".join(choices), shortened(answer.get("probabilities"), 100)
        raise BilledError(f"probabilities: expected one for each of {expected}, got {got}", kind="decision")
    total = math.fsum(shares.values())
    if abs(total - 1) > _ROUNDING * len(choices) + 1e-6:
        raise BilledError(f"probabilities: expected numbers that add up to 1, got {shares}", kind="decision")
    return tuple(shares[choice] / total for choice in choices)


def _shares(given: Any) -> dict[str, float]:
    """The probabilities by choice; a list has `value` and `probability`. Nothing if one of them is malformed."""
    if isinstance(given, list) and all(isinstance(one, Mapping) for one in given):
        pairs = [(one.get("value"), one.get("probability")) for one in given]
    else:
        pairs = list(given.items()) if isinstance(given, Mapping) else []
    sound = {name: float(share) for name, share in pairs if isinstance(name, str) and _is_share(share)}
    return sound if len(sound) == len(pairs) else {}


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1
