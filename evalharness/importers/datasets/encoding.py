"""Find the encoding of a text file, and recognize files that are not data sets."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TextIO, cast

from evalharness.importers.datasets.table import DatasetError

_HEAD_BYTES = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with BOM"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_OTHERS = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook: save the sheet as CSV UTF-8, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save the sheet as CSV UTF-8"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it with unzstd"),
    (b"BZh", "compressed with bzip2: unpack it with bunzip2"),
    (b"ARROW1", "an Arrow file: save it as Parquet"),
    (b"SQLite format 3", "a SQLite database: export the table as CSV"),
    (b"%PDF", "a PDF document: a data set has rows and columns"),
    (b"version https://git-lfs", "a Git LFS pointer, not the data: run git lfs pull"),
)
_PAGES = ("<!doctype html", "<html")


def text_encoding(path: Path, chosen: str | None) -> tuple[str, str]:
    """The codec of a text file and its name for readers. `chosen` overrides the detection.

    Raises DatasetError for an unknown codec, and for binary files, compressed files and web pages.
    """
    head = _head(path)
    for magic, message in _OTHERS:
        if head.startswith(magic):
            raise DatasetError(f"{path.name} is {message}")
    codec, name = _known(chosen) if chosen else _detected(head)
    if head.decode(codec, "replace").lstrip().lower().startswith(_PAGES):
        raise DatasetError(f"{path.name} is a web page: download the file itself (on a hub, the link named raw)")
    return codec, name


def _head(path: Path) -> bytes:
    try:
        with _binary(path) as file:
            return file.read(_HEAD_BYTES)
    except (OSError, EOFError) as error:
        raise DatasetError(f"cannot read {path.name}: {error}") from None


def _known(chosen: str) -> tuple[str, str]:
    try:
        "".encode(chosen)
        return chosen, codecs.lookup(chosen).name
    except (LookupError, ValueError, TypeError):
        raise DatasetError(f"unknown encoding '{chosen}': use a name such as utf-8, utf-16 or cp1252") from None


def _detected(head: bytes) -> tuple[str, str]:
    for bom, codec, name in _BOMS:
        if head.startswith(bom):
            return codec, name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) / 10:  # ASCII in UTF-16 has a NUL in every second byte
        return ("utf-16-be" if even > odd else "utf-16-le"), "UTF-16 without BOM"
    return "utf-8", "UTF-8"


@contextmanager
def opened(path: Path, codec: str) -> Iterator[TextIO]:
    """The text of a file, with line ends as they are. Raises DatasetError where a byte is not in the encoding."""
    try:
        with _binary(path) as data, TextIOWrapper(data, encoding=codec, newline="") as file:
            yield file
    except UnicodeError:
        raise DatasetError(_not_decodable(path, codec)) from None
    except (OSError, EOFError) as error:
        raise DatasetError(f"cannot read {path.name}: {error}") from None


def _binary(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked if it is compressed with gzip."""
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if is_gzip else path.open("rb")


def _not_decodable(path: Path, codec: str) -> str:
    """The line of the first invalid byte, and this line as Windows-1252, which Excel writes by default."""
    with _binary(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                if codec.startswith("utf-8"):
                    near = line[max(0, error.start - 20) : error.start + 20].decode("cp1252", "replace").strip()
                    return (
                        f"{path.name}:{number}: byte 0x{line[error.start]:02X} is not UTF-8. As Windows-1252 it reads "
                        f"{near!r}. If that is right, add --encoding cp1252; else name its encoding, or save as UTF-8"
                    )
    return f"{path.name} is not {codec}: name its encoding with --encoding, or save the file as UTF-8"
