"""A process for grammars: llama.cpp's sampler on SmolLM2's vocabulary, without the model.

A JSON line in, a JSON line out: `{"grammar": ..., "samples": 3, "match": [text, ...]}` ->
`{"taken": true, "sampled": [[text, whole], ...], "matched": [true, ...]}`. Samples are random texts of the grammar;
with `match`, whether a text as a whole is allowed.
"""

import ctypes
import json
import random
import sys

import llama_cpp
import numpy as np

SILENT = llama_cpp.llama_log_callback(lambda *_: None)
MOST_TOKENS, FEW_TOKENS = 400, 500
FIELDS = [("id", np.int32), ("logit", np.float32), ("p", np.float32)]
chance = random.Random(7)


def vocabulary(path):
    """The model's vocabulary alone, the text of every token, and the tokens that end an answer."""
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    vocab = llama_cpp.llama_model_get_vocab(llama_cpp.llama_model_load_from_file(path.encode(), params))
    size, pieces, buffer = llama_cpp.llama_vocab_n_tokens(vocab), [], ctypes.create_string_buffer(256)
    for token in range(size):
        length = llama_cpp.llama_token_to_piece(vocab, token, buffer, 256, 0, False)
        pieces.append(buffer.raw[: max(0, length)])
    return vocab, pieces, {token for token in range(size) if llama_cpp.llama_vocab_is_eog(vocab, token)}


llama_cpp.llama_log_set(SILENT, ctypes.c_void_p(0))
VOCAB, PIECES, ENDS = vocabulary(sys.argv[1])
SINGLE = [token for token, piece in enumerate(PIECES) if len(piece) == 1]
WHOLE = [token for token, piece in enumerate(PIECES) if piece and "\ufffd" not in piece.decode("utf-8", "replace")]
"""Tokens that are text by themselves: llama.cpp's grammars accept some bytes that are not UTF-8."""
ASCII = [token for token in WHOLE if len(PIECES[token]) == 1]


def allowed(sampler, tokens):
    """The tokens that can continue the text."""
    data = np.array([(token, 1.0, 0.0) for token in tokens], dtype=FIELDS)
    pointer = data.ctypes.data_as(llama_cpp.llama_token_data_p)
    array = llama_cpp.llama_token_data_array(data=pointer, size=len(data), selected=-1, sorted=False)
    llama_cpp.llama_sampler_apply(sampler, ctypes.byref(array))
    return [int(token) for token, logit, _ in data[: array.size] if np.isfinite(logit)]


def sample(sampler):
    """A random text, and whether the grammar allows its end there."""
    text = b""
    for _ in range(MOST_TOKENS):
        found = allowed(sampler, [*ENDS, *ASCII, *chance.sample(WHOLE, FEW_TOKENS)]) or allowed(sampler, SINGLE)
        if not found:
            return text.decode(), False
        if set(found) & ENDS and (len(found) == len(ENDS) or chance.random() < 0.3):
            return text.decode(), True
        closing = [token for token in found if PIECES[token] in (b'"', b"}", b"]", b'"}')]
        token = chance.choice(closing if closing and chance.random() < 0.3 else [t for t in found if t not in ENDS])
        text += PIECES[token]
        llama_cpp.llama_sampler_accept(sampler, token)
    return text.decode(), False


def matches(sampler, text):
    """Whether the grammar allows the whole text, byte by byte."""
    for byte in text.encode():
        token = next(token for token in SINGLE if PIECES[token] == bytes([byte]))
        if not allowed(sampler, [token]):
            return False
        llama_cpp.llama_sampler_accept(sampler, token)
    return bool(allowed(sampler, [*ENDS]))


def answer(request):
    """The result for one grammar."""
    sampler = llama_cpp.llama_sampler_init_grammar(VOCAB, request["grammar"].encode(), b"root")
    if not sampler:
        return {"taken": False}
    sampled, matched = [], []
    for number in range(request.get("samples", 1)):
        llama_cpp.llama_sampler_reset(sampler) if number else None
        sampled.append(sample(sampler))
    for text in request.get("match", []):
        llama_cpp.llama_sampler_reset(sampler)
        matched.append(matches(sampler, text))
    llama_cpp.llama_sampler_free(sampler)
    return {"taken": True, "sampled": sampled, "matched": matched}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()
