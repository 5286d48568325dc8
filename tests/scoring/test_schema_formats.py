"""The formats of JSON Schema, from the examples of their standards and the edges between right and wrong."""

from __future__ import annotations

import json

import pytest
from hang import in_time
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scoring.checks import open_check
from evalharness.scoring.metrics import SampleView
from evalharness.scoring.metrics.json import schema_problem
from evalharness.scoring.schemas.formats import FORMATS

_LABEL = "a" * 63
_EXAMPLES: dict[str, tuple[list[str], list[str]]] = {
    # RFC 3339, section 5.6 and its examples in 5.8; leap days by the Gregorian rule.
    "date": (
        ["2024-02-29", "2000-02-29", "0000-01-01", "1985-04-12"],
        ["next week", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-1-1", "24-01-01", "20240101", "",
         "2024-01-01 ", "2024-01-01\n", "2024-01-01T00:00:00Z", "\u0662024-01-01"],
    ),
    "time": (
        ["23:20:50.52Z", "16:39:57-08:00", "23:59:60Z", "15:59:60-08:00", "12:00:27.87+00:20", "00:00:00z"],
        ["12:00:00", "24:00:00Z", "12:60:00Z", "12:00:61Z", "12:00:60Z", "12:00Z", "12:00:00+24:00", "12:00:00+0100"],
    ),
    "date-time": (
        ["1985-04-12T23:20:50.52Z", "1990-12-31T23:59:60Z", "1937-01-01T12:00:27.87+00:20", "2024-02-29t00:00:00z"],
        ["1985-04-12 23:20:50Z", "1985-04-12T23:20:50", "1990-12-31T23:58:60Z", "2023-02-29T00:00:00Z", "1985-04-12T"],
    ),
    # RFC 3339, appendix A.
    "duration": (
        ["P3Y6M4DT12H30M5S", "P4W", "PT36H", "P1DT12H", "PT0S"],
        ["P", "PT", "P1YT", "P1Y2D", "PT1H2S", "P1W2D", "PT0.5S", "-P1D", "1D", "P1S"],
    ),
    # RFC 5321, section 4.1.2; RFC 6531.
    "email": (
        ["a.b+c@example.com", '"a b"@example.com', "x@[127.0.0.1]", "x@[IPv6:::1]", "o'neil@x-y.org"],
        ["nope", "a@", "@b.c", "a b@example.com", ".a@example.com", "a.@example.com", "a..b@example.com", "a@b@c.org",
         "a@-b.org", "a@b_c.org", "ä@example.com", "x@[127.0.0.300]", "A <a@example.com>", "a@b.org, c@b.org"],
    ),
    "idn-email": (["δοκιμή@παράδειγμα.δοκιμή", "a@example.com"], ["nope", "δ δ@example.com", "@例.jp"]),
    # RFC 1123, section 2.1, and RFC 5891 for labels xn--.
    "hostname": (
        ["example.com", "1host", _LABEL, "a--b.org", "xn--bcher-kva.example"],
        ["", ".", "a..b", "-a.com", "a-.com", "a_b", f"{_LABEL}a", ".".join([_LABEL] * 4), "xn--x", "bücher.example",
         "example.com.", "a b"],
    ),
    "idn-hostname": (["bücher.example", "例え.jp", "example.com"], ["〮실례.테스트", "a..b", "", "a.", "a b"]),
    "ipv4": (["192.0.2.1", "255.255.255.255"], ["256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4/8", "\uff11.2.3.4"]),
    "ipv6": (["::1", "2001:db8::7", "::ffff:192.0.2.128"], ["12345::", "1::2::3", "fe80::1%eth0", "::1/64", "1.2.3.4"]),
    # RFC 3986, section 1.1.2 (examples) and appendix A; RFC 3987.
    "uri": (
        ["ftp://ftp.is.co.za/rfc/rfc1808.txt", "ldap://[2001:db8::7]/c=GB?objectClass?one", "mailto:a@example.com",
         "tel:+1-816-555-1212", "urn:oasis:names:specification:docbook:dtd:xml:4.1.2", "http://a/?q=%20#f", "file:///x"],
        ["/abc", "//host/path", "abc", "http:// x.com", "1http://a", "http://a/%6G", "http://a:port/", "http://[::1",
         "http://[12345::]", "http://ä.de", "http://a/<b>", "http://a/b\n", "bar,baz:foo"],
    ),
    "uri-reference": (["", "/abc?q#f", "//host/p", "#f", "../a", "a:b"], ["\\\\a\\b", "a b", "ä", "1a:b", "#a\\b"]),
    "iri": (["http://ƒøø.ßår/?∂éœ=πîx#πîüx", "http://a.b"], ["/ä", "http://ä b", "http://[12345::]/ä", "http://ä/<"]),
    "iri-reference": (["/ä", "#ä", "http://ƒøø.ßår/"], ["\\\\WINDOWS\\filëßåré", "ä b"]),
    # RFC 6570, section 2.
    "uri-template": (
        ["/dictionary/{term:1}/{term}", "{?x,y}", "{+path*}", "", "plain", "{a.b}"],
        ["/{term", "{}", "{a,,b}", "{v:0}", "{v:10000}", "a}b", "a b", "{var=x}"],
    ),
    # RFC 6901, section 5, and the relative pointers of draft-bhutton-relative-json-pointer-00.
    "json-pointer": (["", "/foo/0", "/", "/a~1b", "/m~0n", "/ ", "/c%d", "/\n"], ["foo", "/~2", "/a~", "#/a"]),
    "relative-json-pointer": (["0", "1/0", "0#", "2/a/b", "0-1#"], ["/foo", "-1/a", "01/a", "", "0##", "0/~2"]),
    "regex": (["^a+$", r"([abc])+\s+$"], ["^(abc]", "a{2,1}", "*"]),
    # RFC 9562, section 4.
    "uuid": (
        ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"],
        ["f81d4fae7dec11d0a76500a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
         "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}", "g81d4fae-7dec-11d0-a765-00a0c91e6bf6"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _EXAMPLES)
def test_examples(name: str) -> None:
    """Texts of a format pass, texts that only look like it do not."""
    problem = schema_problem({"format": name})
    right, wrong = _EXAMPLES[name]
    assert [text for text in right if problem(json.dumps(text))] == []
    assert [text for text in wrong if not problem(json.dumps(text))] == []


def test_every_format_has_examples() -> None:
    """The table above has each format, so that none passes unchecked."""
    assert set(FORMATS) == set(_EXAMPLES)


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07", "draft/2019-09", "draft/2020-12"])
def test_formats_are_checked_in_every_draft(draft: str) -> None:
    """A format is an assertion here in each draft, and says nothing about values that are not texts."""
    scheme = "https" if "/" in draft else "http"
    problem = schema_problem({"$schema": f"{scheme}://json-schema.org/{draft}/schema", "format": "date"})
    assert problem('"next week"') == "at $: 'next week' is not of the format 'date'"
    assert problem("7") is None


def test_an_assertion_checks_formats() -> None:
    """A date and an address that are none break the assertion of a suite."""
    schema = {"properties": {"due": {"format": "date"}, "to": {"format": "email"}}}
    check = open_check("json_schema", schema)
    assert check.problem(SampleView.of('{"due": "2026-01-31", "to": "a@example.com"}')) is None
    assert "'next week' is not of the format 'date'" in str(
        check.problem(SampleView.of('{"due": "next week", "to": "a@example.com"}'))
    )
    nope = SampleView.of('{"due": "2026-01-31", "to": "nope"}')
    assert "'nope' is not of the format 'email'" in str(check.problem(nope))


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_character_has_no_format(name: str) -> None:
    """A text with half a surrogate pair is never of a format."""
    assert not FORMATS[name]("a\ud800")


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_texts_are_linear(name: str) -> None:
    """Long texts that almost match get an answer."""
    with in_time():
        for text in ("a." * 200_000 + "!", "http://" + "a:" * 200_000 + "<", "{a," * 200_000, '"' + "\\a" * 200_000):
            FORMATS[name](text)


@pytest.mark.parametrize("name", FORMATS)
@given(text=st.text(max_size=20) | st.text(st.sampled_from("aZ0-:./@[]%{}#~ PT1"), max_size=12))
def test_any_text_gets_an_answer(name: str, text: str) -> None:
    """A format never raises."""
    assert FORMATS[name](text) in (True, False)
