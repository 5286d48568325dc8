"""Load tests: requests of a suite at a stated rate, against a service level, with a verdict by bound."""
