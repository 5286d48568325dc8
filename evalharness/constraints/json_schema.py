"""A JSON schema as a grammar: the JSON texts that it allows, on one line, properties in the order of the schema.

What a grammar cannot hold to is refused, with the place of the keyword; nothing is read over. The answers are a part of
what the schema allows: a property that it does not name never comes, numbers have at most 16 digits before and after
the point, and strings hold no half of a surrogate pair.

llama-cpp-python has a converter of its own (`llama_grammar.json_schema_to_gbnf`). It drops what it does not know
(`minimum`, `uniqueItems`, whatever stands beside `anyOf`), lets line ends into strings, which JSON does not, escapes
nothing in `enum` but quotes, and fetches nothing only because of an assertion: so it is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalharness.constraints.bounds import check_grammar
from evalharness.constraints.gbnf import GrammarProblem
from evalharness.constraints.keywords import (
    DIALECT,
    FORMS,
    REMARKS,
    Path,
    SchemaProblem,
    as_json,
    bounds_of,
    check_keywords,
    check_size,
    fail,
    filled_list,
    is_of,
    properties_of,
    short,
    types_of,
)

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
"""RFC 8259, less blanks, control characters and halves of surrogate pairs."""
_ROOT_ONLY = ("$schema", "$defs")
_DEFINITIONS = "#/$defs/"


def schema_to_gbnf(schema: Any) -> str:
    """A grammar whose texts are JSON that `schema` (JSON Schema 2020-12, as plain data) allows.

    Raises SchemaProblem: no schema, a keyword or a combination that a grammar cannot hold to, a reference to anywhere
    but `#` and `#/$defs/NAME`, a schema that nothing finite fits, or one that is too large or too deep.
    """
    check_size(schema)
    grammar = _Converter(schema).grammar()
    try:
        check_grammar(grammar)
    except GrammarProblem as error:
        raise SchemaProblem(f"as a grammar it is refused: {str(error).partition(': ')[2]}") from None
    return grammar


class _Converter:
    """Writes a rule for the root, for each definition that is referred to, and for each part that comes twice."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self.rules: dict[str, str] = {}
        self.names = {"#": "root"}
        self.waiting: list[tuple[str, Any, Path]] = []

    def grammar(self) -> str:
        self.waiting.append(("root", self.root(), ()))
        while self.waiting:  # not by recursion: a chain of references has as many links as it likes
            name, schema, path = self.waiting.pop()
            self.rules[name] = self.visit(schema, path)
        return "".join(f"{name} ::= {rule}\n" for name, rule in (self.rules | _JSON).items())

    def root(self) -> Any:
        """The schema without what may stand at its root alone."""
        if not isinstance(self.schema, dict):
            return self.schema
        if self.schema.get("$schema", DIALECT) not in (DIALECT, f"{DIALECT}#"):
            fail(f"only the dialect {DIALECT} is known", ("$schema",))
        if not isinstance(self.schema.get("$defs", {}), dict):
            fail("'$defs' is a mapping of schemas", ("$defs",))
        return {name: value for name, value in self.schema.items() if name not in _ROOT_ONLY}

    def visit(self, schema: Any, path: Path) -> str:
        """One symbol, or a group, for the values that a schema allows."""
        if schema is True:
            return "value"
        if not isinstance(schema, dict):
            fail("a schema is a mapping", path)
        said = {name: value for name, value in schema.items() if name not in REMARKS}
        form = next((form for form in FORMS if form in said), "")
        check_keywords(said, form, path)
        makers = {"$ref": self.reference, "anyOf": self.any_of, "const": self.enumeration, "enum": self.enumeration}
        return makers.get(form, self.typed)(said, path) if form else "value"

    def reference(self, said: Mapping[str, Any], path: Path) -> str:
        reference, path = said["$ref"], (*path, "$ref")
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith(_DEFINITIONS)):
            fail(f"refers to {short(reference)}: only # and {_DEFINITIONS}NAME are followed", path)
        if reference not in self.names:
            name = reference.removeprefix(_DEFINITIONS).replace("~1", "/").replace("~0", "~")
            if name not in self.schema.get("$defs", {}):
                fail(f"refers to {short(reference)}, which is not in the schema", path)
            self.names[reference] = f"definition-{len(self.names)}"
            self.waiting.append((self.names[reference], self.schema["$defs"][name], ("$defs", name)))
        return self.names[reference]

    def any_of(self, said: Mapping[str, Any], path: Path) -> str:
        schemas = enumerate(filled_list(said, "anyOf", path))
        return _either([self.visit(one, (*path, "anyOf", number)) for number, one in schemas])

    def enumeration(self, said: Mapping[str, Any], path: Path) -> str:
        values = [said["const"]] if "const" in said else filled_list(said, "enum", path)
        for value in values:
            if not any(is_of(value, name) for name in types_of(said, path)):
                fail(f"{short(value)} is not of the type that stands beside it", path)
        return _either([_literal(as_json(value, path)) for value in values])

    def typed(self, said: Mapping[str, Any], path: Path) -> str:
        makers = {"object": self.object, "array": self.array, "string": self.string}
        return _either([makers[name](said, path) if name in makers else name for name in types_of(said, path)])

    def string(self, said: Mapping[str, Any], path: Path) -> str:
        least, most = bounds_of(said, "minLength", "maxLength", path)
        if most == 0:
            return r'"\"\""'
        return "string" if (least, most) == (0, None) else rf'( "\"" char{_times(least, most)} "\"" )'

    def array(self, said: Mapping[str, Any], path: Path) -> str:
        least, most = bounds_of(said, "minItems", "maxItems", path)
        item = self.named(self.visit(said.get("items", True), (*path, "items")))
        if most == 0:
            return '"[]"'
        more = "" if most == 1 else f' ( "," gap {item} ){_times(max(least - 1, 0), most and most - 1)}'
        return f'( "[" gap ( {item}{more} gap ){"" if least else "?"} "]" )'

    def object(self, said: Mapping[str, Any], path: Path) -> str:
        properties, required = properties_of(said, path)
        others = said.get("additionalProperties", not properties)
        if others is False:
            members = self.members(properties, required, path)
        elif properties:
            path = (*path, "additionalProperties")
            fail("'additionalProperties' beside 'properties' is false or left out: else a name could come twice", path)
        else:
            value = self.named(self.visit(others, (*path, "additionalProperties")))
            members = f'( string ":" gap {value} ( "," gap string ":" gap {value} )* gap )?'
        return f'( "{{" gap {members} "}}" )'

    def members(self, properties: Mapping[str, Any], required: set[str], path: Path) -> str:
        """The properties in their order. Each up to the first required one may be the first, which has no comma."""
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
        """A rule of its own for what comes more than once."""
        if " " not in rule:
            return rule
        name = f"part-{len(self.rules)}"
        self.rules[name] = rule
        return name


def _times(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"


def _either(alternatives: Sequence[str]) -> str:
    one = list(dict.fromkeys(alternatives))
    return one[0] if len(one) == 1 else f"( {' | '.join(one)} )"


def _literal(text: str) -> str:
    """JSON text as a literal of GBNF. It has no control characters but those from DEL on."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return '"' + "".join(f"\\x{ord(c):02X}" if 0x7F <= ord(c) <= 0x9F else c for c in escaped) + '"'
