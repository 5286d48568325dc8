"""`evalharness doctor` reports what is there, missing or broken, and fails if a suite needs it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from gguf_files import little
from plans import run_plan
from repository import Repository

from evalharness import testing
from evalharness.config import load_config
from evalharness.evaluation.plan import make_plan
from evalharness.store.ledger import Ledger
from evalharness.suites import load_suite
from evalharness.testing.ci import leave_ci
from evalharness.testing.fault_server import Close, FaultServer, Send

SUITE = """\
schema: 1
models: [MODEL]
prompts: {ask: [{user: "{{ q }}"}]}
params: {max_tokens: 50}
metrics: [json_valid]
cases: [{id: a, vars: {q: A?}}, {id: b, vars: {q: B?}}]
"""
SCRIPTED = '[tool.evalharness.models.fake]\nprovider = "scripted"\nanswers = {"*" = "x"}\n'
GGUF = '[tool.evalharness.models.small]\nprovider = "gguf"\npath = "small.gguf"\n'


class Project(testing.Project):
    """A folder with a suite of two cases."""

    def write_model(self, model: str, config: str) -> None:
        """Write a suite for this model, and the configuration."""
        self.write("suites/demo.yaml", SUITE.replace("MODEL", model))
        self.write("pyproject.toml", config)

    def doctor(self, *options: str) -> Result:
        """Run `evalharness doctor`."""
        return self.command("doctor", *options)

    def findings(self, section: str, *options: str) -> list[dict[str, Any]]:
        """The results of one section."""
        found = json.loads(self.doctor("--json", *options).stdout)["findings"]
        return [finding for finding in found if finding["section"] == section]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project outside CI with its own ledger."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "root").mkdir()
    return Project(tmp_path / "root")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A working endpoint."""
    with FaultServer() as server:
        yield server


def remote(url: str, more: str = "") -> str:
    """The configuration of an endpoint."""
    return f'[tool.evalharness.models.far]\nprovider = "openai"\nbase_url = "{url}"\nmodel = "m"\n{more}'


def test_all_is_well(project: Project) -> None:
    """A complete project gives sections in order, at most 80 columns, and status 0."""
    project.write_model("fake", SCRIPTED)
    result = project.doctor()
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "installed",
        "configuration",
        "suites",
        "models",
        "repository",
        "ledger",
        "the suites can run",
    ]
    assert "  ✓ ok       demo: 2 cases, 2 requests to fake; 0 recorded; no baseline yet" in lines
    assert all(len(line) <= 80 for line in lines)


def test_a_suite_without_a_model(project: Project) -> None:
    """A suite whose answers tests give is ready, although its project has no model."""
    project.write("suites/demo.yaml", SUITE.replace("models: [MODEL]\n", ""))
    result = project.doctor()
    assert result.exit_code == 0
    assert "demo: 2 cases, no model: tests give the answers" in " ".join(result.stdout.split())


def test_an_empty_folder(project: Project) -> None:
    """In an empty folder nothing is broken: the output says what to do, and no file is written."""
    result = project.doctor()
    assert result.exit_code == 0
    assert "run evalharness init to write one" in " ".join(result.stdout.split())
    assert result.stdout.endswith("\nno suites yet: evalharness init creates one\n")
    assert [*project.root.iterdir()] == []
    assert not (project.root.parent / "cache").exists()


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ("[tool\n", "pyproject.toml:1:6: "),
        (f"{SCRIPTED}[tool.evalharness.limits]\ncases = 5\nfile_mb = -1\n", "pyproject.toml:6: "),
        (f"{SCRIPTED}[tool.evalharness]\nmodel = 1\n", "pyproject.toml:5: "),
        (f"{SCRIPTED}[tool.evalharness.models.two]\npath = 'x'\n", "pyproject.toml:4: "),
    ],
)
def test_a_broken_configuration(project: Project, config: str, place: str) -> None:
    """A broken configuration is reported with file and line, and the other checks run."""
    project.write_model("fake", config)
    result = project.doctor()
    assert result.exit_code == 1
    assert f"  ✗ broken   {place}" in result.stdout
    assert "repository" in result.stdout


@pytest.mark.parametrize(
    ("config", "status", "text"),
    [
        (SCRIPTED + GGUF, "broken", "small.gguf: no such file"),
        (SCRIPTED + '[tool.evalharness.models.small]\nprovider = "ggu"\n', "broken", "did you mean 'gguf'?"),
        (SCRIPTED + remote("http://127.0.0.1:9/v1", 'api_key_env = "NOT_SET"\n'), "missing", "NOT_SET is not set"),
    ],
)
@pytest.mark.parametrize("needed", [True, False])
def test_a_model_that_cannot_be_used(
    project: Project, monkeypatch: pytest.MonkeyPatch, config: str, status: str, text: str, needed: bool
) -> None:
    """An unusable model fails the check only if a suite needs it."""
    monkeypatch.delenv("NOT_SET", raising=False)
    name = "far" if "far" in config else "small"
    project.write_model(name if needed else "fake", config)
    (finding,) = [found for found in project.findings("models") if found["text"].startswith(name)]
    assert finding["status"] == status
    assert text in finding["text"]
    assert project.doctor().exit_code == needed


@pytest.mark.parametrize(("sha256", "word"), [(None, "not pinned"), (True, "as pinned"), ("0" * 64, "mismatch")])
def test_a_model_file(project: Project, sha256: bool | str | None, word: str) -> None:
    """The hash of a model file is shown, and compared if it is pinned."""
    own = hashlib.sha256(little(project.root / "small.gguf").read_bytes()).hexdigest()
    pin = f'sha256 = "{own if sha256 is True else sha256}"\n' if sha256 else ""
    project.write_model("small", GGUF + pin)
    (finding,) = project.findings("models")
    assert word in finding["text"]
    assert own[:12] in finding["text"]


@pytest.mark.parametrize(("provider", "engine"), [("gguf", "llama-cpp-python"), ("gguf-server", "xllamacpp")])
def test_a_model_file_names_its_engine(project: Project, provider: str, engine: str) -> None:
    """The engine that opens a model file is shown with its version."""
    own = hashlib.sha256(little(project.root / "small.gguf").read_bytes()).hexdigest()
    project.write_model("small", GGUF.replace('"gguf"', f'"{provider}"'))
    (finding,) = project.findings("models")
    assert f"small.gguf, 0 MB, sha256 {own[:12]}…" in finding["text"]
    assert f"by {engine} " in finding["text"]
    assert "needs at most" in finding["text"]


@pytest.mark.parametrize("option", ["", "--load"])
def test_a_model_that_does_not_load(project: Project, option: str) -> None:
    """An invalid model file is reported, a damaged one with `--load`."""
    if option:
        little(project.root / "small.gguf")
    else:
        (project.root / "small.gguf").write_bytes(b"this is no model")
    project.write_model("small", GGUF)
    output = " ".join(project.doctor(*option.split()).stdout.split())
    assert ("small.gguf cannot be loaded" if option else "small: small.gguf is not a GGUF file") in output
    assert project.doctor(*option.split()).exit_code == 1


TWO = SUITE.replace("[MODEL]", "[small, other]")


@pytest.mark.parametrize(
    ("free_gb", "warned", "stay"),
    [
        (20, False, "they stay loaded together (3.8 GB, 20 GB free)"),
        (1.3, False, "they are loaded one after another (1.9 GB, 1.3 GB free)"),
        (0.25, True, "one after another"),
    ],
)
def test_memory(project: Project, monkeypatch: pytest.MonkeyPatch, free_gb: float, warned: bool, stay: str) -> None:
    """The memory of each local model is shown, with a warning if it is short, and whether models share it."""
    for user in ("doctor.models", "local.gguf"):
        monkeypatch.setattr(f"evalharness.{user}.available_bytes", lambda: int(free_gb * 1e9))
    little(project.root / "small.gguf")
    project.write_model("small", GGUF + GGUF.replace("models.small", "models.other") + "context = 4096\n")
    (project.root / "suites/demo.yaml").write_text(TWO)
    small, *_ = found = project.findings("models")
    if free_gb == 20:
        parts = "file 0.0, 32 slots x 2,048 tokens 1.6, 0.2 for the rest"
        assert small["text"].endswith(f"; needs at most 1.8 GB: {parts}; 20 GB free")
    warnings = [finding for finding in found if finding["status"] == "missing"]
    assert [" may need " in finding["text"] and not finding["needed"] for finding in warnings] == [True] * 2 * warned
    assert stay in found[-1]["text"]
    assert project.doctor().exit_code == 0


def test_a_key_is_never_shown(project: Project, monkeypatch: pytest.MonkeyPatch, server: FaultServer) -> None:
    """A key and its length are never shown, and without `--ping` no request is sent."""
    monkeypatch.setenv("THE_KEY", "sk-very-secret-123456")
    project.write_model("far", remote(server.url, 'api_key_env = "THE_KEY"\n'))
    result = project.doctor()
    assert result.exit_code == 0
    assert "THE_KEY is set" in " ".join(result.stdout.split())
    assert "secret" not in result.output + project.doctor("--json").output
    assert project.findings("models")[0]["text"] == f"far: m at {server.url}, THE_KEY is set"
    assert not server.log


@pytest.mark.parametrize("table", ["models.far", "embedders.far"])
def test_a_key_for_a_variable(project: Project, server: FaultServer, table: str) -> None:
    """An invalid variable name is not shown, because it may be the key."""
    config = remote(server.url, 'api_key_env = "sk-very-secret"\n').replace("models.far", table)
    project.write_model(
        "fake", SCRIPTED + config.replace('provider = "openai"\n', "" if "embed" in table else "provider = 'openai'\n")
    )
    text = " ".join(project.doctor().output.split()) + project.doctor("--json").output
    assert "name of an environment variable" in text
    assert "secret" not in text


def test_models_that_score(project: Project) -> None:
    """The folder of a cross-encoder is checked without loading it; `similar` needs its embedding model."""
    encoder = "[tool.evalharness.cross_encoders.NAME]\npath = 'models/NAME'\n"
    tables = [encoder.replace("NAME", name) for name in ("nli", "lost", "other")]
    embedder = (
        "[tool.evalharness.embedders.mini]\nbase_url = 'http://localhost:1'\nmodel = 'm'\napi_key_env = 'NOT_SET'\n"
    )
    project.write_model("fake", SCRIPTED + "".join(tables) + embedder)
    project.write("models/nli/config.json", '{"id2label": {"0": "neutral", "1": "entailment"}}')
    project.write("models/other/config.json", '{"id2label": {"0": "positive", "1": "negative"}}')
    check = "{similar: {to: Yes, model: mini}}"
    project.edit("suites/demo.yaml", "vars: {q: A?}", f"vars: {{q: A?}}, assert: [{check}]")
    texts = [finding["text"] for finding in project.findings("cross-encoders")]
    assert texts[0] == "nli: models/nli"
    assert "models/lost: no such file" in texts[1]
    assert "got the labels positive, negative: set 'label'" in texts[2]
    (finding,) = project.findings("embedders")
    assert (finding["status"], finding["needed"]) == ("missing", True)
    assert project.doctor().exit_code == 1


ECHOES = {
    "a header line that is not HTTP": b"HTTP/1.1 200 OK\r\nbad header \x1b]0;x\x07 %s\r\n\r\n",
    "a status line": b"HTTP/1.1 %s OK\r\n\r\n",
    "an error": b"HTTP/1.1 400 Bad\r\ncontent-length: 60\r\n\r\n" + b'{"error": {"message": "bad key %s"}}'.ljust(60),
    "an encoding": b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\n\r\n",
}


@pytest.mark.parametrize("reply", ECHOES.values(), ids=ECHOES)
def test_a_key_that_an_endpoint_echoes(project: Project, monkeypatch: pytest.MonkeyPatch, reply: bytes) -> None:
    """`--ping` shows the echo of a key in no form, as text and as JSON, and no control character acts."""
    key = "sk-echo-654321"
    monkeypatch.setenv("ECHO_KEY", key)
    with FaultServer(lambda request: [Send(reply.replace(b"%s", key.encode())), Close()]) as server:
        project.write_model("far", remote(server.url, 'api_key_env = "ECHO_KEY"\n'))
        printed = [project.doctor("--ping").output, project.doctor("--ping", "--json").output]
    for text in printed:
        assert "the test request failed" in " ".join(text.split())
        assert key not in text.replace("\n", "")
        assert "\x1b" not in text


WRONG = {"api_key_env": "gsk_9fK2mQ7xWbR4tY8uPz3cVn6", "proxy_env": "http://robot:tin-man-77@127.0.0.1:9"}


@pytest.mark.parametrize("option", WRONG)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_secret_in_place_of_a_name(project: Project, option: str, elsewhere: bool, server: FaultServer) -> None:
    """A key or a proxy in place of a variable's name is not shown, not even with an executor that checks no keys."""
    project.write_model("far", remote(server.url, f'{option} = "{WRONG[option]}"\n'))
    if elsewhere:
        project.write("pyproject.toml", '[tool.evalharness]\nexecutor = "ray"\n' + project.read("pyproject.toml"))
    text = "".join((project.doctor().output + project.doctor("--json").output).split())
    assert WRONG[option] not in text
    assert "tin-man-77" not in text
    assert "far:" in text


def test_credentials_in_an_address(project: Project) -> None:
    """An address with a password is refused without showing it, also where it is no valid address."""
    for url in ("https://robot:tin-man-78@host/v1", "ftp://robot:tin-man-78@host", "https://robot:tin-man-78@ho st/v1"):
        project.write_model("far", remote(url))
        text = "".join((project.doctor().output + project.doctor("--json").output).split())
        assert "tin-man-78" not in text
        assert "base_url:expected" in text


def test_ping(project: Project, server: FaultServer) -> None:
    """`--ping` sends one request for one token; an unreachable endpoint is broken."""
    project.write_model("far", remote(server.url))
    assert "answered in" in project.findings("models", "--ping")[0]["text"]
    (sent,) = server.log
    assert sent.body["max_tokens"] == 1
    project.write_model("far", remote("http://127.0.0.1:9/v1"))
    result = project.doctor("--ping")
    assert result.exit_code == 1
    assert "the test request failed" in " ".join(result.stdout.split())


def test_costs_and_what_is_recorded(project: Project, monkeypatch: pytest.MonkeyPatch, server: FaultServer) -> None:
    """The cost of unrecorded requests is shown; a recorded suite needs no key."""
    monkeypatch.setenv("THE_KEY", "sk-of-no-host-" * 3)
    project.write_model("far", remote(server.url, 'api_key_env = "THE_KEY"\nprice = {input = 0, output = 10000}\n'))
    (before,) = project.findings("suites")
    assert "0 recorded; a run costs about $1.00 at far, at most $1.00" in before["text"]
    config = load_config(project.root)
    with closing(Ledger(config.cache_dir / "ledger.sqlite")) as ledger:
        run_plan(make_plan(load_suite("demo", config), config), ledger=ledger)
    monkeypatch.delenv("THE_KEY")
    (after,) = project.findings("suites")
    assert after["text"] == "demo: 2 cases, 2 requests to far; 2 recorded; no baseline yet"
    assert project.doctor().exit_code == 0
    assert "2 responses" in project.findings("ledger")[0]["text"]


def test_a_missing_price(project: Project, server: FaultServer) -> None:
    """A missing price is reported, because it disables the budget."""
    project.write_model("far", remote(server.url))
    assert "no price configured for far" in project.findings("suites")[0]["text"]


def test_a_broken_suite(project: Project) -> None:
    """A broken suite shows its first problem and the command that lists the others."""
    project.write_model("fake", SCRIPTED)
    (project.root / "suites/demo.yaml").write_text("foo: 1\nbar: 2\n" + SUITE.replace("MODEL", "fake"))
    result = project.doctor()
    assert result.exit_code == 1
    assert "suites/demo.yaml:1:1: unknown key 'foo'" in result.stdout
    assert "and 1 more: evalharness validate demo" in " ".join(result.stdout.split())


def test_a_missing_extra(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a model without its package, the output has the install command."""
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    project.write_model("small", GGUF)
    result = project.doctor()
    assert result.exit_code == 1
    assert "pip install 'evalharness[local]'" in " ".join(result.stdout.split())


def test_the_repository(project: Project) -> None:
    """The commit that baselines are read from is shown."""
    project.write_model("fake", SCRIPTED)
    assert "no git commit yet" in project.findings("repository")[0]["text"]
    sha = Repository(project.root).commit()
    assert sha[:12] in project.findings("repository")[0]["text"]


def test_a_clone_without_history(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI, a clone without the target branch fails and says what to set."""
    project.write_model("fake", SCRIPTED)
    Repository(project.root).commit()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    result = project.doctor()
    assert result.exit_code == 1
    assert "fetch-depth: 0" in " ".join(result.stdout.split())


def test_a_damaged_ledger(project: Project) -> None:
    """A damaged ledger fails the check."""
    project.write_model("fake", SCRIPTED)
    path = project.root.parent / "cache/evalharness/ledger.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all" * 100)
    assert project.doctor().exit_code == 1
    assert [finding["status"] for finding in project.findings("ledger")] == ["broken"]
