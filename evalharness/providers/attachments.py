"""The bytes of attachments, read when a request is sent."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from evalharness.errors import ProviderError
from evalharness.records import Attachment
from evalharness.records.attachment import DOCUMENTS, PICTURES

SENDABLE = frozenset({*PICTURES, *DOCUMENTS})
"""The types that OpenAI's and Anthropic's APIs take."""
_MOST_BYTES = 100_000_000


def base64_of(attachment: Attachment) -> str:
    """Return the file's bytes in base64. Raises ProviderError: the file has changed since the suite was read."""
    try:
        with open(Path(attachment.folder) / attachment.path, "rb", opener=_open_no_link) as file:
            content = file.read(_MOST_BYTES)
    except OSError as error:
        raise ProviderError(f"{attachment.path}: cannot be read: {error.strerror}", kind="request") from None
    if hashlib.sha256(content).hexdigest() != attachment.sha256:
        raise ProviderError(f"{attachment.path}: the file has changed since this run began", kind="request")
    return base64.b64encode(content).decode()


def data_url(attachment: Attachment) -> str:
    """Return the file as a data URL. Raises ProviderError."""
    return f"data:{attachment.media_type};base64,{base64_of(attachment)}"


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
