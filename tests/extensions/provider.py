"""A third party's provider: shouts the last message of the request back."""

from __future__ import annotations

from evalharness import Provider, Request, Response, Timing, Usage


class Shout(Provider):
    """A provider needs `complete` alone."""

    def __init__(self, *, suffix: str = "!") -> None:
        self.suffix = suffix

    def complete(self, request: Request) -> Response:
        """Return the last message in capitals."""
        text = request.messages[-1].content.upper() + self.suffix
        return Response(text, "stop", Usage(0, 0), Timing(total_s=0.0))
