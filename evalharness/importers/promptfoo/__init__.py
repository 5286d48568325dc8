"""Read a promptfoo configuration as a suite, without running anything of it."""
