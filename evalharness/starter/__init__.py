"""What `evalharness init` writes: a model that runs at once, a suite, a workflow. Nothing is overwritten."""

from evalharness.starter.models import StarterModel, configured_model, starter_model
from evalharness.starter.project import Change, begin

__all__ = ["Change", "StarterModel", "begin", "configured_model", "starter_model"]
