"""For all tests of this repository: pytester runs a real pytest inside pytest."""

pytest_plugins = ["pytester"]
