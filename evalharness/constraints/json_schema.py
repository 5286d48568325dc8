"""Convert a JSON schema to a grammar for JSON on one line.

Keywords that a grammar cannot enforce are errors with their path. Answers are a subset of the JSON that the schema
allows: no properties outside `properties`, at most 16 digits before and after the decimal point, and no lone surrogates
in strings.

`llama_grammar.json_schema_to_gbnf` of llama-cpp-python is not used: it ignores unknown keywords (`minimum`,
`uniqueItems`, siblings of `anyOf`), allows line ends in strings and escapes only quotes in `enum`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalharness.constraints.bounds import check_grammar
from evalharness.constraints.gbnf import GrammarError
from evalharness.constraints.keywords import (
    ANNOTATIONS,
    DIALECT,
    FORMS,
    MAX_NODES,
    SchemaPath,
    as_json,
    bounds_of,
    check_keywords,
    check_size,
    fail,
    has_type,
    non_empty_list,
    properties_of,
    short,
    types_of,
)
from evalharness.errors import SchemaError

_JSON = {
    "value": "object | array | string | number | boolean | null",
    "object": r'"{" gap ( string ":" gap value ( "," gap string ":" gap value )* gap )? "}"',
    "array": '"[" gap ( value ( "," gap value )* gap )? "]"',
    "string": r'"\"" char* "\""',
    "char": r'[^"\\\x00-\x1F\x7F] | "\\" ( ["\\/bfnrt] | "u" ( [0-9A-CEFa-cef] hex | [Dd] [0-7] ) hex hex )',
    "hex": "[0-9A-Fa-f]",
    "number": 'integer ( "." [0-9]{1,16} )? ( [Ee] [+-]? [0-9]{1,2} )?',
    "integer": '"-"? ( "0" | [1-9] [0-9]{0,15} )',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "gap": '" "?',
}
"""RFC 8259 with optional single spaces, without DEL and without lone surrogates."""
_ROOT_ONLY = ("$schema", "$defs")
_DEFINITIONS = "#/$defs/"


def schema_to_gbnf(schema: Any) -> str:
    """A GBNF grammar for JSON that matches `schema` (JSON Schema 2020-12).

    Raises SchemaError: not a schema, a keyword or a combination that a grammar cannot enforce, a reference other than
    `#` and `#/$defs/NAME`, no finite match, or a schema that is too large or too deep.
    """
    check_size(schema)
    grammar = _Converter(schema).grammar()
    try:
        check_grammar(grammar)
    except GrammarError as error:
        raise SchemaError(f"the grammar of this schema is invalid: {str(error).partition(': ')[2]}") from None
    return grammar


class _Converter:
    """Writes rules for the root, for each referenced definition and for each repeated part."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self.rules: dict[str, str] = {}
        self.names = {"#": "root"}
        self.waiting: list[tuple[str, Any, SchemaPath]] = []
        self.visits = 0

    def grammar(self) -> str:
        self.waiting.append(("root", self.root(), ()))
        while self.waiting:  # iterative: a chain of references can be long
            name, schema, path = self.waiting.pop()
            self.rules[name] = self.visit(schema, path)
        return "".join(f"{name} ::= {rule}\n" for name, rule in (self.rules | _JSON).items())

    def root(self) -> Any:
        """The schema without the keywords that are valid only at the root."""
        if not isinstance(self.schema, dict):
            return self.schema
        if self.schema.get("$schema", DIALECT) not in (DIALECT, f"{DIALECT}#"):
            fail(f"unsupported dialect: expected {DIALECT}", ("$schema",))
        if not isinstance(self.schema.get("$defs", {}), dict):
            fail("'$defs' must be a mapping of schemas", ("$defs",))
        return {name: value for name, value in self.schema.items() if name not in _ROOT_ONLY}

    def visit(self, schema: Any, path: SchemaPath) -> str:
        """A symbol or a group that matches the values of a schema."""
        self.visits += 1
        if self.visits > MAX_NODES:  # counted here too, because a grammar may repeat a part
            fail(f"the grammar of this schema has more than {MAX_NODES:,} parts", path)
        if schema is True:
            return "value"
        if not isinstance(schema, dict):
            fail("a schema must be a mapping", path)
        keywords = {name: value for name, value in schema.items() if name not in ANNOTATIONS}
        form = next((form for form in FORMS if form in keywords), "")
        check_keywords(keywords, form, path)
        makers = {"$ref": self.reference, "anyOf": self.any_of, "const": self.enumeration, "enum": self.enumeration}
        return makers.get(form, self.typed)(keywords, path) if form else "value"

    def reference(self, keywords: Mapping[str, Any], path: SchemaPath) -> str:
        reference, path = keywords["$ref"], (*path, "$ref")
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith(_DEFINITIONS)):
            fail(f"unsupported reference {short(reference)}: use # or {_DEFINITIONS}NAME", path)
        if reference not in self.names:
            name = reference.removeprefix(_DEFINITIONS).replace("~1", "/").replace("~0", "~")
            if name not in self.schema.get("$defs", {}):
                fail(f"undefined reference {short(reference)}", path)
            self.names[reference] = f"definition-{len(self.names)}"
            self.waiting.append((self.names[reference], self.schema["$defs"][name], ("$defs", name)))
        return self.names[reference]

    def any_of(self, keywords: Mapping[str, Any], path: SchemaPath) -> str:
        schemas = enumerate(non_empty_list(keywords, "anyOf", path))
        return _either([self.visit(one, (*path, "anyOf", number)) for number, one in schemas])

    def enumeration(self, keywords: Mapping[str, Any], path: SchemaPath) -> str:
        values = [keywords["const"]] if "const" in keywords else non_empty_list(keywords, "enum", path)
        for value in values:
            if not any(has_type(value, name) for name in types_of(keywords, path)):
                fail(f"{short(value)} does not match 'type'", path)
        return _either([_literal(as_json(value, path)) for value in values])

    def typed(self, keywords: Mapping[str, Any], path: SchemaPath) -> str:
        makers = {"object": self.object, "array": self.array, "string": self.string}
        return _either([makers[name](keywords, path) if name in makers else name for name in types_of(keywords, path)])

    def string(self, keywords: Mapping[str, Any], path: SchemaPath) -> str:
        minimum, maximum = bounds_of(keywords, "minLength", "maxLength", path)
        if maximum == 0:
            return r'"\"\""'
        return "string" if (minimum, maximum) == (0, None) else rf'( "\"" char{_times(minimum, maximum)} "\"" )'

    def array(self, keywords: Mapping[str, Any], path: SchemaPath) -> str:
        minimum, maximum = bounds_of(keywords, "minItems", "maxItems", path)
        item = self.named(self.visit(keywords.get("items", True), (*path, "items")))
        if maximum == 0:
            return '"[]"'
        more = "" if maximum == 1 else f' ( "," gap {item} ){_times(max(minimum - 1, 0), maximum and maximum - 1)}'
        return f'( "[" gap ( {item}{more} gap ){"" if minimum else "?"} "]" )'

    def object(self, keywords: Mapping[str, Any], path: SchemaPath) -> str:
        properties, required = properties_of(keywords, path)
        others = keywords.get("additionalProperties", not properties)
        if others is False:
            members = self.members(properties, required, path)
        elif properties:
            path = (*path, "additionalProperties")
            fail("'additionalProperties' must be false next to 'properties': a name could occur twice", path)
        else:
            value = self.named(self.visit(others, (*path, "additionalProperties")))
            members = f'( string ":" gap {value} ( "," gap string ":" gap {value} )* gap )?'
        return f'( "{{" gap {members} "}}" )'

    def members(self, properties: Mapping[str, Any], required: set[str], path: SchemaPath) -> str:
        """The members of an object in order. The first member has no comma before it."""
        heads: list[str] = []
        rest = "gap"
        for name in reversed(list(properties)):
            value = self.visit(properties[name], (*path, "properties", name))
            member = self.named(f'{_literal(as_json(name, path))} ":" gap {value}')
            heads = [f"{member} {rest}", *([] if name in required else heads)]
            follows = f'"," gap {member}' if name in required else f'( "," gap {member} )?'
            rest = self.named(f"{follows} {rest}")
        return f"( {' | '.join(heads)} ){'' if required else '?'}" if heads else ""

    def named(self, rule: str) -> str:
        """The name of a new rule, so that `rule` can be used several times."""
        if " " not in rule:
            return rule
        name = f"part-{len(self.rules)}"
        self.rules[name] = rule
        return name


def _times(minimum: int, maximum: int | None) -> str:
    return f"{{{minimum},{'' if maximum is None else maximum}}}"


def _either(alternatives: Sequence[str]) -> str:
    one = list(dict.fromkeys(alternatives))
    return one[0] if len(one) == 1 else f"( {' | '.join(one)} )"


def _literal(text: str) -> str:
    """JSON text as a GBNF literal. The only control characters in JSON text are U+007F to U+009F."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return '"' + "".join(f"\\x{ord(c):02X}" if 0x7F <= ord(c) <= 0x9F else c for c in escaped) + '"'
