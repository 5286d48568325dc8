"""A picture or a document in a message."""

from __future__ import annotations

from dataclasses import dataclass, field

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
DOCUMENTS = ("application/pdf",)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of the project that a message contains. Records hold its digest instead of its bytes."""

    path: str
    """Relative to the root. In the messages of a prompt, a template relative to the suite's folder."""
    media_type: str = ""
    """By the content of the file, as in `image/png`; empty in the messages of a prompt."""
    sha256: str = ""
    at: int = 0
    """Characters of the message's content before the file."""
    folder: str = field(default="", compare=False, repr=False)
    """The root that holds the file; not stored."""

    def to_data(self) -> dict[str, str | int]:
        """The file as JSON values, without its folder."""
        return {"path": self.path, "media_type": self.media_type, "sha256": self.sha256, "at": self.at}

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture, and no document."""
        return self.media_type in PICTURES
