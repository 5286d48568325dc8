"""What an answer may be, as the one notation that llama.cpp reads."""

from __future__ import annotations

import json

from evalharness.constraints import check_grammar, schema_to_gbnf
from evalharness.errors import ProviderError
from evalharness.records import Params


def gbnf(params: Params) -> str:
    """The grammar of the answers that `params` allow, checked; "" for none. Loads no native code.

    Raises ProviderError of kind constraint: what `check_grammar` and `schema_to_gbnf` refuse, and both at once.
    """
    if params.grammar and params.json_schema:
        raise ProviderError("grammar and json_schema both say what an answer may be", kind="constraint")
    try:
        if params.json_schema:
            return schema_to_gbnf(json.loads(params.json_schema))
        if params.grammar:
            check_grammar(params.grammar)
    except ValueError as error:
        name = "json_schema" if params.json_schema else "grammar"
        raise ProviderError(f"{name}: {error}", kind="constraint") from None
    return params.grammar
