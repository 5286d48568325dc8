"""The acceptances, judges and labels of a project, for a release."""

from evalharness.audit.audit import audit_of

__all__ = ["audit_of"]
