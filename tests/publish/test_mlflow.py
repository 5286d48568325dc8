"""Runs in MLflow: the requests to a scripted server, and the run that a real server shows."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from loopback import Asked, Loopback, answer
from publishing import failed, send
from services import free_port, get_json, serving

from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.publish import delivery, http_target, open_destinations
from evalharness.publish.mlflow_run import metrics_of, params_of, tags_of
from evalharness.report.verdict_file import verdict_json
from evalharness.testing import outcome, run, sample

API, FILES = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts/"
INFO = {"run_id": "r1", "artifact_uri": "mlflow-artifacts://evil.example/0/r1/artifacts"}
VERDICT = json.loads(json.dumps(verdict_json(failed())))
REPLIES: dict[str, Any] = {
    "experiments/create": {"experiment_id": "7"},
    "runs/create": {"run": {"info": INFO}},
    "runs/log-batch": {},
    "runs/update": {},
}


def tracking(asked: Asked) -> list[bytes]:
    """A server without experiments."""
    if asked.method == "GET":
        return answer({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
    return answer("{}" if asked.method == "PUT" else REPLIES[asked.path.removeprefix(API)])


def test_a_run_is_created() -> None:
    """Experiment, run, one batch, artifact and end, in this order, all at the configured address."""
    with Loopback(tracking) as server:
        (sent,) = send([failed()], mlflow={"url": server.url, "headers_env": {}})
    assert sent.problem == ""
    create, started, batch, artifact, ended = server.asked[1:]
    assert server.asked[0].path == f"{API}experiments/get-by-name?experiment_name=demo"
    assert create.json() == {"name": "demo"}
    assert (started.json()["experiment_id"], started.json()["run_name"]) == ("7", f"FAIL {failed().run.header.id}")
    logged = {kind: {one["key"]: one["value"] for one in batch.json()[kind]} for kind in ("params", "metrics", "tags")}
    assert logged["params"]["suite"] == "demo"
    assert logged["params"]["metric.exact"] == "exact|v:1"
    assert logged["metrics"]["score.exact.scripted.plain"] == 0.0
    assert logged["metrics"]["gate.scripted-plain-exact.change"] == -100.0
    assert logged["tags"]["evalharness.status"] == "FAIL"
    assert (artifact.method, artifact.path) == (
        "PUT",
        f"{FILES}0/r1/artifacts/verdict.json",
    )
    assert json.loads(artifact.body) == VERDICT
    assert ended.json() == {"run_id": "r1", "status": "FINISHED"}


def test_an_experiment_that_exists_is_used() -> None:
    """The experiment's name is an option, and is created once."""
    found = answer({"experiment": {"experiment_id": "3"}})
    with Loopback(lambda asked: found if asked.method == "GET" else tracking(asked)) as server:
        send([failed()], mlflow={"url": server.url, "experiment": "the team's & more"})
    assert server.asked[0].path.endswith("?experiment_name=the%20team%27s%20%26%20more")
    assert server.asked[1].json()["experiment_id"] == "3"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"runs/create": {"run": {"info": {**INFO, "artifact_uri": "s3://bucket/x"}}}}, "the run has no artifacts"),
        ({"runs/create": {"run": {"info": {**INFO, "artifact_uri": "mlflow-artifacts:/../../x"}}}}, "has no artifacts"),
        ({"runs/create": []}, "expected a response of MLflow's REST API with 'run_id'"),
        ({"experiments/create": "<html>"}, "expected JSON of MLflow's REST API, got: <html>"),
    ],
)
def test_unexpected_answers(change: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another server, or one without an artifact store, is a problem that says so."""
    for name, reply in change.items():
        monkeypatch.setitem(REPLIES, name, reply)
    with Loopback(tracking) as server:
        (sent,) = send([failed()], mlflow={"url": server.url})
    assert problem in sent.problem


def test_many_entries_go_in_batches() -> None:
    """MLflow takes at most 100 parameters in a request; none is lost."""
    many = replace(failed().run.header, params={f"p{number}": number for number in range(250)})
    with Loopback(tracking) as server:
        (sent,) = send([replace(failed(), run=replace(failed().run, header=many))], mlflow={"url": server.url})
    assert sent.problem == ""
    batches = [asked.json() for asked in server.asked if asked.path.endswith("log-batch")]
    assert [len(batch["params"]) for batch in batches] == [100, 100, len(batches[2]["params"])]
    assert len({one["key"] for batch in batches for one in batch["params"]}) >= 250


def test_files_of_the_run(tmp_path: Path) -> None:
    """`artifacts` names files of the run's folder; a missing one and a link are problems."""
    folder = tmp_path / "reports/demo"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<p>")
    (folder / "link.html").symlink_to("/etc/hostname")
    made = replace(failed(), root=tmp_path, folder=folder)
    with Loopback(tracking) as server:
        for name, problem in (("report.html", ""), ("no.html", "no such file"), ("link.html", "link")):
            (sent,) = send([made], tmp_path, mlflow={"url": server.url, "artifacts": [name]})
            assert problem in sent.problem
            assert bool(sent.problem) == bool(problem)
    assert [asked.body for asked in server.asked if asked.method == "PUT"] == [b"<p>"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".."])
def test_paths_are_refused(name: str) -> None:
    """An artifact is a file name."""
    table = {"url": "http://a", "artifacts": [name]}
    with pytest.raises(ConfigError, match="artifacts: expected names of files"):
        open_destinations(["mlflow"], Config.model_validate({"publish": {"mlflow": table}}))


def test_hostile_texts() -> None:
    """Keys have the characters that MLflow takes; values are one bounded line; the description has no markup."""
    text = "[x](javascript:alert(1)) <img src=x>\n\x1b[2J/../" + "y" * 9000
    samples = [sample(text, text, model=text, prompt=text, scores={text: 0.5})]
    made = outcome(run(samples, suite=text, signatures={text: text}))
    keys = [*params_of(made), *metrics_of(made)]
    assert len(keys) > 5
    assert all(len(key) <= 250 and not set(key) & set("/<>[]()\n\x1b") for key in keys)
    assert all(len(value) <= 500 and value.isprintable() for value in params_of(made).values())
    assert all(line.startswith("    ") for line in tags_of(made)["mlflow.note.content"].split("\n"))


def mlflow() -> Path:
    """The program in the environment of `make test-mlflow`."""
    found = Path(os.environ.get("MLFLOW", Path(__file__).parents[2] / ".venv-mlflow/bin/mlflow"))
    if not found.exists():
        pytest.skip("MLflow is not installed: make test-mlflow")
    return found


@pytest.mark.service
def test_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with SQLite shows both runs of the experiment: parameters, metrics, tags, state and artifact."""
    monkeypatch.setattr(delivery, "MOST_S", 300.0)  # its first answer takes long on a busy machine
    monkeypatch.setattr(http_target, "_STEP_S", 300.0)
    address = f"http://127.0.0.1:{free_port()}"
    words = ["server", "--host=127.0.0.1", f"--port={address.rpartition(':')[2]}", "--workers=1"]
    stores = [f"--backend-store-uri=sqlite:///{tmp_path}/m.db", f"--artifacts-destination={tmp_path}/artifacts"]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with serving(
        [str(mlflow()), *words, *stores], f"{address}/health", tmp_path / "log", env=environment, cwd=tmp_path
    ):
        for made in (failed(), outcome()):
            (sent,) = send([made], mlflow={"url": address})
            assert sent.problem == ""
        found = get_json(f"{address}{API}experiments/get-by-name", experiment_name="demo")
        runs = search(address, found["experiment"]["experiment_id"])
    assert sorted(one["info"]["run_name"].partition(" ")[0] for one in runs) == ["FAIL", "PASS"]
    (red,) = [one for one in runs if one["info"]["run_name"].startswith("FAIL")]
    assert red["info"]["status"] == "FINISHED"
    assert {"key": "suite", "value": "demo"} in red["data"]["params"]
    metrics = {one["key"]: one["value"] for one in red["data"]["metrics"]}
    assert metrics == metrics_of(failed())
    tags = {one["key"]: one["value"] for one in red["data"]["tags"]}
    assert tags.items() >= tags_of(failed()).items()
    (file,) = (tmp_path / "artifacts").glob(f"*/{red['info']['run_id']}/artifacts/verdict.json")
    assert json.loads(file.read_text()) == VERDICT


def search(address: str, experiment: str) -> list[dict[str, Any]]:
    """The runs of an experiment."""
    body = json.dumps({"experiment_ids": [experiment]}).encode()
    request = Request(f"{address}{API}runs/search", body, {"content-type": "application/json"})
    with urlopen(request, timeout=10) as reply:
        found: list[dict[str, Any]] = json.load(reply)["runs"]
    return found
