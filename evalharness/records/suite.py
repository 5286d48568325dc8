"""Suites, cases, prompts and parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, NamedTuple

from evalharness.records.application import ToolCall, message_text
from evalharness.records.attachment import Attachment
from evalharness.records.dialogue import USER, SimulatedUser
from evalharness.records.gates import GateRule
from evalharness.records.world import World

PART_BREAK = "\n\n"
"""Between the texts of a message with files."""


class Location(NamedTuple):
    """A place in a file, as `file:line:column`."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in self if part)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: str
    """`system`, `user`, `assistant`, or `tool` for the result of a tool call."""
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """Calls in a message of the assistant, each with an id."""
    call_id: str = ""
    """In a message of the role `tool`: the id of the call whose result is in `content`."""
    attachments: tuple[Attachment, ...] = ()
    """Pictures and documents, in their order. A blank line separates the texts around them in `content`."""
    verbatim: str = ""
    """`Response.verbatim` of a message of the assistant that calls tools."""

    def to_data(self) -> dict[str, Any]:
        """The message as JSON values. What is empty besides role and content is left out."""
        data: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            data["tool_calls"] = [call.to_data() for call in self.tool_calls]
        if self.attachments:
            data["attachments"] = [one.to_data() for one in self.attachments]
        optional = {"call_id": self.call_id, "verbatim": self.verbatim}
        return data | {name: value for name, value in optional.items() if value}

    def parts(self) -> Iterator[str | Attachment]:
        """Yield the texts and the files in their order, without the blank lines between them."""
        start = 0
        for one in self.attachments:
            yield from _text_part(self.content[start : one.at], is_first=not start)
            yield one
            start = one.at
        yield from _text_part(self.content[start:], is_first=not start)

    @property
    def shown(self) -> str:
        """The content, the names of the files, and the tool calls as one text."""
        if not self.tool_calls and not self.attachments:
            return self.content
        texts = [one if isinstance(one, str) else f"[{one.path}]" for one in self.parts()]
        return message_text("\n\n".join(texts), [call.to_data() for call in self.tool_calls])


def _text_part(text: str, *, is_first: bool) -> Iterator[str]:
    if part := text if is_first else text.removeprefix(PART_BREAK):
        yield part


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a suite offers to the model."""

    name: str
    description: str = ""
    parameters: str = ""
    """JSON schema of the arguments, as JSON text; empty for a tool without arguments."""

    def to_data(self) -> dict[str, str]:
        """The tool for keys and digests. The schema stays text, since the order of its properties counts."""
        return {"name": self.name, "description": self.description, "parameters": self.parameters}

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return json.loads(self.parameters) if self.parameters else {"type": "object", "properties": {}}

    def unknown_argument(self, names: Iterable[str]) -> str | None:
        """Return the first of these arguments that the schema neither names nor allows in `additionalProperties`."""
        schema = self.schema
        known = schema.get("properties", {})
        return None if schema.get("additionalProperties") else next((name for name in names if name not in known), None)


_FIRST_PARAMS = {"max_tokens", "temperature", "seed", "top_p", "top_k", "min_p", "repeat_penalty", "stop"}
"""The parameters of the first version."""


@dataclass(frozen=True, slots=True)
class Params:
    """Sampling parameters of a request."""

    max_tokens: int = 256
    temperature: float | None = 0.0
    """0 selects the most likely token. None is not sent: the endpoint uses its default."""
    seed: int | None = None
    """None: no seed is sent, whatever the repeat. The provider `gguf` then derives one from case and repeat."""
    top_p: float = 1.0
    top_k: int = 0
    """0: unlimited."""
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    """1: without a penalty. Applies to generated tokens only."""
    stop: tuple[str, ...] = ()
    grammar: str = ""
    """GBNF grammar of the response; empty for any text."""
    json_schema: str = ""
    """JSON schema of the response, as canonical JSON text; empty for none."""
    logprobs: bool = False
    """Whether the response contains the log-probability of each generated token."""

    def to_data(self) -> dict[str, Any]:
        """The parameters as plain data, for keys, digests and records.

        Parameters of later versions are left out if unset, so that older records and baselines stay valid.
        """
        unset = {one.name for one in fields(self) if getattr(self, one.name) == one.default} - _FIRST_PARAMS
        return {name: value for name, value in asdict(self).items() if name not in unset}


MustPass = Literal["always", "stable", "baseline"] | float
"""When an assertion fails the run.

`always`: if one response breaks it. `stable`: if more samples of the case break it too, and no accepted run did.
`baseline`: the same, but a case that broke it in an accepted run passes. A number: if a smaller share of the cases
keeps it.
"""


@dataclass(frozen=True, slots=True)
class Spec:
    """A metric or an assertion in a suite.

    `{contains: {text: Acme}}` is `Spec("contains", {"text": "Acme"})`.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    must_pass: MustPass = "always"  # noqa: S105 - no password
    at: str = ""
    """JSONPath of the part of the answer that it looks at; empty for the text."""
    alias: str = ""
    """Name of a metric's scores in this suite; empty for its own."""

    @property
    def score_name(self) -> str:
        """The name of a metric's scores, for gates and reports."""
        return self.alias or self.name


@dataclass(frozen=True, slots=True)
class GateSpec:
    """A gate in a suite, with its place in the file."""

    rule: GateRule
    where: Location


@dataclass(frozen=True, slots=True)
class ConfiguredText:
    """A message, or a whole prompt, that the configuration finds in the project's code."""

    index: int
    """Of the message."""
    name: str
    """Of the table in the configuration."""
    format: Literal["jinja", "python", "plain"] | None = None
    """Of a constant; None if the suite does not say."""
    is_whole: bool = False
    """Whether it may have several messages."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A named chat template: a jinja2 source for each message."""

    name: str
    messages: tuple[Message, ...]
    where: Location
    places: tuple[Location, ...] = ()
    """Where the text of each message starts, in the suite or in the file that has it."""
    ignored: tuple[str, ...] = ()
    """A line for each prompt file with keys that have no effect."""
    configured: tuple[ConfiguredText, ...] = ()
    """The messages that the project's code has. They are empty until an evaluation reads them."""
    by_case: Mapping[str, tuple[Message, ...]] = field(default_factory=dict)
    """The templates for each case, where a function makes them. `messages` then identify the function."""
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    """The pictures and documents of all cases by their paths as rendered, relative to the suite."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a suite."""

    id: str
    vars: Mapping[str, Any]
    tags: tuple[str, ...]
    golden: tuple[str, ...]
    """Correct answers; a response needs to match one of them."""
    checks: tuple[Spec, ...]
    """Assertions of the suite and of the case."""
    digest: str
    """SHA-256 of the variables and the golden answers. After an edit, the case counts as a new one."""
    where: Location
    cluster: str = ""
    """Name of what the case shares with others (a document, a conversation). Their errors are not independent."""
    history: tuple[Message, ...] = ()
    """Messages between those of the prompt and the last user message."""
    conversation: str = ""
    """Id of the conversation that the case is a turn of."""
    user: SimulatedUser | None = None
    """Leads the conversation, of which the case is the whole."""
    turns: tuple[str, ...] = ()
    """What the user says in the turns up to this one."""
    questions: Mapping[str, str] = field(default_factory=dict)
    """Questions of this case alone, by the name of the judge metric that asks them."""

    @property
    def is_conversation(self) -> bool:
        """Whether the case has messages besides those of the prompt."""
        return bool(self.turns or self.history or self.user)

    @property
    def turn_vars(self) -> dict[str, str]:
        """The variable of the prompt's last message with what the user says; empty for a case without turns."""
        if self.user:
            return {USER: self.user.opening}
        return {USER: self.turns[-1]} if self.turns else {}


@dataclass(frozen=True, slots=True)
class Suite:
    """One file in `suites/`, read and validated."""

    name: str
    file: str
    """Path relative to the root."""
    description: str
    models: tuple[str, ...]
    prompts: Mapping[str, Prompt]
    default_prompts: tuple[str, ...]
    params: Params
    vars: Mapping[str, Any]
    metrics: tuple[Spec, ...]
    gates: tuple[GateSpec, ...]
    cases: Sequence[Case]
    tools: tuple[Tool, ...] = ()
    """What the model may call."""
    world: World | None = None
    """What the calls return."""
