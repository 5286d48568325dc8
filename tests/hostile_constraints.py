"""Grammars and schemas in a suite that could crash, stall or mislead a parser."""

from __future__ import annotations

import json
from typing import Any

from evalharness.records import Params


def _grammar(text: str) -> Params:
    return Params(grammar=text)


def _schema(schema: Any) -> Params:
    return Params(json_schema=json.dumps(schema))


def _nested(schema: dict[str, Any], depth: int, keyword: str = "items", **more: Any) -> dict[str, Any]:
    for _ in range(depth):
        schema = {"type": "array", keyword: schema, **more}
    return schema


def _names(count: int) -> dict[str, Any]:
    return {f"name-{number}": {"type": "null"} for number in range(count)}


_CHAIN = "root ::= r0\n" + "".join(f"r{n} ::= r{n + 1}\n" for n in range(998))
_DOUBLING = "".join(f"r{n} ::= r{n + 1} r{n + 1}\n" for n in range(40))
_LINKS = {str(n): {"$ref": f"#/$defs/{n + 1}"} for n in range(900)}


def _doubled(levels: int) -> dict[str, Any]:
    """Each level names a type twice, so a converter that visits the items for each name doubles its work."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": ["array", "array"], "items": schema}
    return schema


HOSTILE: dict[str, tuple[Params, str]] = {
    # Crashes and hangs of llama.cpp: its issues #26600, #18988, #25283, #25308, and similar input.
    "a type twice, on 28 levels": (_schema(_doubled(28)), "characters when expanded"),
    "a type thousands of times": (_schema({"type": ["string"] * 4_000}), ""),
    "60,000 groups": (_grammar("root ::= " + "(" * 60_000 + '"a"' + ")" * 60_000), "more than 100,000 characters"),
    "40,000 groups": (_grammar("root ::= " + "(" * 40_000 + '"a"' + ")" * 40_000), "nested deeper than 32"),
    "groups that never close": (_grammar("root ::= " + "(" * 90_000), "nested deeper than 32"),
    "a range from more to less": (_grammar('root ::= "a"{3,2}'), "'{3,2}' can never match"),
    "a million times": (_grammar('root ::= "a"{1000000}'), "repeats more than 1,000 times"),
    "times of many digits": (_grammar('root ::= "a"{' + "9" * 9_000 + "}"), "repeats more than 1,000 times"),
    "at least too many": (_grammar('root ::= "a"{1001,}'), "repeats more than 1,000 times"),
    "repeated repetition": (_grammar('root ::= "a"{9}{9}{9}{9}{9}'), "follows another repetition"),
    "90,000 question marks": (_grammar('root ::= "a"' + "?" * 90_000), "follows another repetition"),
    "nested repetition": (_grammar('root ::= (("a"{500}){500}){500}'), "characters when expanded"),
    "repetition by name": (_grammar('root ::= a{999}\na ::= b{999}\nb ::= "x"{999}'), "characters when expanded"),
    "a long literal, often": (_grammar('root ::= "' + "a" * 90_000 + '"{1000}'), "characters when expanded"),
    "a large set, often": (_grammar("root ::= [" + "ab" * 40_000 + "]{1000}"), "characters when expanded"),
    "doubling": (_grammar("root ::= r0\n" + _DOUBLING + 'r40 ::= "a"'), "characters when expanded"),
    "doubling in a circle": (_grammar(_DOUBLING.replace("r0", "root") + 'r40 ::= "a" root?'), "when expanded"),
    "left recursion": (_grammar('root ::= root "a" | "b"'), "left-recursive"),
    "left recursion through others": (_grammar('root ::= a\na ::= b\nb ::= a "x" | "y"'), "left-recursive"),
    "left recursion behind nothing": (_grammar('root ::= a? root "a" | "b"\na ::= "x"'), "left-recursive"),
    "left recursion in a group": (_grammar('root ::= (("" | "x") (root))? "a"'), "left-recursive"),
    "itself alone": (_grammar("root ::= root"), "never terminates"),
    "no end": (_grammar('root ::= "a" root'), "never terminates"),
    "nothing, again and again": (_grammar('root ::= ("a"*)*'), "repeats an item that can be empty"),
    "nothing by name, again and again": (_grammar('root ::= a{0,1000}\na ::= b*\nb ::= "x"'), "can be empty"),
    "5,001 symbols": (_grammar('root ::= "a"' + " b" * 5_000 + '\nb ::= "b"'), "more than 5,000"),
    "1,001 rules": (_grammar(_CHAIN + 'r998 ::= "a"\nx ::= "a"'), "more than 1,000 rules"),
    "two rules of one name": (_grammar('root ::= "a"\nroot ::= "b"'), "duplicate rule"),
    "a rule that is not there": (_grammar("root ::= a"), "undefined rule 'a'"),
    "no root": (_grammar('a ::= "a"'), "missing rule 'root'"),
    "nothing but a comment": (_grammar("# root"), "missing rule 'root'"),
    "NUL": (_grammar('root ::= "a"\x00 | "b"'), "U+0000 is not allowed"),
    "half a surrogate pair": (_grammar('root ::= "\ud800"'), "U+D800 is not allowed"),
    "no such character": (_grammar(r'root ::= "\UFFFFFFFF"'), "invalid character"),
    "an empty set": (_grammar("root ::= []"), "empty set []"),
    "an empty range": (_grammar("root ::= [z-a]"), "empty range z-a"),
    "an unknown escape": (_grammar(r'root ::= "\q"'), "unknown escape"),
    "a literal that never ends": (_grammar('root ::= "' + "a" * 9_000), "unterminated literal"),
    "a token by number": (_grammar("root ::= <[5]>"), "unexpected '<'"),
    "32 that may be left out": (_grammar("root ::= " + '"x"? ' * 32), ""),
    "1,000 rules in a row": (_grammar(_CHAIN + 'r998 ::= "a"'), ""),
    "32 groups": (_grammar("root ::= " + "(" * 32 + '"a"' + ")" * 32), ""),
    "1,000 that may be left out": (_grammar("root ::= " + '"x"? ' * 1_000), "32 consecutive items"),
    "nothing in a million ways": (_grammar("root ::= " + '("a"? | "b"?) ' * 20), ""),
    "4,999 alternatives": (_grammar("root ::= " + " | ".join(f'"{n}"' for n in range(4_999))), ""),
    "an answer that is empty": (_grammar('root ::= ""'), ""),
    # Schemas: too large, too deep, or with keywords that a grammar cannot enforce.
    "33 lists in one another": (_schema(_nested({"type": "null"}, 33)), "nested deeper than 32"),
    "6,000 values": (_schema({"enum": list(range(6_000))}), "more than 5,000 values"),
    "600 properties": (_schema({"type": "object", "properties": _names(600)}), "more than 1,000 rules"),
    "a long list": (_schema({"type": "array", "maxItems": 10**9}), "'maxItems' must be an integer from 0 to 1,000"),
    "a text of less than nothing": (_schema({"type": "string", "minLength": -1}), "'minLength' must be an integer"),
    "more than there may be": (_schema({"type": "array", "minItems": 3, "maxItems": 2}), "less than 'minItems'"),
    "lists of lists of lists": (_schema(_nested({"type": "null"}, 3, maxItems=1_000)), "when expanded"),
    "a file": (_schema({"$ref": "file:///etc/passwd"}), "use # or #/$defs/NAME"),
    "an address": (_schema({"anyOf": [{"$ref": "https://example.com/s.json"}]}), "use # or #/$defs/NAME"),
    "a definition that is not there": (_schema({"$ref": "#/$defs/a"}), "undefined reference"),
    "a reference to itself": (_schema({"$ref": "#"}), "never terminates"),
    "references in a circle": (
        _schema({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        "never terminates",
    ),
    "an object that holds itself": (
        _schema({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}),
        "never terminates",
    ),
    "a pattern": (_schema({"type": "string", "pattern": "^(a+)+$"}), "unsupported keyword 'pattern'"),
    "900 references in a row": (
        _schema({"$ref": "#/$defs/0", "$defs": {**_LINKS, "900": {"const": "the end"}}}),
        "",
    ),
    "a tree": (_schema({"type": "object", "additionalProperties": {"type": "array", "items": {"$ref": "#"}}}), ""),
    "400 properties, none required": (_schema({"type": "object", "properties": _names(400)}), ""),
    "a text of GBNF": (_schema({"enum": ['"\nroot ::= "x"\n#', "\\", '\\"', "\n\t\x7f\x85", "[^a]*"]}), ""),
    "names of GBNF": (_schema({"type": "object", "properties": {'" ::= root\n': True, "root": True, "": True}}), ""),
    "rules of our own names": (_schema({"$ref": "#/$defs/value", "$defs": {"value": {"const": 1}, "gap": {}}}), ""),
    "1,000 letters": (_schema({"type": "string", "minLength": 1_000, "maxLength": 1_000}), ""),
}
"""By name: the parameters and a part of the error message; "" if native code must survive them."""
