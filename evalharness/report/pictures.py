"""The pictures of a run's messages as data URLs, for its page."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from evalharness.records import Attachment, Sample
from evalharness.records.marks import Mark, marked
from evalharness.store.files import open_regular

_MOST_BYTES = 5_000_000
"""Of all pictures on a page, before base64. The page names the others."""


def pictures_of(samples: Sequence[Sample], root: Path) -> Mapping[str, str]:
    """SHA-256 -> data URL of each picture, as far as the page has room.

    A file that is missing, or that has changed since the run, is left out.
    """
    found: dict[str, str] = {}
    room = _MOST_BYTES
    for one in _pictures(samples):
        is_new = one.sha256 not in found and _is_inside(PurePosixPath(one.path))
        content = _content(root / one.path, room) if is_new else b""
        if content and hashlib.sha256(content).hexdigest() == one.sha256:
            found[one.sha256] = f"data:{one.media_type};base64,{base64.b64encode(content).decode()}"
            room -= len(content)
    return found


def _pictures(samples: Sequence[Sample]) -> dict[Attachment, None]:
    messages = (message for sample in marked(samples, Mark.FILES) for message in sample.messages)
    return {one: None for message in messages for one in message.attachments if one.is_picture}


def _is_inside(path: PurePosixPath) -> bool:
    """Whether a path of a record, which may come from elsewhere, stays below the root."""
    return not path.is_absolute() and ".." not in path.parts


def _content(path: Path, most: int) -> bytes:
    """The content of a file of at most so many bytes; empty if it is larger, outside the root, or cannot be read."""
    try:
        with open(path, "rb", opener=open_regular) as file:
            return file.read(most) if os.fstat(file.fileno()).st_size <= most else b""
    except OSError:
        return b""
