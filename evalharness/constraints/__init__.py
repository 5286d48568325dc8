"""Check grammars and JSON schemas of suites before native code reads them.

Suites are untrusted, and llama.cpp's grammar parser has no bounds: 60,000 nested groups crash the process, and `{3,2}`
never returns. This package does not import llama.cpp.
"""

from evalharness.constraints.bounds import check_grammar
from evalharness.constraints.gbnf import GrammarError
from evalharness.constraints.json_schema import schema_to_gbnf
from evalharness.constraints.keywords import canonical_schema
from evalharness.errors import SchemaError

__all__ = ["GrammarError", "SchemaError", "canonical_schema", "check_grammar", "schema_to_gbnf"]
