"""The pictures of a prompt on the page, in a real browser."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from evalharness.records import Attachment, Message, Sample
from evalharness.report import Outcome
from evalharness.report.html import page_of, render_html
from evalharness.report.pictures import pictures_of
from evalharness.testing import run, sample

Open = Callable[..., Any]


def png(width: int = 40) -> bytes:
    """A black picture, 20 pixels high."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head, rows = struct.pack(">IIBBBBB", width, 20, 8, 0, 0, 0, 0), zlib.compress(bytes(1 + width) * 20)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def shown(root: Path, name: str, content: bytes) -> Attachment:
    """A picture in a file."""
    (root / name).write_bytes(content)
    return Attachment(name, "image/png", hashlib.sha256(content).hexdigest(), 5)


def asked(*files: Attachment) -> Sample:
    """A sample whose prompt has these files."""
    return replace(sample("cat"), messages=(Message("user", "Look:\n\nWhat is it?", attachments=files),))


def test_pictures_are_shown(opened: Open, tmp_path: Path) -> None:
    """A picture is on the page, and one that has changed since the run is named instead."""
    kept, changed = shown(tmp_path, "cat.png", png()), shown(tmp_path, "dog.png", png(41))
    (tmp_path / "dog.png").write_bytes(png(42))
    outcome = Outcome(run([asked(kept, changed)], gates={}), (), {}, tmp_path, "", root=tmp_path)
    visit = opened(render_html(page_of(outcome)))
    visit.page.wait_for_selector("body[data-ready]")
    visit.page.locator("#cases button.open").first.click()
    picture = visit.page.locator("img.picture")
    expect(picture).to_have_count(1)
    assert picture.evaluate("(one) => one.decode().then(() => [one.naturalWidth, one.naturalHeight])") == [40, 20]
    expect(visit.page.locator("div.message")).to_contain_text("This picture is not on the page")
    expect(visit.page.locator("div.message")).to_contain_text("[cat.png]")
    assert (visit.requests, visit.complaints) == ([], [])


def test_the_page_is_bounded(tmp_path: Path) -> None:
    """Pictures beyond 5 MB, outside the root, or of no type of a picture are left out."""
    small, large = shown(tmp_path, "a.png", png()), shown(tmp_path, "b.png", png() + bytes(5_000_000))
    outside = replace(shown(tmp_path, "c.png", png(43)), path="../c.png")
    markup = replace(shown(tmp_path, "d.png", b"<svg/>"), media_type="image/svg+xml")
    assert list(pictures_of([asked(small, large, outside, markup, small)], tmp_path)) == [small.sha256]
