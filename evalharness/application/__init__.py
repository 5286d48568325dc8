"""Applications of the project as targets: a Python function in a supervised child process."""
