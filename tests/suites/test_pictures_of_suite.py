"""Pictures and documents in the messages of a suite: what is sent, what the records hold, and each mistake."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from repository import Repository

from evalharness.config import Config, ModelConfig
from evalharness.criteria.changes import changes
from evalharness.criteria.criteria import criteria_of
from evalharness.criteria.snapshot import Snapshot
from evalharness.errors import ConfigError, ProviderError
from evalharness.evaluation.plan import make_plan
from evalharness.execution.keys import request_text
from evalharness.execution.pricing import Pricing
from evalharness.providers import open_provider
from evalharness.records import Attachment, Message, Request
from evalharness.store import commit_at
from evalharness.suites import load_suite, prompt_digest
from evalharness.testing import Project, complete
from evalharness.testing.fault_server import FaultServer, Send, json_answer

Make = Callable[..., Any]


def png(gray: int = 0) -> bytes:
    """A picture of one gray pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes([0, gray])))
        + chunk(b"IEND", b"")
    )


PDF = b"%PDF-1.4\n%%EOF\n"
PARTS = [{"text": "Look:"}, {"image": "pictures/{{ picture }}"}, {"text": "What is it, {{ who }}?"}, {"file": "a.pdf"}]
CASES = [{"id": "cat", "vars": {"picture": "cat.png"}}, {"id": "dog", "vars": {"picture": "dog.png"}}]
ANSWERS: dict[str, dict[str, Any]] = {
    "openai": {"choices": [{"message": {"content": "A cat."}, "finish_reason": "stop"}]},
    "anthropic": {"content": [{"type": "text", "text": "A cat."}], "stop_reason": "end_turn"},
}


@pytest.fixture
def shown(tmp_path: Path) -> Project:
    """A suite whose prompt shows a picture of the case and a document."""
    made = Project(tmp_path)
    prompts = {"plain": [{"system": "Be brief."}, {"user": PARTS}]}
    made.write_suite({"cat": "A cat.", "dog": "A dog."}, prompts=prompts, cases=CASES, vars={"who": "Bo"})
    for name, content in (("pictures/cat.png", png(1)), ("pictures/dog.png", png(2)), ("a.pdf", PDF)):
        path = tmp_path / "suites" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return made


def requests_of(project: Project, model: str = "scripted") -> list[Request]:
    """The planned requests."""
    return [one for _, one in make_plan(load_suite("demo", project.config), project.config, models=[model]).requests]


def test_messages(shown: Project) -> None:
    """A case names its picture; the message has type and digest by content, and the places between the texts."""
    message = requests_of(shown)[0].messages[1]
    assert message.content == "Look:\n\nWhat is it, Bo?"
    cat, document = message.attachments
    assert (cat.path, cat.media_type, cat.at) == ("suites/pictures/cat.png", "image/png", 5)
    assert (document.path, document.media_type, document.at) == ("suites/a.pdf", "application/pdf", 22)
    assert list(message.parts()) == ["Look:", cat, "What is it, Bo?", document]
    assert message.shown == "Look:\n\n[suites/pictures/cat.png]\n\nWhat is it, Bo?\n\n[suites/a.pdf]"


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([{"image": "x"}, {"text": "a"}], "a"),
        ([{"text": "a"}, {"text": "b"}, {"image": "x"}, {"image": "x"}], "a\n\nb"),
        ([{"text": "{{ empty }}"}, {"image": "x"}, {"text": "\n\nb"}], "\n\nb"),
        ([{"text": "a"}, {"image": "x"}, {"text": "\n\nb"}, {"image": "x"}, {"text": "{{ empty }}"}], "a\n\n\n\nb"),
    ],
)
def test_order_of_parts(tmp_path: Path, parts: list[dict[str, str]], content: str) -> None:
    """Texts and pictures keep their order, whatever the texts are."""
    project = Project(tmp_path)
    project.write_suite({"a": "x"}, prompts={"plain": [{"user": parts}]}, vars={"empty": ""})
    (tmp_path / "suites/x").write_bytes(png())
    (message,) = requests_of(project)[0].messages
    texts = [one.get("text", "<picture>").replace("{{ empty }}", "") for one in parts]
    got = [one if isinstance(one, str) else "<picture>" for one in message.parts()]
    joined = "\n\n".join(got).replace("a\n\nb", "a|b").replace("|", "\n\n")
    assert message.content == content
    assert joined == "\n\n".join(one for one in texts if one)


def body_of(project: Project, provider: str) -> Any:
    """What an endpoint receives for the first request."""
    with FaultServer(lambda _: [Send(json_answer(ANSWERS[provider]))]) as server:
        table = {"provider": provider, "base_url": server.url.removesuffix("/v1"), "model": "m"}
        config = Config(root=project.root, models={"m": ModelConfig(**table)})
        complete(open_provider("m", config), requests_of(project)[0])
    return server.log[0].body


def test_openai(shown: Project) -> None:
    """OpenAI gets data URLs, at their places between the texts."""
    cat, document = base64.b64encode(png(1)).decode(), base64.b64encode(PDF).decode()
    assert body_of(shown, "openai")["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{cat}"}},
                {"type": "text", "text": "What is it, Bo?"},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{document}"}},
            ],
        },
    ]


def test_anthropic(shown: Project) -> None:
    """Anthropic gets blocks in base64."""
    cat, document = base64.b64encode(png(1)).decode(), base64.b64encode(PDF).decode()
    assert body_of(shown, "anthropic")["messages"][0]["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": cat}},
        {"type": "text", "text": "What is it, Bo?"},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": document}},
    ]


@pytest.mark.parametrize("provider", ANSWERS)
def test_keys(shown: Project, provider: str) -> None:
    """The ledger's key has the digest in place of the bytes, so that a changed picture is another request."""
    config = Config(root=shown.root, models={"m": ModelConfig(provider=provider, base_url="http://a.test", model="m")})
    key = request_text(open_provider("m", config), {}, requests_of(shown)[0])
    assert base64.b64encode(png(1)).decode() not in key
    assert requests_of(shown)[0].messages[1].attachments[0].sha256 in key
    (shown.root / "suites/pictures/cat.png").write_bytes(png(3))
    assert request_text(open_provider("m", config), {}, requests_of(shown)[0]) != key


def test_the_record(shown: Project) -> None:
    """Run records hold path, type and digest, not the folder, and are read back."""
    run = shown.evaluate().run
    assert shown.record().samples == run.samples
    stored = json.loads((shown.root / "reports/demo/run.jsonl").read_text().splitlines()[1])["sample"]["messages"][1]
    assert [set(one) for one in stored["attachments"]] == [{"path", "media_type", "sha256", "at"}] * 2
    assert str(shown.root) not in json.dumps(stored)


def test_a_changed_picture_is_a_changed_prompt(shown: Project) -> None:
    """The digest of the prompt contains those of its pictures, also of pictures that a case names."""
    before = prompt_digest(load_suite("demo", shown.config), "plain")
    (shown.root / "suites/pictures/dog.png").write_bytes(png(9))
    assert prompt_digest(load_suite("demo", shown.config), "plain") != before


def test_a_picture_that_changes_during_the_run(shown: Project) -> None:
    """A file that is not the one that the suite was read with is not sent."""
    asked = requests_of(shown)[0]
    (shown.root / "suites/pictures/cat.png").write_bytes(png(9))
    config = Config(root=shown.root, models={"m": ModelConfig(provider="openai", base_url="http://a.test", model="m")})
    with pytest.raises(ProviderError, match=r"pictures/cat\.png: the file has changed since this run began"):
        complete(open_provider("m", config), asked)


def test_models_without_pictures(shown: Project) -> None:
    """A model that gets no pictures is refused before the first request."""
    shown.write("app.py", "def answer(text): return text\n")
    shown.configure(app={"provider": "python", "call": "app:answer"})
    with pytest.raises(ConfigError, match=r"the model 'app' gets no image/png, such as suites/pictures/cat\.png"):
        requests_of(shown, "app")


def test_the_budget_counts_pictures(shown: Project) -> None:
    """The worst case of a request covers the tokens of its files."""
    price = Pricing("test", lambda prompt, completion, *_: float(prompt))
    asked = requests_of(shown)[0]
    bare = asked.messages[1]
    plain = Message(bare.role, bare.content)
    without = Request(asked.key, (asked.messages[0], plain), 0, asked.params)
    assert price.most_usd(asked, 1.0) - price.most_usd(without, 1.0) == 550_000


def _link(root: Path) -> None:
    (root / "suites/real.png").write_bytes(png())
    (root / "suites/x.png").symlink_to(root / "suites/real.png")


MISTAKES: dict[str, tuple[Any, Callable[[Path], Any], str]] = {
    "missing": ("y.png", lambda _: None, "'y.png': file not found (with case 'a', suites/demo.yaml:11:3)"),
    "above": ("../x.png", lambda _: None, "'../x.png' leaves its folder with '..'"),
    "absolute": ("/etc/x.png", lambda _: None, "'/etc/x.png' is an absolute path"),
    "address": ("https://a.test/x.png", lambda _: None, "'https://a.test/x.png' is an absolute path"),
    "a link": ("x.png", _link, "goes through a symbolic link"),
    "a text": (
        "x.png",
        lambda root: (root / "suites/x.png").write_text("no"),
        "'x.png': expected a picture in PNG, JPEG",
    ),
    "markup": (
        "x.png",
        lambda root: (root / "suites/x.png").write_text("<svg/>"),
        "'x.png': expected a picture in PNG",
    ),
    "a document": (
        "x.png",
        lambda root: (root / "suites/x.png").write_bytes(PDF),
        "got application/pdf, by its content",
    ),
    "too large": (
        "x.png",
        lambda root: (root / "suites/x.png").write_bytes(png() + bytes(6_000_000)),
        "'x.png': 6.0 MB exceed limits.attachment_mb = 5",
    ),
    "a template": ("{{ nothing }}", lambda _: None, "'nothing' is undefined"),
}


@pytest.mark.parametrize(("path", "make", "wanted"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(tmp_path: Path, path: str, make: Callable[[Path], Any], wanted: str) -> None:
    """Each mistake names the line of the message and the case."""
    project = Project(tmp_path)
    project.write_suite({"a": "x"}, prompts={"plain": [{"user": [{"image": path}]}]})
    make(tmp_path)
    printed = project.command("validate").output
    assert "suites/demo.yaml:" in printed
    assert wanted in printed


def test_bounds_of_a_request(tmp_path: Path) -> None:
    """At most 20 files and 20 MB are in one request."""
    project = Project(tmp_path)
    project.write_suite({"a": "x"}, prompts={"plain": [{"user": [{"image": "x.png"}] * 11}] * 2})
    (tmp_path / "suites/x.png").write_bytes(png())
    assert "22 pictures and documents in one request, expected at most 20" in project.command("validate").output
    project.write_suite({"a": "x"}, prompts={"plain": [{"user": [{"image": "x.png"}] * 5}]})
    (tmp_path / "suites/x.png").write_bytes(png() + bytes(4_500_000))
    assert "22.5 MB of files in one request, expected at most 20" in project.command("validate").output


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ({"imag": "x.png"}, "unknown key 'imag'; did you mean 'image'?"),
        ({"text": "a", "image": "x.png"}, "a part must have exactly one key: text, image or file"),
        ([], "must be a mapping"),
    ],
)
def test_mistakes_of_parts(tmp_path: Path, part: Any, wanted: str) -> None:
    """A part is one text or one file."""
    project = Project(tmp_path)
    project.write_suite({"a": "x"}, prompts={"plain": [{"user": [part]}]})
    assert wanted in project.command("validate").output


def test_types_by_content(tmp_path: Path) -> None:
    """The type is that of the content, whatever the name says."""
    contents = {b"\xff\xd8\xff\xe0": "jpeg", b"GIF89a": "gif", b"RIFF\0\0\0\0WEBPVP8 ": "webp", png(): "png"}
    project = Project(tmp_path)
    project.write_suite({"a": "x"}, prompts={"plain": [{"user": [{"image": "x.txt"}]}]})
    for content, kind in contents.items():
        (tmp_path / "suites/x.txt").write_bytes(content)
        assert requests_of(project)[0].media_types == {f"image/{kind}"}


def test_recorded_messages_have_no_folder() -> None:
    """Equal files in two checkouts are equal."""
    assert Attachment("a", "image/png", "1", folder="/one") == Attachment("a", "image/png", "1", folder="/two")


def test_criteria_list_a_changed_picture(shown: Project) -> None:
    """A pull request that changes a picture relaxes the criteria; one that adds a picture to a new case does not."""
    repository = Repository(shown.root)
    repository.commit()
    there = Snapshot(commit_at(shown.root, "HEAD"), shown.root)
    then = load_suite("demo", shown.config.anchored(there.folder))
    (shown.root / "suites/pictures/cat.png").write_bytes(png(9))
    sides = [criteria_of(one, config={}, baselines={}) for one in (then, load_suite("demo", shown.config))]
    (found,) = changes(*sides)
    assert (found.what, found.relaxes) == ("attachment suites/pictures/cat.png", True)
    fewer = replace(sides[0], attachments={})
    assert [one.relaxes for one in changes(fewer, sides[0])] == [False, False, False]
