"""Read the prompts of a suite, from the suite itself and from the files that it names, and render them as a check."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from evalharness.errors import did_you_mean
from evalharness.records import Attachment, ConfiguredText, Location, Message, Prompt
from evalharness.records.suite import PART_BREAK
from evalharness.suites.document import Document, DocumentError, Loc
from evalharness.suites.files import FileError
from evalharness.suites.message_schema import MessageSchema, PartSchema, PromptSourceSchema
from evalharness.suites.prompt_files import (
    TEMPLATES,
    FileText,
    PromptFile,
    in_text,
    prompt_path,
    read_prompt_file,
)
from evalharness.suites.prompt_format import FormatError, check_filled, template_of
from evalharness.suites.reading import Reading

_FILE = "file://"


class PromptReader:
    """Reads the prompts of one suite, and notes what is wrong with them."""

    def __init__(self, reading: Reading, document: Document) -> None:
        self._reading, self._document = reading, document
        self._files: dict[Path, PromptFile] = {}
        self._unmarked: list[FileText] = []
        """Texts whose suite and name do not say what marks a variable."""

    def prompt(self, name: str, given: Sequence[MessageSchema] | PromptSourceSchema) -> Prompt:
        """The prompt; without messages if there is a problem."""
        loc: Loc = ("prompts", name)
        ignored: dict[str, None] = {}
        texts: list[FileText] = []
        try:
            if isinstance(given, PromptSourceSchema):
                texts += self._whole(given, loc, ignored)
            else:
                texts += self._turns(given, loc, ignored)
        except DocumentError as error:
            self._reading.problems.append(error.problem)
        messages = tuple(Message(one.role, one.text, attachments=one.attachments) for one in texts)
        return Prompt(
            name,
            messages,
            self._document.locate(loc),
            tuple(one.where for one in texts),
            tuple(filter(None, ignored)),
            tuple(_configured(given)) if texts else (),
        )

    def check_filled(self, variables: Collection[str]) -> None:
        """Note the texts with a `{name}` of one of these variables, which the suite and its cases set."""
        for one in self._unmarked:
            try:
                check_filled(one.text, variables)
            except FormatError as error:
                self._reading.problems.append(in_text(one.where, error.line, str(error)))

    def _turns(self, turns: Sequence[MessageSchema], loc: Loc, ignored: dict[str, None]) -> Iterator[FileText]:
        for index, turn in enumerate(turns):
            role, content = turn.key_and_value
            here = (*loc, index, role)
            if isinstance(content, PromptSourceSchema):
                yield self._single(role, content, here, ignored)
            elif isinstance(content, list):
                yield _parts(role, content, self._document.locate(here))
            elif (name := _reference(content)) is not None:
                message = f"{_FILE} is text here: to read the file, write {{file: {self._nearest(name)}}}"
                raise DocumentError(self._document.problem(here, message))
            else:
                yield FileText(role, content, self._document.locate(here))

    def _single(self, role: str, source: PromptSourceSchema, loc: Loc, ignored: dict[str, None]) -> FileText:
        """The text of a message."""
        if source.role:
            raise self._error((*loc, "role"), f"remove 'role': this is the {role} message")
        if source.configured:
            return self._empty(role, source, loc)
        file = self._file(source, loc)
        if file.is_chat:
            raise self._error((*loc, "file"), f"{source.file} has messages: name it as the whole prompt")
        ignored[file.ignored] = None
        return self._template(role, file.texts[0], source)

    def _whole(self, source: PromptSourceSchema, loc: Loc, ignored: dict[str, None]) -> Iterator[FileText]:
        """The messages of a prompt that is a file; an empty one for a prompt of the configuration."""
        if source.configured:
            yield self._empty(source.role or "user", source, loc)
            return
        file = self._file(source, loc)
        if file.is_chat and source.role:
            raise self._error((*loc, "role"), f"remove 'role': each message of {source.file} has its own")
        if file.problem and not source.role:
            raise DocumentError(file.problem)
        ignored[file.ignored] = None
        for one in file.texts:
            yield self._template(source.role or one.role or "user", one, source)

    def _empty(self, role: str, source: PromptSourceSchema, loc: Loc) -> FileText:
        """The place of a text that the project's code has: loading a suite runs no code."""
        name, known = source.configured or "", self._reading.config.prompts
        if name not in known:
            table = f"no [tool.evalharness.prompts.{name}] in pyproject.toml"
            raise self._error((*loc, "configured"), f"unknown prompt '{name}': {table}{did_you_mean(name, known)}")
        return FileText(role, "", self._document.locate(loc))

    def _file(self, source: PromptSourceSchema, loc: Loc) -> PromptFile:
        root, folder, name = self._reading.config.root, self._reading.path.parent, source.file or ""
        try:
            path = prompt_path(root, folder, name)
            if not path.exists():
                nearest = self._nearest(name)
                hint = f"; did you mean '{nearest}'?" if nearest != name else ""
                raise FileError(f"prompt file '{name}' not found: its path is relative to this suite{hint}")
        except FileError as error:
            raise self._error((*loc, "file"), str(error)) from None
        if path not in self._files:
            self._files[path] = read_prompt_file(path, root, self._reading.config.limits)
        return self._files[path]

    def _template(self, role: str, one: FileText, source: PromptSourceSchema) -> FileText:
        """The text as a template of jinja2."""
        if _reference(one.text) is not None:
            raise DocumentError(in_text(one.where, 1, f"{_FILE} is text here: name that file in the suite"))
        try:
            if source.format is None and not one.where.file.lower().endswith(TEMPLATES):
                self._unmarked.append(one)
            return FileText(role, template_of(one.text, source.format or "jinja"), one.where)
        except FormatError as error:
            raise DocumentError(in_text(one.where, error.line, str(error))) from None

    def _nearest(self, name: str) -> str:
        """The path as it must be written, for one that is relative to the root."""
        root, folder = self._reading.config.root, self._reading.path.parent
        other = f"../{name.removeprefix('./')}"
        for path in (name, other):
            try:
                if prompt_path(root, folder, path).is_file():
                    return path
            except FileError:
                continue
        return name

    def _error(self, loc: Loc, message: str) -> DocumentError:
        return DocumentError(self._document.problem(loc, message))


def _parts(role: str, parts: Sequence[PartSchema], where: Location) -> FileText:
    """A message of several parts: a blank line separates its texts."""
    text, files, follows = "", list[Attachment](), False
    for kind, source in (part.key_and_value for part in parts):
        if kind == "text":
            text, follows = f"{text}{PART_BREAK if follows else ''}{source}", True
        else:
            files.append(Attachment(source, kind, at=len(text)))
    return FileText(role, text, where, tuple(files))


def _configured(given: Sequence[MessageSchema] | PromptSourceSchema) -> Iterator[ConfiguredText]:
    """The texts that the project's code has."""
    if isinstance(given, PromptSourceSchema):
        found: list[tuple[int, object]] = [(0, given)]
    else:
        found = [(index, turn.key_and_value[1]) for index, turn in enumerate(given)]
    for index, source in found:
        if isinstance(source, PromptSourceSchema) and source.configured:
            yield ConfiguredText(index, source.configured, source.format, is_whole=source is given)


def _reference(text: str) -> str | None:
    """The path of a text that is a reference to a file in other tools; None for another text."""
    line = text.strip()
    return line.removeprefix(_FILE) if line.startswith(_FILE) and "\n" not in line else None
