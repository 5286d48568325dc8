"""Responses -> samples: metrics, judges and assertions. Sends nothing and decides nothing."""
