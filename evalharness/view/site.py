"""What each address of `evalharness view` shows. Addresses are looked up in the list of runs; none is a path."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalharness.errors import EvalHarnessError
from evalharness.redaction import scrubbed
from evalharness.report import Outcome
from evalharness.store.files import LONE_SURROGATES
from evalharness.store.runs import record_in
from evalharness.view.listing import ListedRun, RunFolder, listed, listed_below, run_folders
from evalharness.view.pages import index_data, index_page, policy_of, problem_page, run_page

_RUN = re.compile(r"/run/([0-9a-f]{16})/(state)?")
_SHORTEST_WAIT_MS, _REST = 2_000, 5
"""Between two questions of a page: at least two seconds, and five times as long as its last rendering took."""
HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server sends."""

    status: int
    body: bytes = b""
    kind: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


class Site:
    """The runs below `reports`, and one elsewhere if it is given. `decide` decides a record again."""

    def __init__(self, reports: Path, decide: Callable[[Path], Outcome], given: RunFolder | None = None) -> None:
        self._reports, self._decide, self._given = reports, decide, given
        self._wait_ms = _SHORTEST_WAIT_MS

    def reply(self, address: str, known: str = "") -> Reply:
        """The reply to a GET of an address; 304 if the client knows its tag."""
        if address in ("/", "/state"):
            return self._index(known, data_only=address == "/state")
        found = _RUN.fullmatch(address)
        folder = self._folder(found[1]) if found else None
        if found is None or folder is None:
            return Reply(404, b"not found: open the index page, which lists all runs\n")
        return self._state(folder, known) if found[2] else self._page(folder)

    def _folder(self, key: str) -> RunFolder | None:
        return next((one for one in self._folders() if one.key == key), None)

    def _folders(self) -> list[RunFolder]:
        return [*([self._given] if self._given else []), *run_folders(self._reports)]

    def _index(self, known: str, *, data_only: bool) -> Reply:
        rows = [*([listed(self._given)] if self._given else []), *listed_below(self._reports)]
        tag = hashlib.sha256(repr(rows).encode("utf-8", "backslashreplace")).hexdigest()[:16]
        data = index_data(rows, tag, _SHORTEST_WAIT_MS)
        if not data_only:
            return _html(index_page(data))
        return _tagged(data, tag, known)

    def _state(self, folder: RunFolder, known: str) -> Reply:
        tag = folder.tag
        return Reply(304, headers=_etag(tag)) if known == tag else _tagged(self._state_of(listed(folder), tag), tag)

    def _state_of(self, row: ListedRun, tag: str) -> dict[str, Any]:
        state = {"status": row.status, "answered": row.answered, "planned": row.planned}
        return {**state, "tag": tag, "wait_ms": self._wait_ms}

    def _page(self, folder: RunFolder) -> Reply:
        """The tag is read before the record: a line in between gives the page an old tag, and it reloads."""
        tag, row, started = folder.tag, listed(folder), time.monotonic()
        state = self._state_of(row, tag)
        if folder.problem:
            return _html(problem_page(row, folder.problem, state))
        try:
            page = run_page(self._decide(record_in(folder.path)), row, state)
        except EvalHarnessError as error:
            return _html(problem_page(row, str(error), state))
        self._wait_ms = max(_SHORTEST_WAIT_MS, round(_REST * 1_000 * (time.monotonic() - started)))
        return _html(page)


def _html(page: bytes) -> Reply:
    return Reply(200, page, HTML, {"Content-Security-Policy": policy_of(page)})


def _etag(tag: str) -> dict[str, str]:
    return {"ETag": f'"{tag}"'}


def _tagged(data: dict[str, Any], tag: str, known: str = "") -> Reply:
    """The data, or 304 if the client knows the tag."""
    if known == tag:
        return Reply(304, headers=_etag(tag))
    return Reply(200, json.dumps(scrubbed(data), ensure_ascii=False).encode("utf-8", LONE_SURROGATES), JSON, _etag(tag))
