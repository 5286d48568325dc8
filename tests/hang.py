"""Ends a test that hangs. It measures no speed: a minute is ages for any block, on any machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

AGES_S = 60


class Hangs(BaseException):
    """The block does not end. Not an Exception: code that catches every error of an untrusted text lets it through."""


@contextmanager
def in_time() -> Iterator[None]:
    """Raise Hangs in a block that is still running after a minute, such as an exponential algorithm."""

    def give_up(*_: object) -> None:
        raise Hangs(f"still at work after {AGES_S} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(AGES_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
