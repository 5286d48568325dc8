"""Prometheus: a file for the textfile collector of node_exporter, or a Pushgateway.

Sources: https://github.com/prometheus/node_exporter#textfile-collector,
https://github.com/prometheus/pushgateway#url
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from evalharness.config import Config
from evalharness.errors import ConfigError, StoreError
from evalharness.publish.destination import PublishError
from evalharness.publish.http_target import MODULES, HttpTarget
from evalharness.publish.prometheus_text import metrics_text
from evalharness.publish_config import When
from evalharness.report import Outcome
from evalharness.report.encode import one_line
from evalharness.store import write_whole

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Writes or pushes the metrics of a suite, replacing those of its last run."""

    folder: Path | None
    gateway: HttpTarget | None
    job: str
    when: When = "always"
    modules: Sequence[str] = MODULES

    @property
    def remote(self) -> bool:
        """Whether there is a Pushgateway."""
        return self.gateway is not None

    def publish(self, outcome: Outcome) -> None:
        """Write the file and push the metrics. Raises PublishError."""
        text, suite = metrics_text(outcome), outcome.run.header.suite
        if self.folder:
            self._write(self.folder, suite, text)
        if self.gateway:
            path = f"/metrics/job/{quote(self.job, safe='')}/suite@base64/{_base64(suite)}"
            self.gateway.send("PUT", text.encode("utf-8", "replace"), path=path, content_type=_TEXT)

    def _write(self, folder: Path, suite: str, text: str) -> None:
        path = folder / f"evalharness_{quote(suite, safe=' ')}.prom"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
        except (OSError, StoreError) as error:
            raise PublishError(f"{path.name} cannot be written: {one_line(str(error))}") from None


def prometheus(
    config: Config,
    *,
    folder: str | None = None,
    url: str | None = None,
    url_env: str | None = None,
    job: str = "evalharness",
    token_env: str | None = None,
    headers_env: dict[str, str] | None = None,
    ca_file: str | None = None,
    proxy_env: str | None = None,
) -> Prometheus:
    """The destination `prometheus`. `folder`: of the text files, relative to the root. `url`: of a Pushgateway."""
    if not (folder or url or url_env):
        raise ConfigError("expected 'folder' for text files, or 'url' of a Pushgateway")
    gateway = None
    if url or url_env:
        gateway = HttpTarget(
            config=config,
            url=url,
            url_env=url_env,
            token_env=token_env,
            headers_env=headers_env or {},
            ca_file=ca_file,
            proxy_env=proxy_env,
        )
    return Prometheus(config.root / folder if folder else None, gateway, job)


def _base64(suite: str) -> str:
    """The value of a grouping label; the Pushgateway reads a padding alone as the empty text."""
    return base64.urlsafe_b64encode(suite.encode("utf-8", "replace")).decode() or "="
