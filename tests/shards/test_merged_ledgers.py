"""`evalharness merge --ledger`: one ledger replays what the machines of all shards have asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import permutations
from pathlib import Path

import pytest
from repository import Repository
from shard_project import CASES, ShardProject

from evalharness.errors import StoreError
from evalharness.records import Response, Timing, Usage
from evalharness.store.imported import Origin
from evalharness.store.ledger import Intent, Ledger, Settlement
from evalharness.store.ledger_merge import merge_ledgers
from evalharness.store.recorded import Recorded, canonical, request_key
from evalharness.testing.fault_server import FaultServer


def a_row(number: int, text: str = "Yes.", day: int = 1, origin: Origin | None = None) -> Recorded:
    """A response to the request with this number."""
    request = canonical({"wire": {"question": number}})
    response = Response(text, "stop", Usage(9, 3), Timing(0.5))
    return Recorded(request_key(request), request, response, f"2026-01-{day:02}T00:00:00+00:00", origin)


def a_ledger(path: Path, rows: Sequence[Recorded]) -> Path:
    """A ledger with these responses, each settled by an attempt of its own run."""
    with closing(Ledger(path)) as ledger:
        ledger.begin(path.stem, 1.0)
        for row in rows:
            attempt = f"{path.stem}-{row.key}"
            if row.origin:
                ledger.keep([row])
                continue
            ledger.commit(path.stem, [Intent(attempt, row.key, 0.1)])
            ledger.commit(path.stem, [Settlement(attempt, "answered", 0.1, row)])
    return path


def answers(path: Path) -> dict[str, str]:
    """The text of each response, by key."""
    with closing(Ledger(path)) as ledger:
        return {row.key: row.response.text for row in ledger.all()}


def test_any_order(tmp_path: Path) -> None:
    """Each answer is there once; of two answers to a request the later counts, in any order of the ledgers."""
    ledgers = [
        a_ledger(tmp_path / "a.sqlite", [a_row(1), a_row(2, "earlier", day=1)]),
        a_ledger(tmp_path / "b.sqlite", [a_row(2, "later", day=2), a_row(3, "one")]),
        a_ledger(tmp_path / "c.sqlite", [a_row(2, "between", day=1), a_row(3, "another")]),
    ]
    results = []
    for number, order in enumerate(permutations(ledgers)):
        into = tmp_path / f"into-{number}/ledger.sqlite"
        found = merge_ledgers(into, order)
        assert (found.before, found.after) == (0, 3)
        results.append(answers(into))
    assert all(result == results[0] for result in results)
    assert results[0][a_row(2).key] == "later"


def test_again(tmp_path: Path) -> None:
    """A merge that is repeated changes nothing, and keeps what this machine had."""
    into = a_ledger(tmp_path / "into.sqlite", [a_row(1, "mine", day=3), a_row(9)])
    other = a_ledger(tmp_path / "a.sqlite", [a_row(1, "theirs", day=2), a_row(2)])
    assert merge_ledgers(into, [other]).after == 3
    before = answers(into)
    assert merge_ledgers(into, [other, other]).before == 3
    assert answers(into) == before
    assert before[a_row(1).key] == "mine"


def test_attempts(tmp_path: Path) -> None:
    """Attempts and their costs come along; one that was lost on its machine counts as an earlier attempt."""
    other = a_ledger(tmp_path / "a.sqlite", [a_row(1)])
    with closing(Ledger(other)) as ledger:
        ledger.commit("a", [Intent("lost", a_row(7).key, 0.2)])
    into = tmp_path / "into.sqlite"
    merge_ledgers(into, [other])
    with closing(Ledger(into)) as ledger:
        assert [row[2:] for row in ledger.attempts("a")] == [("answered", 0.1), (None, None)]
        ledger.begin("next", None)
        assert ledger.commit("next", [Intent("again", a_row(7).key)]) == [("go", 1)]
        assert ledger.commit("next", [Intent("replayed", a_row(1).key)]) == [("recorded", 0)]


def test_imported(tmp_path: Path) -> None:
    """Imported responses stay apart, with their origin."""
    origin = Origin("golden/recordings/demo.jsonl", "0" * 64)
    into = tmp_path / "into.sqlite"
    merge_ledgers(into, [a_ledger(tmp_path / "a.sqlite", [a_row(1, origin=origin), a_row(2)])])
    with closing(Ledger(into)) as ledger:
        assert {row.origin for row in ledger.all()} == {origin, None}
    with closing(Ledger(into, counts=lambda _: False)) as ledger:
        assert [row.key for row in ledger.all()] == [a_row(2).key]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE response SET response = '{}'", "damaged"),
        ("UPDATE response SET recorded_at = '2999-01-01T00:00:00+00:00'", "checksum mismatch in row"),
        ("PRAGMA user_version = 99", "schema 99, this version reads 1 to"),
        ("PRAGMA application_id = 1", "not a ledger of evalharness"),
        ("DROP TABLE attempt", "damaged"),
    ],
)
def test_damaged(tmp_path: Path, statement: str, message: str) -> None:
    """A damaged ledger is refused as a whole: those before it are merged, and nothing of it."""
    good, bad = (a_ledger(tmp_path / f"{name}.sqlite", [a_row(n)]) for n, name in enumerate(("good", "bad")))
    with closing(sqlite3.connect(bad, isolation_level=None)) as connection:
        connection.execute(statement)
    with pytest.raises(StoreError, match=message):
        merge_ledgers(tmp_path / "into.sqlite", [good, bad])
    assert list(answers(tmp_path / "into.sqlite")) == [a_row(0).key]


def test_no_ledger(tmp_path: Path) -> None:
    """A missing file is not created, another file is refused, and a ledger is not merged into itself."""
    (tmp_path / "text.sqlite").write_text("no ledger")
    own = a_ledger(tmp_path / "own.sqlite", [])
    for path, message in (("lost", "no ledger found"), ("text", "damaged"), ("own", "leave it out")):
        with pytest.raises(StoreError, match=message):
            merge_ledgers(own, [tmp_path / f"{path}.sqlite"])
    assert not (tmp_path / "lost.sqlite").exists()


def test_nothing_is_asked_again(project: ShardProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three machines ask an endpoint for their shards; with the merged ledger, a whole run asks nothing."""
    with FaultServer() as server:
        project.configure(remote={"provider": "openai", "base_url": server.url, "model": "m"})
        for number in (1, 2, 3):
            monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / f"machine-{number}"))
            words = ("--model=remote", "--shard", f"{number}/3", "--report", f"shards/{number}")
            assert project.command("run", "demo", *words).exit_code == 0
        asked = len(server.log)
        assert asked == len(CASES)
        monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / "here"))
        ledgers = [f"--ledger={project.root}/machine-{number}/evalharness/ledger.sqlite" for number in (1, 2, 3)]
        done = project.command("merge", *ledgers)
        assert (done.exit_code, f"{asked} answers, {asked} of them new" in done.output) == (0, True), done.output
        project.command("run", "demo", "--model=remote", "--settle=1")
        assert len(server.log) == asked


def test_committed_ledger(project: ShardProject) -> None:
    """A ledger that the commit brings is refused: its author would choose the answers."""
    ledger = a_ledger(project.root / "brought.sqlite", [a_row(1)])
    repository = Repository(project.root)
    project.write(".gitignore", ".cache/\nreports/\n")
    repository.commit()
    done = project.command("merge", f"--ledger={ledger}")
    assert (done.exit_code, "the commit that is checked out brings this file" in done.output) == (1, True), done.output


def test_no_arguments(project: ShardProject) -> None:
    """Without a record and a ledger, the command names both."""
    done = project.command("merge")
    assert (done.exit_code, "PATH: expected records of shards, or --ledger" in done.output) == (2, True), done.output
