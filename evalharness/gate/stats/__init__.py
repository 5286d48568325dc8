"""The statistics that the kinds of gates share: pure functions of numbers."""
