"""A generic webhook: a JSON object with the message and the whole verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from evalharness.config import Config
from evalharness.publish.http_target import MODULES, HttpTarget
from evalharness.publish.message import message_of
from evalharness.publish_config import When
from evalharness.redaction import scrubbed
from evalharness.report import Outcome
from evalharness.report.verdict_file import verdict_json
from evalharness.wire import json_bytes

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts `{"schema", "kind", "message", "verdict"}`; `verdict` is the content of verdict.json."""

    target: HttpTarget
    when: When = "failure"
    modules: Sequence[str] = MODULES
    remote: bool = True

    def publish(self, outcome: Outcome) -> None:
        """Post the outcome. Raises PublishError."""
        body = {"schema": SCHEMA, "kind": "evalharness", "message": asdict(message_of(outcome))}
        self.target.send("POST", json_bytes(scrubbed(body | {"verdict": verdict_json(outcome)})))


def webhook(
    config: Config,
    *,
    url: str | None = None,
    url_env: str | None = None,
    token_env: str | None = None,
    headers: dict[str, str] | None = None,
    headers_env: dict[str, str] | None = None,
    ca_file: str | None = None,
    proxy_env: str | None = None,
) -> Webhook:
    """The destination `webhook`. Raises ConfigError: no address, or an invalid one."""
    return Webhook(
        HttpTarget(
            config=config,
            url=url,
            url_env=url_env,
            token_env=token_env,
            headers=headers or {},
            headers_env=headers_env or {},
            ca_file=ca_file,
            proxy_env=proxy_env,
        )
    )
