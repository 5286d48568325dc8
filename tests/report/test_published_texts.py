"""What chat and mail show: within the limits of each destination, and untrusted text stays text."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from hostile_outcome import hostile
from outcomes import a_sample, an_outcome, broken

from evalharness.publish import teams
from evalharness.publish.mail import composed
from evalharness.publish.message import message_of
from evalharness.publish.slack import payload

ATTACKS = (
    "<!channel> <@U123> <https://evil.example|x>",
    "*bold* `code` :tada: & <b>",
    "a\n\n>quote\x1b[2J\u202e",
    "x" * 9000,
)


@pytest.mark.parametrize("text", ATTACKS, ids=["mentions", "markup", "lines", "long"])
def test_slack_shows_text(text: str) -> None:
    """Texts are plain_text without emoji; the notification has no unescaped `<`; Slack's limits hold."""
    body = payload(message_of(hostile(text)))
    assert not {"<", ">"} & set(body["text"])
    assert (body["link_names"], body["unfurl_links"], body["unfurl_media"]) == (False, False, False)
    texts = [block["text"] for block in body["blocks"] if "text" in block]
    texts += [element for block in body["blocks"] for element in block.get("elements", ())]
    assert {one["type"] for one in texts} == {"plain_text"}
    assert all(one["emoji"] is False for one in texts)
    assert all(0 < len(one["text"]) <= (150 if number == 0 else 3000) for number, one in enumerate(texts))
    assert not [one for one in texts if set(one["text"]) & set("\x1b\u202e")]


def test_slack_of_a_failure() -> None:
    """Title, gates and worst cases are there, with numbers and without answers."""
    samples = [a_sample(number, 0.4 if number % 3 == 0 else 0.8) for number in range(60)]
    header, gates, cases, context = payload(message_of(an_outcome(samples)))["blocks"]
    assert header["text"]["text"] == "FAIL: support"
    assert "FAIL chrf (smollm2, concise)" in gates["text"]["text"]
    assert "case-0: 80.0 → 40.0" in cases["text"]["text"]
    assert "Answer 0 of the model" not in str((header, gates, cases, context))


def test_the_causes_of_errors() -> None:
    """Of a run with errors, each cause is there once."""
    body = payload(message_of(an_outcome([broken(number) for number in range(9)])))
    assert body["blocks"][0]["text"]["text"] == "ERROR: support"
    assert body["blocks"][2]["text"]["text"].splitlines()[1] == "9 cases: crash: the worker died"


def test_the_job_is_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CI job is a link if its variable holds an http address, and nothing otherwise."""
    monkeypatch.setenv("CI_JOB_URL", "https://ci.example/1?a=1&b=2")
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert "<https://ci.example/1?a=1&amp;b=2|CI job>" in str(payload(message_of(an_outcome())))
    monkeypatch.setenv("CI_JOB_URL", "javascript:alert(1)|<!channel>")
    assert "javascript" not in str(payload(message_of(an_outcome())))


@pytest.mark.parametrize(
    "text", [*ATTACKS, "{{DATE(2026-01-01T00:00:00Z,SHORT)}} <at>all</at> [x](https://evil.example)"]
)
def test_teams_shows_text(text: str) -> None:
    """Every text of a card is a TextRun, which has no markdown; nothing is computed, and no one is mentioned."""
    body = teams.payload(message_of(hostile(text)))
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert card.keys() == {"$schema", "type", "version", "body"}
    assert {element["type"] for element in card["body"]} == {"RichTextBlock"}
    runs = [run for element in card["body"] for run in element["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert not [run for run in runs if "{{" in run["text"] or set(run["text"]) & set("\x1b\u202e\n")]
    assert len(str(body)) < 28_000, "the limit of Teams"


def test_teams_of_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card has the title in red, the gates, the worst cases and the CI job."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    monkeypatch.setenv("CI_JOB_URL", "https://ci.example/1")
    samples = [a_sample(number, 0.4 if number % 3 == 0 else 0.8) for number in range(60)]
    card = teams.payload(message_of(an_outcome(samples)))["attachments"][0]["content"]
    first = card["body"][0]["inlines"][0]
    assert (first["text"], first["color"]) == ("FAIL: support", "attention")
    assert "case-0: 80.0 → 40.0" in str(card["body"])
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "CI job", "url": "https://ci.example/1"}]


@pytest.mark.parametrize("text", [*ATTACKS, "x\r\nBcc: evil@example.com\r\n\r\n<b>", "\udfff ä 語"])
def test_mail_shows_text(text: str) -> None:
    """A hostile suite adds no header and no part to a mail, and no control character."""
    mail = composed(message_of(hostile(text)), "ci@example.com", ["team@example.com"])
    own = {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"}
    assert set(mail.keys()) == own | {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
    sent = message_from_bytes(mail.as_bytes(), policy=default)
    assert sorted(sent.keys()) == sorted(mail.keys())
    assert sent["to"] == "team@example.com"
    assert mail.get_content_type() == "text/plain"
    assert not set(mail.get_content()) & set("\x1b\u202e")
    assert len(mail["subject"]) <= 150
