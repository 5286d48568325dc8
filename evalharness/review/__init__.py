"""Reviews by people: changed answers one by one, and blind comparisons."""
