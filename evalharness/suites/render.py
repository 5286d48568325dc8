"""Render the prompts of a suite into requests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from evalharness.config import Limits
from evalharness.records import (
    Attachment,
    Case,
    Dialogue,
    Message,
    Params,
    Prompt,
    Purpose,
    Request,
    SampleKey,
    SimulatedUser,
    Suite,
)
from evalharness.records.suite import PART_BREAK
from evalharness.templating.prompts import PromptSandbox
from evalharness.templating.sandbox import TemplateError

Read = Callable[[str, str], Attachment]
"""Returns the file of a kind (`image`, `file`) and a path relative to the suite."""
_SEEDS = 2**31
"""Some endpoints read a seed as a signed 32-bit integer."""


class Renderer:
    """Renders the prompts of one suite.

    Variables are data: template syntax inside a variable is not rendered.
    """

    def __init__(self, limits: Limits) -> None:
        self._sandbox = PromptSandbox(max_chars=limits.prompt_chars, max_steps=limits.template_steps)
        self.chars, self.steps = 0, 0.0
        """Of all messages so far."""
        self._compiled = lru_cache(maxsize=None)(self._sandbox.compile_prompt)

    def text(self, source: str, variables: Mapping[str, Any]) -> str:
        """The content of one message. Raises TemplateError."""
        template = self._compiled(source)
        try:
            text = self._sandbox.render(template, variables)
        finally:
            self.steps += self._sandbox.steps
        self.chars += len(text)
        return text

    def message(self, turn: Message, variables: Mapping[str, Any], read: Read | None = None) -> Message:
        """One message. `read` returns its files, if it has any. Raises TemplateError, and what `read` raises."""
        if not turn.attachments:
            text = self.text(turn.content, variables)
            return turn if text == turn.content else Message(turn.role, text)
        assert read is not None
        content, files = "", list[Attachment]()
        for part in turn.parts():
            if isinstance(part, Attachment):
                files.append(replace(read(part.media_type, self.text(part.path, variables)), at=len(content)))
            elif text := self.text(part, variables):
                content = f"{content}{PART_BREAK}{text}" if content else text
        return Message(turn.role, content, attachments=tuple(files))

    def variables(self, source: str) -> set[str]:
        """The variables that a template reads. Raises TemplateError."""
        self._compiled(source)
        return self._sandbox.variables(source)

    def messages(
        self, prompt: Prompt, variables: Mapping[str, Any], known: tuple[Message, ...] = ()
    ) -> tuple[Message, ...]:
        """The messages of a prompt. `known`: the first of them, rendered before. Raises TemplateError."""
        read = _files_of(prompt) if prompt.attachments else None
        return (*known, *[self.message(turn, variables, read) for turn in prompt.messages[len(known) :]])

    def common_messages(self, prompt: Prompt, suite_vars: Mapping[str, Any]) -> tuple[Message, ...]:
        """The leading messages that use only suite variables.

        They are the same for every case, so a run of a few cases shares the same prefix as a run of all cases.
        """
        common: list[Message] = []
        for turn in prompt.messages:
            sources = [part if isinstance(part, str) else part.path for part in turn.parts()]
            if any(not self._sandbox.variables(source) <= suite_vars.keys() for source in sources):
                break
            try:
                common.append(self.message(turn, suite_vars, _files_of(prompt)))
            except TemplateError:  # each case overrides the variable that fails here
                break
        return tuple(common)


def _files_of(prompt: Prompt) -> Read:
    return lambda _, reference: prompt.attachments[reference]


class RequestMaker:
    """Makes the requests of a suite, one at a time. Raises TemplateError, but not for a suite of `load_suite`."""

    def __init__(self, suite: Suite, limits: Limits) -> None:
        self._suite, self._renderer = suite, Renderer(limits)
        self._common: dict[str, tuple[Message, ...]] = {}
        self._last: tuple[Case, str] | None = None
        self._first: Request | None = None

    def request(self, case: Case, key: SampleKey) -> Request:
        """The request for a planned sample of a case. The messages of the last case are kept, for its repeats."""
        if self._first is not None and self._last and self._last[0] is case and self._last[1] == key.prompt:
            return replace(self._first, key=key, params=_seeded(self._suite.params, key.repeat))
        self._first, self._last = self._rendered(case, key), (case, key.prompt)
        return self._first

    def _rendered(self, case: Case, key: SampleKey) -> Request:
        suite, prompt = self._suite, self._suite.prompts[key.prompt]
        variables, common = {**suite.vars, **case.vars}, self._common_of(prompt)
        mine = replace(prompt, messages=prompt.by_case[case.id]) if prompt.by_case else prompt
        known = common if suite.vars.keys().isdisjoint(case.vars) else ()
        messages, user = _messages(self._renderer, mine, variables, case, known)
        return Request(
            key,
            messages,
            _shared(messages, common),
            _seeded(suite.params, key.repeat),
            variables=variables,
            tools=suite.tools,
            dialogue=Dialogue(suite.name, case.conversation, len(case.turns)) if case.turns else None,
            user=user,
            world=suite.world,
        )

    def _common_of(self, prompt: Prompt) -> tuple[Message, ...]:
        if prompt.name not in self._common:
            common = () if prompt.by_case else self._renderer.common_messages(prompt, self._suite.vars)
            self._common[prompt.name] = common
        return self._common[prompt.name]


def requests(
    suite: Suite, *, models: Iterable[str], prompts: Iterable[str], repeats: Mapping[str, int], limits: Limits
) -> Iterator[tuple[Case, Request]]:
    """All requests of the suite, ordered by model, prompt, case and repeat.

    `repeats` maps a model to its number of samples per case. Raises TemplateError, but not for a suite that
    `load_suite` returned.
    """
    maker, prompts = RequestMaker(suite, limits), list(prompts)
    for model in models:
        for prompt in prompts:
            for case in suite.cases:
                for repeat in range(repeats[model]):
                    yield case, maker.request(case, SampleKey(case.id, prompt, model, repeat))


def _messages(
    renderer: Renderer, prompt: Prompt, variables: Mapping[str, Any], case: Case, known: tuple[Message, ...]
) -> tuple[tuple[Message, ...], SimulatedUser | None]:
    """The messages of a request, and who answers them. `known`: those of the prompt that do not depend on the case."""
    if not case.is_conversation:
        return renderer.messages(prompt, variables, known), None
    from evalharness.suites.turns import messages_of, rendered_user

    user = rendered_user(renderer.text, renderer.messages, prompt, variables, case)
    return messages_of(renderer.messages, prompt, variables, case, user), user


def another_sample(request: Request, repeat: int, purpose: Purpose) -> Request:
    """The request for another sample; `request` must be the one of repeat 0."""
    key = request.key._replace(repeat=repeat, purpose=purpose)
    return replace(request, key=key, params=_seeded(request.params, repeat, purpose))


def _shared(messages: tuple[Message, ...], common: tuple[Message, ...]) -> int:
    pairs = enumerate(zip(messages, common, strict=False))
    return next((i for i, (own, other) in pairs if own is not other and own != other), len(common))


def _seeded(params: Params, repeat: int, purpose: Purpose = "planned") -> Params:
    """Each sample has its own seed, so that samples for different purposes are independent; none without a seed."""
    if params.seed is None:
        return params
    if purpose in ("rerun", "reference"):
        digest = hashlib.sha256(f"{params.seed}\0{purpose}\0{repeat}".encode()).digest()
        return replace(params, seed=int.from_bytes(digest[:4]) % _SEEDS)
    return replace(params, seed=(params.seed + repeat) % 2**32) if repeat else params


__all__ = ["Renderer", "RequestMaker", "TemplateError", "another_sample", "requests"]
