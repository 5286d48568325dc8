"""A configured cross-encoder: `[tool.evalharness.cross_encoders.NAME]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CrossEncoderConfig(BaseModel):
    """A named model that says whether one text follows from another: a sentence-transformers folder."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    path: str
    """A folder, or `package:NAME` for a folder inside an installed package."""
    batch_size: int = Field(default=32, ge=1)
    label: str | None = None
    """The label for a text that follows, where its name does not start with `entail`."""
