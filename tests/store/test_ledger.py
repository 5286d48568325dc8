"""The ledger: it returns exactly what was recorded, and refuses damaged and foreign files."""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import StoreError
from evalharness.records import Response, Timing, Usage
from evalharness.redaction import Secret
from evalharness.store.ledger import Grant, Intent, Ledger, Settlement
from evalharness.store.recorded import Recorded, canonical, request_key

PRICE = 0.1
"""A number without an exact binary fraction: the sum of 37 of them is 3.7000000000000006."""


def a_row(number: int, text: str = "Yes.") -> Recorded:
    """A recorded response with its own request."""
    request = canonical({"model": {"name": "m"}, "wire": {"question": number, "blank": "\u00e9" * number}})
    response = Response(text, "stop", Usage(9, number, 3), Timing(0.5, 0.1, None, 40.5), "m-1", "fp")
    return Recorded(request_key(request), request, response, "2026-01-01T00:00:00+00:00")


def record(ledger: Ledger, row: Recorded, run: str = "r", attempt: str = "") -> None:
    """Record one response: an intent and its settlement."""
    attempt = attempt or f"{run}-{row.key[:12]}"
    assert ledger.commit(run, [Intent(attempt, row.key)]) == [("go", 0)]
    ledger.commit(run, [Settlement(attempt, "answered", 0.0, row)])


def intend(ledger: Ledger, key: str, run: str = "r", **more: Any) -> tuple[Grant, int]:
    """The grant for an intent of a new attempt."""
    attempt = f"{run}-{key}-{len(ledger.attempts(run))}"
    return ledger.commit(run, [Intent(attempt, key, **more)])[0]


def settle(ledger: Ledger, number: int, cost_usd: float, outcome: str = "answered", run: str = "r") -> None:
    """Settle the attempt with that number."""
    ledger.commit(run, [Settlement(ledger.attempts(run)[number][0], outcome, cost_usd)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a ledger."""
    return tmp_path / "cache" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """An empty ledger with a started run."""
    with closing(Ledger(path)) as ledger:
        ledger.begin("r", None)
        yield ledger


@pytest.fixture(scope="module")
def rows() -> dict[str, Recorded]:
    """Fifty responses, by key."""
    return {row.key: row for row in (a_row(number, f"Antwort {number}: \u00fc, \u2028.") for number in range(50))}


@pytest.fixture(scope="module")
def whole(rows: dict[str, Recorded], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a ledger with all rows."""
    path = tmp_path_factory.mktemp("whole") / "ledger.sqlite"
    with closing(Ledger(path)) as ledger:
        ledger.begin("r", 1.0)
        for row in rows.values():
            record(ledger, row)
    return path.read_bytes()


def test_round_trip(ledger: Ledger, path: Path, rows: dict[str, Recorded]) -> None:
    """Committed responses are found, also through another connection, and nothing else is."""
    for row in rows.values():
        record(ledger, row)
    with closing(Ledger(path)) as other:
        assert ledger.find([*rows, "0" * 64]) == other.find([*rows] * 20) == rows
        assert {row.key: row for row in other.all()} == rows


def test_sqlite_settings(ledger: Ledger, path: Path) -> None:
    """The ledger has a write-ahead log, synchronous commits, and the ids of its format."""
    wanted = {"journal_mode": "wal", "synchronous": 2, "user_version": 2, "application_id": 0x65766C67}
    found = {name: ledger._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}
    assert found == wanted
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_for_its_owner_alone(ledger: Ledger, path: Path) -> None:
    """Other users cannot read the file, its log, or its folder."""
    record(ledger, a_row(1))
    files = list(path.parent.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def changed(*statements: str) -> Callable[[Path], None]:
    """A function that creates a ledger and changes it with these statements."""

    def change(path: Path) -> None:
        Ledger(path).close()
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return change


def another(path: Path) -> None:
    """Create a SQLite file of another program."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
        connection.commit()


NEWER = "schema 3, this version reads 1 to 2: upgrade evalharness, or move the file away"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (changed("PRAGMA user_version = 3"), NEWER),
        (changed("PRAGMA user_version = 3", "DROP TABLE response"), NEWER),
        (changed("PRAGMA user_version = 0"), "not a ledger of evalharness"),
        (changed("PRAGMA application_id = 7"), "not a ledger of evalharness"),
        (another, "not a ledger of evalharness"),
        (lambda path: path.write_text("hello"), "file is not a database"),
        (lambda path: path.write_bytes(bytes(4096)), "file is not a database"),
        (lambda path: path.mkdir(), "Is a directory"),
    ],
)
def test_refused(path: Path, make: Callable[[Path], Any], message: str) -> None:
    """A newer file, a foreign one, and a file that is not a database are refused by name and not changed."""
    path.parent.mkdir()
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=message) as caught:
        Ledger(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert before is None or path.read_bytes() == before


def test_an_empty_file_becomes_one(path: Path) -> None:
    """An empty file becomes a ledger."""
    path.parent.mkdir()
    path.touch()
    with closing(Ledger(path)) as ledger:
        ledger.begin("r", None)
        record(ledger, a_row(1))
        assert len(list(ledger.all())) == 1


def served(path: Path, rows: dict[str, Recorded]) -> str:
    """The result for a damaged file: refused by name, or read as written. For other results, the error."""
    try:
        with closing(Ledger(path)) as ledger:
            found, every = ledger.find(rows), {row.key: row for row in ledger.all()}
    except StoreError as error:
        return "refused" if str(path) in str(error) else f"refused without its name: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:70]
    return "whole" if found == every == rows else "served something else"


def test_single_bits(tmp_path: Path, whole: bytes, rows: dict[str, Recorded]) -> None:
    """With any bit flipped, the file is refused by name, or all its rows are read as written."""
    numbers, ends = random.Random(5), Counter[str]()
    for number in range(400):
        data, bit = bytearray(whole), numbers.randrange(len(whole) * 8)
        data[bit // 8] ^= 1 << bit % 8
        (tmp_path / f"{number}.sqlite").write_bytes(data)
        ends[served(tmp_path / f"{number}.sqlite", rows)] += 1
    assert ends.keys() == {"refused", "whole"}, ends
    assert min(ends.values()) > 50  # both results occur often enough to be tested


def test_cut_off(tmp_path: Path, whole: bytes, rows: dict[str, Recorded]) -> None:
    """A file that is cut off at any byte is refused by name."""
    numbers = random.Random(6)
    lengths = {
        16,
        99,
        100,
        4096,
        len(whole) - 1,
        len(whole) - 4096,
        *(numbers.randrange(2, len(whole)) for _ in range(120)),
    }
    ends = Counter[str]()
    for length in lengths:
        (tmp_path / f"{length}.sqlite").write_bytes(whole[:length])
        ends[served(tmp_path / f"{length}.sqlite", rows)] += 1
    assert ends == {"refused": len(lengths)}


@pytest.mark.parametrize("old", [b"CREATE TABLE response", b"CREATE INDEX", b"tableresponseresponse"])
def test_a_damaged_schema(path: Path, whole: bytes, rows: dict[str, Recorded], old: bytes) -> None:
    """Damage in the schema that SQLite quotes as invalid UTF-8 is refused by name too."""
    path.parent.mkdir()
    path.write_bytes(whole.replace(old, old[:-2] + b"\xa8" + old[-1:], 1))
    assert served(path, rows) == "refused"


def test_bits_of_the_log(ledger: Ledger, path: Path, tmp_path: Path, rows: dict[str, Recorded]) -> None:
    """A flipped bit in the log of a killed run may lose responses, but never changes one."""
    for row in list(rows.values())[:10]:
        record(ledger, row)
    files = {end: Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}
    numbers, counts = random.Random(7), Counter[int]()
    for number in range(60):
        log, bit = bytearray(files["-wal"]), numbers.randrange(len(files["-wal"]) * 8)
        log[bit // 8] ^= 1 << bit % 8
        for end, data in {"": files[""], "-wal": log}.items():
            (tmp_path / f"{number}{end}").write_bytes(data)
        with closing(Ledger(tmp_path / str(number))) as damaged:
            found = {row.key: row for row in damaged.all()}
        assert found.items() <= {**rows}.items()
        counts[len(found)] += 1
    assert len(counts) > 3


@pytest.mark.parametrize(
    "change",
    [
        "response = replace(response, 'Yes.', 'No..')",
        "request = replace(request, '1', '2')",
        "recorded_at = '2027-01-01T00:00:00+00:00'",
        "key = replace(key, 'a', 'b')",
        "checksum = x'00'",
        "response = '{}'",
        "response = x'00ff'",
        "response = cast(x'c328' AS TEXT)",
        "request = cast(x'c328' AS TEXT)",
    ],
)
def test_a_changed_row(ledger: Ledger, path: Path, change: str) -> None:
    """A row that differs from what was written is refused, and the message has the path."""
    record(ledger, a_row(1))
    changed(f"UPDATE response SET {change}")(path)
    with pytest.raises(StoreError, match="damaged") as caught:
        list(ledger.all())
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("table", ["response", "attempt", "run"])
def test_a_missing_table(ledger: Ledger, path: Path, table: str) -> None:
    """An open ledger that loses a table raises an error."""
    changed(f"DROP TABLE {table}")(path)
    with pytest.raises(StoreError, match="no such table"):
        record(ledger, a_row(1))


def together(number: int, work: Callable[..., None], folder: Path) -> list[Any]:
    """The results of `number` processes that start at the same moment."""
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(number), spawn.Queue()
    processes = [spawn.Process(target=work, args=(folder, n, barrier, results), daemon=True) for n in range(number)]
    for process in processes:
        process.start()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return found


def commit_fifty(folder: Path, process: int, barrier: Any, results: Any) -> None:
    """Open the same new file as the other processes, and commit fifty responses."""
    barrier.wait(60)
    try:
        with closing(Ledger(folder / "ledger.sqlite")) as ledger:
            ledger.begin("r", None)
            for number in range(50):
                record(ledger, a_row(1000 * process + number), attempt=f"{process}-{number}")
        results.put("ok")
    except Exception as error:
        results.put(f"{type(error).__name__}: {error}")


def open_sixty(folder: Path, process: int, barrier: Any, results: Any) -> None:
    """Open many new files, each at the same moment as the other processes."""
    errors = []
    for number in range(60):
        barrier.wait(60)
        try:
            Ledger(folder / f"{number}.sqlite").close()
        except StoreError as error:
            errors.append(str(error))
    results.put(errors)


def test_four_processes(tmp_path: Path) -> None:
    """Processes that write to the same new file lose nothing."""
    assert together(4, commit_fifty, tmp_path) == ["ok"] * 4
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        assert {row.key for row in ledger.all()} == {a_row(1000 * p + n).key for p in range(4) for n in range(50)}
        assert Counter(outcome for _, _, outcome, _ in ledger.attempts("r")) == {"answered": 200}


def test_several_processes_create_the_file(tmp_path: Path) -> None:
    """Processes that create the same file together all get a ledger (xdist starts its workers together)."""
    assert together(3, open_sixty, tmp_path) == [[], [], []]


def test_single_flight(ledger: Ledger) -> None:
    """An intent is granted, or in flight in the same run, or recorded; `ignore_recorded` grants a recorded one."""
    row = a_row(1)
    assert intend(ledger, row.key) == ("go", 0)
    assert intend(ledger, row.key) == ("in flight", 0)
    assert intend(ledger, row.key, ignore_recorded=True) == ("in flight", 0)
    assert intend(ledger, "other") == ("go", 0)
    ledger.commit("r", [Settlement(ledger.attempts("r")[0][0], "answered", 0.0, row)])
    assert intend(ledger, row.key) == ("recorded", 0)
    assert intend(ledger, row.key, ignore_recorded=True) == ("go", 0)
    assert ledger.in_flight("r") == 2


def test_a_failed_attempt_can_be_repeated(ledger: Ledger) -> None:
    """After an error the same request is granted again."""
    assert intend(ledger, "k") == ("go", 0)
    settle(ledger, 0, 0.0, "server")
    assert intend(ledger, "k") == ("go", 0)
    assert [outcome for _, _, outcome, _ in ledger.attempts("r")] == ["server", None]


def test_attempts_of_a_killed_run(ledger: Ledger) -> None:
    """Unsettled attempts of another run are counted and marked as lost, once; those of other requests stay."""
    ledger.begin("next", None)
    for key in ("k", "other"):
        intend(ledger, key)
    assert intend(ledger, "k", run="next") == ("go", 1)
    assert intend(ledger, "k", run="next") == ("in flight", 0)
    assert [outcome for _, _, outcome, _ in ledger.attempts("r")] == ["lost", None]
    settle(ledger, 0, 0.0, "server", run="next")
    assert intend(ledger, "k", run="next") == ("go", 0)


@pytest.mark.parametrize("settled", [None, PRICE], ids=["in flight", "settled"])
def test_a_budget_holds_exactly(ledger: Ledger, settled: float | None) -> None:
    """A budget of 37 times a price allows 37 requests, despite rounding, and never 38."""
    ledger.begin("b", 37 * PRICE)
    answers = Counter[str]()
    for number in range(60):
        answer, _ = intend(ledger, f"k{number}", run="b", reserved_usd=PRICE)
        answers[answer] += 1
        if answer == "go" and settled is not None:
            settle(ledger, number, settled, run="b")
    assert answers == {"go": 37, "over budget": 23}


@pytest.mark.parametrize(("cost", "more"), [(0.0, 10), (0.25, 9), (0.5, 9), (1.0, 9), (1.5, 8), (9.5, 0), (12.0, 0)])
def test_actual_cost(ledger: Ledger, cost: float, more: int) -> None:
    """An unused part of a reservation is returned to the budget; a higher cost is taken from it."""
    ledger.begin("b", 10.0)
    intend(ledger, "first", run="b", reserved_usd=1.0)
    settle(ledger, 0, cost, run="b")
    answers = [intend(ledger, f"k{number}", run="b", reserved_usd=1.0)[0] for number in range(20)]
    assert answers == ["go"] * more + ["over budget"] * (20 - more)


def test_a_budget_is_shared(ledger: Ledger) -> None:
    """Two processes of a run share its budget."""
    for _ in range(2):
        ledger.begin("b", 1.0)
        intend(ledger, f"k{len(ledger.attempts('b'))}", run="b", reserved_usd=0.5)
    assert intend(ledger, "k3", run="b", reserved_usd=0.5) == ("over budget", 2)
    assert intend(ledger, "k3", reserved_usd=0.5) == ("go", 0)


def failing(rows: Sequence[Recorded]) -> Iterator[Recorded]:
    """Yield some rows, then raise an error."""
    yield from rows
    raise OSError("the medium was pulled out")


def test_all_or_nothing(ledger: Ledger) -> None:
    """A failed transaction records nothing, and the next one works."""
    with pytest.raises(StoreError, match="pulled out"):
        ledger.keep(failing([a_row(number) for number in range(3)]))
    assert list(ledger.all()) == []
    with pytest.raises(StoreError):
        ledger.commit("r", [Intent("twice", "k"), Intent("twice", "l")])
    assert ledger.attempts("r") == []
    record(ledger, a_row(1))


def test_keeping_and_replacing(ledger: Ledger) -> None:
    """A response from another source replaces a recorded one only with `replace`."""
    ours, theirs = a_row(1, "Ours."), a_row(1, "Theirs.")
    for row, replace, wanted in ((ours, False, ours), (theirs, False, ours), (theirs, True, theirs)):
        ledger.keep([row], replace=replace)
        assert ledger.find([row.key]) == {row.key: wanted}


def test_a_full_disk(ledger: Ledger) -> None:
    """The error on a full disk has that reason, and does not call the file damaged."""
    ledger._connection.execute("PRAGMA max_page_count = 12")
    with pytest.raises(StoreError, match="full") as caught:
        ledger.keep([a_row(number, "x" * 3000) for number in range(40)])
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("folder", ["locked", "file", "/proc/evalharness"])
def test_folder_without_write_access(tmp_path: Path, folder: str) -> None:
    """A folder that is not writable is an error with the path."""
    (tmp_path / "locked").mkdir(mode=0o500)
    (tmp_path / "file").touch()
    if folder == "locked" and os.geteuid() == 0:
        pytest.skip("root may write there")
    with pytest.raises(StoreError, match=f"{folder}/ledger.sqlite: cannot be written"):
        Ledger(tmp_path / folder / "ledger.sqlite")


def test_keys_stay_out(ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a request or a response is redacted in the file and its log."""
    monkeypatch.setenv("LEDGER_KEY", "sk-ledger-0123456789")
    key = Secret("LEDGER_KEY").reveal()
    request = canonical({"wire": f"my key is {key}"})
    record(ledger, Recorded(request_key(request), request, a_row(1, f"It is {key}!").response, "2026-01-01"))
    (row,) = ledger.all()
    assert (row.response.text, row.request) == ("It is [LEDGER_KEY]!", '{"wire":"my key is [LEDGER_KEY]"}')
    assert not [file for file in path.parent.iterdir() if key.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    ("value", "text"), [("nine-lives", "\nine-lives"), ("u00e9-clair", "\u00e9-clair"), ("e8-claire", "\u00e8-claire")]
)
def test_keys_that_look_like_an_escape(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, value: str, text: str) -> None:
    """Redacting a key leaves valid JSON, even if the key overlaps a JSON escape."""
    monkeypatch.setenv("ODD_KEY", value)
    Secret("ODD_KEY")
    record(ledger, a_row(1, text))
    assert len(list(ledger.all())) == 1


def test_closed(path: Path) -> None:
    """A closed ledger has one file, and using it raises an error."""
    ledger = Ledger(path)
    ledger.close()
    assert [file.name for file in path.parent.iterdir()] == ["ledger.sqlite"]
    with pytest.raises(StoreError):
        ledger.find(["k"])
