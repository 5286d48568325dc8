"""The formats that JSON Schema defines, each as a check of a text.

Grammars are RE2's, so that an answer cannot stall them. A text with half a surrogate pair has no format.
"""

from __future__ import annotations

import ipaddress
from calendar import monthrange
from collections.abc import Callable, Mapping
from functools import cache

from evalharness.scoring.metrics.patterns import compile_pattern

_MAX_HOST_CHARS = 253

_CLOCK = r"[0-2]\d:[0-5]\d:[0-6]\d(?:\.\d+)?(?:[Zz]|[-+][0-2]\d:[0-5]\d)"
_CLOCK_TIME = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"
_DURATION = rf"P(?:\d+W|(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)(?:{_CLOCK_TIME})?|{_CLOCK_TIME})"
_ATOM = r"[-A-Za-z0-9!#$%&'*+/=?^_`{|}~"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ANY_LETTER = r"\x{80}-\x{10FFFF}"
_UCS = r"\x{A0}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFEF}\x{10000}-\x{EFFFF}"
_PRIVATE = r"\x{E000}-\x{F8FF}\x{F0000}-\x{10FFFD}"
_POINTER = r"(?:/(?:[^~/]|~[01])*)*"
_TEMPLATE_NAME = r"(?:\w|%[0-9A-Fa-f]{2})+(?:\.(?:\w|%[0-9A-Fa-f]{2})+)*(?:\*|:[1-9]\d{0,3})?"
_TEMPLATE = (
    r"(?:[^\x00-\x20\x7F\"%<>\\^`{|}]|%[0-9A-Fa-f]{2}"
    rf"|\{{[+#./;?&=,!@|]?{_TEMPLATE_NAME}(?:,{_TEMPLATE_NAME})*\}})*"
)


def is_date(text: str) -> bool:
    """Whether a text is a full-date of RFC 3339."""
    if not _full(r"\d{4}-\d\d-\d\d")(text):
        return False
    year, month, day = map(int, text.split("-"))
    return 1 <= month <= 12 and 1 <= day <= monthrange(year or 2000, month)[1]  # Python has no year 0, a leap year


def is_time(text: str) -> bool:
    """Whether a text is a full-time of RFC 3339. A leap second is 23:59:60 in UTC."""
    if not _full(_CLOCK)(text):
        return False
    hour, minute, second = int(text[:2]), int(text[3:5]), int(text[6:8])
    offset = 0
    if text[-1] not in "Zz":
        if int(text[-5:-3]) > 23:
            return False
        offset = (int(text[-5:-3]) * 60 + int(text[-2:])) * (-1 if text[-6] == "-" else 1)
    leap = (hour * 60 + minute - offset) % (24 * 60) == 24 * 60 - 1
    return hour < 24 and (second < 60 or (second == 60 and leap))


def is_date_time(text: str) -> bool:
    """Whether a text is a date-time of RFC 3339."""
    return text[10:11] in ("T", "t") and is_date(text[:10]) and is_time(text[11:])


def is_hostname(text: str) -> bool:
    """Whether a text is a host name of RFC 1123, whose labels xn--... are valid by RFC 5891."""
    if len(text) > _MAX_HOST_CHARS or not _full(rf"{_LABEL}(?:\.{_LABEL})*")(text):
        return False
    return all(_is_idna(label) for label in text.split(".") if label[:4].lower() == "xn--")


def is_idn_hostname(text: str) -> bool:
    """Whether a text is an internationalised host name of RFC 5890."""
    import idna

    try:
        idna.encode(text)
    except (idna.IDNAError, UnicodeError):
        return False
    return text[-1] not in ".\u3002\uff0e\uff61"  # those of RFC 3490, which idna takes for the root


def _is_idna(label: str) -> bool:
    import idna

    try:
        idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return False
    return True


def _is_email(letters: str) -> Callable[[str], bool]:
    atom, label = f"{_ATOM}{letters}]+", _LABEL.replace("A-Z", f"{letters}A-Z")
    quoted = rf'"(?:[^"\\\x00-\x1F\x7F{"" if letters else _ANY_LETTER}]|\\[\x20-\x7E])*"'
    local, domain = rf"(?:{atom}(?:\.{atom})*|{quoted})", rf"{label}(?:\.{label})*"

    def check(text: str) -> bool:
        before, _, after = text.rpartition("@")
        if not _full(local)(before):
            return False
        if after[:1] == "[" and after[-1:] == "]":
            inside = after[1:-1]
            return is_ipv6(inside[5:]) if inside[:5].lower() == "ipv6:" else is_ipv4(inside)
        return len(after) <= _MAX_HOST_CHARS and _full(domain)(after)

    return check


def is_ipv4(text: str) -> bool:
    """Whether a text is an IPv4 address in dotted quads."""
    return _parses(ipaddress.IPv4Address, text)


def is_ipv6(text: str) -> bool:
    """Whether a text is an IPv6 address, without a zone."""
    return "%" not in text and _parses(ipaddress.IPv6Address, text)


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _is_reference(letters: str, private: str, *, absolute: bool) -> Callable[[str], bool]:
    """RFC 3986, appendix A; with more letters RFC 3987, section 2.2."""
    unreserved = rf"A-Za-z0-9._~{letters}"
    char = rf"(?:[-{unreserved}!$&'()*+,;=:@]|%[0-9A-Fa-f]{{2}})"
    name = rf"(?:[-{unreserved}!$&'()*+,;=]|%[0-9A-Fa-f]{{2}})"
    user = rf"(?:(?:{name}|:)*@)?"
    host = rf"(?:\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\]|{name}*)"
    authority = rf"//{user}{host}(?::\d*)?(?:/{char}*)*"
    rooted, rootless = rf"/(?:{char}+(?:/{char}*)*)?", rf"{char}+(?:/{char}*)*"
    no_scheme = rf"(?:{name}|@)+(?:/{char}*)*"
    tail = rf"(?:\?(?:{char}|[/?{private}])*)?(?:#(?:{char}|[/?])*)?"
    full = rf"[A-Za-z][A-Za-z0-9+.-]*:(?:{authority}|{rooted}|{rootless})?{tail}"
    relative = rf"(?:{authority}|{rooted}|{no_scheme})?{tail}"
    pattern = full if absolute else f"(?:{full}|{relative})"
    return lambda text: _full(pattern)(text) and _has_sound_address(text)


def _has_sound_address(text: str) -> bool:
    """Whether the IP address in brackets, which is only in the authority, is one."""
    _, bracket, rest = text.partition("[")
    inside = rest.partition("]")[0]
    return not bracket or inside[:1] in ("v", "V") or is_ipv6(inside)


def _is_pattern(text: str) -> bool:
    return _parses(compile_pattern, text)


@cache
def _full(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text matches: compiled with the first text."""
    return compile_pattern(f"^(?:{pattern})$")


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: _full(pattern)(text)


def _sound(check: Callable[[str], bool]) -> Callable[[str], bool]:
    def sound(text: str) -> bool:
        return not any("\ud800" <= char <= "\udfff" for char in text) and check(text)

    return sound


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "date": is_date,
    "date-time": is_date_time,
    "duration": _matches(_DURATION),
    "email": _is_email(""),
    "hostname": is_hostname,
    "idn-email": _is_email(_ANY_LETTER),
    "idn-hostname": is_idn_hostname,
    "ipv4": is_ipv4,
    "ipv6": is_ipv6,
    "iri": _is_reference(_UCS, _PRIVATE, absolute=True),
    "iri-reference": _is_reference(_UCS, _PRIVATE, absolute=False),
    "json-pointer": _matches(f"(?s:{_POINTER})"),
    "regex": _is_pattern,
    "relative-json-pointer": _matches(rf"(?s:(?:0|[1-9]\d*)(?:[-+](?:0|[1-9]\d*))?(?:#|{_POINTER}))"),
    "time": is_time,
    "uri": _is_reference("", "", absolute=True),
    "uri-reference": _is_reference("", "", absolute=False),
    "uri-template": _matches(_TEMPLATE),
    "uuid": _matches(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"),
}
FORMATS: Mapping[str, Callable[[str], bool]] = {name: _sound(check) for name, check in _CHECKS.items()}
"""Format -> whether a text has it. Every format of 2020-12, in each draft."""
