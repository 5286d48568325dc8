"""Large suites: files are read in parts, and cases and golden answers stay on disk."""

from __future__ import annotations

import errno
import io
import json
import tempfile
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import StoreError, SuiteError
from evalharness.records import IdIndex, id_index
from evalharness.suites import large_files, stored_cases
from evalharness.suites.spool import Spool
from evalharness.suites.stored_cases import StoredCases, by_id, ids_of, with_all_checks

Make = Callable[..., Any]
SUITE = """\
schema: 1
models: [fake]
prompts: {ask: [{user: "{{ q }}"}]}
metrics: [exact]
assert: [{not_contains: "As an AI"}]
cases: cases.jsonl
gates: [{metric: exact, tag: even}]
"""
NUMBER = 9


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every file as a large one, in parts of two lines, and every suite as one of many cases."""
    monkeypatch.setattr(large_files, "LARGE_BYTES", 0)
    monkeypatch.setattr(large_files, "_PART", 2)
    monkeypatch.setattr(stored_cases, "IN_MEMORY", 0)
    monkeypatch.setattr(id_index, "MOST_IN_DICT", 0)


def case(number: int) -> dict[str, Any]:
    """A case with a number, a tag, a cluster, assertions or a conversation, by its number."""
    made: dict[str, Any] = {"id": f"c{number}", "vars": {"q": "\u2028é" * number, "n": 1.5, "list": [1, None, "1"]}}
    more: list[dict[str, Any]] = [
        {"tags": ["even", "x"]},
        {"cluster": "doc"},
        {"assert": [{"contains": f"word {number}"}]},
        {"messages": [{"user": "Hi."}, {"assistant": "Hello."}], "tags": ["even"]},
        {},
    ]
    return made | more[number % len(more)]


def lines(values: Iterable[Any]) -> str:
    """The lines of a JSONL file, with an empty one between them."""
    return "\n\n".join(map(json.dumps, values)) + "\n"


def files(cases: Iterable[dict[str, Any]] | str, golden: Iterable[dict[str, Any]] | str = ()) -> dict[str, Any]:
    """The files of a suite with these cases and golden answers."""
    cases = cases if isinstance(cases, str) else lines(cases)
    golden = golden if isinstance(golden, str) else lines(golden)
    return {"suites/s.yaml": SUITE, "suites/cases.jsonl": cases, "golden/s.jsonl": golden}


ROWS = [case(number) for number in range(NUMBER)]
GOLDEN = [{"id": row["id"], "golden": ["Yes.", row["id"]]} for row in reversed(ROWS) if row["id"] != "c4"]


def test_a_large_suite_is_the_same(project: Make, request: pytest.FixtureRequest) -> None:
    """Cases on disk equal those in memory: fields, places, digests, order, and the object of the suite's assertions."""
    made = project(golden=None, files=files(ROWS, GOLDEN))
    held = made.load()
    request.getfixturevalue("small_parts")
    stored = made.load()

    assert (type(held.cases), type(stored.cases)) == (tuple, StoredCases)
    assert tuple(stored.cases) == held.cases == tuple(stored.cases[place] for place in range(NUMBER))
    assert stored.cases[2:5] == held.cases[2:5]
    assert list(reversed(stored.cases)) == list(reversed(held.cases))
    assert ids_of(stored.cases) == ids_of(held.cases)
    assert dict(by_id(stored.cases)) == by_id(held.cases)
    assert {one.where.line for one in stored.cases} == {1 + 2 * number for number in range(NUMBER)}
    assert len({id(one.checks) for one in stored.cases if one.id in ("c0", "c1", "c3")}) == 1
    assert (stored.gates, stored.metrics) == (held.gates, held.metrics)
    assert "z" not in by_id(stored.cases)
    with pytest.raises(KeyError):
        by_id(stored.cases)["z"]


_PLAIN = st.none() | st.booleans() | st.integers(-(10**24), 10**24) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _PLAIN | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.lists(_VALUES, max_size=4))
def test_values_on_disk_are_the_same(values: list[Any]) -> None:
    """Every number and text comes back from the disk as it was, one by one and in order."""
    spool = Spool(values)
    assert repr([*spool]) == repr([spool[place] for place in range(len(spool))]) == repr(values)


def test_few_cases_of_a_large_file_are_held(project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases that turn out to be few are in memory, whatever the size of their file."""
    made = project(golden=None, files=files(ROWS, GOLDEN))
    held = made.load().cases
    monkeypatch.setattr(large_files, "LARGE_BYTES", 0)
    assert made.load().cases == held
    assert type(held) is tuple


@pytest.mark.usefixtures("small_parts")
def test_loading_reads_no_case_back(project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case is checked on its way to the disk: reading the files or the cases once more takes longer than a check."""
    made = project(golden=None, files=files([case(number) for number in (0, 1, 2)], GOLDEN[-3:]))
    for name in ("__getitem__", "__iter__"):
        monkeypatch.setattr(StoredCases, name, None)
    read, lines_of = list[str](), large_files.lines_of
    monkeypatch.setattr(large_files, "lines_of", lambda path, *rest: read.append(path.name) or lines_of(path, *rest))
    assert len(made.load().cases) == 3
    assert sorted(read) == ["cases.jsonl", "s.jsonl"]


@pytest.mark.usefixtures("small_parts")
def test_the_cases_that_have_all_assertions(project: Make) -> None:
    """One case tells the assertions of a large suite whose cases have none of their own."""
    without = [row for row in ROWS if "assert" not in row]
    plain, mixed = (
        project(golden=None, files=files(rows, [{"id": "c0", "golden": "Yes."}])).load() for rows in (without, ROWS)
    )
    assert [one.id for one in with_all_checks(plain.cases)] == ["c0"]
    assert with_all_checks(mixed.cases) is mixed.cases
    assert with_all_checks(tuple(plain.cases)) == tuple(plain.cases)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            files([*ROWS, case(3)], GOLDEN),
            "suites/cases.jsonl:19:1: duplicate id 'c3': first used at suites/cases.jsonl:7:1",
        ),
        (
            files([*ROWS[:5], {"id": "gate", "vars": {"q": "?"}}], GOLDEN[4:]),
            "cases.jsonl:11:1: the id 'gate' is reserved",
        ),
        (files([*ROWS, {"id": "a b", "vars": {}}], GOLDEN), "suites/cases.jsonl:19:1: id: 'a b' may contain only"),
        (
            files([*ROWS, {"vars": {"q": "?"}}], GOLDEN),
            "suites/cases.jsonl:19:1: 'id' is missing in 1 of 2 rows of this part",
        ),
        (files(lines(ROWS) + "{", GOLDEN), "suites/cases.jsonl:18:2: invalid JSON"),
        (files(lines(ROWS) + "\ufeff{}", GOLDEN), "cases.jsonl:18:1: invalid JSON: Unexpected UTF-8 BOM"),
        (files([*ROWS, {"id": "z", "vars": {}}], GOLDEN), "suites/s.yaml:3:18: 'q' is undefined"),
        (files("", ()), "the suite has no cases"),
        (files(ROWS, [*GOLDEN, GOLDEN[0]]), "golden/s.jsonl:17:1: duplicate entry for 'c8'"),
        (
            files(ROWS, [*GOLDEN, {"id": "c22", "golden": "x"}]),
            "golden/s.jsonl:17:1: no case 'c22' in the suite; did you",
        ),
        (files(ROWS, [*GOLDEN, {"id": "c4", "golden": [" "]}]), "golden/s.jsonl:17:1: empty golden answer for 'c4'"),
        (files(ROWS, [*GOLDEN, {"id": "c4"}]), "golden/s.jsonl:17:1: 'golden' is missing"),
        (files(ROWS, lines(GOLDEN) + "no"), "golden/s.jsonl:16:1: invalid JSON"),
        (files(ROWS), "the metric 'exact' applies to no case: each has no golden answer"),
    ],
)
def test_problems_of_a_large_file_have_their_line(project: Make, changed: dict[str, Any], message: str) -> None:
    """What is wrong in a later part of a file is reported at its own line."""
    with pytest.raises(SuiteError) as caught:
        project(golden=None, files=changed).load()
    assert message in str(caught.value)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe{}", "suites/cases.jsonl:1: byte 0 of the line is not UTF-8"),
        (lines(ROWS).encode() + b'{"id": "caf\xe9"}\n', "suites/cases.jsonl:18: byte 11 of the line is not UTF-8"),
        (lines(ROWS).encode() + b"\0\n", "suites/cases.jsonl:18: NUL character found"),
    ],
)
def test_a_large_file_must_be_text(project: Make, data: bytes, message: str) -> None:
    """A line that is not UTF-8 is named."""
    with pytest.raises(SuiteError) as caught:
        project(golden=None, files=files(ROWS) | {"suites/cases.jsonl": data}).load()
    assert message in str(caught.value)


@pytest.mark.usefixtures("small_parts")
def test_a_byte_order_mark_is_no_part_of_a_large_file(project: Make) -> None:
    """The mark that some editors write at the start of a file is left out."""
    made = project(golden=None, files=files("\ufeff" + lines(ROWS), GOLDEN))
    assert [one.id for one in made.load().cases] == [row["id"] for row in ROWS]


@pytest.mark.parametrize("most", [0, 100])
def test_the_places_of_ids(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Every id has its first place, whether a dict or a table holds it; unknown ones have none."""
    monkeypatch.setattr(id_index, "MOST_IN_DICT", most)
    ids = [f"case-{number * 7919 % 50}" for number in range(60)]
    index = IdIndex(ids)
    assert [index.place(one) for one in ids] == [ids.index(one) for one in ids]
    assert list(index.repeated) == ids[50:]
    assert [one in index for one in ("case-0", "case-50", "", "x", None, 3)] == [
        True,
        False,
        False,
        False,
        False,
        False,
    ]
    assert (list(index), len(index), IdIndex([]).place("x")) == (ids, 60, None)


TABLE = {
    "id": ["a", "b", "c"],
    "tags": [["x", "even"], [], None],
    "q": ["Is it?", None, "\u2028"],
    "count": [1, 2, None],
    "share": [0.5, 1e300, float("nan")],
    "parts": [[{"text": "one", "n": 1}], [], None],
    "day": [date(2026, 1, 2), None, None],
}


def parquet(**columns: Any) -> bytes:
    """The bytes of a Parquet file with these columns, two rows in a group."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=2)
    return sink.getvalue()


def parquet_suite(data: bytes) -> dict[str, Any]:
    """The files of a suite whose cases are in a Parquet file."""
    suite = SUITE.replace("cases.jsonl", "cases.parquet").replace("[exact]", "[{length: {min_chars: 1}}]")
    return {"suites/s.yaml": suite.replace("exact", "length"), "suites/cases.parquet": data}


def test_cases_of_a_parquet_file(project: Make) -> None:
    """Columns are variables as JSON would have them: numbers, null, lists and structures; a time is text."""
    first, second, third = project(golden=None, files=parquet_suite(parquet(**TABLE))).load().cases
    assert (first.id, first.tags, first.where) == ("a", ("x", "even"), ("suites/cases.parquet", 1, 1))
    assert first.vars == {
        "q": "Is it?",
        "count": 1,
        "share": 0.5,
        "parts": [{"text": "one", "n": 1}],
        "day": "2026-01-02",
    }
    assert second.vars == {"q": None, "count": 2, "share": 1e300, "parts": [], "day": None}
    assert (third.where.line, third.tags, third.vars["count"], third.vars["share"]) == (3, (), None, None)


@pytest.mark.parametrize(
    ("data", "limits", "message"),
    [
        (
            parquet(id=["a", "b", "a"], q=["?"] * 3),
            {},
            "cases.parquet:3:1: duplicate id 'a': first used at suites/cases.parquet:1:1",
        ),
        (
            parquet(id=["a", "b", None], q=["?"] * 3),
            {},
            "cases.parquet:3:1: 'id' is missing in 1 of 3 rows of this part",
        ),
        (
            parquet(id=["a", "b"], q=["?", b"x"][:1] * 2, raw=[b"x", b"y"]),
            {},
            "cases.parquet:1: the column 'raw' has bytes",
        ),
        (parquet(id=["a", "b"], q=["?"] * 2), {"cases": 1}, "cases.parquet: more rows than limits.cases = 1"),
        (parquet(id=["a"], q=["?" * 10**6]), {"file_mb": 0.5}, "1.0 MB in one row group exceed limits.file_mb = 0.5"),
        (b"PAR1 no", {}, "cases.parquet: cannot read the Parquet file"),
        (parquet(id=[], q=[]), {}, "the suite has no cases"),
    ],
)
def test_problems_of_a_parquet_file(project: Make, data: bytes, limits: dict[str, Any], message: str) -> None:
    """A damaged, too large or wrong file is an error with its row."""
    with pytest.raises(SuiteError) as caught:
        project(golden=None, files=parquet_suite(data), **limits).load()
    assert message in str(caught.value)


@pytest.mark.usefixtures("small_parts")
def test_a_full_disk_is_named(project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the temporary file cannot be written, the error names its folder."""

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(StoreError, match=f"{tempfile.gettempdir()}: .* cannot be written: .*No space left"):
        project(golden=None, files=files(ROWS, GOLDEN)).load()
