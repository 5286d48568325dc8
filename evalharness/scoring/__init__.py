"""Responses -> samples: metrics and assertions."""
