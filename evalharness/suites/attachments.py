"""Read the pictures and documents that the messages of a suite name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalharness.config import Limits
from evalharness.records import Attachment, Message
from evalharness.records.attachment import DOCUMENTS, PICTURES
from evalharness.suites.files import FileError, inside, read_bytes

MOST_FILES, MOST_MB = 20, 20
"""Of one request, in all its messages. Anthropic takes 32 MB of base64, which is 24 MB of files."""
_STARTS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
_KINDS: Mapping[str, tuple[str, Sequence[str]]] = {
    "image": ("a picture in PNG, JPEG, GIF or WebP", PICTURES),
    "file": ("a document in PDF", DOCUMENTS),
}


class AttachmentReader:
    """Reads each file of a suite once."""

    def __init__(self, root: Path, folder: Path, limits: Limits) -> None:
        """`folder`: that of the suite, below which its files are."""
        self._root, self._folder, self._limits = root, folder, limits
        self._known: dict[tuple[str, str], Attachment] = {}
        self._of_prompt: dict[str, PromptAttachments] = {}
        self.bytes_of: dict[str, int] = {}
        """The size of each file by its digest."""

    def of_prompt(self, name: str) -> PromptAttachments:
        """The files of a prompt, which are read as its messages are rendered."""
        return self._of_prompt.setdefault(name, PromptAttachments(self))

    def read(self, kind: str, reference: str) -> Attachment:
        """The file of a kind and a path.

        Raises FileError: outside the folder, a link, missing, too large, of another type.
        """
        if (kind, reference) not in self._known:
            self._known[kind, reference] = self._opened(kind, reference)
        return self._known[kind, reference]

    def _opened(self, kind: str, reference: str) -> Attachment:
        path = inside(self._root, self._folder, reference)
        try:
            content = read_bytes(path, self._root, self._limits.attachment_mb, "attachment_mb")
        except FileError as error:
            raise FileError(f"'{reference}': {error}") from None
        expected, types = _KINDS[kind]
        found = media_type_of(content)
        if found not in types:
            got = f", got {found}" if found else ""
            raise FileError(f"'{reference}': expected {expected}{got}, by its content")
        name, digest = path.relative_to(self._root).as_posix(), hashlib.sha256(content).hexdigest()
        self.bytes_of[digest] = len(content)
        return Attachment(name, found, digest, folder=str(self._root.resolve()))


class PromptAttachments:
    """The files of one prompt, and how much of them each case sends."""

    def __init__(self, reader: AttachmentReader) -> None:
        self._reader, self._of_case = reader, dict[str, tuple[int, int]]()
        self.used: dict[str, Attachment] = {}
        """The files by their paths as rendered."""

    def read(self, kind: str, reference: str) -> Attachment:
        """The file of a kind and a path, which is then one of the prompt's. Raises FileError."""
        self.used[reference] = self._reader.read(kind, reference)
        return self.used[reference]

    def size_problem(self, case: str, message: Message) -> str:
        """Why the request of a case with this further message is too large; "" if it is not."""
        number, size = self._of_case.get(case, (0, 0))
        number += len(message.attachments)
        size += sum(self._reader.bytes_of[one.sha256] for one in message.attachments)
        self._of_case[case] = number, size
        if number > MOST_FILES:
            return f"{number} pictures and documents in one request, expected at most {MOST_FILES}"
        return (
            f"{size / 1e6:.1f} MB of files in one request, expected at most {MOST_MB}" if size > 1e6 * MOST_MB else ""
        )


def media_type_of(content: bytes) -> str:
    """The type of a file by its first bytes; "" for an unknown one."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _STARTS.items() if content.startswith(start)), "")
