"""What an answer may be: grammars and JSON schemas of suites, checked before native code sees them.

A suite is untrusted, and llama.cpp's parser of grammars is native code without bounds of its own: 60,000 groups in one
another end the process, and `{3,2}` never returns. So a grammar is read here first. Nothing here imports llama.cpp.
"""

from evalharness.constraints.bounds import check_grammar
from evalharness.constraints.gbnf import GrammarProblem
from evalharness.constraints.json_schema import schema_to_gbnf
from evalharness.constraints.keywords import SchemaProblem, canonical_schema

__all__ = ["GrammarProblem", "SchemaProblem", "canonical_schema", "check_grammar", "schema_to_gbnf"]
