"""MLflow's tracking server over REST: a run with parameters, metrics, tags and artifacts. Needs no package of MLflow.

Source: https://mlflow.org/docs/latest/rest-api.html (2.0)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from evalharness.config import Config
from evalharness.errors import ConfigError, StoreError
from evalharness.publish.destination import PublishError
from evalharness.publish.http_target import MODULES, Answer, HttpTarget
from evalharness.publish.mlflow_run import metrics_of, params_of, started_ms, tags_of
from evalharness.publish_config import When
from evalharness.report import Outcome
from evalharness.report.encode import json_text, one_line
from evalharness.report.verdict_file import verdict_json
from evalharness.store.files import read_below
from evalharness.wire import json_bytes

_API = "/api/2.0/mlflow/"
_FILES = "/api/2.0/mlflow-artifacts/artifacts/"
_BATCH = 100
"""Most entries of a kind in one request; the server takes 1000 metrics, but 100 parameters and tags."""
_OK = range(200, 300)
VERDICT = "verdict.json"


@dataclass(frozen=True, slots=True)
class MLflow:
    """Creates a run in an experiment."""

    target: HttpTarget
    experiment: str | None
    artifacts: tuple[str, ...]
    when: When = "always"
    modules: Sequence[str] = MODULES
    remote: bool = True

    def publish(self, outcome: Outcome) -> None:
        """Create the run. Raises PublishError; a run that is only partly there stays in the state RUNNING."""
        started = started_ms(outcome)
        body = {
            "experiment_id": self._experiment(self.experiment or one_line(outcome.run.header.suite)),
            "run_name": one_line(f"{outcome.word} {outcome.run.header.id}"),
            "start_time": started,
        }
        info = _part(self._post("runs/create", body), "run", "info")
        run = _text(info, "run_id")
        for batch in _batches(params_of(outcome), metrics_of(outcome), tags_of(outcome), started):
            self._post("runs/log-batch", {"run_id": run, **batch})
        self._upload(outcome, _text(info, "artifact_uri"))
        status = "FAILED" if outcome.word == "ERROR" else "FINISHED"
        self._post("runs/update", {"run_id": run, "status": status})

    def _experiment(self, name: str) -> str:
        """The id of the experiment, which is created if it is missing."""
        path = f"{_API}experiments/get-by-name?experiment_name={quote(name, safe='')}"
        answer = self.target.send("GET", path=path, accepted=[*_OK, 404])
        if answer.status != 404:
            return _text(_part(_json(answer), "experiment"), "experiment_id")
        return _text(self._post("experiments/create", {"name": name}), "experiment_id")

    def _post(self, name: str, body: Mapping[str, Any]) -> Any:
        return _json(self.target.send("POST", json_bytes(body), path=_API + name))

    def _upload(self, outcome: Outcome, uri: str) -> None:
        """Send the files to the folder of the run, at the configured address whatever host the server names."""
        folder = PurePosixPath(urlsplit(uri).path)
        if self.artifacts and (not uri.startswith("mlflow-artifacts:") or ".." in folder.parts):
            raise PublishError(
                "the run has no artifacts: the server does not take them (mlflow server --serve-artifacts)"
            )
        for name in self.artifacts:
            path = _FILES + quote(f"{folder}/{name}".lstrip("/"))
            self.target.send("PUT", _content(outcome, name), path=path, content_type="application/octet-stream")


def mlflow(
    config: Config,
    *,
    url: str | None = None,
    url_env: str | None = None,
    experiment: str | None = None,
    artifacts: list[str] | None = None,
    token_env: str | None = None,
    headers_env: dict[str, str] | None = None,
    ca_file: str | None = None,
    proxy_env: str | None = None,
) -> MLflow:
    """The destination `mlflow`. `artifacts`: names of files of the run's folder. Default: verdict.json."""
    names = (VERDICT,) if artifacts is None else tuple(artifacts)
    if wrong := [name for name in names if not _is_file_name(name)]:
        raise ConfigError(f"artifacts: expected names of files in the folder of a run, got {wrong[0]!r}")
    target = HttpTarget(
        config=config,
        url=url,
        url_env=url_env,
        token_env=token_env,
        headers_env=headers_env or {},
        ca_file=ca_file,
        proxy_env=proxy_env,
    )
    return MLflow(target, experiment, names)


def _is_file_name(name: str) -> bool:
    return name not in ("", "..") and PurePosixPath(name).name == name and name.isprintable()


def _batches(
    params: Mapping[str, str], metrics: Mapping[str, float], tags: Mapping[str, str], time_ms: int
) -> Iterator[dict[str, Any]]:
    """The bodies of the requests that log everything."""
    lists: dict[str, list[dict[str, Any]]] = {
        "params": [{"key": key, "value": value} for key, value in params.items()],
        "metrics": [{"key": key, "value": value, "timestamp": time_ms, "step": 0} for key, value in metrics.items()],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    for start in range(0, max(map(len, lists.values())), _BATCH):
        yield {name: found[start : start + _BATCH] for name, found in lists.items()}


def _content(outcome: Outcome, name: str) -> bytes:
    """A file of the run's folder. Raises PublishError: it is missing, or a link."""
    if name == VERDICT:
        return json_text(verdict_json(outcome)).encode()
    try:
        content = read_below(outcome.root, outcome.folder / name)
    except StoreError as error:
        raise PublishError(f"the artifact {name}: {one_line(str(error))}") from None
    if content is None:
        raise PublishError(f"the artifact {name}: no such file in {outcome.folder.name}")
    return content


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise PublishError(f"expected JSON of MLflow's REST API, got: {answer.shown}") from None


def _part(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any, name: str) -> str:
    found = _part(value, name)
    if not isinstance(found, str) or not found:
        raise PublishError(f"expected a response of MLflow's REST API with '{name}'")
    return found
