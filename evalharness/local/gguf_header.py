"""The header of a GGUF file, read in Python before any native code sees the file.

    magic, version, counts │ key, type, value ... │ name, shape, type, offset of each tensor │ padding │ tensors

The file is untrusted: every count and length is bounded, unused values (such as the vocabulary) are skipped, and every
defect is a ProviderError of kind `load`. Files that llama.cpp rejects are rejected here too. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import ProviderError
from evalharness.local.gguf_bytes import Damaged, GgufBytes

MAX_TENSORS = 16_384
MAX_KEYS = 1_024
"""Both are more than ten times as many as any known model has."""
MAX_LAYERS = 512
"""LLAMA_MAX_LAYERS of llama.cpp."""
MAX_TEMPLATE_BYTES = 1_000_000
_KEY_BYTES, _NAME_BYTES = 256, 63
"""Most bytes of a key (no model comes near), and of a tensor's name (GGML_MAX_NAME less the final zero)."""
_F16_BYTES = 2
_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""Value type -> its format for the module struct."""
_INTEGERS = frozenset((0, 1, 2, 3, 4, 5, 10, 11))
_TEXTS = frozenset(("general.architecture", "tokenizer.chat_template"))
_PER_LAYER = (".head_count", ".head_count_kv")
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
"""ggml's type -> values in a block, bytes of a block. Newer types are left to llama.cpp."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """A model's description of itself, and the size of its file."""

    architecture: str
    layers: int
    context_length: int
    """Tokens of the context that the model was trained on."""
    original_context_length: int
    """Tokens of the context of its first training. Beyond it some models encode positions differently (llama.cpp's
    `get_rope_factors`).
    """
    embedding_length: int
    heads: tuple[int, ...]
    """Attention heads of each layer."""
    kv_heads: tuple[int, ...]
    """Heads for keys and values of each layer."""
    key_length: int
    """Numbers in the key of one head."""
    value_length: int
    """Numbers in the value of one head."""
    chat_template: str
    """At most MAX_TEMPLATE_BYTES; "" if the file has none."""
    file_bytes: int

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of K and V for one token, in half precision over all layers.

        llama.cpp's KV cache holds n_embd_k_gqa + n_embd_v_gqa numbers for each layer (llama-hparams.cpp), also for
        layers with a sliding window (`swa_full`).
        """
        return sum(self.kv_heads) * (self.key_length + self.value_length) * _F16_BYTES


def read_header(path: Path) -> GgufHeader:
    """The header of a file.

    Raises ProviderError of kind `load` for a file that llama.cpp cannot load either.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait forever
            raise Damaged("is not a regular file")
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
    if _integer(values, "split.count", 1) > 1:  # the hash of one part would not identify the model
        raise Damaged(f"is one part of {values['split.count']}: merge them with llama-gguf-split --merge")
    return _described(values, data.size)


def _opening(data: GgufBytes) -> tuple[int, int]:
    """The number of tensors and the number of keys."""
    if data.size < 4 or data.take(4) != b"GGUF":
        raise Damaged("is not a GGUF file")
    version = data.number("<I")
    if version & 0xFFFF == 0:
        raise Damaged("is a big-endian GGUF file: expected a little-endian one")
    if version not in (2, 3):
        raise Damaged(f"has GGUF version {version}: expected 2 or 3")
    counts = data.number("<Q"), data.number("<Q")
    for count, most, what in zip(counts, (MAX_TENSORS, MAX_KEYS), ("tensors", "keys"), strict=True):
        if not 0 < count <= most:
            raise Damaged(f"declares {count} {what}: expected 1 to {most:,}")
    return counts


_Value = int | float | str | tuple[int, ...] | None
"""The value of a key; None for one that is not used."""


def _values(data: GgufBytes, count: int) -> dict[str, _Value]:
    """The values by key."""
    found: dict[str, _Value] = {}
    for _ in range(count):
        key = data.text(_KEY_BYTES, "a key")
        if key in found:
            raise Damaged(f"has a duplicate key {key[:80]!r}")
        found[key] = _value(data, key, data.number("<I"))
    return found


def _value(data: GgufBytes, key: str, kind: int) -> _Value:
    value: _Value = None
    if kind == _ARRAY:
        value = _array(data, key, data.number("<I"), data.number("<Q"))
    elif kind == _STRING and key in _TEXTS:
        value = data.text(MAX_TEMPLATE_BYTES, key)
    elif kind == _STRING:
        data.skip_strings(1)
    elif kind in _NUMBERS:
        value = data.number(_NUMBERS[kind])
    else:
        raise Damaged(f"has an unknown type ({kind}) for the key {key[:80]!r}")
    return value


def _array(data: GgufBytes, key: str, kind: int, count: int) -> tuple[int, ...] | None:
    """The integers of an array with one for each layer. Any other array is skipped."""
    if kind == _STRING:
        data.skip_strings(count)
    elif kind not in _NUMBERS:
        raise Damaged(f"has an array of unsupported type ({kind}) for the key {key[:80]!r}")
    elif kind in _INTEGERS and count <= MAX_LAYERS and key.endswith(_PER_LAYER):
        return data.numbers(_NUMBERS[kind], count)
    else:
        data.skip(count * data.width(_NUMBERS[kind]))
    return None


def _alignment(values: Mapping[str, _Value]) -> int:
    alignment = _integer(values, "general.alignment", 32)
    if alignment.bit_count() != 1:
        raise Damaged(f"has alignment {alignment}: expected a power of two")
    return alignment


def _check_tensors(data: GgufBytes, count: int, alignment: int) -> None:
    """Check that all tensors lie inside the file."""
    names, last = set[str](), (0, "")
    for _ in range(count):
        end, name = _tensor(data, alignment)
        if name in names:
            raise Damaged(f"has a duplicate tensor {name!r}")
        names.add(name)
        last = max(last, (end, name))
    start = -(-data.position // alignment) * alignment
    if start + last[0] > data.size:
        place = f"tensor {last[1]!r} ends at byte {start + last[0]:,}, but the file at byte {data.size:,}"
        raise Damaged(f"is truncated: {place}")


def _tensor(data: GgufBytes, alignment: int) -> tuple[int, str]:
    """Its end, in bytes from the start of the first tensor, and its name."""
    name, dimensions = data.text(_NAME_BYTES, "a tensor's name"), data.number("<I")
    if dimensions > 4:
        raise Damaged(f"has tensor {name!r} with {dimensions} dimensions: expected at most 4")
    shape = [data.number("<Q") for _ in range(dimensions)]
    kind, offset = data.number("<I"), data.number("<Q")
    block, block_bytes = TENSOR_TYPES.get(kind, (1, 0))
    if offset % alignment or (shape and shape[0] % block):
        raise Damaged(f"has an invalid offset or shape for tensor {name!r}")
    return offset + math.prod(shape) // block * block_bytes, name


def _described(values: Mapping[str, _Value], file_bytes: int) -> GgufHeader:
    architecture, layers = _architecture(values), _layers(values)
    attention, trained = f"{architecture}.attention", _integer(values, f"{architecture}.context_length")
    embedding = _integer(values, f"{architecture}.embedding_length")
    heads = _per_layer(values, f"{attention}.head_count", (0,) * layers)
    head_length = embedding // heads[0] if heads[0] else 0  # llama.cpp's default
    return GgufHeader(
        architecture=architecture,
        layers=layers,
        context_length=trained,
        original_context_length=_integer(values, f"{architecture}.rope.scaling.original_context_length", trained),
        embedding_length=embedding,
        heads=heads,
        kv_heads=_per_layer(values, f"{attention}.head_count_kv", heads),
        key_length=_integer(values, f"{attention}.key_length", head_length),
        value_length=_integer(values, f"{attention}.value_length", head_length),
        chat_template=_chat_template(values),
        file_bytes=file_bytes,
    )


def _architecture(values: Mapping[str, _Value]) -> str:
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str) or not 0 < len(architecture) <= 64 or not architecture.isprintable():
        raise Damaged("has no valid general.architecture")
    return architecture


def _chat_template(values: Mapping[str, _Value]) -> str:
    template = values.get("tokenizer.chat_template", "")
    if not isinstance(template, str):
        raise Damaged("has an invalid tokenizer.chat_template: expected a string")
    return template


def _layers(values: Mapping[str, _Value]) -> int:
    layers = _integer(values, f"{_architecture(values)}.block_count")
    if not 0 < layers <= MAX_LAYERS:
        raise Damaged(f"declares {layers} layers: expected 1 to {MAX_LAYERS}")
    return layers


def _per_layer(values: Mapping[str, _Value], key: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """One number for each layer; a file may give one for all."""
    found = values.get(key, default)
    if not isinstance(found, tuple):
        return (_integer(values, key),) * len(default)
    if len(found) != len(default) or not all(map(_is_count, found)):
        raise Damaged(f"has an invalid {key}: expected an integer for each of its {len(default)} layers")
    return found


def _integer(values: Mapping[str, _Value], key: str, default: int | None = None) -> int:
    found = values.get(key, default)
    if key not in values and found is None:
        raise Damaged(f"has no {key}, which llama.cpp needs to load a language model")
    if not isinstance(found, int) or isinstance(found, bool) or not _is_count(found):
        raise Damaged(f"has an invalid {key}: expected an integer from 0 to {_MAX_COUNT}")
    return found


_MAX_COUNT = 2**32 - 1


def _is_count(number: int) -> bool:
    return 0 <= number <= _MAX_COUNT
