"""Add the texts that tests put before and after every prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evalharness.importers.promptfoo.cases import ImportedCase
from evalharness.importers.promptfoo.prompts import ImportedPrompt
from evalharness.importers.promptfoo.source import Node, Source

Render = Callable[[ImportedCase], Callable[[str], str]]


def add_affixes(
    source: Source, cases: Sequence[ImportedCase], prompts: Mapping[str, ImportedPrompt], render: Render
) -> dict[str, str]:
    """Add `prefix` and `suffix` to the prompts: as text if all cases have the same, else as a variable of each case.

    Changes the prompts and cases, and returns the variables with their default. A prompt with messages stays as it
    is, with a note.
    """
    variables: dict[str, str] = {}
    for option in ("prefix", "suffix"):
        found = [case.test.options.get(option) for case in cases]
        texts = [node.text if node else "" for node in found]
        first = next(filter(None, found), None)
        if first is None or not any(texts):
            continue
        text = texts[0]
        if len(set(texts)) > 1:
            name = _as_variable(source, option, cases, render)
            variables[name], text = "", f"{{{{ {name} }}}}"
        for prompt in prompts.values():
            _add(source, first, prompt, option, text)
    return variables


def _as_variable(source: Source, option: str, cases: Sequence[ImportedCase], render: Render) -> str:
    """The variable with the text of each case that has one."""
    name = option
    while any(name in case.vars for case in cases):
        name += "_"
    for case in cases:
        if own := case.test.options.get(option):
            try:
                case.vars[name] = render(case)(own.text)
            except ValueError as error:
                source.note(own, f"'{option}' is left out: {error}")
    return name


def _add(source: Source, node: Node, prompt: ImportedPrompt, option: str, text: str) -> None:
    if prompt.is_chat:
        source.note(node, f"'{option}' is not added to the prompt '{prompt.label}', which has messages")
        return
    ((role, old),) = prompt.messages[0].items()
    prompt.messages[0][role] = text + old if option == "prefix" else old + text
