"""The threads that a run starts import no module: whole runs in processes that report every import outside of main."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults import tls_context
from viewed import viewing
from watched import WATCH, Watched

from evalharness.testing.fault_server import (
    FaultServer,
    Received,
    Reply,
    Send,
    completion,
    embeddings,
    head,
    json_answer,
)

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "evalharness.plugin", "-p", "no:hypothesispytest")
SCHEMA = {"anyOf": [{"format": "idn-hostname"}, {"format": "date-time"}, {"type": "string"}]}
METRICS = ["exact", "rouge_l", "chrf", {"json_schema": {"schema": SCHEMA}}]
OTHERS = ["contains", "token_f1", "rouge_2", "rouge_1", "bleu", "ter", "json_valid", {"length": {"min_words": 1}}]
OF_APPLICATIONS = ["citations", "ndcg", {"tool_calls": {"arguments": "schema"}}]
EXPECTED = {"relevant": ["a"], "tool_calls": [{"name": "find", "arguments": {"properties": {"id": SCHEMA}}}]}
AEVALUATE = """\
import asyncio, evalharness
evaluation = asyncio.run(evalharness.aevaluate("demo", record="all"))
raise SystemExit(evaluation.status != "fail")
"""
CHECKS = """\
import pytest

@pytest.mark.parametrize("case", [f"case-{number}" for number in range(40)])
def test_app(llm, case):
    llm.check(case=case, answer="Yes." if case < "case-2" else "No.")
"""
EVALUATE = """\
def test_demo(llm):
    llm.evaluate("demo", record="all")
"""
IN_A_THREAD = """\
import threading
from pathlib import Path
from evalharness.config import load_config
from evalharness.evaluation.plan import make_plan
from evalharness.records import Context, ToolCall
from evalharness.scoring.scorer import Answered
from evalharness.suites import load_suite
from evalharness.testing import response

config = load_config(Path())
plan = make_plan(load_suite("demo", config), config)
plan.scorer.warm_up()
added = {"contexts": (Context("Yes.", "a"),), "tool_calls": (ToolCall("find", {"id": 1}),)}
answered = [Answered(case, request, response('"Yes." [1]', **added)) for case, request in plan.requests]
found = []
thread = threading.Thread(target=lambda: found.extend(plan.scorer.samples(answered)))
thread.start()
thread.join()
assert found and all(sample.ok and len(sample.scores) == len(plan.metrics) for sample in found), found[:1]
"""
PRICE = """\
import threading
from pathlib import Path
from evalharness.execution.pricing import pricing_of
from evalharness.providers import open_provider
from evalharness.config import load_config
from evalharness.testing import response

price = pricing_of(None, open_provider("gpt", load_config(Path())))
costs = []
thread = threading.Thread(target=lambda: costs.append(price.cost_usd(response("Yes."))))
thread.start()
thread.join()
assert costs[0] > 0
"""


def toss(seen: Received) -> Reply:
    """An endpoint with the right answer less often for a careless prompt, and with embeddings."""
    body = json.loads(seen.raw.partition(b"\r\n\r\n")[2])
    if "input" in body:
        return [Send(json_answer(embeddings(body)))]
    chance = 0.5 if "careless" in json.dumps(body) else 0.95
    thrown = hashlib.sha256(f"{body.get('seed')} {seen.case}".encode()).digest()[0] / 256
    return [Send(json_answer(completion("Yes." if thrown < chance else "No.", "m")))]


def git(root: Path, *words: str) -> None:
    """Run git in the project."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project under git with an endpoint, an accepted run, and a prompt that got worse since."""
    project = Watched(tmp_path_factory.mktemp("accepted"))
    with FaultServer(toss) as server:
        project.write_suite(
            {f"case-{number}": "Yes." for number in range(40)},
            models=["m"],
            metrics=METRICS,
            prompts={"plain": [{"system": "You are helpful."}, {"user": "{{ question }}"}]},
            params={"max_tokens": 9, "seed": 1},
        )
        project.configure(m={"provider": "openai", "base_url": server.url, "model": "m"})
        project.write(".gitignore", "reports\n.cache\nimports.log\n")
        git(project.root, "init", "-q")
        project.python(*PYTEST, "--llm-suite=demo", "--llm-accept")
        git(project.root, "add", "-A")
        git(project.root, "commit", "-qm", "accept")
        project.edit("suites/demo.yaml", "You are helpful.", "You are careless.")
        yield project.root


@pytest.fixture
def project(accepted: Path, tmp_path: Path) -> Watched:
    """A copy of the project."""
    shutil.copytree(accepted, tmp_path, dirs_exist_ok=True)
    return Watched(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        (*PYTEST, "--llm-suite=demo"),
        (*PYTEST, "--llm-suite=demo", "-p", "xdist", "-n2", "--llm-record=all"),
        ("-m", "evalharness", "run", "demo", "--record=all"),
    ],
    ids=["pytest", "xdist", "command"],
)
def test_red_runs(project: Watched, words: Sequence[str]) -> None:
    """A run with an endpoint, a confirmation and reports imports in its main thread alone."""
    project.python(*words, status=1)
    assert (project.root / "reports/demo/report.html").stat().st_size


def test_in_an_event_loop(project: Watched) -> None:
    """`aevaluate` imports in the thread of the loop, before its own thread starts."""
    project.python("-c", AEVALUATE)


def test_the_fixture(project: Watched) -> None:
    """Tests that check answers, and evaluate a suite while the engine of the session runs, import in main."""
    project.write("suites/app.yaml", project.read("suites/demo.yaml"))
    project.write("golden/app.yaml", project.read("golden/demo.yaml"))
    project.write("test_app.py", CHECKS.replace("llm.check(", 'llm.check(suite="app", ') + EVALUATE)
    project.python(*PYTEST, "test_app.py", status=1)


def test_publishing(tmp_path: Path) -> None:
    """The threads that publish import nothing: a destination that takes the run, one that refuses, one that is down."""
    project = Watched(tmp_path)
    project.write_suite()
    with FaultServer(
        lambda seen: [Send(json_answer({"error": "no"}, 403 if b"/v1/no/" in seen.raw else 200))]
    ) as server:
        url = f"{server.url}/chat/completions"
        destinations = {
            "hook": f'to = "webhook"\nurl = "{url}"',
            "refuses": f'to = "webhook"\nurl = "{server.url}/no/chat/completions"',
            "down": 'to = "webhook"\nurl = "http://localhost:9"',
            "slack": 'url_env = "A_HOOK"',
        }
        tables = (
            f'[tool.evalharness.publish.{name}]\nwhen = "always"\n{table}\n' for name, table in destinations.items()
        )
        project.write("pyproject.toml", project.read("pyproject.toml") + "".join(tables))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("A_HOOK", url)
            project.python(*PYTEST, "--llm-suite=demo", *(f"--llm-publish={name}" for name in destinations))
        assert len(server.log) == 3


def test_calibrate(project: Watched) -> None:
    """`evalharness calibrate` imports in main. A wide margin decides its rehearsals at the first look."""
    project.edit("suites/demo.yaml", "margin: 0.05", "margin: 0.6")
    project.python("-m", "evalharness", "calibrate", "demo", "--runs=3")


def test_doctor(project: Watched) -> None:
    """The test request of `evalharness doctor` imports in main."""
    project.python("-m", "evalharness", "doctor", "--load")


@pytest.mark.parametrize("kind", ["tls", "proxy"])
def test_other_connections(tmp_path: Path, kind: str) -> None:
    """A connection with TLS, or through a proxy, imports nothing more in the threads."""
    project = Watched(tmp_path)
    project.write_suite(models=["m"])
    with ExitStack() as running:
        context = tls_context("good", tmp_path) if kind == "tls" else None
        server = running.enter_context(FaultServer(toss, tls=context))
        options = {"ca_file": str(tmp_path / "ca.pem")} if kind == "tls" else {"proxy_env": "A_PROXY"}
        url = server.url if kind == "tls" else "http://localhost:9/v1"
        project.configure(m={"provider": "openai", "base_url": url, "model": "m", **options})
        os.environ["A_PROXY"] = server.url.removesuffix("/v1")
        running.callback(os.environ.pop, "A_PROXY")
        project.python(*PYTEST, "--llm-suite=demo")
        assert len(server.log) == 2


def test_all_metrics(tmp_path: Path) -> None:
    """Every metric that needs no other option scores in a thread that imports nothing."""
    project = Watched(tmp_path)
    cases = [{"id": "case-0", "vars": {"question": "Yes?", **EXPECTED}}]
    project.write_suite({"case-0": '"Yes."'}, metrics=[*METRICS, *OTHERS, *OF_APPLICATIONS], cases=cases)
    project.python("-c", IN_A_THREAD)


def test_remote_embeddings(tmp_path: Path) -> None:
    """The endpoint of an embedding metric is called in a thread that imports nothing."""
    project = Watched(tmp_path)
    project.write_suite({"case-0": "Yes."}, metrics=[{"embedding": "e"}], gates=None)
    with FaultServer(toss) as server:
        table = f'[tool.evalharness.embedders.e]\nbase_url = "{server.url}"\nmodel = "e"\n'
        project.write("pyproject.toml", project.read("pyproject.toml") + table)
        project.python("-c", IN_A_THREAD)


def test_prices(tmp_path: Path) -> None:
    """The price of a response is computed in a thread that imports nothing."""
    project = Watched(tmp_path)
    project.configure(gpt={"provider": "openai", "base_url": "https://api.openai.com/v1", "model": "gpt-4o-mini"})
    project.python("-c", PRICE)


APP = """\
import os

def answer(question):
    print(question)
    if question == "case-1?":
        os._exit(3)
    if question == "case-2?":
        raise ValueError("no")
    return {"text": "Yes.", "contexts": [{"id": "a", "text": "b", "score": 1}], "data": {"a": 1}}
"""


def test_an_application(tmp_path: Path) -> None:
    """A function that answers, prints, raises and crashes: the threads of the run import nothing."""
    project = Watched(tmp_path)
    project.write_suite({f"case-{number}": "Yes." for number in range(4)}, models=["app"])
    project.write("app.py", APP)
    project.configure(app={"provider": "python", "call": "app:answer", "concurrency": 2})
    project.python(*PYTEST, "--llm-suite=demo", status=1)


def shown(request: Received) -> Reply:
    """Answers of an application: whole, in another charset, without the text, and an error."""
    kind = int(request.body["q"][len("case-") : -1])
    types = ("application/json", "application/json; charset=windows-1252", "application/json", "text/html")
    body = (b'{"a": "Yes.", "u": {"prompt_tokens": 1}}', b'{"a": "Yes.\x80"}', b'{"answer": "Yes."}', b"<html>")[kind]
    return [Send(head(200, {"content-type": types[kind], "content-length": str(len(body))}) + body)]


def test_an_application_behind_http(tmp_path: Path) -> None:
    """Answers that are right, in another charset, without the text, and pages: the threads import nothing."""
    project = Watched(tmp_path)
    project.write_suite({f"case-{number}": "Yes." for number in range(4)}, models=["app"])
    with FaultServer(shown) as server:
        options = {"url": f"{server.url}/chat/completions", "body": {"q": "{{ question }}"}, "text": "$.a"}
        project.configure(app={"provider": "http", "usage": "$.u", "retries": 0, **options})
        project.python(*PYTEST, "--llm-suite=demo", status=1)
        assert len(server.log) == 4


def test_the_pages_of_runs(project: Watched) -> None:
    """The threads of `evalharness view` import nothing: pages are made in the main thread."""
    project.python(*PYTEST, "--llm-suite=demo", status=1)
    log = project.write("imports.log", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(WATCH), *sys.path[1:]]))
        patch.setenv("IMPORT_WATCH", str(log))
        with viewing(project.root, "demo") as viewed:
            for path in (viewed.path, f"{viewed.path}state", "/", viewed.path.partition("run/")[0]):
                assert viewed.get(path).status == (403 if path == "/" else 200)
            assert viewed.get(viewed.path, "POST").status == 405
            viewed.stop()
    assert log.read_text() == ""


def test_the_watch(tmp_path: Path) -> None:
    """An import in a thread is found: the other tests here would fail."""
    imports = "import threading\nthread = threading.Thread(target=lambda: __import__('wave'))\nthread.start()\n"
    with pytest.raises(AssertionError, match="wave"):
        Watched(tmp_path).python("-c", imports + "thread.join()")
