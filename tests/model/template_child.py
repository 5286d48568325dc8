"""A process that renders hostile chat templates: `{name: source}` in, one JSON line out for each.

`{"name": ..., "adds": text}` for a template that renders, with its scaffolding, or `{"name": ..., "kind": ...,
"error": ...}`.
"""

import json
import sys

from evalharness.errors import ProviderError
from evalharness.local.chat_template import ChatTemplate

MESSAGES = [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "Hello"}]


def outcome(source):
    """The scaffolding or the error of one template."""
    try:
        pieces = ChatTemplate(source, bos="<s>", eos="</s>").pieces(MESSAGES, generate=True)
    except ProviderError as error:
        return {"kind": error.kind, "error": str(error)}
    return {"adds": "".join(text for text, scaffolding in pieces if scaffolding)}


if __name__ == "__main__":
    for name, source in json.load(sys.stdin).items():
        sys.stdout.write(json.dumps({"name": name, **outcome(source)}) + "\n")
        sys.stdout.flush()
