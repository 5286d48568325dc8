"""The messages of a conversation: those of the prompt, the history of the case, and its turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from evalharness.records import USER, Case, Message, Prompt, SimulatedUser

RenderMessages = Callable[[Prompt, Mapping[str, Any]], tuple[Message, ...]]
"""Returns the messages of a prompt. Raises TemplateError."""
RenderText = Callable[[str, Mapping[str, Any]], str]
"""Returns one text. Raises TemplateError."""


def split(prompt: Prompt) -> tuple[Prompt, Prompt | None]:
    """The prompt without its last message, and that message, if it is the user's."""
    if not prompt.messages or prompt.messages[-1].role != "user":
        return prompt, None
    return replace(prompt, messages=prompt.messages[:-1]), replace(prompt, messages=prompt.messages[-1:])


def messages_of(
    render: RenderMessages, prompt: Prompt, variables: Mapping[str, Any], case: Case, user: SimulatedUser | None
) -> tuple[Message, ...]:
    """The messages of a prompt with those of the case. `user`: that of the case, rendered.

    The history comes before the last user message of the prompt, which is rendered for each turn. The answers to all
    turns but the last are not known yet: they come between the last messages.
    """
    start, last = split(prompt)
    if user is not None:
        return (*render(start, variables), *case.history, Message("user", user.opening))
    each: list[Mapping[str, Any]] = [{**variables, USER: text} for text in case.turns] or [variables]
    if last is None:
        turns = [Message("user", text) for text in case.turns]
    else:
        turns = [message for given in each for message in render(last, given)]
    return (*render(start, variables), *case.history, *turns)


def rendered_user(
    text: RenderText, render: RenderMessages, prompt: Prompt, variables: Mapping[str, Any], case: Case
) -> SimulatedUser | None:
    """The simulated user of a case with the texts that are sent; None without one."""
    if case.user is None:
        return None
    _, last = split(prompt)

    def sent(source: str) -> str:
        written = text(source, variables)
        return render(last, {**variables, USER: written})[0].content if last else written

    states = {name: replace(state, says=sent(state.says)) for name, state in case.user.states.items()}
    return replace(case.user, states=states)
