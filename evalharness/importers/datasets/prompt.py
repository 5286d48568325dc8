"""The prompt of an imported data set: the user's own, or one from the layout of the data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from evalharness.config import Limits
from evalharness.errors import did_you_mean
from evalharness.importers.datasets.fields import Layout
from evalharness.importers.datasets.table import DatasetError
from evalharness.suites.render import Renderer, TemplateError

Messages = list[dict[str, str]]


def default_prompt(layout: Layout, optional: Sequence[str]) -> Messages:
    """One user message with the contexts, the input and the options, or the turns of a conversation.

    `optional` are variables that some rows lack.
    """
    if layout.turns:
        return [{role: _shown(name)} for role, name in layout.turns]
    parts = [*_parts(layout.before, optional)]
    labelled = len(layout.main) > 1
    parts += ["\n".join(f"{name}: {_shown(name)}" for name in layout.main)] if labelled else map(_shown, layout.main)
    parts += [*_parts(layout.after, optional, after=True)]
    text = _joined(parts)
    return [{"user": f"{text}\n\n{layout.instruction}" if layout.instruction else text}]


def _shown(name: str) -> str:
    return f"{{{{ {name} }}}}"


def _parts(names: Sequence[str], optional: Sequence[str], *, after: bool = False) -> Iterator[str]:
    for name in names:
        if name not in optional:
            yield _shown(name)
        elif after:
            yield f"{{% if {name} %}}\n\n\n{_shown(name)}{{% endif %}}"  # the first line end belongs to the tag
        else:
            yield f"{{% if {name} %}}\n{_shown(name)}\n\n{{% endif %}}\n"


def _joined(parts: Sequence[str]) -> str:
    text = ""
    for part in parts:
        text += part if not text or part.startswith("{%") or text.endswith("%}\n") else f"\n\n{part}"
    return text


def variables_of(text: str, limits: Limits) -> set[str]:
    """The variables that the user's prompt reads. Raises DatasetError for an invalid template, or if it has none."""
    try:
        used = Renderer(limits).variables(text)
    except TemplateError as error:
        raise DatasetError(f"--prompt: {error}") from None
    if not used:
        raise DatasetError(f"--prompt uses no variable: write {_shown('question')} where the text of a column belongs")
    return used


def own_prompt(text: str, used: Collection[str], variables: Sequence[str]) -> Messages:
    """The text as one user message. Raises DatasetError for an unknown variable."""
    if unknown := sorted({*used} - {*variables}):
        raise DatasetError(
            f"--prompt uses '{unknown[0]}', which is no variable{did_you_mean(unknown[0], variables)}. "
            f"To make one: --var {unknown[0]}=COLUMN"
        )
    return [{"user": text}]


def rendered(messages: Messages, variables: Mapping[str, Any], limits: Limits) -> list[tuple[str, str]]:
    """Roles and texts of the messages of a case. Raises DatasetError."""
    renderer = Renderer(limits)
    try:
        return [(role, renderer.text(text, variables)) for message in messages for role, text in message.items()]
    except TemplateError as error:
        raise DatasetError(f"the prompt cannot be rendered: {error}") from None
