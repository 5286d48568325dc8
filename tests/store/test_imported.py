"""Imported responses in the ledger: apart from those of the endpoint, and in CI only from this checkout."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from repository import Repository

from evalharness.errors import StoreError
from evalharness.records import Response, Timing, Usage
from evalharness.store.imported import Origin, origin_of
from evalharness.store.job_ledger import LEDGER, open_ledger
from evalharness.store.ledger import Intent, Ledger, Settlement
from evalharness.store.recorded import Recorded, canonical, request_key
from evalharness.testing.ci import leave_ci

REQUEST = canonical({"wire": {"question": "Can I return it?"}})
KEY = request_key(REQUEST)


def a_row(text: str, origin: Origin | None = None) -> Recorded:
    """A response to the one request, imported from a recording unless there is no origin."""
    response = Response(text, "stop", Usage(9, 3), Timing(0.5))
    return Recorded(KEY, REQUEST, response, "2026-01-01T00:00:00+00:00", origin)


class Runner:
    """A machine with a cache, and the checkout of the job that it runs."""

    def __init__(self, root: Path) -> None:
        self.cache, self.checkout = root / "cache", root / "checkout"
        self.recording = self.checkout / "golden/recordings/demo.jsonl"
        self.recording.parent.mkdir(parents=True)

    def ledger(self) -> closing[Ledger]:
        """The ledger of this job."""
        return closing(open_ledger(self.cache, self.checkout))

    def import_(self, text: str, *, replace: bool = False) -> Origin:
        """Import a response from a recording with that content."""
        self.recording.write_text(text)
        origin = origin_of(self.recording, self.checkout)
        with self.ledger() as ledger:
            ledger.keep([a_row(text, origin)], replace=replace)
        return origin

    def answer(self, text: str) -> None:
        """Record a response of the endpoint."""
        with self.ledger() as ledger:
            ledger.begin("r", None)
            ledger.commit("r", [Intent("1", KEY, ignore_recorded=True)])
            ledger.commit("r", [Settlement("1", "answered", 0.0, a_row(text))])

    def found(self) -> str:
        """The text of the response that a run replays; empty for none."""
        with self.ledger() as ledger:
            found = ledger.find([KEY])
            assert len(found) <= ledger.count() == len(list(ledger.all()))
        return found[KEY].response.text if found else ""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A runner in CI with an empty cache."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("CI", "true")
    return Runner(tmp_path)


def test_only_of_this_checkout(runner: Runner) -> None:
    """A job finds what it imported itself; a later job with another recording, or without one, does not find it."""
    runner.import_("forged")
    assert runner.found() == "forged"
    runner.recording.write_text("another branch")
    assert runner.found() == ""
    runner.recording.unlink()
    assert runner.found() == ""


def test_outside_of_ci(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine, an imported response stays when its file is gone."""
    runner.import_("imported")
    runner.recording.unlink()
    monkeypatch.delenv("CI")
    assert runner.found() == "imported"


def test_the_endpoint_comes_first(runner: Runner) -> None:
    """A response of the endpoint is found before an imported one, and does not depend on a recording."""
    runner.import_("imported")
    runner.answer("answered")
    assert runner.found() == "answered"
    runner.recording.unlink()
    assert runner.found() == "answered"


def test_replace(runner: Runner) -> None:
    """`replace` puts the imported response in the place of the endpoint's."""
    runner.answer("answered")
    runner.import_("imported")
    assert runner.found() == "answered"
    runner.import_("imported", replace=True)
    assert runner.found() == "imported"


def test_two_branches(runner: Runner) -> None:
    """The recordings of two branches do not get in each other's way, in any order of their jobs."""
    for text in ("one", "two", "one"):
        runner.import_(text)
        assert runner.found() == text


def test_the_latest_import_counts(runner: Runner) -> None:
    """Of two recordings of one checkout, the one that was imported last counts."""
    runner.import_("first")
    other = runner.recording.with_name("other.jsonl")
    other.write_text("x")
    with runner.ledger() as ledger:
        ledger.keep([a_row("second", origin_of(other, runner.checkout))])
    assert runner.found() == "second"


@pytest.mark.parametrize("where", ["the cache", "a link to it", "a link above it", "a submodule"])
def test_a_cache_in_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A cache that a commit brings into the checkout is refused, in CI and on a developer's machine."""
    leave_ci(monkeypatch)
    checkout = Repository(tmp_path / "checkout")
    held = {"a link to it": "data", "a link above it": "data/evalharness"}.get(where, ".cache/evalharness")
    with closing(open_ledger(checkout.root / held, checkout.root)) as ledger:
        ledger.keep([a_row("forged")])
    if where == "a link to it":
        (checkout.root / ".cache").mkdir()
        (checkout.root / ".cache/evalharness").symlink_to("../data")
    elif where == "a link above it":
        (checkout.root / ".cache").symlink_to("data")
    elif where == "a submodule":
        Repository(checkout.root / ".cache").commit()
    checkout.commit()
    with pytest.raises(StoreError, match=r"the cache .* is in the commit that is checked out"):
        open_ledger(checkout.root / ".cache/evalharness", checkout.root)


def test_a_cache_below_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that git ignores may be in the checkout, as on GitLab."""
    leave_ci(monkeypatch)
    checkout = Repository(tmp_path / "checkout")
    checkout.write(".gitignore", ".cache/\n")
    checkout.write("shop/.cachet/evalharness", "another folder")
    checkout.commit()
    for _ in range(2):
        with closing(open_ledger(checkout.root / ".cache/evalharness", checkout.root / "shop")) as ledger:
            ledger.keep([a_row("answered")])
        checkout.commit()


def test_the_origin_has_a_checksum(runner: Runner) -> None:
    """A row whose origin was edited is refused as damaged."""
    runner.import_("forged")
    honest = runner.recording.with_name("honest.jsonl")
    honest.write_text("honest")
    with closing(sqlite3.connect(runner.cache / LEDGER)) as connection, connection:
        connection.execute("UPDATE imported SET file = ?, digest = ?", origin_of(honest, runner.checkout))
    with runner.ledger() as ledger, pytest.raises(StoreError, match="checksum mismatch"):
        ledger.find([KEY])


def test_origin(runner: Runner, tmp_path: Path) -> None:
    """A file of the project has a path relative to its root, another one its absolute path; a link out is refused."""
    outside = tmp_path / "outside.jsonl"
    outside.write_text("x")
    link = runner.recording.with_name("link.jsonl")
    link.symlink_to(outside)
    runner.recording.write_text("x")
    assert origin_of(runner.recording, runner.checkout).file == "golden/recordings/demo.jsonl"
    assert origin_of(outside, runner.checkout).file == str(outside.resolve())
    with pytest.raises(StoreError, match="a symbolic link that leads out of the project"):
        origin_of(link, runner.checkout)
    with pytest.raises(StoreError, match="cannot be read"):
        origin_of(tmp_path / "missing.jsonl", runner.checkout)
