"""Render jinja2 templates of suites and models in a sandbox."""
