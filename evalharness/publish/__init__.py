"""A finished evaluation goes to where a team looks: chat, mail, dashboards.

    Outcome -> Message -> Destination.publish

`destination.py` holds the seam and opens what `[tool.evalharness.publish.NAME]` names, `message.py` the texts that all
destinations share, `delivery.py` the deadline. Nothing here changes a verdict: a failure is a warning.
"""

from __future__ import annotations

from evalharness.publish.delivery import Delivery, deliver, not_published, publish_all
from evalharness.publish.destination import Destination, Opened, PublishError, open_destinations

__all__ = [
    "Delivery",
    "Destination",
    "Opened",
    "PublishError",
    "deliver",
    "not_published",
    "open_destinations",
    "publish_all",
]
