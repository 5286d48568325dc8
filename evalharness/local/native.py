"""llama.cpp's functions behind the few words that this project needs: tokens, rows, sequences, logits.

A sequence is a stream of the KV cache, apart from all others (`kv_unified` off): nothing that one of them holds can
reach the arithmetic of another.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import llama_cpp
import numpy as np
import numpy.typing as npt

from evalharness.errors import ProviderError

Logits = npt.NDArray[np.float32]
SCORED = 8
"""Tokens of a golden answer that are scored in one step."""
_ERROR, _CONTINUED = 4, 5
"""Of ggml.h's ggml_log_level."""
_MOST_TEMPLATE_BYTES = 1_000_000


class Row(NamedTuple):
    """A token at its place."""

    token: int
    position: int
    sequence: int
    logits: bool
    """Whether the distribution of the next token is wanted."""


class Native:
    """A loaded model; it decodes once there is room."""

    def __init__(self, path: str, *, sequences: int, batch: int, threads: int, gpu_layers: int) -> None:
        """`batch`: rows of one `decode`, with logits as many as sequences, or SCORED. Raises ProviderError."""
        llama_cpp.llama_log_set(_LOG, ctypes.c_void_p(0))
        options = llama_cpp.llama_model_default_params()
        options.n_gpu_layers = gpu_layers
        _errors.forget()
        self._model = llama_cpp.llama_model_load_from_file(path.encode(), options)
        if not self._model:
            raise ProviderError(_errors.told() or "llama.cpp refuses the file", kind="load")
        if llama_cpp.llama_model_is_recurrent(self._model) or llama_cpp.llama_model_is_hybrid(self._model):
            text = "it is a recurrent model, whose state cannot be cut back to where prompts part: use gguf-server"
            raise ProviderError(text, kind="load")
        self.vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self.tokens = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self.steps = 0
        """Times that it has decoded."""
        self._shape, self._context = _shape(sequences, batch, threads), None
        self._batch = llama_cpp.llama_batch_init(self._shape.n_batch, 0, 1)
        self._memory: Any = None
        self.room = 0
        """Tokens that a sequence may hold."""

    def make_room(self, tokens: int) -> None:
        """For so many in each sequence; all that they held is gone. Raises ProviderError: there is no room at all."""
        if self._context:
            llama_cpp.llama_free(self._context)
        self.room, self._shape.n_ctx = 0, tokens * self._shape.n_seq_max
        _errors.forget()
        self._context = llama_cpp.llama_init_from_model(self._model, self._shape)
        if not self._context:
            said = _errors.told()
            text = f"llama.cpp cannot make room for {tokens} tokens in each of {self._shape.n_seq_max} sequences"
            raise ProviderError(f"{text}: {said}" if said else text, kind="load")
        self.room, self._memory = tokens, llama_cpp.llama_get_memory(self._context)

    def decode(self, rows: Sequence[Row]) -> None:
        """Put the rows behind what their sequences hold. Raises RuntimeError: nobody knows what they hold then."""
        batch = self._batch
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, logits) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position, logits
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
        _errors.forget()
        if code := llama_cpp.llama_decode(self._context, batch):
            raise RuntimeError(f"llama.cpp cannot decode (code {code}): {_errors.told()}")
        self.steps += 1

    def logits(self, row: int) -> Logits:
        """The distribution after a row of the last `decode`: one number for each token, valid until the next one."""
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._context, row), (self.tokens,))

    def copy(self, source: int, to: int) -> None:
        """Make one sequence the same as another."""
        self.forget(to)
        llama_cpp.llama_memory_seq_cp(self._memory, source, to, -1, -1)

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop what a sequence holds from a position on. Raises RuntimeError."""
        if not llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, -1):
            raise RuntimeError("llama.cpp cannot forget a part of a sequence")

    def tokenise(self, text: str, *, special: bool) -> list[int]:
        """`special`: control texts such as `<|im_end|>` are one token each; else they are the characters they are.

        Raises ProviderError.
        """
        try:
            data = text.encode()
        except UnicodeEncodeError:
            raise ProviderError(
                "the prompt holds half of a surrogate pair, which is no text", kind="template"
            ) from None
        room = len(data) + 16
        found = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), found, room, False, special)
        if count < 0:
            raise ProviderError("the text cannot be tokenised", kind="engine")
        return list(found[:count])

    def piece(self, token: int) -> bytes:
        """The text of a token; control tokens have none."""
        room = 64
        while True:
            text = ctypes.create_string_buffer(room)
            size = llama_cpp.llama_token_to_piece(self.vocabulary, token, text, room, 0, False)
            if size >= 0:
                return text.raw[:size]
            room = -size

    def ends(self, token: int) -> bool:
        """Whether a token ends an answer."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))

    def bos(self) -> int | None:
        """The token that every prompt begins with, if the model wants one."""
        wanted = llama_cpp.llama_vocab_get_add_bos(self.vocabulary)
        return int(llama_cpp.llama_vocab_bos(self.vocabulary)) if wanted else None

    def special_texts(self) -> tuple[str, str]:
        """Of the tokens that begin and end a text; "" for one that there is not."""
        begin, end = llama_cpp.llama_vocab_bos(self.vocabulary), llama_cpp.llama_vocab_eos(self.vocabulary)
        return self._token_text(begin), self._token_text(end)

    def chat_template(self) -> str:
        """The file's own, or ""."""
        room = ctypes.create_string_buffer(_MOST_TEMPLATE_BYTES)
        key = b"tokenizer.chat_template"
        size = llama_cpp.llama_model_meta_val_str(self._model, key, room, _MOST_TEMPLATE_BYTES)
        if size >= _MOST_TEMPLATE_BYTES:
            raise ProviderError(f"the model's chat template has {size:,} bytes", kind="template")
        return room.value.decode("utf-8", "replace") if size > 0 else ""

    def drawn(self, chain: Any, row: int) -> int:
        """The token that a sampler chain draws after a row of the last `decode`."""
        return int(llama_cpp.llama_sampler_sample(chain, self._context, row))

    def _token_text(self, token: int) -> str:
        text = llama_cpp.llama_vocab_get_text(self.vocabulary, token) if token >= 0 else None
        return text.decode("utf-8", "replace") if text else ""


def _shape(sequences: int, batch: int, threads: int) -> Any:
    """What all contexts have in common."""
    shape = llama_cpp.llama_context_default_params()
    shape.n_seq_max, shape.kv_unified = sequences, False
    shape.n_batch = shape.n_ubatch = max(batch, sequences, SCORED)
    shape.n_outputs_max = max(sequences, SCORED)  # llama.cpp makes room for so many distributions, of all tokens each
    shape.n_threads = shape.n_threads_batch = threads
    # With flash attention the bits of a row depend on the other rows of its batch.
    shape.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return shape


class _Errors:
    """llama.cpp's own words, where they say what is wrong; they go to standard error too, for who dies of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._level = 0

    def take(self, level: int, text: bytes, _: Any) -> None:
        """A line of its log."""
        if level != _CONTINUED:
            self._level = level
        if self._level == _ERROR and text.strip():
            self.lines = [*self.lines, text.decode("utf-8", "replace").strip()[:300]][-20:]
            os.write(2, text)

    def forget(self) -> None:
        """What was said of something else."""
        self.lines = []

    def told(self) -> str:
        """The first one: those that follow say that something failed, not why."""
        return self.lines[0] if self.lines else ""


_errors = _Errors()
_LOG = llama_cpp.llama_log_callback(_errors.take)
