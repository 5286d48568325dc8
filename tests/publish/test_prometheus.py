"""Metrics for Prometheus, the shipped alert rules and the dashboard; parsed and evaluated by the real programs."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from loopback import Asked, Loopback, answer
from publishing import failed, send
from services import free_port, get_json, program, serving

from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.publish import open_destinations
from evalharness.publish.prometheus_text import FAMILIES, STATUSES, metrics_text
from evalharness.testing import outcome

FILES = Path(__file__).parents[2] / "docs/prometheus"
GATE = 'suite="demo",model="scripted",prompt="plain",metric="exact",tag="",pinned="false",gating="true"'


def expressions() -> list[str]:
    """Every expression of the dashboard, for all suites."""
    board = json.loads((FILES / "dashboard.json").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return [one.replace("$suite", ".*") for one in found]


def test_the_text() -> None:
    """Status, scores and the gate's numbers, each once."""
    lines = metrics_text(failed()).splitlines()
    assert lines[-1] == "# EOF"
    assert 'evalharness_run_status{suite="demo",status="fail"} 1' in lines
    assert 'evalharness_run_status{suite="demo",status="pass"} 0' in lines
    assert 'evalharness_score{suite="demo",model="scripted",prompt="plain",metric="exact"} 0.0' in lines
    assert f'evalharness_gate_status{{{GATE},status="fail"}} 1' in lines
    assert f'evalharness_gate_change{{{GATE},unit="points"}} -100.0' in lines
    assert f'evalharness_gate_margin{{{GATE},unit="points"}} 5.0' in lines
    assert 'evalharness_run_samples{suite="demo"} 40' in lines
    assert len(lines) == len(set(lines))


def test_an_accepted_failure_is_no_failure(tmp_path: Path) -> None:
    """A run whose acceptance resolves its status has the status `accepted`, so that no alert fires."""
    text = metrics_text(replace(failed(), accepted=(tmp_path,)))
    assert 'status="accepted"} 1' in text
    assert 'evalharness_run_status{suite="demo",status="fail"} 0' in text


@pytest.mark.parametrize("text", ['a"} 1\nevil 2', "a\\", 'x\\"', "\u2028\x85", "ä\udfff"])
def test_hostile_names(text: str) -> None:
    """A hostile name adds no line and ends no label."""
    hostile = replace(failed(), verdicts=tuple(replace(v, tag=text, model=text) for v in failed().verdicts))
    hostile = replace(
        hostile, run=replace(hostile.run, header=replace(hostile.run.header, suite=text, started_at=text))
    )
    label = r'\w+="(?:[^"\\]|\\.)*"'
    for line in metrics_text(hostile).split("\n")[:-1]:
        assert re.fullmatch(rf"# .*|\w+\{{{label}(?:,{label})*\}} -?[\d.e+-]+", line), line
        assert line.isprintable()


def test_a_file_for_each_suite(tmp_path: Path) -> None:
    """The folder gets a readable file of the suite, which the next run replaces."""
    for made in (failed(), outcome()):
        (sent,) = send([made], tmp_path, prometheus={"folder": "metrics"})
        assert sent.problem == ""
    (file,) = (tmp_path / "metrics").iterdir()
    assert file.name == "evalharness_demo.prom"
    assert file.read_text() == metrics_text(outcome())
    assert file.stat().st_mode & 0o044 == 0o044, "node_exporter is another user"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the way is a problem that names it."""
    (tmp_path / "metrics").write_text("")
    (sent,) = send([failed()], tmp_path, prometheus={"folder": "metrics"})
    assert sent.problem.startswith("evalharness_demo.prom cannot be written: ")


def test_a_push(tmp_path: Path) -> None:
    """The Pushgateway gets the text in the group of the job and the suite; nothing else is written."""
    with Loopback(lambda _: answer("", 200)) as server:
        (sent,) = send([failed()], tmp_path, push={"to": "prometheus", "url": server.url, "job": "nightly"})
    assert sent.problem == ""
    (asked,) = server.asked
    group = base64.urlsafe_b64encode(b"demo").decode()
    assert (asked.method, asked.path) == ("PUT", f"/metrics/job/nightly/suite@base64/{group}")
    assert asked.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert asked.body.decode() == metrics_text(failed())
    assert not list(tmp_path.iterdir())


def test_a_folder_is_allowed_offline(tmp_path: Path) -> None:
    """`offline = true` forbids the Pushgateway and not the folder."""
    config = Config.model_validate({"root": tmp_path, "offline": True, "publish": {"prometheus": {"folder": "m"}}})
    assert open_destinations(["prometheus"], config)
    config = Config.model_validate({"root": tmp_path, "offline": True, "publish": {"prometheus": {"url": "http://a"}}})
    with pytest.raises(ConfigError, match="offline"):
        open_destinations(["prometheus"], config)


def test_neither_folder_nor_gateway() -> None:
    """A table without a place is an error."""
    with pytest.raises(ConfigError, match="expected 'folder' for text files, or 'url' of a Pushgateway"):
        open_destinations(["prometheus"], Config.model_validate({"publish": {"prometheus": {}}}))


def test_rules_and_dashboard_use_known_names() -> None:
    """Every metric and status in the alert rules and the dashboard exists, and alerts are FAIL and ERROR."""
    rules = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"][0]["rules"]
    used = [*expressions(), *(rule["expr"] for rule in rules)]
    assert {name for one in used for name in re.findall(r"evalharness_\w+", one)} <= FAMILIES.keys()
    assert {word for one in used for word in re.findall(r'status!?="(\w+)"', one)} <= set(STATUSES)
    assert re.findall(r'status="(\w+)"', "".join(rule["expr"] for rule in rules)) == ["fail", "error"]


@pytest.mark.service
def test_alert_rules() -> None:
    """Promtool checks the rules and runs their tests."""
    promtool = program("promtool", "prometheus")
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *words], cwd=FILES, capture_output=True, text=True, check=False)
        assert (done.returncode, "SUCCESS" in done.stdout + done.stderr) == (0, True), done.stdout + done.stderr


@pytest.mark.service
def test_the_tests_of_the_rules_can_fail(tmp_path: Path) -> None:
    """Without the rule for errors, the tests of the rules fail."""
    promtool = program("promtool", "prometheus")
    rules = (FILES / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(rules.replace('status="error"', 'status="pass"'))
    (tmp_path / "alerts_test.yml").write_text((FILES / "alerts_test.yml").read_text())
    done = subprocess.run(
        [promtool, "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 1


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """The address of a Prometheus that reads `target` with the shipped rules."""
    settings: dict[str, Any] = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "rule_files": [str(FILES / "alerts.yml")],
        "scrape_configs": [{"job_name": "evalharness", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    address = f"127.0.0.1:{free_port()}"
    command = [program("prometheus", "prometheus"), f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]
    with serving(command, f"http://{address}/-/ready", folder / "prometheus.log"):
        yield f"http://{address}/api/v1"


def _scraped(_: Asked) -> list[bytes]:
    return answer(metrics_text(failed()), **{"content-type": "application/openmetrics-text; version=1.0.0"})


@pytest.mark.service
def test_a_real_prometheus(tmp_path: Path) -> None:
    """It reads the text as OpenMetrics, each expression of the dashboard has a result, and the alert on FAIL fires."""
    program("prometheus", "prometheus")
    with Loopback(_scraped) as server, prometheus(tmp_path, server.host) as api:
        end = time.monotonic() + 60
        while not get_json(f"{api}/query", query="evalharness_run_status")["data"]["result"]:
            assert time.monotonic() < end, get_json(f"{api}/targets")
            time.sleep(0.1)
        found = {one: get_json(f"{api}/query", query=one) for one in expressions()}
        assert {one for one, reply in found.items() if reply["status"] != "success"} == set()
        empty = {one for one, reply in found.items() if not reply["data"]["result"]}
        assert all('unit="percent"' in one for one in empty), "this suite has no gate in percent"
        while not (alerts := get_json(f"{api}/alerts")["data"]["alerts"]):
            assert time.monotonic() < end
            time.sleep(0.1)
    assert [(alert["labels"]["alertname"], alert["labels"]["suite"]) for alert in alerts] == [
        ("EvalharnessFail", "demo")
    ]


@pytest.mark.service
def test_a_real_pushgateway(tmp_path: Path) -> None:
    """It takes the metrics, and the next run of the suite replaces them."""
    address = f"127.0.0.1:{free_port()}"
    command = [program("prometheus-pushgateway", "prometheus-pushgateway"), f"--web.listen-address={address}"]
    with serving(command, f"http://{address}/-/ready", tmp_path / "pushgateway.log"):
        for made, status in ((failed(), "fail"), (outcome(), "pass")):
            (sent,) = send([made], tmp_path, prometheus={"url": f"http://{address}"})
            assert sent.problem == ""
            with urlopen(f"http://{address}/metrics", timeout=10) as page:
                text = page.read().decode()
            found = re.findall(r'evalharness_run_status{.*job="evalharness",status="([\w ]+)",suite="demo"} 1', text)
            assert found == [status]
