"""Messages between the run and its gateway: a JSON list and bytes, with their lengths.

Nothing in a message runs code. What Ray itself passes between its processes does.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_LENGTHS = struct.Struct(">II")


def write_frame(stream: IO[bytes], header: list[Any], payload: bytes = b"") -> None:
    """Write a message. Raises OSError: the other process is gone."""
    data = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(data), len(payload)) + data + payload)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[list[Any], bytes]:
    """Return the next message. Raises EOFError at the end, also in the middle of one."""
    data = stream.read(_LENGTHS.size)
    if len(data) == _LENGTHS.size:
        lengths = _LENGTHS.unpack(data)
        header, payload = (stream.read(length) for length in lengths)
        if (len(header), len(payload)) == lengths:
            return json.loads(header), payload
    raise EOFError
