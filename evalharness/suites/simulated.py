"""Read the simulated user of a case."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from evalharness import registry
from evalharness.errors import Problem, did_you_mean
from evalharness.records import END, Reaction, SimulatedUser, Suite, UserState
from evalharness.suites.dialogue_schema import ReactionSchema, UserSchema
from evalharness.suites.document import Document, Loc, problem
from evalharness.templating.sandbox import TemplateError


def read_user(raw: UserSchema | None) -> SimulatedUser | None:
    """The user; None for a case without one."""
    if raw is None:
        return None
    states = {name: UserState(one.says, tuple(map(_reaction, one.reactions))) for name, one in raw.states.items()}
    return SimulatedUser(raw.start, states, raw.max_turns)


def _reaction(raw: ReactionSchema) -> Reaction:
    if raw.if_ is None:
        return Reaction(raw.go)
    name = next(iter(raw.if_.model_fields_set))
    return Reaction(raw.go, name, str(getattr(raw.if_, name)))


def user_problems(raw: UserSchema, document: Document, loc: Loc) -> Iterator[Problem]:
    """What is wrong with the states of a user."""
    if END in raw.states:
        yield document.problem((*loc, "states", END), f"the state '{END}' is the end: choose another name")
    if raw.start not in raw.states:
        yield document.problem((*loc, "start"), _unknown(raw.start, raw.states))
    for name, state in raw.states.items():
        for index, reaction in enumerate(state.reactions):
            where: Loc = (*loc, "states", name, "reactions", index)
            is_last = index == len(state.reactions) - 1
            if reaction.go != END and reaction.go not in raw.states:
                yield document.problem((*where, "go"), _unknown(reaction.go, [*raw.states, END]))
            if is_last != (reaction.if_ is None):
                what = (
                    "the last reaction has no 'if': it counts where no other one fits" if is_last else "expected 'if'"
                )
                yield document.problem(where, what)
            if wrong := _pattern_problem(_reaction(reaction)):
                yield document.problem((*where, "if", "regex"), wrong)


def says_problems(suite: Suite, text: Callable[[str, Mapping[str, Any]], str]) -> Iterator[Problem]:
    """A problem for each text of a user that cannot be rendered. `text` renders one, and raises TemplateError."""
    for case in suite.cases:
        for name, state in case.user.states.items() if case.user else ():
            try:
                text(state.says, {**suite.vars, **case.vars})
            except TemplateError as error:
                yield problem(*case.where, f"user: state '{name}': {error}")


def _pattern_problem(reaction: Reaction) -> str:
    if not reaction.check:
        return ""
    try:
        registry.find("checks", reaction.check)(reaction.value)
    except ValueError as error:
        return str(error)
    return ""


def _unknown(name: str, known: Collection[str]) -> str:
    return f"no state '{name}'{did_you_mean(name, known)}"
