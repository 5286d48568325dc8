"""A thin layer over llama.cpp's functions: tokens, rows, sequences, logits.

A sequence is a stream of the KV cache of its own (`kv_unified` off): the contents of one sequence cannot reach the
arithmetic of another.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import llama_cpp
import numpy as np
import numpy.typing as npt

from evalharness.errors import ProviderError
from evalharness.local.prompt_tokens import ControlToken

Logits = npt.NDArray[np.float32]
SCORED = 8
"""Tokens of a golden answer that are scored in one step."""
_ERROR, _CONTINUED = 4, 5
"""Levels of ggml.h's ggml_log_level."""
_MAX_TEMPLATE_BYTES = 1_000_000
_CONTROL = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
_STRIPS_LEFT, _STRIPS_RIGHT = llama_cpp.LLAMA_TOKEN_ATTR_LSTRIP, llama_cpp.LLAMA_TOKEN_ATTR_RSTRIP


class Row(NamedTuple):
    """A token at a position of a sequence: one row of a decode step."""

    token: int
    position: int
    sequence: int
    logits: bool
    """Whether to compute the distribution of the next token."""


class Native:
    """A loaded model. Call `resize` before the first `decode`."""

    def __init__(self, path: str, *, sequences: int, batch: int, threads: int, gpu_layers: int) -> None:
        """Load the model. Raises ProviderError.

        `batch`: rows of one `decode` without logits; with logits, at most max(`sequences`, SCORED) rows.
        """
        self._model = _load(path, gpu_layers)
        self.vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self.tokens = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        """Size of the vocabulary."""
        self.control_tokens: Sequence[ControlToken] = list(_control_tokens(self.vocabulary, self.tokens))
        """The tokens whose text llama.cpp recognises only where `special` is set."""
        self.steps = 0
        """Number of decode steps so far."""
        self._params, self._context = _context_params(sequences, batch, threads), None
        self._batch = llama_cpp.llama_batch_init(self._params.n_batch, 0, 1)
        self._memory: Any = None
        self.capacity = 0
        """Tokens that each sequence can hold."""

    def resize(self, capacity: int) -> None:
        """Set the capacity of each sequence in tokens, and empty all.

        Raises ProviderError when there is not enough memory.
        """
        if self._context:
            llama_cpp.llama_free(self._context)
        self.capacity, self._params.n_ctx = 0, capacity * self._params.n_seq_max
        _errors.clear()
        self._context = llama_cpp.llama_init_from_model(self._model, self._params)
        if not self._context:
            text = f"llama.cpp cannot allocate {capacity} tokens for each of {self._params.n_seq_max} sequences"
            cause = _errors.first()
            raise ProviderError(f"{text}: {cause}" if cause else text, kind="load")
        self.capacity, self._memory = capacity, llama_cpp.llama_get_memory(self._context)

    def decode(self, rows: Sequence[Row]) -> None:
        """Append the rows to their sequences.

        Raises RuntimeError; the state of the sequences is then unknown.
        """
        batch = self._batch
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, logits) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position, logits
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
        _errors.clear()
        if code := llama_cpp.llama_decode(self._context, batch):
            raise RuntimeError(f"llama.cpp cannot decode (code {code}): {_errors.first()}")
        self.steps += 1

    def logits(self, row: int) -> Logits:
        """The logits of a row, of shape (tokens,). A view, valid until the next `decode`."""
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, row), (self.tokens,))

    def copy(self, source: int, to: int) -> None:
        """Replace the contents of a sequence by those of another."""
        self.truncate(to)
        llama_cpp.llama_memory_seq_cp(self._memory, source, to, -1, -1)

    def truncate(self, sequence: int, length: int = 0) -> None:
        """Keep the first `length` tokens of a sequence. Raises RuntimeError."""
        if not llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1):
            raise RuntimeError("llama.cpp cannot truncate a sequence")

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """The tokens of a text. Raises ProviderError.

        `special`: control texts such as `<|im_end|>` become control tokens.
        """
        try:
            data = text.encode()
        except UnicodeEncodeError:
            raise ProviderError("the prompt contains half of a surrogate pair", kind="template") from None
        size = len(data) + 16
        found = (llama_cpp.llama_token * size)()
        count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), found, size, False, special)
        if count < 0:
            raise ProviderError("llama.cpp cannot tokenise the prompt", kind="engine")
        return list(found[:count])

    def piece(self, token: int) -> bytes:
        """The text of a token, empty for control tokens."""
        size = 64
        while True:
            text = ctypes.create_string_buffer(size)
            needed = llama_cpp.llama_token_to_piece(self.vocabulary, token, text, size, 0, False)
            if needed >= 0:
                return text.raw[:needed]
            size = -needed

    def ends(self, token: int) -> bool:
        """Whether a token ends a response."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))

    def bos(self) -> int | None:
        """The token that starts every prompt; None if the model has none."""
        wanted = llama_cpp.llama_vocab_get_add_bos(self.vocabulary)
        return int(llama_cpp.llama_vocab_bos(self.vocabulary)) if wanted else None

    def special_texts(self) -> tuple[str, str]:
        """The texts of the begin and end tokens, "" for a missing one."""
        begin, end = llama_cpp.llama_vocab_bos(self.vocabulary), llama_cpp.llama_vocab_eos(self.vocabulary)
        return _token_text(self.vocabulary, begin), _token_text(self.vocabulary, end)

    def chat_template(self) -> str:
        """The chat template of the file, or "".

        Raises ProviderError for one that is too long.
        """
        buffer = ctypes.create_string_buffer(_MAX_TEMPLATE_BYTES)
        key = b"tokenizer.chat_template"
        size = llama_cpp.llama_model_meta_val_str(self._model, key, buffer, _MAX_TEMPLATE_BYTES)
        if size >= _MAX_TEMPLATE_BYTES:
            text = (
                f"the model's chat template is too long: expected at most {_MAX_TEMPLATE_BYTES:,} bytes, got {size:,}"
            )
            raise ProviderError(text, kind="template")
        return buffer.value.decode("utf-8", "replace") if size > 0 else ""

    def sample(self, chain: Any, row: int) -> int:
        """The token that a sampler chain chooses after a row of the last `decode`."""
        return int(llama_cpp.llama_sampler_sample(chain, self._context, row))


def _load(path: str, gpu_layers: int) -> Any:
    """The model of a file. Raises ProviderError."""
    llama_cpp.llama_log_set(_LOG, ctypes.c_void_p(0))
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    _errors.clear()
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise ProviderError(_errors.first() or "llama.cpp rejects the file", kind="load")
    if llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model):
        text = "recurrent models are not supported, because their state cannot be truncated: use gguf-server"
        raise ProviderError(text, kind="load")
    return model


def _control_tokens(vocabulary: Any, size: int) -> Iterator[ControlToken]:
    for token in range(size):
        found = llama_cpp.llama_vocab_get_attr(vocabulary, token)
        if found & _CONTROL and (text := _token_text(vocabulary, token)):
            yield ControlToken(text, bool(found & _STRIPS_LEFT), bool(found & _STRIPS_RIGHT))


def _token_text(vocabulary: Any, token: int) -> str:
    text = llama_cpp.llama_vocab_get_text(vocabulary, token) if token >= 0 else None
    return text.decode("utf-8", "replace") if text else ""


def _context_params(sequences: int, batch: int, threads: int) -> Any:
    """The parameters that all contexts of a model share."""
    params = llama_cpp.llama_context_default_params()
    params.n_seq_max, params.kv_unified = sequences, False
    params.n_batch = params.n_ubatch = max(batch, sequences, SCORED)
    params.n_outputs_max = max(sequences, SCORED)  # llama.cpp allocates a distribution over all tokens for each
    params.n_threads = params.n_threads_batch = threads
    # With flash attention the bits of a row depend on the other rows of its batch.
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return params


class _Errors:
    """The recent errors of llama.cpp's log. They go to standard error too, for the case that the process dies."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._level = 0

    def add(self, level: int, text: bytes, _: Any) -> None:
        """Take a line of the log."""
        if level != _CONTINUED:
            self._level = level
        if self._level == _ERROR and text.strip():
            self._lines = [*self._lines, text.decode("utf-8", "replace").strip()[:300]][-20:]
            os.write(2, text)

    def clear(self) -> None:
        """Drop the errors of earlier calls."""
        self._lines = []

    def first(self) -> str:
        """The first error, or "". It names the cause; later lines only repeat the failure."""
        return self._lines[0] if self._lines else ""


_errors = _Errors()
_LOG = llama_cpp.llama_log_callback(_errors.add)
