"""Jinja templates of suites, in a sandbox."""
