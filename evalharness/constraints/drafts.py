"""The keywords of JSON Schema, and the drafts that define them.

Source: the meta-schemas of the five drafts (https://json-schema.org/specification-links). Left out are keywords that a
meta-schema keeps for compatibility although its draft no longer defines them (`dependencies` since 2019-09).
"""

from __future__ import annotations

from collections.abc import Mapping

DRAFTS = ("draft-04", "draft-06", "draft-07", "2019-09", "2020-12")
"""Oldest first."""
_4, _6, _7, _2019, _2020 = range(len(DRAFTS))

_EVERYWHERE = (
    "$ref $schema additionalProperties allOf anyOf default description enum exclusiveMaximum exclusiveMinimum format "
    "items maxItems maxLength maxProperties maximum minItems minLength minProperties minimum multipleOf not oneOf "
    "pattern patternProperties properties required title type uniqueItems"
)
_SOMEWHERE: Mapping[str, tuple[int, int]] = {
    "id": (_4, _4),
    "$id": (_6, _2020),
    "definitions": (_4, _7),
    "dependencies": (_4, _7),
    "additionalItems": (_4, _2019),
    **dict.fromkeys(("const", "contains", "examples", "propertyNames"), (_6, _2020)),
    **dict.fromkeys(("$comment", "if", "then", "else", "readOnly", "writeOnly"), (_7, _2020)),
    **dict.fromkeys(("contentEncoding", "contentMediaType"), (_7, _2020)),
    **dict.fromkeys(("$anchor", "$defs", "$vocabulary", "contentSchema", "deprecated"), (_2019, _2020)),
    **dict.fromkeys(("dependentRequired", "dependentSchemas", "maxContains", "minContains"), (_2019, _2020)),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), (_2019, _2020)),
    **dict.fromkeys(("$recursiveAnchor", "$recursiveRef"), (_2019, _2019)),
    **dict.fromkeys(("$dynamicAnchor", "$dynamicRef", "prefixItems"), (_2020, _2020)),
}
KEYWORDS: Mapping[str, tuple[int, int]] = {**dict.fromkeys(_EVERYWHERE.split(), (_4, _2020)), **_SOMEWHERE}
"""Keyword -> its first and its last draft."""
