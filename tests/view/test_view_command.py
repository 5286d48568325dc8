"""`evalharness view`: its pages follow the files, and only the user's own browser reads them."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from viewed import Growing, Viewed, viewing

from evalharness.testing import Project
from evalharness.testing.ci import leave_ci
from evalharness.view.server import Server

SECRET = "the accepted answer of case-0"


def finished(root: Path) -> Project:
    """A project with a finished run."""
    project = Project(root)
    project.write_suite({"case-0": SECRET, "case-1": "No."})
    project.evaluate()
    return project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a finished run."""
    leave_ci(monkeypatch)
    return finished(tmp_path)


@pytest.fixture(scope="module")
def viewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewed]:
    """The command on a project with a finished run, for tests that only read."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_ci(monkeypatch)
        project = finished(tmp_path_factory.mktemp("viewed"))
    with viewing(project.root) as viewed:
        yield viewed


def text(reply: Any) -> str:
    """The body of a reply."""
    shown: str = reply.data.decode()
    return shown


def data_of(page: str) -> Any:
    """The data of a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found, page
    return json.loads(found[1])


def run_path(viewed: Viewed, folder: str) -> str:
    """The path of a run's page."""
    (row,) = (row for row in viewed.index() if row["folder"] == folder)
    return f"/{viewed.path.split('/')[1]}/run/{row['key']}/"


def test_the_pages(viewed: Viewed) -> None:
    """The index lists the run with its verdict, and its page is the report."""
    (row,) = viewed.index()
    assert (row["suite"], row["folder"], row["status"]) == ("demo", "demo", "no baseline")
    assert row["headline"] == "nothing to compare with yet"
    assert row["started_at"].startswith("20")
    reply = viewed.get(run_path(viewed, "demo"))
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert data_of(text(reply))["overall"] == "no baseline"
    index = viewed.get(viewed.path)
    assert data_of(text(index))["runs"] == [row]


def test_ctrl_c(tmp_path: Path) -> None:
    """Ctrl-C ends the command with one line and the status 0; the first line has the address and the way to end it."""
    with viewing(tmp_path) as viewed:
        assert viewed.first == f"view      {viewed.url} (Ctrl-C ends it)\n"
        assert viewed.stop().strip() == "view      ended"


@pytest.mark.parametrize("path", ["/", "/state", "/WRONG/", "/WRONG/state", "*", "", "//", "http://127.0.0.1/"])
def test_without_the_token(viewed: Viewed, path: str) -> None:
    """Without the token nothing is shown, not even which pages exist."""
    reply = viewed.get(path or "?")
    assert reply.status == 403
    assert "token" in text(reply)


def test_part_of_the_token(viewed: Viewed) -> None:
    """A prefix of the token, or a longer one, is wrong."""
    token = viewed.path.strip("/")
    assert len(token) >= 32
    assert {viewed.get(f"/{wrong}/").status for wrong in (token[:-1], f"{token}A", token.swapcase())} == {403}


@pytest.mark.parametrize("host", ["elsewhere.invalid", "127.0.0.1", "127.0.0.1:1", "elsewhere.invalid:{port}", ""])
def test_another_host(viewed: Viewed, host: str) -> None:
    """A page of another site whose name leads here (DNS rebinding) gets nothing, even with the token."""
    reply = viewed.get(viewed.path, headers={"Host": host.format(port=viewed.host.partition(":")[2])})
    assert reply.status == 403
    assert "Host" in text(reply)
    own = viewed.get(viewed.path, headers={"Host": viewed.host.replace("127.0.0.1", "LOCALHOST")})
    assert own.status == 200


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods(viewed: Viewed, method: str) -> None:
    """Nothing but GET is served."""
    reply = viewed.get(viewed.path, method, body="x" * 1_000 if method == "POST" else "")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "path",
    [
        *("../pyproject.toml", "run/../../pyproject.toml", "run/..%2f..%2fpyproject.toml/", "%2e%2e/pyproject.toml"),
        *("run/demo/", "run/0000000000000000/", "run/0000000000000000/state", "reports/demo/run.jsonl", "x", "run/"),
    ],
)
def test_no_path_is_a_file(viewed: Viewed, path: str) -> None:
    """Addresses are looked up in the list of runs: a path to a file, below the root or above, is not found."""
    reply = viewed.get(viewed.path + path)
    assert (reply.status, SECRET in text(reply), "scripted" in text(reply)) == (404, False, False)


def test_headers(viewed: Viewed) -> None:
    """The policy is that of the page, no other origin is allowed, nothing is cached, and no referrer has the token."""
    page = viewed.get(run_path(viewed, "demo"), headers={"Origin": "http://elsewhere.invalid"})
    policy = page.headers["Content-Security-Policy"]
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+'; connect-src 'self'; "
        r"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        policy,
    )
    expected = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
    for reply in (page, viewed.get(viewed.path), viewed.get("/"), viewed.get(viewed.path, "POST")):
        assert expected.items() <= dict(reply.headers).items()
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert reply.headers["Server"] == "evalharness"


def test_odd_requests(viewed: Viewed) -> None:
    """Garbage, long lines and silent connections end, and the next request is served."""
    address = (viewed.host.partition(":")[0], int(viewed.host.partition(":")[2]))
    silent = [socket.create_connection(address) for _ in range(8)]
    long = b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n"
    for sent in (long, b"\x00\xff\n\n", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        with socket.create_connection(address, timeout=60) as one:
            one.sendall(sent)
            received = one.recv(1_000)
            assert b"<" not in received, received
    assert viewed.get(viewed.path).status == 200
    for one in silent:
        one.close()


def test_too_many_connections(viewed: Viewed) -> None:
    """A connection too many is closed; when others end, the next one is served."""
    address = (viewed.host.partition(":")[0], int(viewed.host.partition(":")[2]))
    held = [socket.create_connection(address, timeout=60) for _ in range(33)]
    assert held[-1].recv(1) == b""
    for one in held:
        one.close()
    for _ in range(100):
        try:
            assert viewed.get(viewed.path).status == 200
            break
        except ConnectionError:  # until the server has seen that they ended
            continue


def test_a_burst_of_connections() -> None:
    """As many connections as are served at once wait for a server that is busy; none is dropped."""
    desk: Any = None  # neither is asked: the server accepts nothing
    with Server(0, "token", desk, desk) as server, ExitStack() as held:
        for _ in range(32):
            held.enter_context(socket.create_connection(("127.0.0.1", server.server_port), timeout=5))


def test_a_growing_record(project: Project) -> None:
    """Each new answer changes the state, the page and the index; the end brings the verdict."""
    growing = Growing(project.root, "live")
    with viewing(project.root, "live") as viewed:
        growing.grow()
        assert "/run/" in viewed.path
        state = viewed.get(f"{viewed.path}state")
        first = json.loads(text(state))
        assert (first["status"], first["answered"], first["planned"]) == ("running", 1, 4)
        same = viewed.get(f"{viewed.path}state", headers={"If-None-Match": state.headers["ETag"]})
        assert (same.status, text(same)) == (304, "")
        page = data_of(text(viewed.get(viewed.path)))
        assert (page["overall"], page["headline"]) == ("running", "running: 1 of 4 answers so far")
        assert page["gates"] == []
        growing.grow()
        changed = viewed.get(f"{viewed.path}state", headers={"If-None-Match": state.headers["ETag"]})
        assert (changed.status, json.loads(text(changed))["answered"]) == (200, 2)
        assert data_of(text(viewed.get(viewed.path)))["answered"] == 2
        assert [(row["folder"], row["status"], row["answered"]) for row in viewed.index()] == [
            ("live", "running", 2),
            ("demo", "no baseline", None),
        ]
        growing.end()
        assert json.loads(text(viewed.get(f"{viewed.path}state")))["status"] == "no verdict"
        assert data_of(text(viewed.get(viewed.path)))["overall"] != "running"


def test_a_killed_run(project: Project) -> None:
    """A record whose writer is gone is stopped, not running, and its page says so."""
    growing = Growing(project.root, "live")
    growing.grow()
    growing.release()
    with viewing(project.root) as viewed:
        assert [(row["folder"], row["status"]) for row in viewed.index()] == [
            ("live", "stopped"),
            ("demo", "no baseline"),
        ]
        page = data_of(text(viewed.get(run_path(viewed, "live"))))
        assert (page["overall"], page["extent"]) == ("error", "stopped")
        assert page["headline"] == "stopped after 1 of 4 answers: no gate was decided"


def test_damaged_and_foreign_folders(project: Project) -> None:
    """Each is listed with its problem, its page shows the problem, and the other runs stay readable."""
    header, *_ = project.read("reports/demo/run.jsonl").split("\n")
    project.write("reports/cut/run.jsonl", header)
    project.write("reports/json/run.jsonl", "{")
    project.write("reports/late/run.jsonl", f"{header}\n{{}}\n")
    project.write("reports/other/run.jsonl", '{"kind": "baseline", "schema": 1}\n')
    project.write("reports/foreign/result.txt", "x")
    project.write("reports/nested/inner/run.jsonl", project.read("reports/demo/run.jsonl"))
    project.write("reports/verdict/run.jsonl", project.read("reports/demo/run.jsonl"))
    project.write("reports/verdict/verdict.json", '{"kind": "verdict", "run": "another", "status": "pass"}')
    (project.root / "reports/link").symlink_to(project.root)
    with viewing(project.root) as viewed:
        rows = {row["folder"]: (row["status"], row["headline"]) for row in viewed.index()}
        assert rows == {
            "demo": ("no baseline", "nothing to compare with yet"),
            "cut": ("unreadable", "run.jsonl:1: the first line is cut off"),
            "json": ("unreadable", rows["json"][1]),
            "late": ("no verdict", "verdict.json is missing, or of another run"),
            "other": ("unreadable", 'run.jsonl:1: not a run: expected "kind": "run" in the first line'),
            "foreign": ("unreadable", "holds no run.jsonl"),
            "nested/inner": ("no verdict", "verdict.json is missing, or of another run"),
            "verdict": ("no verdict", "verdict.json is missing, or of another run"),
            "link": ("unreadable", "is a symbolic link, which is not followed"),
        }
        assert rows["json"][1].startswith("run.jsonl:1:")
        for folder, words in (("late", "invalid run record"), ("link", "symbolic link"), ("foreign", "holds no")):
            page = text(viewed.get(run_path(viewed, folder)))
            assert words in data_of(page)["runs"][0]["headline"]
        assert data_of(text(viewed.get(run_path(viewed, "demo"))))["overall"] == "no baseline"


def test_a_run_elsewhere(project: Project) -> None:
    """A run outside of reports/ is served with the others; a file of another name is refused."""
    project.write("kept/run.jsonl", project.read("reports/demo/run.jsonl"))
    project.write("kept/old.jsonl", project.read("reports/demo/run.jsonl"))
    with viewing(project.root, str(project.root / "kept")) as viewed:
        assert data_of(text(viewed.get(viewed.path)))["overall"] == "no baseline"
        assert [row["folder"] for row in viewed.index()] == [str((project.root / "kept").resolve()), "demo"]
    refused = project.command("view", project.root / "kept/old.jsonl")
    assert (refused.exit_code, "expected a folder with run.jsonl" in refused.output) == (1, True)


def test_nothing_is_written(project: Project) -> None:
    """Pages change no file, also where an acceptance was interrupted: that page names the command instead."""
    project.write("golden/.acceptance.json", "{}")
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    with viewing(project.root) as viewed:
        page = data_of(text(viewed.get(run_path(viewed, "demo"))))
        assert "run evalharness accept again" in page["runs"][0]["headline"]
        (project.root / "golden/.acceptance.json").unlink()
        assert data_of(text(viewed.get(run_path(viewed, "demo"))))["overall"] == "no baseline"
    before.pop(project.root / "golden/.acceptance.json")
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == before


def test_a_port_in_use(project: Project) -> None:
    """The error names the port and the option; `--port` sets the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = project.command("view", "--no-browser", "--port", str(port))
    assert refused.exit_code == 1
    assert refused.output == f"Error: port {port}: Address already in use: choose another one with --port\n"
    with viewing(project.root, "--port", str(port)) as viewed:
        assert viewed.host == f"127.0.0.1:{port}"


def test_an_unknown_run(project: Project) -> None:
    """A suite without a run is an error."""
    result = project.command("view", "nothing")
    assert (result.exit_code, result.output.startswith("Error: nothing: no run found")) == (1, True)


def test_no_run_yet(tmp_path: Path) -> None:
    """Before the first answer, the index is empty, and a run that begins is listed."""
    Project(tmp_path).write_suite()
    with viewing(tmp_path, "demo") as viewed:
        assert viewed.first.startswith(
            "view      demo has no run yet: the page lists it when its first answer is there\n"
        )
        assert viewed.index() == []
        growing = Growing(tmp_path)
        growing.grow()
        assert [row["status"] for row in viewed.index()] == ["running"]
        growing.release()
