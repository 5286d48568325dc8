"""An endpoint on 127.0.0.1 that speaks OpenAI's formats, fails on purpose, and records every byte.

    with FaultServer(first(status(503))) as server:
        provider = MyProvider(base_url=server.url)
        ...
    assert len(server.log) == 2  # one retry

These modules import nothing else of the package: what they record is the oracle for the package's own counts.
"""

from __future__ import annotations

from evalharness.testing.fault_server.chat import (
    DONE,
    Chunk,
    answer_text,
    chunk,
    chunks,
    completion,
    embeddings,
    event,
    sse_events,
    unit_vector,
)
from evalharness.testing.fault_server.http_bytes import (
    EVENT_STREAM,
    chunked,
    dechunk,
    head,
    json_answer,
    sse_answer,
    to_json,
)
from evalharness.testing.fault_server.scripts import (
    answering,
    fault_of,
    first,
    hang,
    healthy,
    mixed,
    queue,
    status,
    token_bucket,
    too_many,
    truncated,
)
from evalharness.testing.fault_server.server import FaultServer
from evalharness.testing.fault_server.steps import (
    Close,
    Hang,
    Packet,
    Received,
    Reply,
    Reset,
    Script,
    Send,
    Step,
    Wait,
)

__all__ = [
    "DONE",
    "EVENT_STREAM",
    "Chunk",
    "Close",
    "FaultServer",
    "Hang",
    "Packet",
    "Received",
    "Reply",
    "Reset",
    "Script",
    "Send",
    "Step",
    "Wait",
    "answer_text",
    "answering",
    "chunk",
    "chunked",
    "chunks",
    "completion",
    "dechunk",
    "embeddings",
    "event",
    "fault_of",
    "first",
    "hang",
    "head",
    "healthy",
    "json_answer",
    "mixed",
    "queue",
    "sse_answer",
    "sse_events",
    "status",
    "to_json",
    "token_bucket",
    "too_many",
    "truncated",
    "unit_vector",
]
