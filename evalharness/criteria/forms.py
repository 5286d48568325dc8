"""The forms that a checkout gives a committed file: other line ends, or the file that a pointer stands for."""

from __future__ import annotations

import hashlib
from pathlib import Path

_LFS = b"version https://git-lfs.github.com/spec/"


def in_form_of(then: bytes, now: Path) -> bytes:
    """The committed content in the form that the file has in the work tree, where only the form differs.

    A checkout turns line ends into CRLF (`eol=crlf`), and a pointer of Git LFS, which holds the SHA-256 of the file,
    into the file.
    """
    if now.is_symlink() or not now.is_file():
        return then
    if not then.startswith(_LFS) and now.stat().st_size != len(then) + then.count(b"\n"):
        return then  # without a copy of a large file
    content = now.read_bytes()
    is_crlf = b"\r" not in then and content == then.replace(b"\n", b"\r\n")
    is_pointer = then.startswith(_LFS) and hashlib.sha256(content).hexdigest().encode() in then.split(b":")[-1]
    return content if is_crlf or is_pointer else then
