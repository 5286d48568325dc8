"""For all tests of this repository: pytester runs a real pytest inside pytest. Imports only what `make demo` installs."""

pytest_plugins = ["pytester"]
