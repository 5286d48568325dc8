"""`evalharness publish`, `--llm-publish` and `evaluate(publish=...)`: which runs go where, and what is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from loopback import Loopback, answer
from publishing import SECRET, Publishing

from evalharness.errors import ConfigError
from evalharness.publish import delivery, open_destinations

MOST_S = delivery.MOST_S
"""Before the tests' fixture makes it longer."""


def test_the_command_posts_the_verdict(failing: Publishing) -> None:
    """A webhook gets the message, and the content of verdict.json."""
    with Loopback(lambda _: answer("ok")) as server:
        failing.publish_to(hook={"to": "webhook", "url": f"{server.url}/in/", "headers": {"x-team": "a"}})
        result = failing.command("publish", failing.root / "reports/demo", "--to", "hook")
    assert (result.exit_code, result.output) == (0, "hook: demo published\n")
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.headers["x-team"]) == ("POST", "/in/", "a")
    body = asked.json()
    assert body["verdict"] == failing.verdict()
    assert body["message"]["word"] == "FAIL"
    assert body["message"]["headline"] == "worse than the baseline: exact"
    assert body["message"]["gates"][0].startswith("FAIL exact (scripted, plain): 100.0 → 0.0")
    assert body["message"]["cases"][0].startswith("case-0: 100.0 → 0.0")


def test_a_run_that_passes_is_skipped(project: Publishing) -> None:
    """By default, chat gets failures alone; --always and `when` send the others."""
    project.evaluate()
    with Loopback(lambda _: answer("ok")) as server:
        url = f"{server.url}/in"
        project.publish_to(webhook={"url": url}, all={"to": "webhook", "url": url, "when": "always"})
        skipped = project.command("publish", project.root / "reports/demo", "--to", "webhook")
        assert skipped.output == 'webhook: demo skipped: when = "failure" publishes FAIL and ERROR alone\n'
        assert not server.asked
        project.command("publish", project.root / "reports/demo", "--to", "webhook", "--always")
        project.command("publish", project.root / "reports/demo", "--to", "all")
    assert [asked.json()["verdict"]["status"] for asked in server.asked] == ["pass", "pass"]


def test_pytest_publishes(project: Publishing, pytester: pytest.Pytester) -> None:
    """`--llm-publish` sends the verdict at the end of a run; a failure is a line of the summary."""
    project.get_worse()
    with Loopback(lambda _: answer("ok")) as server:
        project.publish_to(
            hook={"to": "webhook", "url": server.url}, down={"to": "webhook", "url": "http://127.0.0.1:9"}
        )
        result = run_pytest(pytester, project, "--llm-publish=hook", "--llm-publish=down")
    assert result.ret == 1
    assert [asked.json()["verdict"]["status"] for asked in server.asked] == ["fail"]
    assert server.asked[0].json()["verdict"] == project.verdict()
    result.stdout.fnmatch_lines(["warning*publish: down: demo not published: no answer from 127.0.0.1:9*"])
    result.stdout.no_fnmatch_line("*hook: demo*")


def test_xdist_publishes_once(project: Publishing, pytester: pytest.Pytester) -> None:
    """Under xdist, the controller publishes, and no worker does."""
    project.get_worse()
    with Loopback(lambda _: answer("ok")) as server:
        project.publish_to(hook={"to": "webhook", "url": server.url})
        assert run_pytest(pytester, project, "--llm-publish=hook", "-n2", "-pxdist").ret == 1
    assert len(server.asked) == 1


def test_an_interrupted_run_is_not_published(project: Publishing, pytester: pytest.Pytester) -> None:
    """After Ctrl-C nothing is sent, and the summary says so."""
    project.write("conftest.py", "def pytest_runtest_logreport(report):\n    raise KeyboardInterrupt\n")
    with Loopback(lambda _: answer("ok")) as server:
        project.publish_to(hook={"to": "webhook", "url": server.url, "when": "always"})
        result = run_pytest(pytester, project, "--llm-publish=hook", f"--confcutdir={project.root}", str(project.root))
    assert result.ret == 2
    assert not server.asked
    result.stdout.fnmatch_lines(["warning*publish: hook: demo not published: the run was interrupted"])


@pytest.mark.parametrize("seconds", [0.5, pytest.param(MOST_S, marks=pytest.mark.deep)])
def test_ten_seconds(project: Publishing, pytester: pytest.Pytester, seconds: float) -> None:
    """A destination that never answers delays the end of a run by ten seconds at most, and changes no status."""
    assert MOST_S == 10
    project.write("conftest.py", f"from evalharness.publish import delivery\ndelivery.MOST_S = {seconds}\n")
    with Loopback(lambda _: iter(lambda: server.stopping.wait() or b"", b"")) as server:
        project.publish_to(hook={"to": "webhook", "url": server.url, "when": "always"})
        started, here = time.monotonic(), (f"--confcutdir={project.root}", str(project.root))
        result = run_pytest(pytester, project, "--llm-publish=hook", *here)
        assert seconds <= time.monotonic() - started < 60
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"warning*publish: hook: demo not published: no answer within {seconds:g} s"])


def run_pytest(pytester: pytest.Pytester, project: Publishing, *options: str) -> pytest.RunResult:
    """Run the suite in a process of its own."""
    plugins = ("-pevalharness.plugin", "-pno:cacheprovider", "-pno:hypothesispytest")
    return pytester.runpytest_subprocess(f"--rootdir={project.root}", "--llm-suite=demo", *plugins, *options)


def test_an_unknown_name_ends_pytest(project: Publishing, pytester: pytest.Pytester) -> None:
    """A misspelled name is an error before the first request."""
    project.publish_to(slack={"url_env": "SLACK_URL"})
    result = run_pytest(pytester, project, "--llm-publish=slak")
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["*unknown destination 'slak': no ?tool.evalharness.publish.slak?*did you mean 'slack'*"]
    )


def test_evaluate_publishes(project: Publishing, monkeypatch: pytest.MonkeyPatch) -> None:
    """`evaluate(publish=...)` sends the outcome, and a failure is one of its warnings."""
    monkeypatch.delenv("SLACK_URL", raising=False)
    project.get_worse()
    with Loopback(lambda _: answer("ok")) as server:
        project.publish_to(hook={"to": "webhook", "url": server.url}, slack={"url_env": "SLACK_URL"})
        evaluation = project.evaluate(publish=["hook", "slack"])
    assert len(server.asked) == 1
    assert evaluation.status == "fail"
    assert evaluation.outcome
    (warning,) = evaluation.outcome.warnings
    assert warning == "publish: slack: demo not published: the environment variable SLACK_URL is not set"


def test_evalharness_run_publishes(project: Publishing) -> None:
    """`evalharness run --publish` prints a failure as a warning and keeps its exit status."""
    project.publish_to(hook={"to": "webhook", "url": "http://127.0.0.1:9", "when": "always"})
    result = project.command("run", "demo", "--publish", "hook")
    assert result.exit_code == 0
    assert "warning   publish: hook: demo not published: no answer from 127.0.0.1:9" in result.output


def test_strict(failing: Publishing) -> None:
    """The command ends with 0 after a warning on stderr, and with 1 if it is strict."""
    failing.publish_to(hook={"to": "webhook", "url": "http://127.0.0.1:9"})
    words = ("publish", failing.root / "reports/demo", "--to", "hook")
    result = failing.command(*words)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: hook: demo not published: no answer from 127.0.0.1:9")
    assert failing.command(*words, "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"to": "slac", "url_env": "A"}, "unknown destination 'slac'; did you mean 'slack'?"),
        ({"url_env": "A"}, "unknown destination 'team'.*name the kind: to = "),
        ({"to": "slack"}, "the destination 'slack' needs the option 'url_env'"),
        ({"to": "slack", "url_evn": "A"}, "has no option 'url_evn'; did you mean 'url_env'?"),
        ({"to": "slack", "url_env": 3}, "the option 'url_env' of the destination 'slack' is wrong"),
        ({"to": "webhook"}, "expected either 'url', or 'url_env'"),
        ({"to": "webhook", "url": "ftp://a"}, "url: expected an http or https address"),
        ({"to": "webhook", "url": "https://u:p@a"}, "url: expected only scheme, host and path"),
        ({"to": "webhook", "url": "https://a", "ca_file": "no.pem"}, "no.pem: no such file"),
    ],
)
def test_wrong_settings(project: Publishing, table: dict[str, object], message: str) -> None:
    """A wrong table is an error that names it."""
    project.publish_to(team=table)
    with pytest.raises(ConfigError, match=message) as caught:
        open_destinations(["team"], project.config)
    assert str(caught.value).startswith("[tool.evalharness.publish.team]: ")


def test_when_is_checked(project: Publishing) -> None:
    """`when` has two values."""
    project.publish_to(slack={"url_env": "A", "when": "sometimes"})
    with pytest.raises(ConfigError, match=r"publish.slack\] when: must be 'failure' or 'always', got 'sometimes'"):
        project.config  # noqa: B018


def test_offline_forbids_it(project: Publishing) -> None:
    """`offline = true` opens no connection."""
    project.publish_to(slack={"url_env": "A"})
    config = project.config.model_copy(update={"offline": True})
    with pytest.raises(ConfigError, match=r"offline = true in .* forbids connections"):
        open_destinations(["slack"], config)


def test_several_runs(failing: Publishing, tmp_path: Path) -> None:
    """Each run is published on its own; verdicts of suites stay apart."""
    copy = tmp_path / "reports/copy"
    copy.mkdir()
    (copy / "run.jsonl").write_text(failing.read("reports/demo/run.jsonl"))
    with Loopback(lambda _: answer("ok")) as server:
        failing.publish_to(hook={"to": "webhook", "url": server.url})
        result = failing.command("publish", failing.root / "reports/demo", copy, "--to", "hook")
    assert result.output == "hook: demo published\n" * 2
    assert len(server.asked) == 2


def test_a_secret_of_the_configuration_stays_out(failing: Publishing, monkeypatch: pytest.MonkeyPatch) -> None:
    """No payload holds a key, even where an answer quotes it."""
    monkeypatch.setenv("SECRET_URL", f"http://127.0.0.1:9/{SECRET}")
    failing.answer({"*": f"the address is http://127.0.0.1:9/{SECRET}"})
    with Loopback(lambda _: answer("ok")) as server:
        failing.publish_to(hook={"to": "webhook", "url": server.url}, slack={"url_env": "SECRET_URL"})
        failing.evaluate(publish=["slack", "hook"])
    assert SECRET not in json.dumps([asked.body.decode() for asked in server.asked])
