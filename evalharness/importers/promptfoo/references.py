"""Resolve `$ref` in a document to the value that it points to."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from evalharness.config import Limits


class _TooLargeError(Exception):
    """The document with its references is too large or too deep."""


def resolved(value: Any, limits: Limits) -> Any:
    """The value with each `$ref: '#/...'` replaced; other keys of the mapping override those of the target.

    A reference without a target stays, such as one within a JSON schema. The value is unchanged if its references
    contain themselves or exceed `limits.depth` or `limits.nodes`.
    """
    if not _has_reference(value):
        return value
    try:
        return _Resolver(value, limits).resolve(value, 1)
    except _TooLargeError:
        return value


def _has_reference(value: Any) -> bool:
    if isinstance(value, dict):
        return "$ref" in value or any(map(_has_reference, value.values()))
    return isinstance(value, list) and any(map(_has_reference, value))


class _Resolver:
    """Resolves the references of one document."""

    def __init__(self, root: Any, limits: Limits) -> None:
        self.root, self.limits, self.nodes = root, limits, 0

    def resolve(self, value: Any, depth: int) -> Any:
        """The value without references that have a target."""
        self.nodes += 1
        if depth > self.limits.depth or self.nodes > self.limits.nodes:
            raise _TooLargeError
        if isinstance(value, list):
            return [self.resolve(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str) and (target := self.target(reference)) is not None:
            return self.extended(target, {key: item for key, item in value.items() if key != "$ref"}, depth)
        return {key: self.resolve(item, depth + 1) for key, item in value.items()}

    def extended(self, target: Any, own: dict[str, Any], depth: int) -> Any:
        """The target of a reference, with the keys that stand next to the reference."""
        found = self.resolve(target, depth + 1)
        if not own or not isinstance(found, dict):
            return found
        return found | {key: self.resolve(item, depth + 1) for key, item in own.items()}

    def target(self, reference: str) -> Any:
        """The value that a JSON pointer names, None if there is none."""
        if not reference.startswith("#/"):
            return None
        value = self.root
        for part in reference[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            elif isinstance(value, dict) and key in value:
                value = value[key]
            else:
                return None
        return value
