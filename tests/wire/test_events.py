"""Server-sent events: the rules of the HTML standard, for any cut of the bytes."""

from __future__ import annotations

from itertools import pairwise
from threading import Thread

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.wire import Event, EventReader

BOM = b"\xef\xbb\xbf"


def read(*chunks: bytes) -> list[Event]:
    """The events of a stream in these pieces."""
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)]


def messages(*data: str) -> list[Event]:
    """Events without a name of their own."""
    return [Event("message", text) for text in data]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"data: a\n\n", messages("a")),
        (b"data: a\r\n\r\n", messages("a")),
        (b"data: a\r\r", messages("a")),
        (b"data: a\r\n\r", messages("a")),
        (b"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r\n", messages("a", "b", "c", "d")),
        (BOM + b"data: a\n\n", messages("a")),
        (BOM + BOM + b"data: a\n\ndata: b\n\n", messages("b")),
        (BOM + b"\ndata: a\n\n", messages("a")),
        (b"data: a\n\n" + BOM + b"data: b\n\n", messages("a")),
        (b": note\ndata: a\n:\n: data: b\n\n", messages("a")),
        (b"data:a\n\n", messages("a")),
        (b"data:  a \n\n", messages(" a ")),
        (b"data:\ta\n\n", messages("\ta")),
        (b"data: a: b\n\n", messages("a: b")),
        (b"data: a\ndata: b\n\n", messages("a\nb")),
        (b"data: a\r\ndata: b\r\n\r\n", messages("a\nb")),
        (b"data: a\ndata\ndata:\ndata: b\n\n", messages("a\n\n\nb")),
        (b"data\n\ndata\ndata\n\ndata:", messages("", "\n")),  # the standard's own example
        (b"data:test\n\ndata: test\n\n", messages("test", "test")),  # and another
        (b"event: x\ndata: a\n\ndata: b\n\n", [Event("x", "a"), *messages("b")]),
        (b"event: x\nevent: y\ndata: a\n\n", [Event("y", "a")]),
        (b"data: a\nevent: x\n\n", [Event("x", "a")]),
        (b"event:\ndata: a\n\n", messages("a")),
        (b"event: x\n\ndata: a\n\n", messages("a")),
        (b"id: 7\n\nretry: 9\n\n: only a note\n\n", []),
        (b"id: 7\nretry: 9\nodd: x\nodd\ndata: a\n\n", messages("a")),
        (b"Data: a\n data: b\ndata : c\n\n", []),
        (b"\n\r\n\rdata: a\n\n\n\n", messages("a")),
        (b"data: a\n", []),
        (b"data: a\n\ndata: b", messages("a")),
        (b"data: a\n\ndata: b\n", messages("a")),
        ("data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(), messages("a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg")),
        (b"data: a\0b\n\n", messages("a\0b")),
        ("event: \N{SNOWMAN}\ndata: \N{ROCKET}\n\n".encode(), [Event("\N{SNOWMAN}", "\N{ROCKET}")]),
        (b": \xff\nid: \xff\ndata: a\n\n", messages("a")),
    ],
)
def test_standard(stream: bytes, events: list[Event]) -> None:
    """Every rule of section 9.2.6 holds, for the whole stream and byte by byte."""
    assert read(stream) == events
    assert read(*(bytes([byte]) for byte in stream)) == events


@pytest.mark.parametrize("line", [b"data: \xff", b"data: \xf0\x9f\x98", b"data: \xed\xa0\xbd", b"event: \xc3"])
def test_invalid_utf8(line: bytes) -> None:
    """Invalid UTF-8 is an error, never a replacement character in an answer."""
    with pytest.raises(UnicodeDecodeError):
        read(line + b"\n\n")


@pytest.mark.parametrize(
    ("stream", "is_something_else"),
    [
        (b"", False),
        (b"data: a\n", False),
        (b"da", False),
        (BOM + b"\r\ndata: a\n", False),
        (b": note\n", False),
        (b"id", False),
        (b"<!doctype html>\n<html>\n", True),
        (b"<html>\ndata: a\n", True),
        (b'{"error": "no"}', True),
        (b"database\n", True),
    ],
)
def test_something_else(stream: bytes, is_something_else: bool) -> None:
    """A page that does not start like an event stream is different from a stream that ends early."""
    for size in (1, 3, 100):
        reader = EventReader()
        assert [event for at in range(0, len(stream), size) for event in reader.feed(stream[at : at + size])] == []
        assert reader.is_something_else == is_something_else


VALUES = st.text(st.sampled_from("ab :é\0\t\x0b\x85\u2028\ufeff\N{ROCKET}"), max_size=6).map(str.encode)
FIELDS = st.sampled_from([b"data", b"event", b"id", b"retry", b"", b"Data", b"other"])
LINES = st.one_of(
    st.builds(lambda name, colon, value: name + colon + value, FIELDS, st.sampled_from([b":", b": "]), VALUES),
    st.sampled_from([b"", b"data", b"event", b"odd"]),
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
STREAMS = st.lists(st.builds(bytes.__add__, LINES, ENDS), max_size=20).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 80), max_size=12))
def test_chunks_do_not_matter(stream: bytes, cuts: list[int]) -> None:
    """The cuts of a stream, even between CR and LF or within a character, do not change its events."""
    borders = [0, *sorted(cuts), len(stream)]
    assert read(*(stream[start:end] for start, end in pairwise(borders))) == read(stream)


@given(STREAMS)
def test_second_opinion(stream: bytes) -> None:
    """httpx2's own reader agrees, except for events without data and a CR at the very end."""
    stream += b"\n"
    answer = httpx2.Response(
        200,
        headers={"content-type": "text/event-stream"},
        content=stream,
        request=httpx2.Request("POST", "http://localhost"),
    )
    theirs = [Event(event.event, event.data) for event in httpx2.EventSource(answer)]
    assert [event for event in read(stream) if event.data] == [event for event in theirs if event.data]


@pytest.mark.parametrize("size", [7, 4096])
def test_long_line(size: int) -> None:
    """A line can arrive in many pieces."""
    stream = b"data: " + b"a" * 200_000 + b"\n\n"
    (event,) = read(*(stream[at : at + size] for at in range(0, len(stream), size)))
    assert len(event.data) == 200_000


def test_very_many_pieces() -> None:
    """A line is not copied for each of its pieces: a million copies take minutes, and the test's time limit is one."""
    found: list[Event] = []
    stream = b"data: " + b"a" * 1_000_000 + b"\n\n"
    pieces = (stream[at : at + 1] for at in range(len(stream)))
    thread = Thread(target=lambda: found.extend(read(*pieces)), daemon=True)
    thread.start()
    thread.join(60)
    assert [len(event.data) for event in found] == [1_000_000]
