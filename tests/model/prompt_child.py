"""A process that prints the prompt tokens of conversations.

`[path, template, [messages, ...]]` in, one line out for each conversation.
"""

import json
import sys

from evalharness.local.template_settings import DEFAULT_DATE
from evalharness.local.worker import Model

SHAPE = {"context": 2048, "batch": 64, "rows": 1, "slots": 1, "prefixes": 1, "initial_capacity": 64}

if __name__ == "__main__":
    path, template, conversations = json.load(sys.stdin)
    model = Model(
        path,
        shape=SHAPE,
        chat_template=template,
        date=DEFAULT_DATE.isoformat(),
        chat_template_kwargs={},
        threads=1,
        gpu_layers=0,
    )
    for messages in conversations:
        request = {"messages": messages, "shared_prefix": 1, "golden": (), "params": {"max_tokens": 1}}
        sys.stdout.write(json.dumps(model.tokenise(request).prompt) + "\n")
