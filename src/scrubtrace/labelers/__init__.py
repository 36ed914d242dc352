"""Labelers: whose rows to look at, and control tasks of known origin among their work."""
