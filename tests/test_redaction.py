"""Keys are redacted in every text and every encoding."""

from __future__ import annotations

import base64
import html
import json
import re
import string
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

import markupsafe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness import redaction
from evalharness.redaction import Secret, scrub, scrubbed
from evalharness.store.sample_lines import json_line, sample_line, sample_to_json
from evalharness.testing import sample

KEY = "sk-a+b/c?d=e&f<g>\"h'i\\j k"
"""Characters that encodings change."""
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "URL path": quote,
    "URL component": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON without escapes": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "HTML": html.escape,
    "as jinja2 writes it": lambda text: str(markupsafe.escape(text)),
    "between tags": lambda text: html.escape(text, quote=False),
}


@contextmanager
def known(**values: str) -> Iterator[None]:
    """Only these secrets, by variable name, without those of other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_forms", {})
        patch.setattr(redaction, "_in_json", ())
        patch.setattr(redaction, "_pattern", None)
        for name, value in values.items():
            patch.setenv(name, value)
            Secret(name)
        yield


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>3}".format, lambda it: f"{[it]}"])
def test_shows_its_name(show: Callable[[Secret], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing a secret in any way shows its name."""
    monkeypatch.setenv("SHOWN_KEY", f"  {KEY}\n")
    secret = Secret("SHOWN_KEY")
    assert show(secret).strip("[]") == "SHOWN_KEY"
    assert secret.reveal() == KEY


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_not_set(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset variable is an error with its name; an invalid name is not shown."""
    monkeypatch.delenv("EMPTY_KEY", raising=False) if value is None else monkeypatch.setenv("EMPTY_KEY", value)
    with pytest.raises(LookupError, match="may be the key itself") as caught:
        Secret("sk-test-key-in-the-wrong-place")
    assert "sk-test" not in str(caught.value)
    with pytest.raises(LookupError, match="EMPTY_KEY is not set"):
        Secret("EMPTY_KEY")


VARIABLES = (
    "OPENAI_API_KEY",
    "http_proxy",
    "A_KEY",
    "K8S_TOKEN",
    "KEY2",
    "AZURE_OPENAI_KEY_1",
    "openaikey",
    "Gateway_Key",
)
KEYS = (
    *(
        "sk-test-key-in-the-wrong-place",
        "gsk_8dh3kdj3kdAbCdEfGhIjKlMn",
        "hf_AbCdEfGhIjKlMnOpQrStUvWxYz",
        "sk_live_abcdef",
    ),
    *(
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyD3m0k3yD3m0k3yD3m0",
        "deadbeefcafebabe",
        "4e2f6a1b9c8d7e6f5a4b3c2d1e0f",
        "xoxb_123",
    ),
    *("http://user:hunter2@proxy:3128", "two words", "a" * 65),
)


@pytest.mark.parametrize("name", VARIABLES)
def test_names_of_variables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like the name of a variable is shown, so that it can be set."""
    monkeypatch.delenv(name, raising=False)
    with known(), pytest.raises(LookupError, match=f"{name} is not set"):
        Secret(name)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_the_place_of_a_name(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in place of a variable's name is neither in the error nor in any other text."""
    with known():
        with pytest.raises(LookupError, match="may be the key itself") as caught:
            Secret(key)
        assert key not in str(caught.value)
        assert scrub(f"got {key!r}") == "got '[not a variable]'"
        redaction.redact_settings({"models": {"far": {"proxy_env": [f"{key}x"]}}})
        assert key not in scrub(f"{key}x")
    monkeypatch.setenv(key, "a-value-that-is-set")
    with known():
        assert Secret(key).reveal() == "a-value-that-is-set"
        assert scrub(key) == key


BASIC = {
    "both": "robot-user:hunter-2:x",
    "Basic": base64.b64encode(b"robot-user:hunter-2:x").decode(),
    "in a header": base64.b64encode(b"robot-user:hunter-2:x").decode().rstrip("="),
    "user": "robot-user",
    "password": "hunter-2:x",
    "quoted": "hunter-2%3Ax",
}


@pytest.mark.parametrize("shown", BASIC.values(), ids=BASIC)
@pytest.mark.parametrize(
    "url", ["http://robot-user:hunter-2%3Ax@proxy.example:3128", "robot-user:hunter-2:x@proxy:3128/"]
)
def test_credentials_of_a_proxy(url: str, shown: str) -> None:
    """User and password of a proxy are redacted alone, together, and as Basic authentication sends them."""
    with known(OUR_PROXY=url):
        assert scrub(f"Proxy-Authorization: Basic {shown}.") == "Proxy-Authorization: Basic [OUR_PROXY]."
        assert scrub(url) == "[OUR_PROXY]"
        assert scrub("proxy.example") == "proxy.example"


def test_secrets_in_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration names its secrets: values of variables, credentials in addresses, and keys in a wrong place."""
    monkeypatch.setenv("A_SET_KEY", "value-of-a-variable")
    options = {"api_key_env": "A_SET_KEY", "api_key": "written-in-the-file", "key_header": "api-key-of-azure"}
    options |= {"base_url": "https://somebody:password-in-it@host.example/v1", "max_tokens": 100}
    with known():
        redaction.redact_settings({"models": {"far": {**options, "extra": {"auth": {"TOKEN": "deep-in-the-file"}}}}})
        text = "value-of-a-variable written-in-the-file api-key-of-azure somebody password-in-it host.example"
        names = "[A_SET_KEY] [api_key] api-key-of-azure [base_url] [base_url] host.example"
        assert scrub(f"{text} deep-in-the-file") == f"{names} [TOKEN]"


def test_printed_by_python() -> None:
    """A key inside the `repr` of a text or of bytes is redacted: libraries quote what an endpoint sent."""
    key = "sk-\\both'quotes\"and\u00e9"
    with known(A_KEY=key):
        for shown in (repr(f"x: {key}"), repr(f"x: {key}".encode()), ascii(f"x: {key}"), repr(bytearray(key.encode()))):
            assert "both" not in scrub(shown)


@pytest.mark.parametrize("escape", ENCODINGS.values(), ids=ENCODINGS)
def test_encodings(escape: Callable[[str], str]) -> None:
    """A key is redacted in each encoding, and the text around it stays."""
    with known(SOME_KEY=KEY):
        for around in ("%s", "Bearer %s.", "see %s\nand %s", '{"key": "%s"}', "x%sx", "50 % of %s %s%s"):
            assert scrub(around.replace("%s", escape(KEY))) == around.replace("%s", "[SOME_KEY]")


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64(encode: Callable[[bytes], bytes], before: str) -> None:
    """A key is redacted at every alignment of base64."""
    with known(SOME_KEY=KEY):
        whole = encode(f"{before}{KEY}:after".encode()).decode()
        shown = scrub(whole)
    assert "[SOME_KEY]" in shown
    assert KEY.encode() not in _decoded(shown)
    assert shown.endswith(whole[-4:])


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        ({"A": "abcdefgh", "B": "abcdefghijkl"}, "abcdefghijkl abcdefgh", "[B] [A]"),
        ({"B": "abcdefghijkl", "A": "abcdefgh"}, "abcdefghijkl abcdefgh", "[B] [A]"),
        ({"A": "efghijkl", "B": "abcdefghijkl"}, "abcdefghijkl efghijkl", "[B] [A]"),
        ({"A": "abcdefgh", "B": "efghijkl"}, "abcdefghijkl", "[A]ijkl"),
        ({"A": "abcdefgh", "B": "abcdefgh"}, "abcdefgh", "[B]"),
        ({"A": "x(y)*[z]"}, "x(y)*[z] xy", "[A] xy"),
        ({"A": "short"}, "a short word", "a short word"),
        ({}, "anything", "anything"),
    ],
)
def test_several(secrets: dict[str, str], text: str, shown: str) -> None:
    """The longest secret is replaced first; a value as short as a word is not redacted."""
    with known(**secrets):
        assert scrub(text) == shown


def test_new_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replaced key is still redacted, like the new one."""
    with known(SOME_KEY="the-first-value"):
        monkeypatch.setenv("SOME_KEY", "the-second-value")
        Secret("SOME_KEY")
        assert scrub("the-first-value, the-second-value") == "[SOME_KEY], [SOME_KEY]"


def _decoded(text: str) -> bytes:
    """The decoded bytes of every base64 run in the text, at every alignment."""
    runs = re.findall(r"[A-Za-z0-9+/_-]{4,}", text)
    pieces = [run[start:].replace("-", "+").replace("_", "/") for run in runs for start in range(4)]
    return b"\n".join(base64.b64decode(piece[: len(piece) // 4 * 4]) for piece in pieces)


PRINTABLE = st.text(st.sampled_from(string.printable[:95]), min_size=12, max_size=60)
TEXTS = st.text(max_size=20)


@given(PRINTABLE.filter(lambda value: value == value.strip()), TEXTS, TEXTS)
def test_no_form_survives(value: str, before: str, after: str) -> None:
    """No encoding of a random key is left in random text."""
    with known(SOME_KEY=value):
        for escape in ENCODINGS.values():
            assert escape(value) not in scrub(before + escape(value) + after)
            assert escape(value) not in scrub(escape(before) + escape(value) + escape(after))
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            shown = scrub(f"{before} {encode((before + value + after).encode()).decode()}")
            assert value.encode() not in _decoded(shown)


ANY = st.text(st.characters(), max_size=20)


@given(st.text(st.sampled_from(string.printable), min_size=12, max_size=60).map(str.strip), ANY, ANY)
def test_a_line_of_a_record(value: str, before: str, after: str) -> None:
    """A sample is written as if its texts were redacted one by one, whatever JSON escapes in them and in the key."""
    with known(SOME_KEY=value or "key"):
        for escape in ENCODINGS.values():
            one = sample("a", before + escape(value) + after, tags=(before, escape(value)))
            plain = json_line(scrubbed(sample_to_json(one)))
            assert json.loads(sample_line(one))["sample"] == json.loads(plain)


def test_many_threads() -> None:
    """Keys that several threads register are all redacted, while other threads scrub long texts."""
    keys, before = [f"key-number-{number:04}" for number in range(160)], sys.getswitchinterval()
    with known(), ThreadPoolExecutor(6) as pool:
        sys.setswitchinterval(1e-5)
        try:
            done = [
                future
                for key in keys
                for future in (
                    pool.submit(Secret.from_value, "A_KEY", key),
                    pool.submit(scrub, f"{key}, and more. " * 900),
                )
            ]
            assert all(future.result() for future in done)
        finally:
            sys.setswitchinterval(before)
        assert [key for key in keys if key in scrub(f"with {key} in it")] == []
