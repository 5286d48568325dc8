"""Read the conversations of a suite: a case for each turn. Imported only for a suite that has some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from evalharness.errors import Problem
from evalharness.records import USER, Message, Prompt, Suite, turn_id
from evalharness.suites.document import Document, Loc, problem
from evalharness.suites.schema import CaseSchema
from evalharness.suites.simulated import read_user, says_problems, user_problems
from evalharness.suites.turns import RenderText, split
from evalharness.templating.sandbox import TemplateError


def turns_of(case: CaseSchema, source: tuple[Document, Loc]) -> Iterator[tuple[CaseSchema, tuple[Document, Loc]]]:
    """A case for each turn of one, and the position of each.

    A turn has the id `ID#1`, `ID#2`, ..., the turns up to its own, and the conversation as its cluster.
    """
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
        "history": tuple(Message(*turn.key_and_value) for turn in raw.messages),
        "conversation": raw.id.rpartition("#")[0] if raw.turns else "",
        "turns": tuple(turn.user for turn in raw.turns),
        "user": read_user(raw.user),
    }


def conversation_data(raw: CaseSchema) -> dict[str, Any]:
    """What an answer depends on besides variables, for the digest of the case."""
    data: dict[str, Any] = {}
    if raw.messages or raw.turns:
        data["messages"] = [list(turn.key_and_value) for turn in raw.messages]
        data["turns"] = [turn.user for turn in raw.turns]
    return data | ({"user": raw.user.model_dump(by_alias=True)} if raw.user else {})


def case_problems(case: CaseSchema, source: tuple[Document, Loc]) -> Iterator[Problem]:
    """What is wrong with the conversation of a case as written."""
    document, loc = source
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


def turn_problems(suite: Suite, variables: Callable[[str], set[str]], text: RenderText) -> Iterator[Problem]:
    """What is wrong with the turns of a suite in its prompts.

    `variables` returns those that a template reads, `text` renders one. Both raise TemplateError.
    """
    yield from prompt_problems(suite, variables)
    yield from says_problems(suite, text)


def prompt_problems(suite: Suite, variables: Callable[[str], set[str]]) -> Iterator[Problem]:
    """A problem for each prompt that would not send the turns of a case."""
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
    if any(part.index == len(prompt.messages) - 1 for part in prompt.configured):  # known when the code is read
        return False
    try:
        return last is not None and USER not in variables(last.messages[0].content)
    except TemplateError:  # reported with its line
        return False
