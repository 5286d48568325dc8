"""One answer of a model that calls scripted tools: requests until it answers without a call.

    request ──> calls ── the world's results ──> request ──> ... ──> answer

Each request is one of the engine. The exchange that stands for them has the last response, with all calls and their
results, the transcript, and the tokens, seconds and dollars of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalharness.evaluation.chain import Steps
from evalharness.evaluation.send import Send
from evalharness.evaluation.world_state import WorldState, results_of
from evalharness.execution import Exchange
from evalharness.execution.options import RecordMode
from evalharness.records import Message, Request, Response, SampleError, Timing, ToolCall, Usage, World


def answer(request: Request, name: str, send: Send, record: RecordMode | None = None) -> Steps:
    """Send a request, and the results of the calls that its response has. `name`: of the conversation."""
    world, request = request.world, replace(request, dialogue=None, world=None)
    exchange = yield send(request, record)
    if world is None or not _open_calls(exchange):
        return exchange
    state, steps = WorldState(world, request, name), [exchange]
    transcript: list[Message] = []
    calls: list[ToolCall] = []
    while exchange.response is not None and (wanted := _open_calls(exchange)):
        answered = state.answered(wanted)
        calls += answered
        if len(steps) == world.max_steps:
            return replace(combined(request, steps), response=None, error=_too_many(world, answered[-1]))
        transcript += [_calling(exchange.response, answered), *results_of(answered)]
        exchange = yield send(_following(request, transcript, exchange), record)
        steps.append(exchange)
    if exchange.response is not None:
        transcript.append(Message("assistant", exchange.response.text))
    return combined(request, steps, tuple(calls), tuple(transcript))


def _open_calls(exchange: Exchange) -> tuple[ToolCall, ...]:
    """The calls of a response without results: those of an application that runs its own tools have them."""
    calls = exchange.response.tool_calls if exchange.response else ()
    return calls if any(call.result is None for call in calls) else ()


def _calling(response: Response, calls: Sequence[ToolCall]) -> Message:
    sent = tuple(replace(call, result=None, unknown=False) for call in calls)
    return Message("assistant", response.text, sent, verbatim=response.verbatim)


def _following(request: Request, transcript: Sequence[Message], before: Exchange) -> Request:
    conversation = before.request.conversation
    if conversation is not None:  # the application knows what it was sent, and what it answered
        conversation = replace(conversation, sent=len(before.request.messages) + 1)
    return replace(request, messages=(*request.messages, *transcript), conversation=conversation)


def _too_many(world: World, last: ToolCall) -> SampleError:
    text = f"no answer within max_steps = {world.max_steps} of the world: the last call was {last.shown}"
    return SampleError("steps", text)


def combined(
    request: Request, steps: Sequence[Exchange], calls: tuple[ToolCall, ...] = (), transcript: tuple[Message, ...] = ()
) -> Exchange:
    """Return one exchange for all steps: the last response, with the calls before it and the transcript."""
    last, responses = steps[-1], [step.response for step in steps if step.response]
    costs = [step.cost_usd for step in steps if step.cost_usd is not None]
    response = last.response and _merged(last.response, responses, calls, transcript)
    return Exchange(
        request,
        response,
        last.error,
        cost_usd=sum(costs) if len(costs) == len(steps) else None,
        recorded_at=min((step.recorded_at for step in steps if step.recorded_at), default=""),
        attempts=max(step.attempts for step in steps),
        retryable=last.retryable,
        transcript=transcript if response else (),
        sources=tuple(source for step in steps for source in step.all_sources),
    )


def _merged(
    last: Response, responses: Sequence[Response], calls: tuple[ToolCall, ...], transcript: tuple[Message, ...]
) -> Response:
    usages = [one.usage for one in responses]
    own = [one.cost_usd for one in responses if one.cost_usd is not None]
    return replace(
        last,
        tool_calls=(*calls, *last.tool_calls),
        turns=tuple(replace(message, verbatim="") for message in transcript),
        empty=tuple(name for name in last.empty if name != "tool_calls" or not calls),
        usage=Usage(
            prompt_tokens=sum(one.prompt_tokens for one in usages),
            completion_tokens=sum(one.completion_tokens for one in usages),
            cached_tokens=sum(one.cached_tokens for one in usages),
            estimated=any(one.estimated for one in usages),
            reasoning_tokens=sum(one.reasoning_tokens for one in usages),
            cache_write_tokens=sum(one.cache_write_tokens for one in usages),
        ),
        timing=_timing([one.timing for one in responses]),
        cost_usd=sum(own) if own else None,
    )


def _timing(timings: Sequence[Timing]) -> Timing:
    """Seconds of all requests; the first token is that of the first. Rates of several requests are no rate."""
    slots = {one.slots for one in timings}
    return Timing(
        total_s=sum(one.total_s for one in timings),
        first_token_s=timings[0].first_token_s,
        slots=slots.pop() if len(slots) == 1 else None,
    )
