"""What an application behind HTTP returns: an answer, or a clear error of its case."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import tls_context
from http_target import ANSWER, OPTIONS, address, ask, opened, question, raw, result

from evalharness import Citation, Context, ToolCall
from evalharness.records import Response, SampleError, Usage
from evalharness.testing.fault_server import (
    DONE,
    Close,
    FaultServer,
    Script,
    Send,
    chunked,
    event,
    head,
    json_answer,
    sse_answer,
    to_json,
)

SECRET = "canary-0123456789-key"
NDJSON = {"content-type": "application/x-ndjson", "transfer-encoding": "chunked"}
SSE = {"stream": "sse", "delta": "$.t"}
LINES = {"stream": "ndjson", "delta": "$.t"}
A = {"text": "$.a"}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """One server for all rows."""
    with FaultServer() as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv("APP_KEY", SECRET)
        yield found


def answered(server: FaultServer, script: Script, **options: Any) -> Response | SampleError:
    """The result of one request."""
    server.script = script
    return result(address(server), **options)


def refused(server: FaultServer, script: Script, **options: Any) -> SampleError:
    """The error of one request."""
    found = answered(server, script, **options)
    assert isinstance(found, SampleError), found
    return found


def told(value: Any, **changes: Any) -> Script:
    """A JSON answer of the application."""
    return raw(to_json({**ANSWER, **changes} if value is ANSWER else value))


def lines(*parts: bytes) -> Script:
    """An NDJSON stream, a chunk of transfer encoding for each part."""
    return lambda request: [Send(head(200, NDJSON) + chunked(parts))]


def events(*parts: bytes) -> Script:
    """A stream of server-sent events."""
    return lambda request: [Send(sse_answer(parts))]


def test_all_parts_of_an_answer(server: FaultServer) -> None:
    """Each path fills its field; an item without a field keeps its place in the list."""
    calls = [{"function": {"name": "search", "arguments": '{"q": "sale"}'}}]
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    cites = [{"url": "https://a.example", "text": "30 days."}]
    given = answered(server, told(ANSWER, calls=calls, cost=0.02, usage=usage, thoughts="Hm.", cites=cites), **OPTIONS)
    assert isinstance(given, Response)
    assert given.text == "Within 30 days."
    assert given.contexts == (Context("30 days.", "1", 0.5), Context("Sale items.", "b"))
    assert given.tool_calls == (ToolCall("search", {"q": "sale"}),)
    assert given.citations == (Citation("https://a.example", quote="30 days."),)
    assert (given.cost_usd, given.usage, given.reasoning) == (0.02, Usage(7, 3), "Hm.")


FORMS: dict[str, tuple[Script, dict[str, Any], str]] = {
    "text": (raw("Grüße".encode(), "text/plain"), {}, "Grüße"),
    "text in latin-1": (raw("Grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1"), {}, "Grüße"),
    "text of Windows": (raw(b"\x80 5", "text/plain; charset=windows-1252"), {}, "\u20ac 5"),
    "text with a BOM": (raw(b"\xef\xbb\xbfYes", "text/plain; charset=UTF-8"), {}, "Yes"),
    "JSON text": (raw(b'"Yes"'), {}, "Yes"),
    "the keys of an answer": (raw(b'{"text": "Yes", "contexts": ["a"]}'), {}, "Yes"),
    "created": (raw(b'{"a": "Yes"}', status=201), {"text": "$.a"}, "Yes"),
    "a BOM": (raw(b'\xef\xbb\xbf{"a": "Yes"}'), {"text": "$.a"}, "Yes"),
    "no content type": (raw(b'{"a": "Yes"}', ""), {"text": "$.a"}, "Yes"),
    "JSON in latin-1": (raw('{"a": "ü"}'.encode("latin-1"), "application/json; charset=latin-1"), {"text": "$.a"}, "ü"),
    "a name with a dot": (raw(b'{"a.b": ["x", "Yes"]}'), {"text": "$['a.b'][-1]"}, "Yes"),
    "markup": (raw(b'{"a": "<script>\\u001b[31m::error::"}'), {"text": "$.a"}, "<script>\x1b[31m::error::"),
    "half a surrogate pair": (raw(b'{"a": "x\\ud83d"}'), {"text": "$.a"}, "x\ufffd"),
    "data": (raw(b'{"a": {"days": 30}}'), {"data": "$.a"}, '{"days": 30}'),
    "refusal": (raw(b'{"no": "I cannot."}'), {"text": "$.a", "refusal": "$.no"}, "I cannot."),
    "empty error": (raw(b'{"a": "Yes", "error": ""}'), {"text": "$.a", "error": "$.error"}, "Yes"),
    "nothing retrieved": (raw(b'{"a": "Yes", "d": []}'), {"text": "$.a", "contexts": {"text": "$.d[*].t"}}, "Yes"),
    "no texts retrieved": (raw(b'{"a": "Yes", "d": []}'), {"text": "$.a", "contexts": "$.d[*].t"}, "Yes"),
    "parts": (raw(b'{"a": [{"t": "Y"}, {}, {"t": "es"}]}'), {"text": "$.a[*].t"}, "Yes"),
    "data in a list": (raw(b'{"a": [{"t": "x"}, {"t": "y"}]}'), {"data": "$.a[*].t"}, '["x", "y"]'),
    "an empty answer": (raw(b'{"a": ""}'), {"text": "$.a"}, ""),
    "events": (events(event({"t": "Y"}), b": ping\n\n", event({"t": "es", "n": None}), DONE), SSE, "Yes"),
    "events of text": (events(b"data: Y\n\n", b"data: es\n\n", DONE), {"stream": "sse"}, "Yes"),
    "end by name": (events(event({"t": "Yes"}), b"event: end\ndata: {}\n\n"), {**SSE, "end": "event:end"}, "Yes"),
    "end with both": (events(event({"t": "Yes"}), b"event: end\ndata: [DONE]\n\n"), {**SSE, "end": "event:end"}, "Yes"),
    "end by another marker": (events(event({"t": "Yes"}), DONE, event({"t": "!"})), {**SSE, "end": "$.d"}, "Yes"),
    "end by path": (events(event({"t": "Y"}), event({"t": "es", "d": True})), {**SSE, "end": "$.d"}, "Yes"),
    "end of the body": (events(event({"t": "Yes"})), {**SSE, "end": ""}, "Yes"),
    "lines": (lines(b'{"t": "Y"}\n\n{"t"', b': "e"}\r\n', b'{"t": "s"}'), LINES, "Yes"),
    "lines with an end": (lines(b'{"t": "Yes"}\n{"d": 1}\n{"t": "more"}\n'), {**LINES, "end": "$.d"}, "Yes"),
    "refusal in a stream": (events(event({"no": "Never."}), DONE), {**SSE, "refusal": "$.no"}, "Never."),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_answers(server: FaultServer, name: str) -> None:
    """Each form is read as the application meant it."""
    script, options, text = FORMS[name]
    found = answered(server, script, **options)
    assert isinstance(found, Response), found
    assert found.text == text


CALLS = {"contexts": {"text": "$.d[*].t"}, "tool_calls": {"name": "$.c[*].n"}}
EMPTY: dict[str, tuple[Script, dict[str, Any], tuple[str, ...]]] = {
    "nothing retrieved": (raw(b'{"a": "Yes", "d": [], "c": []}'), A | CALLS, ("contexts", "tool_calls")),
    "calls are null": (raw(b'{"a": "Yes", "d": [], "c": null}'), A | CALLS, ("contexts", "tool_calls")),
    "calls are missing": (raw(b'{"a": "Yes", "d": []}'), A | CALLS, ("contexts",)),
    "no path": (raw(b'{"a": "Yes", "d": [], "c": []}'), A, ()),
    "a refusal": (raw(b'{"r": "No.", "d": []}'), A | CALLS | {"refusal": "$.r"}, ("contexts",)),
    "a stream": (events(event({"t": "Yes"}), event({"d": []}), DONE), SSE | CALLS, ("contexts", "tool_calls")),
    "a stream without": (events(event({"t": "Yes"}), DONE), SSE | CALLS, ("tool_calls",)),
    "found later": (events(event({"t": "Y", "d": [], "c": []}), event({"d": [{"t": "x"}]}), DONE), SSE | CALLS,
                    ("tool_calls",)),
    "the keys of an answer": (raw(b'{"text": "Yes", "contexts": [], "tool_calls": null}'), {}, ("contexts",)),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_what_is_empty(server: FaultServer, name: str) -> None:
    """An empty list says that nothing was retrieved; a missing one leaves it open."""
    script, options, empty = EMPTY[name]
    found = answered(server, script, **options)
    assert isinstance(found, Response), found
    assert found.empty == empty


def test_parts_in_a_stream(server: FaultServer) -> None:
    """Contexts and counts come from whichever event has them; the first text marks the time to the first token."""
    parts = [{"docs": [{"body": "b"}]}, {"t": "Y"}, {"t": "es"}, {"cost": 0.5, "usage": {"input_tokens": 2}}]
    options = {**SSE, "contexts": {"text": "$.docs[*].body"}, "cost_usd": "$.cost", "usage": "$.usage"}
    found = answered(server, events(*map(event, parts), DONE), **options)
    assert isinstance(found, Response)
    assert (found.text, found.contexts, found.cost_usd) == ("Yes", (Context("b"),), 0.5)
    assert found.usage.prompt_tokens == 2
    assert found.timing.first_token_s is not None


DEEP = b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
HOSTILE: dict[str, tuple[Script, dict[str, Any], str, str]] = {
    "no such key": (told({"answr": 1}), OPTIONS, "answer", "text: $.answer.text finds nothing: $ is an object with the"
                    " keys 'answr'; did you mean 'answr'?"),
    "a key of an item": (told({"a": [{"b": 1}]}), {"text": "$.a[*].c"}, "answer", "$.a[*] is an object with the keys"),
    "a key below": (told({"answer": {"txt": 1}}), OPTIONS, "answer", "$.answer is an object with the keys 'txt'"),
    "null": (told({"a": None}), A, "answer", "text: $.a finds nothing: it is null"),
    "a list": (told([1, 2]), A, "answer", "$ is a list of 2"),
    "no contexts": (told({"answer": {"text": "x"}}), OPTIONS, "answer", "contexts: $.docs[*] finds nothing: $ is"),
    "many keys": (told({f"k{n}" * 50: 0 for n in range(5000)}), A, "answer", "and 4988 more"),
    "number as text": (told({"a": 30}), A, "answer", "text: expected a str, got int 30"),
    "object as text": (told({"a": {"b": 1}}), A, "answer", "text: expected a str, got dict"),
    "contexts without text": (told({"a": "x", "d": [{"body": "b"}]}), {**A, "contexts": "$.d"}, "answer",
                              "contexts[0]: expected an object with 'text', got the keys 'body': set contexts ="),
    "a number as context": (told({"a": "x", "d": [1]}), {**A, "contexts": "$.d"}, "answer", "contexts[0]: expected"),
    "score as text": (told(ANSWER, docs=[{"body": "b", "score": "high"}]), OPTIONS, "answer", "score: expected a num"),
    "infinite score": (raw(b'{"a": "x", "d": [{"text": "b", "score": 1e999}]}'), {**A, "contexts": "$.d"}, "answer",
                       "finite"),
    "negative cost": (told({"a": "x", "c": -1}), {**A, "cost_usd": "$.c"}, "answer", "cost_usd: expected dollars"),
    "infinite cost": (raw(b'{"a": "x", "c": 1e999}'), {**A, "cost_usd": "$.c"}, "answer", "cost_usd: expected dollars"),
    "usage as a number": (told({"a": "x", "u": 9}), {**A, "usage": "$.u"}, "malformed", "usage: expected a JSON obj"),
    "wrong count": (told({"a": "x", "u": {"prompt_tokens": "no"}}), {**A, "usage": "$.u"}, "malformed", "token count"),
    "call without name": (told(ANSWER, calls=[{"function": {}}]), OPTIONS, "answer", "tool_calls[0].name: expected"),
    "no paths": (told({"answer": "x"}), {}, "answer", "the answer is an object with the keys 'answer': set 'text'"),
    "unknown keys": (told({"text": "x", "context": []}), {}, "answer", "unknown key 'context'; did you mean 'con"),
    "a list without paths": (told(["x"]), {}, "malformed", "the response: expected a JSON object"),
    "error field": (told(ANSWER, error={"code": 7}), OPTIONS, "application", 'reports an error: {"code": 7}'),
    "error and no answer": (told({"error": "index\nis gone"}), OPTIONS, "application", "error: index is gone"),
    "error in a stream": (events(event({"t": "Y"}), event({"e": "x"})), {**SSE, "error": "$.e"}, "application", ": x"),
    "an event called error": (events(b"event: error\ndata: boom\n\n"), SSE, "application", "error: boom"),
    "error in place of a stream": (told({"e": "x"}), {**SSE, "error": "$.e"}, "application", "error: x"),
    "NaN": (raw(b'{"a": NaN}'), A, "malformed", "not JSON: expected a number, got NaN"),
    "not JSON": (raw(b"{'a': 1}"), A, "malformed", "the response is not JSON"),
    "half of JSON": (raw(b'{"a": "x'), A, "malformed", "not JSON"),
    "deep": (raw(DEEP), A, "malformed", "nested too deeply"),
    "deep data": (raw(b'{"a": ' + b"[" * 80 + b"]" * 80 + b"}"), {"data": "$.a"}, "answer", "64 levels"),
    "a huge number": (raw(b'{"a": ' + b"9" * 10_000 + b"}"), A, "malformed", "not JSON"),
    "huge": (raw(b'"' + b"a" * (17 * 2**20) + b'"'), A, "malformed", "too large: expected at most 16777216 bytes"),
    "a long text": (raw(b'{"a": "' + b"a" * 5_000_000 + b'"}'), A, "answer", "text: expected at most 4,000,000"),
    "empty": (raw(b""), A, "malformed", "the response is empty (HTTP 200)"),
    "blank": (raw(b" \n", "text/plain"), {}, "malformed", "the response is empty"),
    "no content": (lambda request: [Send(head(204))], A, "malformed", "expected HTTP 200, got HTTP 204"),
    "an answer to come": (raw(b"{}", status=202), A, "malformed", "got HTTP 202"),
    "HTML": (raw(HTML, "text/html"), A, "malformed", "expected JSON, got text/html: '<html><body><h1>502"),
    "a stream": (events(event({"a": "x"})), A, "malformed", 'got text/event-stream: set stream = "sse"'),
    "HTML without paths": (raw(HTML, "text/html"), {}, "malformed", "expected JSON or text/plain, got text/html"),
    "HTML as an error": (raw(HTML, "text/html", 502), A, "server", "HTTP 502: <html>"),
    "HTML as a stream": (raw(HTML, "text/html"), SSE, "malformed", "expected an event stream, got text/html"),
    "HTML as lines": (raw(HTML + b"\n", "text/html"), LINES, "malformed", "an event of the stream is not JSON"),
    "not UTF-8": (raw(b'{"a": "\xff"}'), A, "malformed", "not utf-8"),
    "another charset": (raw(b"x", "text/plain; charset=ascii"), {}, "", "x"),
    "unknown charset": (raw(b"x", "text/plain; charset=klingon"), {}, "malformed", "charset 'klingon': expected one"),
    "no charset": (raw(b"x", "text/plain; charset=base64"), {}, "malformed", "has the charset 'base64': expected"),
    "gzip": (raw(gzip.compress(b"a" * 10**7), **{"content-encoding": "gzip"}), A, "malformed", "content-encoding"),
    "redirect": (raw(b"", status=307, location="http://evil.example/"), A, "redirect", "redirects are not followed"),
    "server error": (raw(b'{"detail": "no index"}', status=500), A, "server", "HTTP 500: no index"),
    "validation": (raw(b'{"detail": [{"loc": ["body"]}]}', status=422), A, "request", "HTTP 422"),
    "no such path": (raw(b'{"detail": "Not Found"}', status=404), A, "not found", "HTTP 404: Not Found"),
    "throttled": (raw(b"slow down", "text/plain", 429), A, "rate limit", "HTTP 429: slow down"),
    "key refused": (raw(b'{"detail": "bad token"}', status=401), A, "auth", "HTTP 401"),
    "cut off": (lambda request: [Send(head(200, {"content-length": "99"}) + b'{"a"'), Close()], A, "truncated", ""),
    "cut stream": (lambda request: [Send(head(200, NDJSON) + b"5\r\n{}\n{}"), Close()], LINES, "truncated", "broke"),
    "no end of events": (events(event({"t": "Y"})), SSE, "truncated", "before its terminal marker"),
    "no end of lines": (lines(b'{"t": "Y"}\n'), {**LINES, "end": "[DONE]"}, "truncated", "before its terminal marker"),
    "body without length": (lambda request: [Send(head(200, {"connection": "close"}) + b'{"t": "Y"}\n'), Close()],
                            LINES, "truncated", "before its terminal marker"),
    "no text in a stream": (events(event({"x": "Y"}), DONE), SSE, "answer", "delta: $.t finds nothing in 1 events; the"
                            " last one has the keys 'x'"),
    "an empty stream": (events(DONE), SSE, "answer", "delta: $.t finds nothing in 0 events"),
    "a number as delta": (events(event({"t": 1}), DONE), SSE, "malformed", "delta: expected a string, got 1"),
    "NaN in a stream": (events(b'data: {"t": NaN}\n\n'), SSE, "malformed", "an event of the stream is not JSON"),
    "a line of bytes": (lines(b"\xff\xfe\n"), LINES, "malformed", "not UTF-8"),
    "secret in an error": (told({"error": f"bad key {SECRET}"}), OPTIONS, "application", "bad key [APP_KEY]"),
    "secret in a page": (raw(f"key={SECRET}".encode(), "text/plain", 500), A, "server", "key=[APP_KEY]"),
    "secret as a key": (told({SECRET: 1}), A, "answer", "the keys '[APP_KEY]'"),
    "secret in no JSON": (raw(f"<{SECRET}".encode()), A, "malformed", "'<[APP_KEY]'"),
    "secret in the answer": (told({"a": f"It is {SECRET}."}), A, "", "It is [APP_KEY]."),
}  # fmt: skip
"""What the application sends, the options, the kind of the error ("" for an answer), and what the text has."""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers(server: FaultServer, name: str) -> None:
    """Each is an error of the case that names the cause and the address, or an answer; no text has the key."""
    script, options, kind, text = HOSTILE[name]
    found = answered(server, script, headers_env={"x-api-key": "APP_KEY"}, **options)
    if isinstance(found, Response):
        assert (kind, found.text) == ("", text)
        return
    assert found.kind == kind, found
    assert text in found.message
    assert f"POST {address(server)}" in found.message
    assert SECRET not in found.message
    assert len(found.message) < 1_200


def test_a_variable_cannot_leave_its_place(server: FaultServer) -> None:
    """Quotes, braces and placeholders in a value stay text; a placeholder alone becomes the JSON value."""
    server.script = raw(b'"ok"')
    body = {
        "name": "{{ variables.name }}",
        "mixed": ["<{{variables.name}}> {{ variables.tags }}", True, 1.5],
        "all": "{{ variables }}",
        "messages": "{{ messages }}",
        "limit": "{{ params.max_tokens }}",
        "system": "{{ system }}",
        "deep": "{{ variables.user.id }}",
    }
    variables = {"name": '"}, "admin": true, {{ case }}', "tags": ["a"], "user": {"id": 7}}
    ask(address(server), question(**variables), body=body)
    assert server.log[-1].body == {
        "name": variables["name"],
        "mixed": [f'<{variables["name"]}> ["a"]', True, 1.5],
        "all": variables,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
        "limit": 256,
        "system": "Be brief.",
        "deep": 7,
    }


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"nmae": 1}, "body.q: the case has no variable 'name'; did you mean 'nmae'?"),
        ({}, "body.q: the case has no variable 'name'"),
        ({"name": {1, 2}}, "body.q: expected a JSON value, got set"),
        ({"name": float("nan")}, "body.q: expected a finite number"),
    ],
)
def test_variables_that_cannot_be_sent(server: FaultServer, variables: dict[str, Any], message: str) -> None:
    """A missing variable, or one that is not JSON, is an error of its case; nothing is sent."""
    sent = len(server.log)
    found = result(address(server), request=question(**variables), body={"q": "{{ variables.name }}"})
    assert isinstance(found, SampleError)
    assert message in found.message
    assert len(server.log) == sent


def test_headers(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers come from the configuration, and from the environment by name; a key is sent as Bearer."""
    monkeypatch.setenv("APP_TOKEN", "token-0123456789")
    server.script = raw(b'"ok"')
    ask(
        address(server),
        headers={"X-Tenant": "acme", "Accept": "text/plain"},
        headers_env={"X-Api-Key": "APP_KEY"},
        api_key_env="APP_TOKEN",
    )
    sent = server.log[-1].headers
    assert (sent["x-tenant"], sent["accept"], sent["x-api-key"]) == ("acme", "text/plain", SECRET)
    assert sent["authorization"] == "Bearer token-0123456789"
    assert json.dumps(sent).count(SECRET) == 1


def test_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ca_file` and `proxy_env` work as for a model: without the certificate, there is no connection."""
    with FaultServer(raw(b'"ok"'), tls=tls_context("good", tmp_path)) as secure:
        assert ask(address(secure), ca_file=str(tmp_path / "ca.pem")).text == "ok"
        error = result(address(secure))
        assert isinstance(error, SampleError)
        assert error.kind == "tls"
    with FaultServer(raw(b'"ok"')) as proxy:
        monkeypatch.setenv("A_PROXY", proxy.url.removesuffix("/v1"))
        assert ask("http://app.example/chat/completions", proxy_env="A_PROXY").text == "ok"
        assert proxy.log[0].path == "http://app.example/chat/completions"


def test_an_unset_variable_is_known_before_the_first_request(server: FaultServer) -> None:
    """A header without its value is an error of every request."""
    found = opened(address(server), headers_env={"x-api-key": "NO_SUCH_KEY"}).capabilities
    assert found.refusal == "the environment variable NO_SUCH_KEY is not set (headers_env)"
    assert found.refusal_kind == "auth"


def test_json_answer_of_the_kit(server: FaultServer) -> None:
    """The kit's own JSON answer is read by its path."""
    server.script = lambda request: [Send(json_answer({"a": request.body["messages"][-1]["content"]}))]
    assert ask(address(server), text="$.a").text == "Why?"
