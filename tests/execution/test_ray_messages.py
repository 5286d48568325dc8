"""The executor `ray` without a cluster: its settings, its messages and its errors."""

from __future__ import annotations

import io
import socket
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from evalharness.doctor.extensions import check_extensions
from evalharness.errors import (
    BilledError,
    ConfigError,
    LostWorkerError,
    ModelUnavailableError,
    ProviderError,
    ThrottledError,
)
from evalharness.execution.executor import open_executor
from evalharness.execution.on_ray.environment import ray_environment
from evalharness.execution.on_ray.failure import failure_of
from evalharness.execution.on_ray.frames import read_frame, write_frame
from evalharness.execution.on_ray.order import call_of, request_of, response_data, response_of
from evalharness.records import Conversation, Message, Params, Request, Response, SampleKey, Timing, Tool, Usage
from evalharness.testing import Project
from evalharness.wire.retry import Tries

REQUEST = Request(
    SampleKey("case-0", "plain", "m", 2, "confirm"),
    (Message("system", "Be brief."), Message("user", "Is it ½?")),
    shared_prefix=1,
    params=Params(max_tokens=20, stop=("\n",)),
    attempt="run-1",
    golden=("Yes.",),
    choices=("yes", "no"),
    variables={"question": "Is it?", "rows": [{"a": 1.5}], "none": None},
    tools=(Tool("look_up", "Look it up.", '{"type": "object"}'),),
)
RESPONSE = Response("Ja, ½", "stop", Usage(3, 1), Timing(total_s=0.5, slots=2), logprobs=(-0.5,), data={"a": [1]})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "RAY_ADDRESS is not set: set RAY_ADDRESS=HOST:PORT"),
        ({"RAY_ADDRESS": "ray://host:10001"}, "expected HOST:PORT, got 'ray://host:10001'"),
        ({"RAY_ADDRESS": "host:6379"}, "RAY_AUTH_MODE is not 'token'"),
        ({"RAY_ADDRESS": "127.0.0.1:6379", "RAY_AUTH_MODE": "disabled"}, "RAY_AUTH_MODE is not 'token'"),
    ],
)
def test_refused_environments(given: dict[str, str], message: str) -> None:
    """Without an address or a token there is no connection, and the error says what to set."""
    with pytest.raises(ConfigError, match=message):
        ray_environment(given)


def test_own_cluster_has_a_token() -> None:
    """A cluster for one run gets a new token, and no usage statistics are sent."""
    first, second = (ray_environment({"RAY_ADDRESS": "local"}) for _ in range(2))
    assert first["RAY_AUTH_MODE"] == "token"
    assert len(first["RAY_AUTH_TOKEN"]) >= 32
    assert first["RAY_AUTH_TOKEN"] != second["RAY_AUTH_TOKEN"]
    assert first["RAY_USAGE_STATS_ENABLED"] == "0"


def test_requests_and_responses_arrive_unchanged() -> None:
    """A message holds all of a request or a response, in the same types."""
    for given in (REQUEST, replace(REQUEST, conversation=Conversation("c-1", 2))):
        call = call_of(given)
        assert request_of(call.request) == given
        assert request_of(call.request).variables == given.variables
        assert (call.conversation, call.continues) == (("c-1", True) if given.conversation else ("", False))
    assert response_of(response_data(RESPONSE)) == RESPONSE


@pytest.mark.parametrize("error", [ThrottledError("slow", kind="rate limit", wait_s=2.0), BilledError("cut", kind="x")])
def test_errors_arrive_unchanged(error: ProviderError) -> None:
    """An error of a provider keeps its type, text and kind, and the time to wait."""
    found = failure_of(error).to_error()
    assert (type(found), str(found), found.kind) == (type(error), str(error), error.kind)
    assert getattr(found, "wait_s", None) == getattr(error, "wait_s", None)


def test_errors_of_other_code() -> None:
    """A bug of a provider may come after the response; a wrong setting is an error of every request."""
    assert type(failure_of(KeyError("x")).to_error()) is BilledError
    assert type(failure_of(ConfigError("no file")).to_error()) is ModelUnavailableError


def test_a_lost_worker_is_retried_once() -> None:
    """The loss of a worker is retried once, without retries of the model too, but not in a kept conversation."""
    lost = LostWorkerError("gone", kind="node", wait_s=0.0)
    tries = Tries(0)
    assert tries.wait_s(lost) is not None
    assert tries.wait_s(lost) is None
    assert Tries(0, only_throttled=True).wait_s(lost) is None


def test_frames() -> None:
    """Messages follow each other; one that is cut off ends the stream."""
    stream = io.BytesIO()
    write_frame(stream, [1, "call", ["½"]], b"\x00\n")
    write_frame(stream, [None, "lost", "node"])
    whole = stream.getvalue()
    stream.seek(0)
    assert read_frame(stream) == ([1, "call", ["½"]], b"\x00\n")
    assert read_frame(stream) == ([None, "lost", "node"], b"")
    for data in (b"", whole[:5], whole[:12]):
        with pytest.raises(EOFError):
            read_frame(io.BytesIO(data))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, "'workers' must be an integer from 0, got -1"),
        ({"patience_s": float("nan")}, "'patience_s' must be a number of seconds from 0"),
        ({"worker": 2}, "has no option 'worker'; did you mean 'workers'"),
    ],
)
def test_options(tmp_path: Path, options: dict[str, object], message: str) -> None:
    """A wrong option is an error with the place in the configuration."""
    project = Project(tmp_path)
    project.write_suite()
    config = project.config.model_validate(
        {**project.config.model_dump(), "executors": {"ray": {"executor": "ray", **options}}}
    )
    with pytest.raises(ConfigError, match=message):
        open_executor("ray", config, {})


def test_doctor_names_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`evalharness doctor` says what a run would use, or which variable is missing, without a connection."""
    project = Project(tmp_path)
    project.write_suite()
    config = project.config.model_copy(update={"executor": "ray"})
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (broken,) = check_extensions(config)
    assert (broken.status, "RAY_ADDRESS is not set" in broken.text) == ("broken", True)
    monkeypatch.setenv("RAY_ADDRESS", "local")
    (found,) = check_extensions(config)
    assert found.text == f"executor ray {version('ray')} at local with a token; nothing was connected"


def test_nothing_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a cluster is an error within seconds, with the address."""
    project = Project(tmp_path)
    project.write_suite()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    for name, value in {"RAY_ADDRESS": address, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "x" * 40}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"no connection to {address} .RAY_ADDRESS.: nothing answers there"):
        project.evaluate(executor="ray", baseline="none")


def test_replay_needs_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the record mode `none` there is no connection, so no address is needed; other modes need one."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    project = Project(tmp_path)
    project.write_suite()
    assert project.evaluate(executor="ray", record="none", baseline="none").status == "error"
    with pytest.raises(ConfigError, match="RAY_ADDRESS is not set"):
        project.evaluate(executor="ray", baseline="none")
