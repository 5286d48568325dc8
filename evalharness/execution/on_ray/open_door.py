"""Whether a cluster takes calls without a token: the setting of this process does not tell."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from evalharness.execution.on_ray.environment import LOCAL, MODE

_CHECK_S = 60.0
_LISTENS_S = 10.0
_SIGN = "token"
"""What Ray writes about when it refuses a call without one."""


def check_listens(address: str) -> None:
    """Raise ConnectionError if nothing listens at HOST:PORT: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_LISTENS_S).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(f"nothing answers there: {error}") from None


@contextmanager
def refused_without_token(address: str) -> Iterator[None]:
    """Call the cluster without a token while the block runs. Raises PermissionError unless the cluster refuses it."""
    if address == LOCAL:  # started with a token by this process
        yield
        return
    words = [sys.executable, "-I", "-m", "ray.scripts.scripts", "health-check", "--address", address]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH_")}
    check = subprocess.Popen(  # noqa: S603 - of Ray
        words,
        env={**kept, MODE: "disabled"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with check:
        try:
            yield
            said, _ = check.communicate(timeout=_CHECK_S)
        finally:
            check.kill()
    if check.returncode == 0:
        raise PermissionError(f"the cluster takes calls without a token: start all its nodes with {MODE}=token")
    if _SIGN not in said:
        raise PermissionError(f"expected the cluster to refuse a call without a token, got {said[-300:]!r}")
