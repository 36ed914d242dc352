"""Building, extending and asking the reference index."""
