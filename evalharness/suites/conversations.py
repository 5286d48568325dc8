"""Conversations of a suite: a case for each turn, and where its messages stand among those of the prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalharness.errors import Problem
from evalharness.records import Case, Message, Prompt, SimulatedUser, Suite, World, turn_id
from evalharness.suites.document import Document, Loc, problem
from evalharness.suites.schema import CaseSchema
from evalharness.suites.simulated import read_user, user_problems
from evalharness.templating.sandbox import TemplateError

USER = "user"
"""The variable with what the user says in a turn."""
Sources = Sequence[tuple[Document, Loc]]
Render = Callable[[Prompt, Mapping[str, Any]], tuple[Message, ...]]
"""Returns the messages of a prompt. Raises TemplateError."""

RenderText = Callable[[str, Mapping[str, Any]], str]
"""Returns one text. Raises TemplateError."""


def one_per_turn(cases: Sequence[CaseSchema], sources: Sources) -> tuple[list[CaseSchema], list[tuple[Document, Loc]]]:
    """The cases, with one for each turn in place of those with turns, and the position of each.

    A turn has the id `ID#1`, `ID#2`, ..., the turns up to its own, and the conversation as its cluster.
    """
    pairs = [pair for case, source in zip(cases, sources, strict=True) for pair in _turns(case, source)]
    return [case for case, _ in pairs], [source for _, source in pairs]


def _turns(case: CaseSchema, source: tuple[Document, Loc]) -> Iterator[tuple[CaseSchema, tuple[Document, Loc]]]:
    if not case.turns:
        yield case, source
    document, loc = source
    for number, turn in enumerate(case.turns, start=1):
        changes: dict[str, Any] = {
            "id": turn_id(case.id, number),
            "tags": [*case.tags, *turn.tags],
            "cluster": case.cluster or case.id,
            "assert_": turn.assert_,
            "turns": case.turns[:number],
        }
        yield case.model_copy(update=changes), (document, (*loc, "turns", number - 1))


def conversation_fields(raw: CaseSchema) -> dict[str, Any]:
    """The fields of a case that concern its conversation."""
    return {
        "history": tuple(Message(*turn.role_and_text) for turn in raw.messages),
        "conversation": raw.id.rpartition("#")[0] if raw.turns else "",
        "turns": tuple(turn.user for turn in raw.turns),
        "user": read_user(raw.user),
    }


def conversation_data(raw: CaseSchema, world: World | None) -> list[Any]:
    """What an answer depends on besides variables, for the digest of the case; empty for a case of one message."""
    history = [list(turn.role_and_text) for turn in raw.messages]
    talk = {"messages": history, "turns": [turn.user for turn in raw.turns]} if history or raw.turns else {}
    talk |= {"user": raw.user.model_dump(by_alias=True)} if raw.user else {}
    tools = {"world": world.to_data()} if world else {}
    return [talk | tools] if talk or tools else []


def case_problems(cases: Sequence[CaseSchema], sources: Sources) -> Iterator[Problem]:
    """What is wrong with the conversations of the cases as written."""
    for case, (document, loc) in zip(cases, sources, strict=True):
        if case.turns and case.assert_:
            message = "a case with turns has an answer for each turn: move 'assert' into the turns"
            yield document.problem((*loc, "assert"), message)
        if case.user is not None:
            yield from user_problems(case.user, document, (*loc, "user"))
        if case.turns and case.user:
            yield document.problem((*loc, "user"), "expected turns or a simulated user, got both")
        if (case.turns or case.user) and USER in case.vars:
            message = f"the variable '{USER}' has the text of each turn: give yours another name"
            yield document.problem((*loc, "vars", USER), message)


def messages_of(
    render: Render, prompt: Prompt, variables: Mapping[str, Any], case: Case, user: SimulatedUser | None = None
) -> tuple[Message, ...]:
    """The messages of a prompt with those of the case.

    The history comes before the last user message of the prompt, which is rendered for each turn. The answers to all
    turns but the last are not known yet: they come between the last messages.
    """
    start, last = split(prompt)
    if user is not None:
        return (*render(start, variables), *case.history, Message("user", user.opening))
    texts = case.turns
    if not case.history and not texts:
        return render(prompt, variables)
    said: list[Mapping[str, Any]] = [{**variables, USER: text} for text in texts] or [variables]
    turns = [message for each in said for message in render(last, each)] if last else _as_is(texts)
    return (*render(start, variables), *case.history, *turns)


def rendered_user(
    text: Callable[[str, Mapping[str, Any]], str],
    render: Render,
    prompt: Prompt,
    variables: Mapping[str, Any],
    case: Case,
) -> SimulatedUser | None:
    """The simulated user of a case with the texts that are sent. `text` renders one."""
    if case.user is None:
        return None
    _, last = split(prompt)

    def sent(source: str) -> str:
        said = text(source, variables)
        return render(last, {**variables, USER: said})[0].content if last else said

    states = {name: replace(state, says=sent(state.says)) for name, state in case.user.states.items()}
    return replace(case.user, states=states)


def split(prompt: Prompt) -> tuple[Prompt, Prompt | None]:
    """The prompt without its last message, and that message, if it is the user's."""
    if not prompt.messages or prompt.messages[-1].role != "user":
        return prompt, None
    return replace(prompt, messages=prompt.messages[:-1]), replace(prompt, messages=prompt.messages[-1:])


def _as_is(texts: Sequence[str]) -> list[Message]:
    return [Message("user", text) for text in texts]


def said(case: Case, *, is_last: bool) -> dict[str, str]:
    """The variable with the text of the turn, for the last message of a prompt."""
    texts = [case.user.opening] if case.user else case.turns
    return {USER: texts[-1]} if texts and is_last else {}


def names_in(cases: Sequence[CaseSchema]) -> set[str]:
    """The variables that cases set, with that of their turns."""
    turns = {USER} if any(case.turns or case.user for case in cases) else set()
    return {name for case in cases for name in case.vars} | turns


def prompt_problems(suite: Suite, variables: Callable[[str], set[str]]) -> Iterator[Problem]:
    """A problem for each prompt that would not send the turns of a case.

    `variables` returns those that a template reads, and raises TemplateError.
    """
    first = next((case for case in suite.cases if case.turns or case.user), None)
    for prompt in suite.prompts.values() if first else ():
        if first and _leaves_out(prompt, variables):
            message = (
                f"expected {{{{ {USER} }}}} in the last user message, because case '{first.conversation or first.id}' "
                f"({first.where}) has turns: write it where the text of the turn belongs"
            )
            yield problem(*prompt.places[-1], message)


def _leaves_out(prompt: Prompt, variables: Callable[[str], set[str]]) -> bool:
    _, last = split(prompt)
    try:
        return last is not None and USER not in variables(last.messages[0].content)
    except TemplateError:  # reported with its line
        return False
