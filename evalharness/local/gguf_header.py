"""The header of a GGUF file, read before any native code sees the file.

    magic, version, counts │ key, type, value ... │ name, shape, type, offset of each tensor │ padding │ tensors

The file is untrusted: every count and length is bounded, nothing is built that is not asked for (a vocabulary is walked
over, not read), and whatever is wrong is a ProviderError of kind `load` with a sentence. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; what llama.cpp refuses is refused here too.
"""

from __future__ import annotations

import math
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import ProviderError
from evalharness.local.gguf_bytes import Damaged, GgufBytes

MOST_TENSORS = 16_384
MOST_KEYS = 1_024
"""More than ten times as many as any model has, both."""
MOST_LAYERS = 512
"""LLAMA_MAX_LAYERS of llama.cpp."""
MOST_TEMPLATE_BYTES = 1_000_000
_KEY_BYTES, _NAME_BYTES = 256, 63
"""Of a key: far more than any has; of a tensor's name: GGML_MAX_NAME, less the zero at its end."""
_F16_BYTES = 2
_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""Value type -> how struct reads it."""
_WHOLE = frozenset((0, 1, 2, 3, 4, 5, 10, 11))
_TEXTS = frozenset(("general.architecture", "tokenizer.chat_template"))
_BY_LAYER = (".head_count", ".head_count_kv")
_BYTES_OF_BLOCKS = {
    1: {0: 4, 1: 2, 24: 1, 25: 2, 26: 4, 27: 8, 28: 8, 30: 2},
    32: {2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 9: 36, 20: 18, 39: 17},
    64: {40: 36},
    # K quants, then IQ and ternary ones
    256: {10: 84, 11: 110, 12: 144, 13: 176, 14: 210, 15: 292}
    | {16: 66, 17: 74, 18: 98, 19: 50, 21: 110, 22: 82, 23: 136, 29: 56, 34: 54, 35: 66},
}
TENSOR_TYPES: Mapping[int, tuple[int, int]] = {
    kind: (values, size) for values, sizes in _BYTES_OF_BLOCKS.items() for kind, size in sizes.items()
}
"""ggml's type -> values in a block, bytes of a block. A type that is newer than this table is left to llama.cpp."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a model says of itself, and the size of its file."""

    architecture: str
    layers: int
    context_length: int
    """Tokens that it was trained on."""
    original_context_length: int
    """Those that it was trained on first. Some models see positions otherwise where there is room for more (llama.cpp's
    `get_rope_factors`).
    """
    embedding_length: int
    heads: tuple[int, ...]
    """Of each layer."""
    kv_heads: tuple[int, ...]
    """Of each layer."""
    key_length: int
    """Values of one head's key."""
    value_length: int
    chat_template: str
    """At most MOST_TEMPLATE_BYTES; "" where the file has none."""
    file_bytes: int

    @property
    def kv_bytes_per_token(self) -> int:
        """K and V in half precision over all layers, as llama.cpp's KV cache allots them: n_embd_k_gqa + n_embd_v_gqa
        values a layer (llama-hparams.cpp), in full also where a layer looks at a window alone (`swa_full`).
        """
        return sum(self.kv_heads) * (self.key_length + self.value_length) * _F16_BYTES


def read_header(path: Path) -> GgufHeader:
    """The header of the file. Raises ProviderError (kind `load`): no GGUF file, cut off, damaged, out of all bounds, or
    one that llama.cpp could not load either.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait forever
            raise Damaged("is no file")
        with path.open("rb") as file:
            return _header(GgufBytes(file, status.st_size))
    except Damaged as damage:
        raise ProviderError(f"{path.name} {damage}", kind="load") from None
    except OSError as error:
        raise ProviderError(f"{path.name} cannot be read: {error.strerror or error}", kind="load") from None


def _header(data: GgufBytes) -> GgufHeader:
    tensors, keys = _opening(data)
    values = _values(data, keys)
    _check_tensors(data, tensors, _alignment(values))
    if _whole(values, "split.count", 1) > 1:  # its hash would say nothing of the others
        raise Damaged(f"is one part of {values['split.count']}: merge them with llama-gguf-split --merge")
    return _described(values, data.size)


def _opening(data: GgufBytes) -> tuple[int, int]:
    """How many tensors and keys follow."""
    if data.size < 4 or data.take(4) != b"GGUF":
        raise Damaged("is no GGUF file")
    version = data.number("<I")
    if version & 0xFFFF == 0:
        raise Damaged("is a GGUF file for big-endian machines")
    if version not in (2, 3):
        raise Damaged(f"is a GGUF file of version {version}: 2 and 3 can be read")
    counts = data.number("<Q"), data.number("<Q")
    for count, most, what in zip(counts, (MOST_TENSORS, MOST_KEYS), ("tensors", "keys"), strict=True):
        if not 0 < count <= most:
            raise Damaged(f"says it has {count} {what}: from 1 to {most:,} can be read")
    return counts


_Value = int | float | str | tuple[int, ...] | None
"""Of a key; None where nobody asks for it."""


def _values(data: GgufBytes, count: int) -> dict[str, _Value]:
    """By key."""
    found: dict[str, _Value] = {}
    for _ in range(count):
        key = data.text(_KEY_BYTES, "a key")
        if key in found:
            raise Damaged(f"has the key {key[:80]!r} twice")
        found[key] = _value(data, key, data.number("<I"))
    return found


def _value(data: GgufBytes, key: str, kind: int) -> _Value:
    value: _Value = None
    if kind == _ARRAY:
        value = _array(data, key, data.number("<I"), data.number("<Q"))
    elif kind == _STRING and key in _TEXTS:
        value = data.text(MOST_TEMPLATE_BYTES, key)
    elif kind == _STRING:
        data.pass_strings(1)
    elif kind in _NUMBERS:
        value = data.number(_NUMBERS[kind])
    else:
        raise Damaged(f"gives {key[:80]!r} a type that GGUF does not have ({kind})")
    return value


def _array(data: GgufBytes, key: str, kind: int, count: int) -> tuple[int, ...] | None:
    """Whole numbers, where there may be one for each layer; anything else is passed over."""
    if kind == _STRING:
        data.pass_strings(count)
    elif kind not in _NUMBERS:
        raise Damaged(f"gives {key[:80]!r} an array of a type that GGUF does not have there ({kind})")
    elif kind in _WHOLE and count <= MOST_LAYERS and key.endswith(_BY_LAYER):
        return data.numbers(_NUMBERS[kind], count)
    else:
        data.skip(count * data.width(_NUMBERS[kind]))
    return None


def _alignment(values: Mapping[str, _Value]) -> int:
    alignment = _whole(values, "general.alignment", 32)
    if alignment.bit_count() != 1:
        raise Damaged(f"has the alignment {alignment}, which is no power of two")
    return alignment


def _check_tensors(data: GgufBytes, count: int, alignment: int) -> None:
    """All of them lie inside the file."""
    names, last = set[str](), (0, "")
    for _ in range(count):
        end, name = _tensor(data, alignment)
        if name in names:
            raise Damaged(f"has the tensor {name!r} twice")
        names.add(name)
        last = max(last, (end, name))
    start = -(-data.position // alignment) * alignment
    if start + last[0] > data.size:
        raise Damaged(f"is cut off: the tensor {last[1]!r} ends at byte {start + last[0]:,}, the file at {data.size:,}")


def _tensor(data: GgufBytes, alignment: int) -> tuple[int, str]:
    """Where it ends, counted from the first tensor, and its name."""
    name, dimensions = data.text(_NAME_BYTES, "a tensor's name"), data.number("<I")
    if dimensions > 4:
        raise Damaged(f"says that the tensor {name!r} has {dimensions} dimensions")
    shape = [data.number("<Q") for _ in range(dimensions)]
    kind, offset = data.number("<I"), data.number("<Q")
    block, block_bytes = TENSOR_TYPES.get(kind, (1, 0))
    if offset % alignment or (shape and shape[0] % block):
        raise Damaged(f"has the tensor {name!r} at an offset or in a shape that cannot be")
    return offset + math.prod(shape) // block * block_bytes, name


def _described(values: Mapping[str, _Value], file_bytes: int) -> GgufHeader:
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str) or not 0 < len(architecture) <= 64 or not architecture.isprintable():
        raise Damaged("does not say which architecture it has")
    template = values.get("tokenizer.chat_template", "")
    if not isinstance(template, str):
        raise Damaged("has a chat template that is no text")
    layers, embedding = (_whole(values, f"{architecture}.{name}") for name in ("block_count", "embedding_length"))
    if not 0 < layers <= MOST_LAYERS:
        raise Damaged(f"says it has {layers} layers: from 1 to {MOST_LAYERS} can be read")
    attention, trained = f"{architecture}.attention", _whole(values, f"{architecture}.context_length")
    heads = _per_layer(values, f"{attention}.head_count", (0,) * layers)
    head_length = embedding // heads[0] if heads[0] else 0  # as llama.cpp has it
    return GgufHeader(
        architecture=architecture,
        layers=layers,
        context_length=trained,
        original_context_length=_whole(values, f"{architecture}.rope.scaling.original_context_length", trained),
        embedding_length=embedding,
        heads=heads,
        kv_heads=_per_layer(values, f"{attention}.head_count_kv", heads),
        key_length=_whole(values, f"{attention}.key_length", head_length),
        value_length=_whole(values, f"{attention}.value_length", head_length),
        chat_template=template,
        file_bytes=file_bytes,
    )


def _per_layer(values: Mapping[str, _Value], key: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """One number for each layer; a file may give one for all."""
    found = values.get(key, default)
    if not isinstance(found, tuple):
        return (_whole(values, key),) * len(default)
    if len(found) != len(default) or not all(map(_is_count, found)):
        raise Damaged(f"has no number for each of its {len(default)} layers in {key}")
    return found


def _whole(values: Mapping[str, _Value], key: str, default: int | None = None) -> int:
    found = values.get(key, default)
    if key not in values and found is None:
        raise Damaged(f"has no {key}: it is no language model that llama.cpp loads")
    if not isinstance(found, int) or isinstance(found, bool) or not _is_count(found):
        raise Damaged(f"has a {key} that is no whole number from 0 to {_MOST_COUNT}")
    return found


_MOST_COUNT = 2**32 - 1


def _is_count(number: int) -> bool:
    return 0 <= number <= _MOST_COUNT
