"""For all tests of this repository: pytester runs a real pytest inside pytest. `make demo` loads this, too."""

pytest_plugins = ["pytester"]
