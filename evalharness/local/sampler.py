"""The next token from the logits: greedy or random, within a grammar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import llama_cpp
import numpy as np

from evalharness.errors import ProviderError
from evalharness.local.native import Logits, Native

_PENALISED_TOKENS = 64
"""Generated tokens that `repeat_penalty` looks back on, as in llama.cpp's own programs."""


class Sampler:
    """The sampler of one sequence.

    Its state (penalties, grammar, random numbers) is its own.
    """

    def __init__(self, native: Native, params: Mapping[str, Any]) -> None:
        """Build the sampler chain. Raises ProviderError.

        `params`: the fields of `records.Params`, the grammar as GBNF.
        """
        self._native = native
        self._chain = _chain(native, params)

    def token(self, row: int) -> int:
        """The next token after a row of the last `decode`."""
        if self._chain is None:
            return int(self._native.logits(row).argmax())
        return self._native.sample(self._chain, row)

    def close(self) -> None:
        """Free the sampler chain."""
        chain, self._chain = self._chain, None
        if chain is not None:
            llama_cpp.llama_sampler_free(chain)


def _chain(native: Native, params: Mapping[str, Any]) -> Any:
    """A sampler chain; None for plain greedy sampling, which needs none."""
    temperature, penalty, grammar = params["temperature"] or 0.0, params["repeat_penalty"], params.get("grammar")
    if temperature <= 0 and penalty == 1 and not grammar:
        return None
    parts = [_grammar(native, grammar)] if grammar else []  # first: the only one that may fail, so nothing leaks
    if penalty != 1:
        parts.insert(0, llama_cpp.llama_sampler_init_penalties(native.tokens, _PENALISED_TOKENS, penalty, 0.0, 0.0))
    parts += _random(params, temperature) if temperature > 0 else [llama_cpp.llama_sampler_init_greedy()]
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for part in parts:
        llama_cpp.llama_sampler_chain_add(chain, part)
    return chain


def _random(params: Mapping[str, Any], temperature: float) -> list[Any]:
    parts = []
    if params["top_k"] > 0:
        parts.append(llama_cpp.llama_sampler_init_top_k(params["top_k"]))
    if params["top_p"] < 1:
        parts.append(llama_cpp.llama_sampler_init_top_p(params["top_p"], 1))
    if params["min_p"] > 0:
        parts.append(llama_cpp.llama_sampler_init_min_p(params["min_p"], 1))
    parts.append(llama_cpp.llama_sampler_init_temp(temperature))
    parts.append(llama_cpp.llama_sampler_init_dist(params["seed"] or 0))
    return parts


def _grammar(native: Native, grammar: str) -> Any:
    made = llama_cpp.llama_sampler_init_grammar(native.vocabulary, grammar.encode(), b"root")
    if not made:
        raise ProviderError("llama.cpp cannot parse the grammar: its start rule must be named root", kind="grammar")
    return made


def log_probability(logits: Logits, token: int) -> float:
    """Natural logarithm of a token's probability (log-softmax).

    It does not include temperature, penalties and grammar.
    """
    highest = float(logits.max())
    total = float(np.exp(logits - highest).sum(dtype=np.float64))
    return float(logits[token]) - highest - float(np.log(total))
