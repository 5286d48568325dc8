"""The criteria of a suite, and how a change relaxes them."""
