"""Every place that prints for people passes through an encoder: a new one that does not is found in the source."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import evalharness

PACKAGE = Path(evalharness.__file__).parent
SINKS = {
    "click.echo": "cli/_output.py",
    "click.secho": "cli/_output.py",
    "click.echo_via_pager": "cli/_output.py",
    "click.confirm": "cli/_output.py",
    "click.prompt": "cli/_output.py",
    "click.progressbar": "cli/_output.py",
    "click.get_*_stream": "cli/_output.py",
    "click.style": "cli/_output.py review/screen.py review/label_screen.py",
    "echo_coloured": "cli/_output.py cli/keys.py",
    "print": "",
    "pprint.*": "",
    "sys.stdout.write*": "",
    "sys.stderr.write*": "application/worker.py",
    "sys.stdout.buffer": "",
    "sys.stderr.buffer": "",
    "sys.__std*": "",
    "traceback.print*": "",
    "warnings.warn*": "scoring/metrics/vectors.py",
    "logging.getLogger": "logs.py wire/endpoint.py publish/http_target.py",
    "logging.[a-z]*": "logs.py cli/__init__.py pytest_plugin/log.py wire/endpoint.py scoring/metrics/local_embedder.py "
    "publish/http_target.py",
    "os.write": "store/*.py local/native.py local/server.py local/worker.py application/worker.py",
    "*.write_line()": "pytest_plugin/_output.py",
    "*.write_sep()": "pytest_plugin/_output.py",
    "*.section()": "pytest_plugin/_output.py",
    "*.rewrite()": "pytest_plugin/_output.py",
    "*.line()": "pytest_plugin/_output.py",
    "*.toterminal()": "",
    "pytest.UsageError": "pytest_plugin/_output.py",
    "pytest.fail*": "pytest_plugin/_output.py",
    "pytest.exit": "pytest_plugin/_output.py",
    "pytest.skip*": "pytest_plugin/_output.py",
    "pytest.xfail*": "pytest_plugin/_output.py",
    "pytest.TestReport()": "pytest_plugin/gate_results.py pytest_plugin/suite_items.py",
    "*.user_properties": "pytest_plugin/gate_results.py pytest_plugin/hooks.py",
}
"""What prints or hands text to pytest -> the files that may name it, because they encode.

`()` for calls alone. `os.write` goes to pipes, and the stderr of an application's process to the log of the run.
"""
FROM = ("click", "pytest", "sys", "logging", "warnings", "pprint")
"""Modules whose names are used through the module, where this test sees them."""
DOORS = ("cli/", "pytest_plugin/")
"""Where JSON is printed: with `print_json`, whose encoder is `json_text`."""


def violations(source: str, file: str) -> Iterator[str]:
    """The places in a module that print without an encoder."""
    tree = ast.parse(source)
    calls = {call.func: call for call in ast.walk(tree) if isinstance(call, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in FROM:
            yield f"{file}:{node.lineno}: from {node.module} import: use the names through the module"
        if isinstance(node, ast.Attribute | ast.Name) and not (node in calls and _is_constant(calls[node])):
            name = _name_of(node)
            names = (name, f"{name}()") if node in calls else (name,)
            if not all(_is_allowed(one, file) for one in names):
                yield f"{file}:{node.lineno}: {name}"


def _name_of(node: ast.expr) -> str:
    """The dotted name as it is written. `ast.unparse` takes twenty times as long, and most names are plain."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{_name_of(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ast.unparse(node)


def _is_allowed(name: str, file: str) -> bool:
    json_here = name == "json.dumps" and file.startswith(DOORS)
    return not json_here and all(any(fnmatch.fnmatchcase(file, one) for one in files) for files in _sinks_of(name))


@cache
def _sinks_of(name: str) -> list[list[str]]:
    """The files that may name it, for each sink that it is."""
    return [files.split() for sink, files in SINKS.items() if fnmatch.fnmatchcase(name, sink)]


def _is_constant(call: ast.Call) -> bool:
    """Whether a call prints nothing but a text of the source, such as `pytest.UsageError(POSIX_ONLY)`."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return bool(arguments) and all(map(_is_constant_text, arguments))


def _is_constant_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def test_no_sink_is_bypassed() -> None:
    """Nothing in the package prints, or hands text to pytest, other than through the encoders."""
    files = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    found = [place for file, source in files.items() if "testing/" not in file for place in violations(source, file)]
    assert not found, "\n".join(["use echo() of cli/_output.py, or pytest_plugin/_output.py:", *found])


@pytest.mark.parametrize(
    "line",
    [
        *("click.echo(text)", "click.secho(f'{name}: ok')", "print(text)", "x = click.echo", "sys.stdout.write(x)"),
        *("reporter.write_line(line)", "reporter.section(title)", "raise pytest.UsageError(str(error))"),
        *("pytest.fail(text)", "pytest.exit(f'{error}')", "warnings.warn(text)", "logging.info(text)", "tw.line(text)"),
        *("from click import echo", "click.echo(json.dumps(found))", "click.confirm(question)", "logging.getLogger()"),
    ],
)
def test_a_new_sink_is_found(line: str) -> None:
    """A line that prints without an encoder is found in any other file."""
    assert list(violations(line, "cli/new.py"))


@pytest.mark.parametrize(
    "line", ["echo(text)", "print_json(found)", "click.echo('a text')", "pytest.UsageError(POSIX)"]
)
def test_encoded_and_constant_texts(line: str) -> None:
    """The encoders, and texts of the source itself, are no violation."""
    assert not list(violations(line, "cli/new.py"))
