"""A process of its own for chat templates that mean harm: `{name: source}` in, and a JSON line out for each of them.

`{"name": ..., "adds": text}` for one that is taken, with what it puts beside the messages, else `{"name": ..., "kind":
..., "error": ...}`.
"""

import json
import sys

from evalharness.errors import ProviderError
from evalharness.local.chat_template import ChatTemplate

MESSAGES = [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "Hello"}]


def outcome(source):
    """What becomes of a prompt."""
    try:
        pieces = ChatTemplate(source, bos="<s>", eos="</s>").pieces(MESSAGES, generate=True)
    except ProviderError as error:
        return {"kind": error.kind, "error": str(error)}
    return {"adds": "".join(text for text, scaffolding in pieces if scaffolding)}


if __name__ == "__main__":
    for name, source in json.load(sys.stdin).items():
        sys.stdout.write(json.dumps({"name": name, **outcome(source)}) + "\n")
        sys.stdout.flush()
