"""Hostile model files: damaged headers and chat templates. Each is a clear error of its own cases."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gguf_files import HEADER_BYTES, damaged, smollm2
from processes import HANG_S

from evalharness.config import Config
from evalharness.errors import ProviderError

ALL = "{% for m in messages %}{{ m.content }}{% endfor %}"
"""The part that every valid template needs."""
TEMPLATES = {
    "class": ALL + "{{ messages.__class__ }}",
    "mro": ALL + "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "class by filter": ALL + "{{ messages|attr('__class__') }}",
    "class by format": ALL + "{{ '{0.__class__}'.format(messages) }}",
    "class by format_map": ALL + "{{ '{x.__class__}'.format_map({'x': messages}) }}",
    "class by percent": ALL + "{{ '%(x)s'|format(x=messages.__class__) }}",
    "globals of a function": ALL + "{{ raise_exception.__globals__ }}",
    "globals of range": ALL + "{{ range.__self__ }}",
    "globals of namespace": ALL + "{{ namespace.__init__.__globals__ }}",
    "the loop": "{% for m in messages %}{{ m.content }}{{ loop.__class__ }}{% endfor %}",
    "self": ALL + "{{ self.__init__ }}",
    "cycler": ALL + "{{ cycler.__init__.__globals__.os }}",
    "joiner": ALL + "{{ joiner.__init__.__globals__ }}",
    "lipsum": ALL + "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "import": "{% import 'os' as os %}" + ALL,
    "include": ALL + "{% include '/etc/passwd' %}",
    "extends": "{% extends '/etc/passwd' %}" + ALL,
    "from": "{% from 'os' import system %}" + ALL,
    "append": ALL + "{{ messages.append(1) }}",
    "clear": "{{ messages.clear() }}" + ALL,
    "endless macro": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}" + ALL,
    "endless call": "{% macro f(x) %}{{ f(x + 1) }}{{ f(x) }}{% endmacro %}{{ f(0) }}" + ALL,
    "a long range": ALL + "{% for i in range(10**12) %}{% endfor %}",
    "loops in loops": ALL + "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "a long text": ALL + "{{ 'a' * 10**10 }}",
    "text of text": ALL
    + "{% set ns = namespace(t='a') %}{% for i in range(99) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
    "a long list": ALL + "{{ [1] * 10**10 }}",
    "a wide field": ALL + "{{ 'a'|center(10**10) }}",
    "a wide format": ALL + "{{ '%9999999999d'|format(1) }}",
    "a deep power": ALL + "{{ 10 ** 10 ** 10 }}",
    "a long join": ALL + "{{ range(10**9)|join }}",
    "a long indent": ALL + "{{ 'a\n' * 1000 |indent(10**9) }}",
    "many brackets": ALL + "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "many blocks": "{% if true %}" * 3000 + ALL + "{% endif %}" * 3000,
    "no end": "{% for m in messages %}{{ m.content }}",
    "no sense": "{{ %}",
    "messages dropped": "Hello",
    "messages twice": ALL + ALL,
    "messages backwards": "{% for m in messages|reverse %}{{ m.content }}{% endfor %}",
    "it refuses": ALL + "{{ raise_exception('no\x1b[31m' * 10000) }}",
    "a generation block": "{% generation %}" + ALL + "{% endgeneration %}",
    "an open generation block": "{% generation %}" + ALL,
    "a wide date": ALL + "{{ strftime_now('%9999999999d') }}",
    "wide format fields": ALL + "{{ '{:9999999999}'.format(1) }}",
    "escapes": "{% autoescape true %}" + ALL + "{% endautoescape %}",
    "dict": ALL + "{{ dict.__base__.__subclasses__() }}",
    "origins": ALL + "{{ messages[0].content.origins.tofile }}",
    "null bytes": ALL + "\x00",
}
HARMLESS = {
    "null bytes": "\x00",
    "globals of range": "",
    "messages twice": "",
    "messages backwards": "",
    "a generation block": "",
}
"""Templates that render, and the text that they add: the sandbox's `range` has no attributes."""
LOADED = ("class", "globals of range", "endless macro", "a long text", "no sense", "messages dropped", "it refuses")
"""One template of each kind runs through the provider."""


def test_chat_templates():
    """Each of more than forty templates that access Python, never end, or hide messages is rejected with a short error,
    and their process survives all.
    """
    assert len(TEMPLATES) >= 40
    found = [json.loads(line) for line in rendered(TEMPLATES)]
    assert {result["name"]: result["adds"] for result in found if "adds" in result} == HARMLESS
    wrong = [result for result in found if "error" in result and not is_clear(result["kind"], result["error"])]
    assert wrong == []
    assert [result["name"] for result in found] == list(TEMPLATES)


def rendered(templates):
    """The results of all templates, one JSON line each. A hang is a timeout."""
    command = [sys.executable, "-I", Path(__file__).with_name("template_child.py")]
    done = subprocess.run(
        command, input=json.dumps(templates), stdout=subprocess.PIPE, text=True, timeout=2 * HANG_S, check=True
    )
    return done.stdout.splitlines()


def is_clear(kind, error):
    """Whether an error names the chat template and has a bounded length."""
    return kind == "template" and "chat template" in error and len(error) < 1_000


@pytest.mark.parametrize("name", LOADED)
def test_a_chat_template_of_a_model(open_gguf, make_request, tmp_path, name):
    """A hostile chat template is the error of the case."""
    (tmp_path / "chat.jinja").write_text(TEMPLATES[name])
    config = Config(root=tmp_path)
    provider = open_gguf(chat_template="chat.jinja", slots=1, context=256, deadline_s=HANG_S, config=config)
    if name in HARMLESS:
        assert provider.complete(make_request("Hello", max_tokens=1)).usage.prompt_tokens == 4
    else:
        with pytest.raises(ProviderError) as caught:
            provider.complete(make_request("Hello", max_tokens=1))
        assert is_clear("template", str(caught.value))
        assert caught.value.kind in ("template", "load")


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, pytest.param(40, marks=pytest.mark.deep)])
def test_damaged_headers(open_gguf, make_request, tmp_path, count):
    """Each of some damaged headers (`make bench-local` has 500) is an error with the file's name, or an answer."""
    copy, chance = tmp_path / "damaged.gguf", random.Random(7)
    shutil.copy(smollm2(), copy)
    header = copy.read_bytes()[:HEADER_BYTES]
    refused = []
    for _ in range(count):
        with copy.open("r+b") as file:
            file.write(damaged(header, chance))
        try:
            provider = open_gguf(str(copy), slots=1, context=256)
            provider.complete(make_request("Hello", max_tokens=1))
        except ProviderError as error:
            refused.append(error)
        finally:
            provider.close()
    assert len(refused) >= count / 2
    assert all("damaged.gguf" in str(error) or error.kind in ("crash", "template", "context") for error in refused)
