"""Recognize kinds of data whose columns belong together: conversations, multiple choice, yes/no questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from evalharness.importers.datasets.chat import answer_of, as_chat, question_of
from evalharness.importers.datasets.choices import Choices, find_choices
from evalharness.importers.datasets.fields import Choice, Field, Layout
from evalharness.importers.datasets.profile import ColumnProfile, Profile
from evalharness.importers.datasets.table import Values
from evalharness.importers.datasets.texts import goldens
from evalharness.importers.datasets.words import GOLDENS, SUMMARIES, WEAK_GOLDENS

EXACT: Any = {"exact": {"ignore_case": True}}
_MAX_CLASSES, _MAX_CLASS_CHARS = 20, 40
LETTER = "Answer with the letter of the right option only."


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of data, with the uses of its own columns."""

    name: str = ""
    fields: Sequence[Field] = ()
    layout: Layout | None = None
    after: Sequence[str] = ()
    instruction: str = ""
    metrics: Sequence[Any] = ()


def find_kind(profile: Profile, choice: Choice, labels: Mapping[str, tuple[str, ...]], used: Sequence[str]) -> Kind:
    """The kind of the data; a plain table if no other fits. `used` are columns that the user named."""
    chats = [one for one in profile.columns.values() if one.sequences and one.name not in used]
    if chats and sum(chats[0].sequences.values()) >= 0.5 * chats[0].filled:
        return _conversation(chats[0], profile, choice)
    answer = choice.golden[0] if len(choice.golden) == 1 else None
    if choices := find_choices(profile, answer):
        return _multiple_choice(choices)
    return _by_answers(profile, choice, labels)


def _multiple_choice(choices: Choices) -> Kind:
    first, *others = choices.options
    reason = "the options, one per line"
    options = Field(first, "variable", reason, "choices", choices.lines)
    rest = [Field(name, "variable", "part of choices", "choices", choices.lines) for name in others]
    letter = Field(choices.answer, "golden", "the letter of the right option", read=partial(_letter, choices))
    return Kind("multiple choice", [options, *rest, letter], None, ["choices"], LETTER, [EXACT])


def _letter(choices: Choices, row: Values) -> Iterator[str]:
    return goldens(choices.letter(row))


def _by_answers(profile: Profile, choice: Choice, labels: Mapping[str, tuple[str, ...]]) -> Kind:
    """Kinds that differ from a plain table only in the prompt and the metrics."""
    names = [*choice.golden] or [one.name for one in profile.columns.values() if one.key in (*GOLDENS, *WEAK_GOLDENS)]
    columns = [profile.columns[name] for name in names]
    if any(one.kinds == {bool} for one in columns) and profile.by_key("question"):
        return Kind("yes/no questions", instruction="Answer yes or no.", metrics=[EXACT])
    if any("####" in str(row.get(one.name, "")) for one in columns for row in profile.sample[:5]):
        return Kind("questions with a final number", instruction="End with the final number.", metrics=["contains"])
    if classes := next((_classes(one, labels.get(one.name)) for one in columns), ()):
        instruction = f"Answer with one of these labels only: {', '.join(classes)}."
        return Kind("classification", instruction=instruction, metrics=[EXACT])
    is_summary = bool(profile.by_key(*SUMMARIES)) and profile.by_key("question", "instruction", "prompt") is None
    if is_summary:
        return Kind("texts with summaries", instruction="Summarize this text in a few sentences.")
    return Kind()


def _classes(column: ColumnProfile, labels: Sequence[str] | None) -> Sequence[str]:
    """The names of the classes of a column of labels, empty for other columns."""
    if labels:
        return labels
    few = 2 <= len(column.values) <= _MAX_CLASSES and len(column.values) < column.filled
    named = column.key in ("labeltext", "sentiment") or column.key.endswith(("label", "class", "category"))
    is_label = named and column.kinds == {str}
    return sorted(column.values) if few and is_label and column.max_chars <= _MAX_CLASS_CHARS else ()


def _conversation(column: ColumnProfile, profile: Profile, choice: Choice) -> Kind:
    """A variable for each turn if all rows have the same roles, else the last turn and the messages before it."""
    turns = _turns(column)
    fields = _turn_fields(column, turns) if turns else _question_fields(column)
    fields += _answer_fields(column, profile, choice)
    for other in profile.columns.values():
        if other.key in ("prompt", "promptid", "numturns") and other.name != column.name:
            fields.append(Field(other.name, "left out", f"the conversation in '{column.name}' is used"))
    return Kind("conversations", fields, Layout(turns=turns or [("user", "question")]))


def _turns(column: ColumnProfile) -> list[tuple[str, str]]:
    """The roles and variables of the turns that all rows have, empty if they differ."""
    roles = next(iter(column.sequences))
    is_same = column.sequences[roles] == column.filled and roles[-1:] == ("user",)
    return [*zip(roles, _turn_names(roles), strict=True)] if is_same else []


def _turn_fields(column: ColumnProfile, turns: Sequence[tuple[str, str]]) -> list[Field]:
    return [
        Field(column.name, "variable", f"{role}, turn {index + 1}", variable, partial(_turn, column.name, index))
        for index, (role, variable) in enumerate(turns)
    ]


def _question_fields(column: ColumnProfile) -> list[Field]:
    name, reason = column.name, f"the last turn of the user, in {len(column.sequences)} orders of turns"
    return [
        Field(name, "variable", reason, "question", partial(_question, name)),
        Field(name, "messages", "the turns before it", read=partial(_earlier, name)),
    ]


def _answer_fields(column: ColumnProfile, profile: Profile, choice: Choice) -> Iterator[Field]:
    if any(row_has_answer(column.name, row) for row in profile.sample):
        others = (one for one in profile.columns.values() if one.name != column.name and one.filled)
        if choice.golden or any(one.key in GOLDENS for one in others):
            yield Field(column.name, "left out", "the last turn of the assistant: another column is golden")
        else:
            yield Field(column.name, "golden", "the last turn of the assistant", read=partial(_last, column.name))
    if sum(column.sequences.values()) < column.filled:
        yield Field(column.name, "left out", "turns of tools, images or other roles")


def row_has_answer(column: str, row: Values) -> bool:
    """Whether the conversation ends with an answer."""
    chat = as_chat(row.get(column))
    return bool(chat and answer_of(chat) and len(chat) > 1)


def _turn_names(roles: Sequence[str]) -> list[str]:
    """Names of variables: `user`, or `user_1`, `user_2` for several turns."""
    names = []
    for index, role in enumerate(roles):
        number = [*roles[: index + 1]].count(role)
        names.append(f"{role}_{number}" if [*roles].count(role) > 1 else role)
    return names


def _turn(column: str, index: int, row: Values) -> str:
    chat = as_chat(row.get(column))
    return question_of(chat)[index][1] if chat and index < len(question_of(chat)) else ""


def _question(column: str, row: Values) -> str:
    """The last turn, "" if it is not the user's; a text as it is."""
    value = row.get(column)
    turns = question_of(chat) if (chat := as_chat(value)) else ()
    if not turns:
        return value if isinstance(value, str) else ""
    return turns[-1][1] if turns[-1][0] == "user" else ""


def _earlier(column: str, row: Values) -> list[dict[str, str]]:
    """The turns before the last one."""
    chat = as_chat(row.get(column))
    return [{role: text} for role, text in question_of(chat)[:-1]] if chat else []


def _last(column: str, row: Values) -> Iterator[str]:
    chat = as_chat(row.get(column))
    return goldens(answer_of(chat) if chat and len(chat) > 1 else None)
