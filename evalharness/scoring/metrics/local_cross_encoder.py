"""A sentence-transformers cross-encoder in a folder: on the CPU, offline, without running code from the folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from evalharness.errors import ConfigError, MetricError
from evalharness.modules import import_modules
from evalharness.scoring.metrics.local_embedder import check_version, fingerprint, no_progress_bar
from evalharness.scoring.metrics.telemetry import switch_off
from evalharness.scoring.metrics.windows import spans

DECIMALS = 4
"""The last bits of a probability depend on the texts that share its batch, and a decision must not."""
MOST_PAIRS = 2_000
"""Of a sentence and a window, for one response: some minutes on a small CPU."""
_ROOM = 8
"""Tokens that a window leaves free: the end of a word can have more tokens alone than within its word."""
_MOST_CONFIG_BYTES = 10_000_000


class Entailed(NamedTuple):
    """For each hypothesis the probability that it follows, and whether all hypotheses were read to their ends."""

    probabilities: list[float]
    is_whole: bool


class CrossEncoderModel:
    """Loads with the first pair, or by `load`, from any thread."""

    def __init__(self, folder: Path, batch_size: int, label: str | None = None) -> None:
        """Raises MissingExtraError: an old package; ConfigError: no model, or no label for a text that follows."""
        check_version("the metric grounded")
        self.fingerprint = fingerprint(folder)
        self._folder, self._batch_size = folder, batch_size
        self._label = label_index(folder, label)
        self._model: Any = None
        self._loading = Lock()

    def load(self) -> None:
        """Import sentence-transformers and read the model once; a second thread waits for the first."""
        import_modules(["numpy"])
        with self._loading:
            if self._model is None:
                self._model = _open_model(self._folder)

    def entailed(self, premises: Sequence[str], hypotheses: Sequence[str]) -> Entailed:
        """Return the probability that each hypothesis follows from a premise: the largest over all their windows.

        Raises MetricError for more than 2,000 pairs.
        """
        self.load()
        limit, whole = self._limit(), [_encodable(one) for one in hypotheses]
        cut = [self._cut(one, limit // 2) for one in whole]
        longest = max((len(self._places(one)) for one in cut), default=0)
        windows = list(dict.fromkeys(part for one in premises for part in self._windows(one, limit - longest)))
        if len(windows) * len(cut) > MOST_PAIRS:
            sizes = f"{len(cut):,} sentences and {len(windows):,} windows of contexts"
            raise MetricError(f"expected at most {MOST_PAIRS:,} pairs to compare, got {sizes}")
        found = iter(self._probabilities([(window, one) for one in cut for window in windows]))
        return Entailed([max((next(found) for _ in windows), default=0.0) for _ in cut], cut == whole)

    def _limit(self) -> int:
        """The tokens of a premise and a hypothesis that the model reads together."""
        tokenizer = self._model.tokenizer
        reads: int = min(self._model.max_seq_length or 512, 100_000)
        around: int = tokenizer.num_special_tokens_to_add(pair=True)
        return max(16, reads - around - _ROOM)

    def _windows(self, text: str, size: int) -> Iterator[str]:
        text = _encodable(text)
        places = self._places(text)
        for start, end in spans(len(places), size) if places else ():
            yield text[places[start][0] : places[end - 1][1]]

    def _cut(self, text: str, most: int) -> str:
        places = self._places(text)
        return text if len(places) <= most else text[: places[most - 1][1]]

    def _places(self, text: str) -> list[tuple[int, int]]:
        """Where the tokens of a text are."""
        # Not verbose: else transformers warns about each text that is longer than the model reads.
        options = {"add_special_tokens": False, "return_offsets_mapping": True, "truncation": False, "verbose": False}
        places: list[tuple[int, int]] = self._model.tokenizer(text, **options)["offset_mapping"]
        return places

    def _probabilities(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        if not pairs:
            return []
        rows = self._model.predict(
            list(pairs), batch_size=self._batch_size, apply_softmax=True, show_progress_bar=False
        )
        return [round(float(row[self._label]), DECIMALS) for row in rows]


def label_index(folder: Path, label: str | None) -> int:
    """Return the index of the label for a text that follows, by `id2label` of the folder's `config.json`.

    It is the one that starts with `entail`, or the configured one. Raises ConfigError with the labels of the model.
    """
    labels = _labels(folder / "config.json")
    wanted = [at for at, name in labels.items() if _is_entailment(name) or name == label]
    if label is not None:
        wanted = [at for at, name in labels.items() if name == label]
    if len(wanted) != 1 or len(labels) < 2:
        names = ", ".join(labels.values()) or "none"
        raise ConfigError(f"expected a model with one label for entailment, got the labels {names}: set 'label'")
    return wanted[0]


def _is_entailment(name: str) -> bool:
    return name.lower().startswith("entail")


def _labels(path: Path) -> dict[int, str]:
    try:
        if path.stat().st_size > _MOST_CONFIG_BYTES:
            raise ConfigError(f"{path}: expected at most {_MOST_CONFIG_BYTES:,} bytes")
        table = json.loads(path.read_text(encoding="utf-8"))["id2label"]
        return {int(at): str(name) for at, name in table.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(f"{path}: expected a model's configuration with 'id2label'") from None


def _encodable(text: str) -> str:
    """The text without lone surrogates, which a tokeniser refuses."""
    return text.encode("utf-8", "replace").decode()


def _open_model(folder: Path) -> Any:
    switch_off()
    import torch
    from sentence_transformers import CrossEncoder

    with no_progress_bar():
        return CrossEncoder(
            str(folder), device="cpu", local_files_only=True, trust_remote_code=False, activation_fn=torch.nn.Identity()
        )
