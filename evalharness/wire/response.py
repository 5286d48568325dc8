"""An answer whose head is there: its body, piece by piece, bounded, and every way in which it can break off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalharness.errors import Again, ProviderError

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = 16 * 2**20
"""Of one answer. A longer one is an error."""


class EndpointError(ProviderError):
    """The answer is not what the protocol promises: what was drawn may be billed all the same."""

    def __init__(self, message: str, *, kind: str = "malformed", again: Again = "once") -> None:
        super().__init__(message, kind=kind, again=again, may_cost=True)


class HttpResponse:
    """A response whose head is there."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        return self._response.headers

    @property
    def content_type(self) -> str:
        """Without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def chunks(self, most_bytes: int = MOST_BYTES) -> AsyncIterator[bytes]:
        """The body as it comes. Raises EndpointError when it breaks off or grows too large."""
        import httpx2

        seen = 0
        try:
            async for chunk in self._response.aiter_raw():
                seen += len(chunk)
                if seen > most_bytes:
                    raise EndpointError(f"the answer is larger than {most_bytes} bytes")
                yield chunk
        except httpx2.RemoteProtocolError as error:
            cut = "closed connection" in str(error)
            raise EndpointError(f"the answer broke off: {error}", kind="truncated" if cut else "malformed") from None
        except httpx2.TransportError as error:
            raise EndpointError(f"the answer broke off: {said(error)}", kind="truncated") from None

    async def body(self, most_bytes: int = MOST_BYTES) -> bytes:
        """All of it."""
        return b"".join([chunk async for chunk in self.chunks(most_bytes)])

    async def beginning(self, most_bytes: int) -> bytes:
        """What comes of the body until it is this long, or breaks off."""
        found = b""
        with suppress(ProviderError):
            async for chunk in self.chunks():
                found += chunk
                if len(found) >= most_bytes:
                    break
        return found[:most_bytes]

    async def json(self) -> Any:
        """The body as JSON. Raises EndpointError."""
        try:
            return json.loads(await self.body())
        except (ValueError, RecursionError) as error:
            raise EndpointError(f"the answer is not JSON: {error}") from None


def said(error: BaseException) -> str:
    """What an exception says, or what it is."""
    return str(error) or type(error).__name__
