"""Serves the pages of runs on this machine, live while a run is in progress."""
