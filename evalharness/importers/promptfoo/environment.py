"""Replace environment variables in prompts by variables of the suite."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalharness.importers.promptfoo.prompts import ImportedPrompt
from evalharness.importers.promptfoo.source import Source

_ENV = re.compile(r"\{\{-?\s*env\.([A-Za-z_]\w*)\s*-?\}\}")


def replace_environment(source: Source, prompts: Mapping[str, ImportedPrompt]) -> dict[str, str]:
    """Replace each `{{env.NAME}}` in the prompts by `{{ env_NAME }}`; the variables without a value, with a note.

    The value in the configuration is not copied: it may be a key.
    """
    found: dict[str, str] = {}
    for prompt in prompts.values():
        for message in prompt.messages:
            ((role, text),) = message.items()
            for name in dict.fromkeys(_ENV.findall(text)):
                found[f"env_{name}"] = ""
                source.note(prompt.node, f"'env.{name}' is not read: set the variable 'env_{name}' of the suite")
            message[role] = _ENV.sub(r"{{ env_\1 }}", text)
    return found
