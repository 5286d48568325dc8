"""Reads the answer of an application from an HTTP response, by the configured paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.application.answer_paths import AnswerPaths
from evalharness.application.answer_stream import DONE, AnswerStream, EndMarker, read_lines
from evalharness.application.json_text import json_body, plain_body
from evalharness.errors import BilledError, ConfigError
from evalharness.json_path import keys_of, parse_path
from evalharness.providers.parse import json_object
from evalharness.providers.stream import Clock, read_events
from evalharness.wire import EndpointError, HttpResponse


class AnswerReader:
    """The form of the answers of one application."""

    def __init__(self, paths: Mapping[str, Any], *, stream: str | None, delta: str | None, end: str | None) -> None:
        """Read the options. Raises ConfigError."""
        self._stream, self._paths = stream, AnswerPaths(paths)
        self._delta = None if delta is None else parse_path(delta, "delta")
        self._end = EndMarker((DONE if stream == "sse" else "") if end is None else end)
        if stream is None:
            self._check_whole(delta=delta, end=end)
        elif "text" in self._paths:
            raise ConfigError("'text' is the path of a whole answer: with 'stream', set 'delta'")
        elif self._delta is None and (stream == "ndjson" or self._paths or self._end.needs_json):
            raise ConfigError("'delta' is missing: the JSONPath of the text in an event")

    def _check_whole(self, **of_stream: str | None) -> None:
        if unused := [name for name, given in of_stream.items() if given is not None]:
            raise ConfigError(f'\'{unused[0]}\' needs stream = "sse" or "ndjson"')
        if self._paths and "text" not in self._paths and "data" not in self._paths:
            raise ConfigError("'text' is missing: the JSONPath of the answer's text, such as '$.answer'")

    async def read(self, response: HttpResponse, clock: Clock) -> dict[str, Any]:
        """Return the answer as an object for `response_of`. Raises EndpointError, BilledError."""
        if self._stream is None:
            return await self._whole(response)
        if self._stream == "sse" and response.is_json:
            self._paths.answer_error(await json_body(response))
            raise EndpointError(f"expected an event stream, got {response.content_type}")
        found = AnswerStream(clock, self._delta, self._paths, self._end)
        if self._stream == "sse":
            await read_events(response, found.take, lambda: not self._end.text)
        else:
            await read_lines(response, found.take, needs_end=bool(self._end.text))
        return found.answer()

    async def _whole(self, response: HttpResponse) -> dict[str, Any]:
        if self._paths:
            return self._paths.answer(await json_body(response))
        if not response.is_json:
            return {"text": await plain_body(response)}
        document = await json_body(response)
        if isinstance(document, str):
            return {"text": document}
        answer = json_object(document, "the response")
        if not answer.keys() & {"text", "data", "refusal"}:
            raise BilledError(f"the answer is an object with {keys_of(answer)}: set 'text'", kind="answer")
        return answer
