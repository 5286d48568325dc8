"""An HTTP response after its headers: a bounded body, read in chunks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from evalharness.errors import ProviderError, UnknownOutcomeError

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = 16 * 2**20
"""Of one body. A longer one is an error."""


class EndpointError(UnknownOutcomeError):
    """A response is incomplete or breaks the protocol. Its tokens may be billed."""

    def __init__(self, message: str, *, kind: str = "malformed", wait_s: float | None = None) -> None:
        super().__init__(message, kind=kind, wait_s=wait_s)


class HttpResponse:
    """Status, headers and body of a response."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by lower-case name."""
        return self._response.headers

    @property
    def content_type(self) -> str:
        """The media type without its parameters; "" if the header is missing."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether the media type is JSON, such as `application/json` or `text/json`."""
        return self.content_type.endswith(("/json", "+json"))

    @property
    def is_framed(self) -> bool:
        """Whether HTTP marks the end of the body: a lost connection cannot look like it."""
        return "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()

    async def chunks(self, most_bytes: int = MOST_BYTES) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises EndpointError: it breaks off or exceeds `most_bytes`."""
        import httpx2

        seen = 0
        try:
            async for chunk in self._response.aiter_raw():
                seen += len(chunk)
                if seen > most_bytes:
                    raise EndpointError(f"the response is too large: expected at most {most_bytes} bytes")
                yield chunk
        except httpx2.RemoteProtocolError as error:
            cut = "closed connection" in str(error)
            raise EndpointError(f"the response broke off: {error}", kind="truncated" if cut else "malformed") from None
        except httpx2.TransportError as error:
            raise EndpointError(f"the response broke off: {error_text(error)}", kind="truncated") from None

    async def body(self, most_bytes: int = MOST_BYTES) -> bytes:
        """Return the whole body. Raises EndpointError: see `chunks`."""
        return b"".join([chunk async for chunk in self.chunks(most_bytes)])

    async def beginning(self, most_bytes: int) -> bytes:
        """Return the first `most_bytes` of the body, or what arrives before it breaks off."""
        found = b""
        with suppress(ProviderError):
            async for chunk in self.chunks():
                found += chunk
                if len(found) >= most_bytes:
                    break
        return found[:most_bytes]

    async def json(self) -> Any:
        """Return the body as JSON. Raises EndpointError."""
        try:
            return json.loads(await self.body())
        except (ValueError, RecursionError) as error:
            raise EndpointError(f"the response is not JSON: {error}") from None


def error_text(error: BaseException) -> str:
    """Return the text of an exception, or the name of its class if it has none."""
    return str(error) or type(error).__name__
