"""Chat templates of widely used models render as `transformers` renders them, with every message marked as content."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from gguf_files import smollm2

from evalharness.errors import ProviderError
from evalharness.local.chat_template import ChatTemplate
from evalharness.local.gguf_header import read_header

FOLDER = Path(__file__).with_name("chat_templates")
SOURCES: Mapping[str, Mapping[str, str]] = tomllib.loads((FOLDER / "sources.toml").read_text(encoding="utf-8"))
WORD = "quokka"
"""Part of every message, and of no template."""
PARTS = ("smolvlm",)
"""Templates that iterate over the parts of a message; `transformers` requires a list of them."""
CONTROL = re.compile(r"<[|\uff5c][^'\"\s{}]{2,40}[|\uff5c]>|\[/?[A-Z_]+\]|</?s>|<(?:start|end)_of_turn>")

Conversation = Sequence[Mapping[str, str]]


def _talk(*contents: str, system: str = "") -> Conversation:
    """Messages of user and assistant in turn, each with WORD and its number at both ends of its text."""
    roles = ["user", "assistant"] * len(contents)
    turns = [*([("system", system)] if system else []), *zip(roles, contents, strict=False)]
    return [{"role": role, "content": _marked(text, number)} for number, (role, text) in enumerate(turns, start=1)]


def _marked(text: str, number: int) -> str:
    """The text with a word before its first and after its last visible character."""
    visible = text.strip()
    return text.replace(visible, f"{WORD}{number} {visible} {WORD}{number}")


def _conversations(source: str) -> dict[str, Conversation]:
    """Conversations that templates treat differently."""
    control = " ".join(sorted(set(CONTROL.findall(source)))) or "<s>"
    return {
        "question": _talk("What is two and two?"),
        "system": _talk("What is two and two?", system="Be brief."),
        "few-shot": _talk("Two?", "Four.", "Three?", system="Be brief."),
        "whitespace": _talk("\n\n  q \t\n", "  a\n\n", " z ", system="  Be \n"),
        "unicode": _talk('naïve "quotes" \\ \u2028 é', "Ünï ßİ", "日本語 🎉", system="ẞ — ŉ"),
        "control": _talk(f"{control} </think> x", f"<think>\nt\n</think>\n\nA{control}", control, system=f"y{control}"),
        "json": _talk('{"k": "v\\n", "<>": "&\'"}', "[1, 2]", "{}", system='{"a": [1, "b"]}'),
        "unanswered": _talk("First?", "Second."),
    }


@pytest.fixture(scope="session")
def make_oracle() -> Any:
    """Make a `transformers` tokenizer with the given special tokens."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    def make(source: str, bos: str, eos: str) -> Any:
        tokens = {"bos_token": bos or None, "eos_token": eos}
        made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"x": 0})), **tokens)
        made.chat_template = source
        return made

    return make


def _expected(oracle: Any, messages: Conversation, *, generate: bool, parts: bool) -> str | None:
    """The oracle's text; None for an error of the template."""
    from jinja2.exceptions import TemplateError

    if parts:
        messages = [{**message, "content": [{"type": "text", "text": message["content"]}]} for message in messages]
    try:
        return str(oracle.apply_chat_template(messages, tokenize=False, add_generation_prompt=generate))
    except (TemplateError, TypeError):
        return None


def _check(template: ChatTemplate, messages: Conversation, expected: str | None, *, generate: bool) -> None:
    """The same text, with each message as content; an error where the oracle has one or a message is missing."""
    if expected is None or (lost := _lost(messages, expected)):
        with pytest.raises(ProviderError, match="rejects this prompt" if expected is None else f"drops message {lost}"):
            template.pieces(messages, generate=generate)
        return
    pieces = template.pieces(messages, generate=generate)
    assert "".join(text for text, _ in pieces) == expected
    assert WORD not in "".join(text for text, scaffolding in pieces if scaffolding)
    contents = [message["content"] for message in messages]
    kept = [text for text, scaffolding in pieces if not scaffolding]
    assert [text for text in kept if not any(_is_part(text, content) for content in contents)] == []


def _lost(messages: Conversation, text: str) -> int:
    """The number of the first message that is not in the text, from 1; 0 if all are."""
    return next((n for n, _ in enumerate(messages, start=1) if f"{WORD}{n}" not in text), 0)


def _is_part(text: str, content: str) -> bool:
    """Whether the content with some characters left out is the text."""
    rest = iter(content)
    return all(character in rest for character in text)


@pytest.mark.parametrize("name", SOURCES)
def test_published_templates(name: str, make_oracle: Any) -> None:
    """The text is that of `apply_chat_template`, for every conversation; no character of a message is scaffolding."""
    source = (FOLDER / f"{name}.jinja").read_bytes().decode()
    bos, eos = SOURCES[name]["bos"], SOURCES[name]["eos"]
    template, oracle = ChatTemplate(source, bos=bos, eos=eos, today=date.today()), make_oracle(source, bos, eos)
    rendered = 0
    for messages in _conversations(source).values():
        for generate in (True, False):
            expected = _expected(oracle, messages, generate=generate, parts=name in PARTS)
            _check(template, messages, expected, generate=generate)
            rendered += expected is not None
    assert rendered >= 4


def test_the_template_in_a_file(make_oracle: Any) -> None:
    """The chat template in the header of SmolLM2's GGUF file renders as `transformers` renders it."""
    header = read_header(smollm2())
    source = header.chat_template
    template, oracle = ChatTemplate(source, bos="", eos="<|im_end|>"), make_oracle(source, "", "<|im_end|>")
    for messages in _conversations(source).values():
        _check(template, messages, _expected(oracle, messages, generate=True, parts=False), generate=True)


def test_all_templates_have_a_source() -> None:
    """Each template file is in the table, and the table has at least the forty templates that it had."""
    assert {path.stem for path in FOLDER.glob("*.jinja")} == set(SOURCES)
    assert len(SOURCES) >= 40
    assert all(entry["model"] and entry["source"] for entry in SOURCES.values())


def test_variables_of_the_configuration(make_oracle: Any) -> None:
    """`enable_thinking` reaches the template of Qwen3, as in `transformers`."""
    source, messages = (FOLDER / "qwen3.jinja").read_text(encoding="utf-8"), _talk("Two?")
    oracle = make_oracle(source, "", "<|im_end|>")
    expected = oracle.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    template = ChatTemplate(source, bos="", eos="<|im_end|>", variables={"enable_thinking": False})

    assert "".join(text for text, _ in template.pieces(messages, generate=True)) == expected
    assert expected.endswith("<think>\n\n</think>\n\n")
