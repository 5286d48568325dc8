"""A constraint on the response as a GBNF grammar, the notation of llama.cpp."""

from __future__ import annotations

import json

from evalharness.constraints import check_grammar, schema_to_gbnf
from evalharness.errors import ProviderError
from evalharness.records import Params


def gbnf(params: Params) -> str:
    """Return the checked grammar of the allowed responses, "" for no constraint. Loads no native code.

    Raises ProviderError, kind constraint: an invalid grammar or schema, or both parameters at once.
    """
    if params.grammar and params.json_schema:
        raise ProviderError("grammar and json_schema both constrain the response: set one of them", kind="constraint")
    try:
        if params.json_schema:
            return schema_to_gbnf(json.loads(params.json_schema))
        if params.grammar:
            check_grammar(params.grammar)
    except ValueError as error:
        name = "json_schema" if params.json_schema else "grammar"
        raise ProviderError(f"{name}: {error}", kind="constraint") from None
    return params.grammar
