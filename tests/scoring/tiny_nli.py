"""A cross-encoder with random weights: small, and its answers mean nothing.

No published model of entailment is small enough for the tests. What a test needs is a model whose probabilities differ
from pair to pair, and an oracle: transformers alone, one pair at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

TEXT = "returns shipping warranty takes lasts one two three four five days years . ? the a"
"""The words of the model."""
LABELS = {0: "contradiction", 1: "ENTAILMENT", 2: "neutral"}
MOST_TOKENS = 32


def write_model(folder: Path, labels: dict[int, str] = LABELS) -> None:
    """Write the model: one token for each word."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(3)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *TEXT.split()]
    numbers = {word: number for number, word in enumerate(vocabulary)}
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=MOST_TOKENS,
        initializer_range=0.3,
        id2label=labels,
        label2id={name: number for number, name in labels.items()},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(vocab=numbers, model_max_length=MOST_TOKENS).save_pretrained(folder)


def oracle(folder: Path, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """The probability of entailment of each pair, by transformers alone."""
    import torch
    from transformers import BertForSequenceClassification, BertTokenizerFast

    model, tokenizer = BertForSequenceClassification.from_pretrained(folder), BertTokenizerFast.from_pretrained(folder)
    model.eval()
    with torch.no_grad():
        rows = [model(**tokenizer(*pair, return_tensors="pt")).logits.softmax(-1)[0] for pair in pairs]
    return [float(row[1]) for row in rows]
