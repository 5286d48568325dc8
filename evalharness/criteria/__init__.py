"""What a change is measured by, and what makes it easier to pass."""
