"""Erasing texts, comments and names for good, so that the event log stays whole; retention."""
