"""Fills in the prompts that the project's code has: constants as templates, functions for each case."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.config import Config
from evalharness.errors import ConfigError, Problem, SuiteError, did_you_mean
from evalharness.records import USER, ConfiguredText, Location, Message, Prompt, Suite
from evalharness.suites.prompt_format import FormatError, check_filled, template_of
from evalharness.suites.render import Renderer
from evalharness.suites.render_checks import render_problems

if TYPE_CHECKING:  # only a suite with such a prompt needs the child process
    from evalharness.application.prompt_source import PromptTexts


def with_configured(suite: Suite, config: Config, names: Collection[str], code: Path | None = None) -> Suite:
    """The suite with the texts of these prompts. `code`: the version of the project to read them from.

    Raises ConfigError: the code cannot be imported, or gives no prompt; SuiteError: a template of it is invalid.
    """
    wanted = {name: prompt for name, prompt in suite.prompts.items() if prompt.configured and name in names}
    if not wanted:
        return suite
    filled = {name: _filled(prompt, suite, config, code) for name, prompt in wanted.items()}
    found = replace(suite, prompts={**suite.prompts, **filled})
    constants = {name: _of_code(prompt) for name, prompt in filled.items() if not prompt.by_case}
    renderer = Renderer(config.limits)
    problems = list(render_problems(replace(found, prompts=constants), renderer, config.limits))
    if any(case.turns or case.user for case in suite.cases):
        problems += _turn_problems(suite, filled, renderer)
    if problems:
        raise SuiteError(problems)
    return found


def _turn_problems(suite: Suite, prompts: Mapping[str, Prompt], renderer: Renderer) -> Iterator[Problem]:
    """A problem for each prompt that would send the same last message of the user in every turn."""
    from evalharness.suites.conversations import prompt_problems

    constants = {name: replace(prompt, configured=()) for name, prompt in prompts.items() if not prompt.by_case}
    yield from prompt_problems(replace(suite, prompts=constants), renderer.variables)
    talks = [case.id for case in suite.cases if case.turns or case.user]
    for name, prompt in prompts.items():
        is_last = any(part.index == len(suite.prompts[name].messages) - 1 for part in prompt.configured)
        fixed = [case for case in talks if case in prompt.by_case and prompt.by_case[case][-1].role == "user"]
        if is_last and fixed:
            text = f"a function writes the last user message of '{fixed[0]}', which has turns: return those before it"
            yield Problem(prompt.places[-1].file, 0, 0, text)


def _of_code(prompt: Prompt) -> Prompt:
    """The prompt with the messages from code alone, whose place is a whole file."""
    pairs = [(turn, place) for turn, place in zip(prompt.messages, prompt.places, strict=True) if not place.line]
    return replace(prompt, messages=tuple(turn for turn, _ in pairs), places=tuple(place for _, place in pairs))


def _filled(prompt: Prompt, suite: Suite, config: Config, code: Path | None) -> Prompt:
    """The prompt with the texts of its configured parts."""
    texts = {part.name: _texts(part.name, suite, config, code) for part in prompt.configured}
    talks = any(case.turns or case.user for case in suite.cases)
    variables = {*suite.vars, *(name for case in suite.cases for name in case.vars), *([USER] if talks else ())}
    parts = {part.index: (part, texts[part.name]) for part in prompt.configured}
    turns, places = [], []
    for index, turn in enumerate(prompt.messages):
        part, found = parts.get(index, (None, None))
        if part is None or found is None:
            turns.append(turn)
            places.append(prompt.places[index])
            continue
        own = _constant(part, found, turn, variables) if found.constant else [Message(turn.role, found.identity)]
        turns += own
        places += [Location(found.file)] * len(own)
    filled = replace(prompt, messages=tuple(turns), places=tuple(places))
    if all(found.constant for found in texts.values()):
        return filled
    cases = {case.id: tuple(_of_case(prompt, parts, case.id, variables)) for case in suite.cases}
    return replace(filled, by_case=cases)


def _texts(name: str, suite: Suite, config: Config, code: Path | None) -> PromptTexts:
    from evalharness.application.prompt_source import read_prompt

    if name not in config.prompts:  # the accepted version of the suite, under today's configuration
        raise ConfigError(f"no [tool.evalharness.prompts.{name}] in pyproject.toml{did_you_mean(name, config.prompts)}")
    cases = [(case.id, {**suite.vars, **case.vars}) for case in suite.cases]
    root, outside = (config.root, "") if code is None else (code, str(config.root.resolve()))
    return read_prompt(name, config.prompts[name], root.resolve(), cases, outside)


def _of_case(
    prompt: Prompt, parts: Mapping[int, tuple[ConfiguredText, PromptTexts]], case: str, variables: Collection[str]
) -> Iterator[Message]:
    for index, turn in enumerate(prompt.messages):
        if index not in parts:
            yield turn
            continue
        part, found = parts[index]
        if found.constant:
            yield from _constant(part, found, turn, variables)
        else:
            yield from (Message(one.role, _as_template(one.content)) for one in _roles(part, found.by_case[case], turn))


def _as_template(text: str) -> str:
    """A template that renders as this text: jinja2 removes one line end."""
    return template_of(text, "plain") + ("\n" if text.endswith("\n") else "")


def _constant(part: ConfiguredText, found: PromptTexts, turn: Message, variables: Collection[str]) -> list[Message]:
    try:
        if part.format is None:
            for one in found.constant:
                check_filled(one.content, variables)
        texts = [(one, template_of(one.content, part.format or "jinja")) for one in _roles(part, found.constant, turn)]
    except FormatError as error:
        raise SuiteError(
            [Problem(found.file, 0, 0, f"line {error.line} of {found.identity.split()[0]}: {error}")]
        ) from None
    return [Message(one.role, text) for one, text in texts]


def _roles(part: ConfiguredText, found: tuple[Message, ...], turn: Message) -> list[Message]:
    """The messages with their roles. A text has that of the suite. Raises ConfigError."""
    place = f"[tool.evalharness.prompts.{part.name}]"
    if not part.is_whole and (len(found) > 1 or found[0].role):
        raise ConfigError(
            f"{place} expected a text for the {turn.role} message, got messages: name it as the whole prompt"
        )
    for one in found:
        if one.role not in ("", "system", "user", "assistant"):
            raise ConfigError(f"{place} unknown role '{one.role[:40]}': expected system, user or assistant")
    return [Message(one.role or turn.role, one.content) for one in found]
