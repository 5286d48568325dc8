"""What ends a test that hangs. It judges no seconds: a minute is ages for whatever runs in it, on any machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

AGES_S = 60


class Hangs(BaseException):
    """It does not end. No Exception, so that what takes any error for one of an untrusted text does not take this."""


@contextmanager
def in_time() -> Iterator[None]:
    """The block ends of itself; one that runs for ever, as an exponential algorithm does, raises Hangs."""

    def give_up(*_: object) -> None:
        raise Hangs(f"still at work after {AGES_S} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(AGES_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
